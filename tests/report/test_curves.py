import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import deepfakebench_ext
from deepfakebench_ext.common.errors import MissingExtraError, OutputError
from deepfakebench_ext.common.notices import Notice, untrained_head
from deepfakebench_ext.report.curves import write_curves
from deepfakebench_ext.report.pictures import Series

matplotlib = pytest.importorskip("matplotlib")

LABELS = np.array([0, 0, 0, 1, 1, 1])
SCORES = np.array([0.1, 0.6, 0.3, 0.2, 0.7, 0.9])


def draw(path, **changes):
    series = Series(changes.pop("title", "t"), changes.pop("labels", LABELS), changes.pop("scores", SCORES))
    write_curves(path, series, level="frame", **changes)
    return path.read_bytes()


def pixels(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def red_pixels(data):
    return int((pixels(data) == (0xB0, 0x00, 0x20)).all(axis=2).sum())


def test_the_picture_is_a_png_with_two_panels_side_by_side(tmp_path):
    shown = pixels(draw(tmp_path / "curves.png"))
    height, width, _ = shown.shape
    assert width > 1.5 * height
    blue = (shown == (0x1F, 0x5F, 0xA8)).all(axis=2)
    assert blue[:, : width // 2].any()
    assert blue[:, width // 2 :].any()


def test_precision_recall_is_drawn_in_the_steps_that_ap_adds_up(tmp_path):
    # Precision is 1 up to recall 1/2 and 1/2 from there on: level to the right, where straight lines would fall.
    shown = pixels(draw(tmp_path / "a.png", labels=np.array([0, 0, 1, 1]), scores=np.array([0.0, 0.0, 1.0, 0.0])))
    blue = (shown == (0x1F, 0x5F, 0xA8)).all(axis=2)
    end = int(np.flatnonzero(blue.any(axis=0)).max())
    right = blue[:, end - 150 : end - 10]
    assert right.any(axis=1).sum() <= 4  # rows: the width of the line
    assert right.any(axis=0).all()


def test_the_same_arrays_give_the_same_bytes_whatever_the_users_settings(tmp_path):
    want = draw(tmp_path / "a.png")
    with matplotlib.rc_context({"axes.facecolor": "black", "lines.linewidth": 9, "savefig.dpi": 30}):
        assert draw(tmp_path / "b.png") == want
        assert matplotlib.rcParams["axes.facecolor"] == "black"
    order = np.random.default_rng(0).permutation(len(LABELS))
    assert draw(tmp_path / "c.png", labels=LABELS[order], scores=SCORES[order]) == want


def test_notices_are_printed_in_red_and_only_then(tmp_path):
    assert red_pixels(draw(tmp_path / "a.png")) == 0
    assert red_pixels(draw(tmp_path / "b.png", notices=[untrained_head()])) > 100


def test_long_notices_make_the_picture_higher_and_no_wider(tmp_path):
    short, long = (pixels(draw(tmp_path / "a.png", notices=[Notice("run", "word " * n)])) for n in (3, 100))
    assert long.shape[0] > short.shape[0]
    assert long.shape[1] == short.shape[1]


@pytest.mark.parametrize("title", ["weights $a and $b", "$\\frac{$", "換臉", "broken \udcff name", "a\nb", ""])
def test_any_title_can_be_drawn(tmp_path, title):
    assert pixels(draw(tmp_path / "a.png", title=title)).size


def test_drawing_touches_no_global_state_of_pyplot(tmp_path):
    code = (
        "import sys, numpy as np; from pathlib import Path;"
        "from deepfakebench_ext.report.curves import Series, write_curves;"
        "assert 'matplotlib' not in sys.modules;"
        f"path = Path({str(tmp_path / 'a.png')!r});"
        "write_curves(path, Series('t', np.array([0, 1]), np.array([.1, .9])), level='clip');"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(deepfakebench_ext.__file__).parents[1])


@pytest.mark.parametrize("labels", [np.zeros(6, dtype=int), np.ones(6, dtype=int)])
def test_one_class_has_no_picture(tmp_path, labels):
    with pytest.raises(ValueError, match="no curve: only"):
        draw(tmp_path / "a.png", labels=labels)
    assert list(tmp_path.iterdir()) == []


def test_without_matplotlib_the_error_says_what_to_type(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'deepfakebench-ext\[plots\]'"):
        draw(tmp_path / "a.png")


def test_a_picture_that_cannot_be_written_is_an_output_error(tmp_path):
    with pytest.raises(OutputError, match=r"a\.png"):
        draw(tmp_path / "none" / "a.png")
