"""Pictures of one or several detectors: which there are, and what they show."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import deepfakebench_ext
from deepfakebench_ext.common.errors import MissingExtraError
from deepfakebench_ext.report.pictures import Series, draw_pictures, draw_roc

matplotlib = pytest.importorskip("matplotlib")

LABELS = np.array([0, 0, 0, 1, 1, 1])
SCORES = np.array([0.1, 0.6, 0.3, 0.2, 0.7, 0.9])
ONE, OTHER = Series("one", LABELS, SCORES), Series("other $x_{", LABELS, SCORES[::-1].copy())
FIRST, SECOND = (0x1F, 0x5F, 0xA8), (0xD1, 0x49, 0x5B)


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def of_colour(png, colour):
    return int((pixels(png) == colour).all(axis=2).sum())


def test_both_classes_have_all_five():
    drawn = draw_pictures([ONE], level="video")
    assert list(drawn) == ["roc", "pr", "det", "histogram", "reliability"]
    assert all(png.startswith(b"\x89PNG") for png in drawn.values())


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_has_no_curves(label):
    series = Series("s", np.full(6, label), SCORES)
    assert list(draw_pictures([series], level="frame")) == ["histogram", "reliability"]


def test_no_scores_have_no_pictures():
    assert draw_pictures([Series("s", LABELS[:0], SCORES[:0])], level="frame") == {}


@pytest.mark.parametrize("name", ["roc", "pr", "det", "reliability"])
def test_each_detector_has_a_line_of_its_own(name):
    alone, both = (draw_pictures(series, level="frame")[name] for series in ([ONE], [ONE, OTHER]))
    assert of_colour(alone, FIRST) > 50
    assert of_colour(alone, SECOND) == 0
    assert of_colour(both, SECOND) > 50


def test_histograms_of_several_stand_below_each_other():
    one, four = (pixels(draw_pictures([ONE] * n, level="frame")["histogram"]) for n in (1, 4))
    assert four.shape[0] > 1.5 * one.shape[0]
    assert four.shape[1] == one.shape[1]


def test_the_same_scores_give_the_same_bytes_whatever_the_users_settings():
    want = draw_pictures([ONE], level="frame")
    order = np.random.default_rng(0).permutation(len(LABELS))
    with matplotlib.rc_context({"axes.facecolor": "black", "lines.linewidth": 9, "savefig.dpi": 30}):
        assert draw_pictures([Series("one", LABELS[order], SCORES[order])], level="frame") == want


def test_a_curve_of_many_points_is_drawn_through_few_and_looks_the_same():
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 20_000)
    scores = np.clip(random.normal(0.4 + 0.2 * labels, 0.2), 0, 1)
    drawn = pixels(draw_pictures([Series("s", labels, scores)], level="frame")["roc"])
    coarse = pixels(draw_pictures([Series("s", labels[:1900], scores[:1900])], level="frame")["roc"])
    assert np.abs(drawn.astype(int) - coarse).mean() < 4


@pytest.mark.parametrize("name", ["$a and $b", "換臉", "broken \udcff name", "a\nb", "", "long " * 50])
def test_any_name_can_be_drawn(name):
    assert draw_pictures([Series(name, LABELS, SCORES), ONE], level="frame")


def test_scores_that_are_none_are_refused():
    with pytest.raises(ValueError, match=r"P\(fake\) from 0 to 1"):
        Series("s", LABELS, SCORES + 1)


def test_without_matplotlib_the_error_says_what_to_type(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'deepfakebench-ext\[plots\]'"):
        draw_pictures([ONE], level="frame")


def test_drawing_touches_no_global_state_of_pyplot():
    code = (
        "import sys, numpy as np; from deepfakebench_ext.report.pictures import Series, draw_pictures, draw_roc;"
        "assert 'matplotlib' not in sys.modules;"
        "draw_pictures([Series('s', np.array([0, 1]), np.array([.1, .9]))], level='clip');"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(deepfakebench_ext.__file__).parents[1])


def test_of_equal_curves_both_are_seen_and_the_legend_says_which_they_are():
    axes = matplotlib.figure.Figure().subplots()
    draw_roc(axes, [ONE, OTHER, Series("copy", LABELS, SCORES / 2)], "video")
    one, other, copy = axes.get_lines()[:3]
    assert len({line.get_linestyle() for line in (one, other, copy)}) == 3
    assert len({line.get_color() for line in (one, other, copy)}) == 3
    assert copy.get_label().endswith(",\nsame as one")
    assert "same" not in one.get_label() + other.get_label()
