"""A detector sees the frames that the sampling says, at the times that the file says, and nothing made up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import videos

from deepfakebench_ext.data.preprocess import PreprocessSpec
from deepfakebench_ext.data.reading import Reader, Unit, is_video
from deepfakebench_ext.media.sampling import ClipSampling, FrameSampling
from deepfakebench_ext.types import Sample

# Frames as they are: the stamps stay readable.
AS_IS = PreprocessSpec("exact", (96, 128), None, "bilinear", (0.5,) * 3, (0.5,) * 3, source="test")


def units(path: Path, **options: Any) -> list[Unit]:
    return list(Reader(AS_IS, **options).units(Sample(path.name, path)))


def stamp(pixels: torch.Tensor) -> int:
    return videos.stamp_of(np.ascontiguousarray(pixels.permute(1, 2, 0).numpy()))


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 frames at 20 a second."""
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    videos.stamped_video(path, 40, fps=20)
    return path


def test_frames_are_those_of_the_sampling_with_their_times(film: Path) -> None:
    found = units(film, frames=FrameSampling("uniform", 5))
    assert [stamp(unit.pixels) for unit in found] == [0, 9, 19, 29, 39]
    assert [unit.prediction.index for unit in found] == [0, 1, 2, 3, 4]
    assert [unit.prediction.start_s for unit in found] == pytest.approx([0, 0.45, 0.95, 1.45, 1.95], abs=1e-3)
    assert {unit.prediction.planned for unit in found} == {5}


def test_frames_by_time_come_one_by_one(film: Path) -> None:
    found = units(film, frames=FrameSampling("fps", fps=2))
    assert [stamp(unit.pixels) for unit in found] == [0, 10, 20, 30]


def test_clips_are_consecutive_frames_from_begin_to_end(film: Path) -> None:
    found = units(film, clips=ClipSampling(4, num_clips=3))
    assert [[stamp(frame) for frame in unit.pixels] for unit in found] == [
        [0, 1, 2, 3],
        [18, 19, 20, 21],
        [36, 37, 38, 39],
    ]
    first = found[1].prediction
    assert (first.start_s, first.end_s, first.planned, first.decoded) == (
        pytest.approx(0.9, abs=1e-3), pytest.approx(1.05, abs=1e-3), 12, 4,
    )  # fmt: skip


@pytest.mark.parametrize(("short", "expected"), [("repeat_last", [0, 1, 2, 2, 2]), ("wrap", [0, 1, 2, 0, 1])])
def test_a_short_video_is_filled_up_only_as_asked(short: Any, expected: list[int], tmp_path: Path) -> None:
    videos.stamped_video(tmp_path / "short.mp4", 3)
    (unit,) = units(tmp_path / "short.mp4", clips=ClipSampling(5, short=short))
    assert [stamp(frame) for frame in unit.pixels] == expected
    (skipped,) = units(tmp_path / "short.mp4", clips=ClipSampling(5))
    assert skipped.pixels is None
    assert skipped.prediction.status == "too_short"
    assert "3 frames, and a clip spans 5" in skipped.prediction.reason


def test_a_file_that_ends_early_gives_the_frames_it_has_evenly_spread(tmp_path: Path) -> None:
    whole = tmp_path / "whole.avi"
    videos.stamped_video(whole, 60, gop=1)
    (tmp_path / "cut.avi").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    found = [stamp(unit.pixels) for unit in units(tmp_path / "cut.avi", frames=FrameSampling("uniform", 4))]
    assert found[0] == 0
    assert 10 < found[-1] < 40
    assert len(set(np.diff(found))) <= 2


@pytest.mark.parametrize("content", [b"", b"not a video"])
def test_what_is_no_video_is_one_unit_that_says_so(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.mp4").write_bytes(content)
    for options in ({}, {"clips": ClipSampling(4)}, {"frames": FrameSampling("fps", fps=1)}):
        (unit,) = units(tmp_path / "x.mp4", **options)
        assert unit.pixels is None
        assert unit.prediction.status == "unreadable"
        assert "x.mp4" in unit.prediction.reason


def test_a_name_decides_between_image_and_video(tmp_path: Path) -> None:
    names = {"a.jpg": False, "b.mp4": True, "folder": True}
    assert {name: is_video(Sample(name, tmp_path / name)) for name in names} == names
