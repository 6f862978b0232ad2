"""An extraction goes on where it was cut off, and ends with the files that a run from nothing gives."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import films
import numpy as np
import pytest
import videos
from films import tree

from deepfakebench_ext.common.types import Sample
from deepfakebench_ext.extraction import extractor
from deepfakebench_ext.extraction.crop_folder import CropFolder
from deepfakebench_ext.extraction.crop_writer import write_crops
from deepfakebench_ext.extraction.extract import Extraction, extract, make_crop_reader
from deepfakebench_ext.faces.detect import Face
from deepfakebench_ext.faces.reader import FaceReader
from deepfakebench_ext.faces.settings import face_settings
from deepfakebench_ext.host.dataset_json_writing import landmarks_path
from deepfakebench_ext.media.image import frame_files
from deepfakebench_ext.media.sampling import FrameSampling

THREE = FrameSampling("uniform", 3)


@pytest.fixture
def stamped(tmp_path: Path) -> Path:
    films.stamped_films(tmp_path / "in")
    return tmp_path / "in"


def frames_of(result: Extraction, key: str) -> list[Path]:
    (video,) = (video for video in result.videos if video.key == key)
    return [result.folder / video.place.frames / name for name in video.frames]


def test_a_second_run_decodes_nothing_and_changes_nothing(stamped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    extract(stamped, "out", sampling=THREE)
    before = tree(Path("out"))
    monkeypatch.delattr(extractor, "write_crops")
    extract(stamped, "out", sampling=THREE)
    assert tree(Path("out")) == before


def test_the_number_of_workers_changes_nothing(stamped: Path) -> None:
    extract(stamped, "one", sampling=THREE, dataset="d", workers=1)
    extract(stamped, "four", sampling=THREE, dataset="d", workers=4)
    one, four = tree(Path("one")), tree(Path("four"))
    assert one.pop("d.json").replace(b"./one", b"./four") == four.pop("d.json")
    assert one == four


class Killed(BaseException):
    """Stands for the end of the process: nothing that would clean up runs."""


class Still:
    """Sees a face at the same place of every frame, at no cost."""

    def detect(self, rgb: np.ndarray) -> list[Face]:
        points = np.random.default_rng(0).uniform((30, 20), (90, 80), (68, 2)).round()
        return [Face((30.0, 20.0, 90.0, 80.0), points, 1.0)]


@pytest.mark.parametrize("before", ["nothing", "other settings", "other names"])
def test_a_run_killed_at_any_point_and_started_again_ends_with_the_same_tree(
    before: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("in/real/a.mp4", "in/fake/a.mp4"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        videos.stamped_video(tmp_path / name, 4)
    (tmp_path / "in/real/broken.mp4").touch()
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)  # for speed
    settings = face_settings("dlib", (32, 32))
    wanted: dict[str, Any] = {"faces": FaceReader(Still(), settings, settings, None), "workers": 1}
    extract("in", "out", sampling=THREE, **wanted)
    expected = tree(Path("out"))
    assert sum(name.endswith(".npy") for name in expected) == 6
    point = kills = 0
    while kills == point:
        shutil.rmtree("out")
        if before == "other settings":
            extract("in", "out", sampling=FrameSampling("uniform", 2), **wanted)
        elif before == "other names":  # as long as there is one a.mp4, its folder is a
            Path("in/fake/a.mp4").rename("away.mp4")
            extract("in", "out", sampling=THREE, **wanted)
            Path("away.mp4").rename("in/fake/a.mp4")
        with monkeypatch.context() as patch, contextlib.suppress(Killed):
            kill_at(point, patch)
            extract("in", "out", sampling=THREE, **wanted)
            kills -= 1
        kills += 1
        for frames in Path("out").glob("in/*/frames/*"):
            names = [path.stem for path in frame_files(frames)]
            assert names in (["000", "003"], ["000", "001", "003"])
            assert [path.stem for path in sorted(Path(landmarks_path(str(frames))).iterdir())] == names
        extract("in", "out", sampling=THREE, **wanted)
        assert tree(Path("out")) == expected
        point += 1
    assert kills > 20


def kill_at(point: int, patch: pytest.MonkeyPatch) -> None:
    """Let the process die at its `point`-th change of the disk."""
    changes = count()

    def dying(change: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            if next(changes) >= point:
                raise Killed
            return change(*args, **kwargs)

        return wrapped

    patch.setattr(CropFolder, "close", lambda store: store._lock.release())
    for name in ("mkdir", "rename", "replace", "unlink", "rmdir", "write_bytes"):
        patch.setattr(Path, name, dying(getattr(Path, name)))
    patch.setattr(shutil, "rmtree", dying(shutil.rmtree))


def test_other_settings_leave_nothing_of_the_old_ones(stamped: Path, tmp_path: Path) -> None:
    films.face_films(stamped / "faces")
    faces = make_crop_reader(landmark_model=films.landmark_model(tmp_path / "81.dat"), size=32)
    assert list(extract(stamped, "out", sampling=THREE, faces=faces).folder.glob("**/*.npy"))
    extract(stamped, "out", sampling=FrameSampling("first", 2))
    extract(stamped, "fresh", sampling=FrameSampling("first", 2))
    old, fresh = tree(Path("out")), tree(Path("fresh"))
    assert old.pop("in.json").replace(b"./out", b"./fresh") == fresh.pop("in.json")
    assert old == fresh


def test_a_video_or_crop_that_changed_is_extracted_again_and_no_other(
    stamped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = extract(stamped, "out", sampling=THREE)
    expected = tree(Path("out"))
    videos.stamped_video(stamped / "real/a.mp4", 20)
    frames_of(result, "fake/a.mp4")[1].write_bytes(b"")
    frames_of(result, "fake/sub/a.avi")[0].unlink()
    decoded = []

    def noted(sample: Sample, *how: Any) -> Any:
        decoded.append(sample.path)
        return write_crops(sample, *how)

    monkeypatch.setattr(extractor, "write_crops", noted)
    result = extract(stamped, "out", sampling=THREE)
    assert sorted(path.relative_to(stamped).as_posix() for path in decoded) == [
        "fake/a.mp4",
        "fake/sub/a.avi",
        "real/a.mp4",
    ]
    assert [path.stem for path in frames_of(result, "real/a.mp4")] == ["000", "009", "019"]
    now = tree(Path("out"))
    assert {name: data for name, data in now.items() if "fake/" in name} == {
        name: data for name, data in expected.items() if "fake/" in name
    }


def test_a_failed_video_is_tried_again(stamped: Path) -> None:
    whole = (stamped / "real/a.mp4").read_bytes()
    (stamped / "real/a.mp4").write_bytes(b"")
    assert [video.key for video in extract(stamped, "out", sampling=THREE).failed] == ["real/a.mp4"]
    (stamped / "real/a.mp4").write_bytes(whole)
    assert not extract(stamped, "out", sampling=THREE).failed


def test_a_record_that_is_damaged_counts_as_none(stamped: Path) -> None:
    extract(stamped, "out", sampling=THREE)
    expected = tree(Path("out"))
    for number, path in enumerate(sorted(Path("out/in/.extract").glob("*.json"))):
        path.write_bytes([b"", b"{", b"[]", b'{"place": {}}'][number])
    extract(stamped, "out", sampling=THREE)
    assert tree(Path("out")) == expected
