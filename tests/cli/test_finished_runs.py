"""A finished run that is asked again is answered at once, and never where something has changed."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import tiny
import torch
import yaml

from deepfakebench_ext.cli.evaluate import evaluate
from deepfakebench_ext.cli.main import run

Command = Callable[..., tuple[int, str, str]]
DETECTOR = ("--detector_config", "clip.yaml", "--weights", "w.pth", "--dtype", "float32", "--device", "cpu")
BEFORE = "finished before, and nothing has changed since"


@pytest.fixture
def perf(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Command:
    def _run(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as exit_:
            run(lambda: evaluate([*map(str, arguments), "--no_plots"], prog_name="perf_huggingface.py"))
            sys.exit(0)
        out, err = capsys.readouterr()
        return int(exit_.value.code or 0), out, err

    (tmp_path / "clip.yaml").write_text(yaml.safe_dump(tiny.CLIP_YAML))
    torch.save(tiny.clip_detector_state(), tmp_path / "w.pth")
    (tiny.photos(tmp_path / "photos", 3) / "real/bad.jpg").write_text("no")
    return _run


def test_the_same_command_has_the_same_answer_without_a_detector(
    perf: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first = perf("photos", *DETECTOR)
    assert BEFORE not in first[2]
    (tmp_path / "inference_results_huggingface.txt").unlink()
    with monkeypatch.context() as patched:
        patched.setattr("deepfakebench_ext.models.loading.load_detector", lambda *_, **__: pytest.fail("was loaded"))
        again = perf("photos", *DETECTOR)
        assert BEFORE in again[2]
        assert again[:2] == first[:2] and again[0] == 3
        assert first[2].count("WARNING") == again[2].count("WARNING") > 0
        assert (tmp_path / "inference_results_huggingface.txt").is_file()
        samples = json.loads(perf("photos", *DETECTOR, "--json")[1])["samples"]
        assert len(samples) == 7


def newer(path: Path) -> None:
    os.utime(path, (path.stat().st_atime, path.stat().st_mtime + 100))


CHANGES: dict[str, Callable[[], object]] = {
    "a photo": lambda: tiny.photo(Path("photos/real/000.png"), seed=9),
    "one photo less": Path("photos/fake/000.png").unlink,
    "the weights": lambda: torch.save(tiny.clip_detector_state(seed=5), "w.pth"),
    "the config": lambda: Path("clip.yaml").write_text(yaml.safe_dump({**tiny.CLIP_YAML, "seed": 7})),
    "the journal": lambda: [newer(path) for path in Path("inference_results").glob("*/scores.jsonl")],
    "its scores": lambda: [path.unlink() for path in Path("inference_results").glob("*/scores.csv")],
    "a cut-off write": lambda: [
        (path.parent / ".scores.csv.0a1b2c3d.tmp").touch() for path in Path("inference_results").glob("*/run.json")
    ],
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_has_changed_is_scored(what: str, perf: Command) -> None:
    perf("photos", *DETECTOR)
    CHANGES[what]()
    assert BEFORE not in perf("photos", *DETECTOR)[2]


@pytest.mark.parametrize(
    "more", [("--batch_size", "2"), ("--limit", "4"), ("--fake_index", "0"), ("--threshold", "0.4")]
)
def test_another_question_is_another_answer(more: tuple[str, ...], perf: Command) -> None:
    perf("photos", *DETECTOR)
    assert BEFORE not in perf("photos", *DETECTOR, *more)[2]


def test_figures_that_another_question_left_are_made_anew(perf: Command) -> None:
    first = perf("photos", *DETECTOR)
    perf("photos", *DETECTOR, "--threshold", "0.4")
    again = perf("photos", *DETECTOR)
    assert BEFORE not in again[2] and again[1] == first[1]
