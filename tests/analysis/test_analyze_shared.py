"""Films analysed by several processes and in shards: the files of one process, whoever is killed."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import ranks
import tiny
import torch
import videos
import yaml

from deepfakebench_ext.analysis import sharing
from deepfakebench_ext.analysis.analyze import Analysed, How
from deepfakebench_ext.analysis.request import AnalysisRequest
from deepfakebench_ext.cli.analyze import analyze
from deepfakebench_ext.cli.main import run
from deepfakebench_ext.common.types import Sample
from deepfakebench_ext.engine import units

OPTIONS = ("--detector_config", "clip.yaml", "--weights", "w.pth", "--dtype", "float32", "--device", "cpu")
WORDS = ("in", *OPTIONS, "--json", "--output_dir")


@pytest.fixture(autouse=True)
def _films(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "clip.yaml").write_text(yaml.safe_dump(tiny.CLIP_YAML))
    torch.save(tiny.clip_detector_state(), tmp_path / "w.pth")
    (tmp_path / "in").mkdir()
    for number in range(5):
        videos.stamped_video(tmp_path / f"in/{number}.mp4", 8 + 4 * number)
    (tmp_path / "in/broken.mp4").write_bytes(b"no film")
    monkeypatch.setattr(units, "_PAUSE_S", 0.02)
    monkeypatch.chdir(tmp_path)


def tree(folder: str) -> dict[str, bytes]:
    """What came of an analysis, without what processes tell each other, and what was typed."""
    found = {name: data for name, data in ranks.tree(Path(folder)).items() if not name.startswith(".shared/")}
    return {name: data for name, data in found.items() if not name.endswith("run.json")}


def alone(*words: str) -> int:
    """Analyse in this process; return its exit code."""
    with pytest.raises(SystemExit) as exit_:
        run(lambda: analyze([*WORDS, *words]))
        sys.exit(0)
    return int(exit_.value.code or 0)


def test_processes_of_a_launcher_end_with_the_files_of_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert alone("one") == 3
    printed = capsys.readouterr().out
    by_three = ranks.by_forks(3, ["analyze", *WORDS, "three"], Path(), code=3)
    assert by_three.replace("three/", "one/") == printed.rstrip()
    assert tree("three") == tree("one")


def test_shards_together_are_all(capsys: pytest.CaptureFixture[str]) -> None:
    alone("one")
    files = [each["file"] for each in json.loads(capsys.readouterr().out)]
    found = []
    for number in (2, 1):
        alone("some", "--shard", f"{number}/2")
        found.append([each["file"] for each in json.loads(capsys.readouterr().out)])
    assert found == [files[1::2], files[::2]]
    assert tree("some") == tree("one")


def shared(folder: str, then: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Analyse, with something that happens at the third film."""
    analysed = sharing.analyse_film

    def changed(detector: Any, film: Sample, how: How) -> Analysed:
        if film.path.name == "2.mp4":
            then()
        return analysed(detector, film, how)

    request = AnalysisRequest(
        videos=["in"], detector_config="clip.yaml", weights="w.pth", dtype="float32", device="cpu", output_dir=folder
    )
    detector = request.load(request.settings())
    with monkeypatch.context() as patch:
        patch.setattr(sharing, "analyse_film", changed)
        return sharing.analyse_beside_others(
            request.films(), detector, request.how(detector), is_first=True, say=lambda each: {each.file: each.reason}
        )


def test_a_film_that_kills_whoever_takes_it_is_given_up_and_the_rest_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        code = ranks.in_fork(lambda: shared("out", lambda: os.kill(os.getpid(), signal.SIGKILL), monkeypatch))
        assert code == signal.SIGKILL
    said = {name: reason for each in shared("out", lambda: None, monkeypatch) for name, reason in each.items()}
    assert said.pop("in/2.mp4").startswith("its process was killed")
    assert [name for name, reason in said.items() if reason] == ["in/broken.mp4"]


def test_what_fails_is_tried_three_times_and_by_the_next_command_again(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []

    def fail() -> None:
        tried.append(1)
        raise RuntimeError("made so")

    assert {"in/2.mp4": "RuntimeError: made so"} in shared("out", fail, monkeypatch)
    assert len(tried) == 3
    assert {"in/2.mp4": ""} in shared("out", lambda: None, monkeypatch)


def test_what_is_there_is_not_done_again_unless_it_is_of_other_options(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[int] = []
    shared("out", lambda: done.append(1), monkeypatch)
    before = tree("out")
    shared("out", lambda: done.append(2), monkeypatch)
    assert (done, tree("out") == before) == ([1], True)
    alone("out", "--threshold", "0.9")
    assert tree("out") != before
    shared("out", lambda: done.append(3), monkeypatch)
    assert (done, tree("out") == before) == ([1, 3], True)
