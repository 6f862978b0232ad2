"""Extraction by several processes and in shards: the files of one, whoever is killed."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import films
import pytest
import ranks

from deepfakebench_ext.common.errors import OutputError
from deepfakebench_ext.engine import claims, units
from deepfakebench_ext.engine.launched import Launched
from deepfakebench_ext.engine.parts import Shard
from deepfakebench_ext.extraction import extractor
from deepfakebench_ext.extraction.crop_folder import CropFolder
from deepfakebench_ext.extraction.extract import Extraction, extract
from deepfakebench_ext.media.sampling import FrameSampling

THREE = FrameSampling("uniform", 3)


@pytest.fixture(autouse=True)
def _videos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    films.stamped_films(tmp_path / "in")
    (tmp_path / "in/real/broken.mp4").write_bytes(b"no film")
    monkeypatch.setattr(units, "_PAUSE_S", 0.02)
    monkeypatch.chdir(tmp_path)


def tree(folder: str) -> dict[str, bytes]:
    """What came of an extraction, without what processes leave for each other."""
    found = {name: data for name, data in ranks.tree(Path(folder)).items() if "/.extract/claims/" not in name}
    return {name: data.replace(f"./{folder}".encode(), b"./") for name, data in found.items()}


def shared(folder: str, rank: int = 1) -> Extraction:
    return extract("in", folder, sampling=THREE, workers=1, launched=Launched(rank, 2, rank, 2))


def test_processes_of_a_launcher_end_with_the_files_of_one() -> None:
    extract("in", "one", sampling=THREE)
    words = ["extract", "--input_dir", "in", "--num_frames", 3, "--output_dir"]
    printed = ranks.by_forks(4, [*words, "four"], Path(), code=3)
    assert printed.count("5 videos: 3 real, 2 fake, 0 without a label") == 1
    assert tree("four") == tree("one")
    (Path("in/real/broken.mp4")).unlink()  # torchrun has an exit code of its own for processes that end with 3
    extract("in", "again", sampling=THREE)
    assert ranks.by_torchrun(2, [*words, "two"], Path()).count("4 videos: 2 real") == 1
    assert tree("two") == tree("again")


def test_shards_are_listed_by_whoever_extracts_the_same_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    extract("in", "one", sampling=THREE)
    numbers = [len(extract("in", "some", sampling=THREE, shard=Shard(number, 3)).samples) for number in (2, 3, 1)]
    assert numbers == [2, 1, 2]
    assert not Path("some/in.json").exists()
    written = extractor.write_crops
    decoded = []
    monkeypatch.setattr(
        extractor, "write_crops", lambda sample, *how: decoded.append(sample.key) or written(sample, *how)
    )
    extract("in", "some", sampling=THREE)
    assert decoded == ["real/broken.mp4"]
    assert tree("some") == tree("one")


def test_a_shard_does_not_write_where_a_whole_extraction_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deepfakebench_ext.common.locked_folder._OTHERS_OPEN_IT_S", 0.1)
    with CropFolder(Path("out/in")), pytest.raises(OutputError, match="another process is writing"):
        extract("in", "out", sampling=THREE, shard=Shard(1, 2))


@pytest.mark.parametrize("step", ["mkdir", "rename"])
def test_a_folder_that_another_removes_as_empty_is_made_again(step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    extract("in", "one", sampling=THREE)
    own, removed = getattr(Path, step), set()

    def before(path: Path, *how: Any, **named: Any) -> Any:
        folder = (how[0] if step == "rename" else path).parent
        if folder.name in ("frames", "landmarks", "real", "fake") and folder not in removed and folder.is_dir():
            removed.add(folder)
            folder.rmdir()  # as whoever removes what a killed process left of a video there
        return own(path, *how, **named)

    monkeypatch.setattr(Path, step, before)
    extract("in", "some", sampling=THREE, workers=1)
    assert len(removed) > 1
    assert tree("some") == tree("one")


def test_videos_that_two_get_have_the_same_files(monkeypatch: pytest.MonkeyPatch) -> None:
    extract("in", "one", sampling=THREE)
    monkeypatch.setattr(claims, "FileLock", ranks.NoLock)
    written, meeting = extractor.write_crops, threading.Barrier(2)

    def both(*how: Any) -> Any:
        done = written(*how)
        try:
            meeting.wait(1)  # both are through with it before either keeps it
        except threading.BrokenBarrierError:
            meeting.reset()
        return done

    monkeypatch.setattr(extractor, "write_crops", both)
    failed: list[BaseException] = []

    def one(rank: int) -> None:
        try:
            shared("both", rank)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=one, args=(rank,)) for rank in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failed
    assert {name: data for name, data in tree("both").items() if "/unfinished/" not in name} == tree("one")


def at(key: str, then: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let something happen each time that a video is extracted."""
    written = extractor.write_crops

    def changed(sample: Any, *how: Any) -> Any:
        if sample.key == key:
            then()
        return written(sample, *how)

    monkeypatch.setattr(extractor, "write_crops", changed)


def test_what_fails_is_tried_three_times_and_then_named(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []

    def fail() -> None:
        tried.append(1)
        raise RuntimeError("made so")

    with monkeypatch.context() as patch:
        at("real/a.mp4", fail, patch)
        found = extract("in", "out", sampling=THREE)
    assert len(tried) == 3
    assert {each.key: (each.status, each.reason) for each in found.failed if each.status == "failed"} == {
        "real/a.mp4": ("failed", "RuntimeError: made so")
    }
    assert [each.key for each in extract("in", "out", sampling=THREE).failed] == ["real/broken.mp4"]


def test_a_video_that_kills_whoever_takes_it_is_given_up_and_the_rest_is_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    at("real/a.mp4", lambda: os.kill(os.getpid(), signal.SIGKILL), monkeypatch)
    assert [ranks.in_fork(lambda: shared("out")) for _ in range(3)] == [signal.SIGKILL] * 3
    found = shared("out", rank=0)
    (lost,) = (each for each in found.failed if each.status == "failed")
    assert (lost.key, "its process was killed" in lost.reason) == ("real/a.mp4", True)
    assert sum(each.status == "ok" for each in found.videos) == 3
