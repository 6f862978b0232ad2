"""A detector sees the frames that the sampling says, at the times that the file says, and nothing made up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import videos

from deepfakebench_ext.common.types import Sample
from deepfakebench_ext.data.preprocess.normalising import Pixels
from deepfakebench_ext.data.preprocess.transform import PreprocessSpec
from deepfakebench_ext.data.readers.reader import Reader, Unit
from deepfakebench_ext.data.samples.kinds import is_video
from deepfakebench_ext.media.sampling import ClipSampling, FrameSampling

# Frames as they are: the stamps stay readable.
AS_IS = PreprocessSpec("exact", (96, 128), None, "bilinear", (0.5,) * 3, (0.5,) * 3, source="test")


def units(path: Path, sampling: Any = None) -> list[Unit]:
    return list(Reader(AS_IS, sampling).units(Sample(path.name, path)))


def stamp(pixels: Pixels) -> int:
    return videos.stamp_of(np.ascontiguousarray(pixels.transpose(1, 2, 0)))


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 frames at 20 a second."""
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    videos.stamped_video(path, 40, fps=20)
    return path


def test_frames_are_those_of_the_sampling_with_their_times(film: Path) -> None:
    found = units(film, FrameSampling("uniform", 5))
    assert [stamp(unit.pixels) for unit in found] == [0, 9, 19, 29, 39]
    assert [unit.prediction.index for unit in found] == [0, 1, 2, 3, 4]
    assert [unit.prediction.start_s for unit in found] == pytest.approx([0, 0.45, 0.95, 1.45, 1.95], abs=1e-3)
    assert {unit.prediction.planned for unit in found} == {5}


def test_frames_by_time_come_one_by_one(film: Path) -> None:
    found = units(film, FrameSampling("fps", fps=2))
    assert [stamp(unit.pixels) for unit in found] == [0, 10, 20, 30]


def test_clips_are_consecutive_frames_from_begin_to_end(film: Path) -> None:
    found = units(film, ClipSampling(4, num_clips=3))
    assert [[stamp(frame) for frame in unit.pixels] for unit in found] == [
        [0, 1, 2, 3],
        [18, 19, 20, 21],
        [36, 37, 38, 39],
    ]
    first = found[1].prediction
    assert (first.start_s, first.end_s, first.planned, first.decoded, first.frame) == (
        pytest.approx(0.9, abs=1e-3), pytest.approx(1.1, abs=1e-3), 12, 4, 18,
    )  # fmt: skip


@pytest.mark.parametrize(("short", "expected"), [("repeat_last", [0, 1, 2, 2, 2]), ("wrap", [0, 1, 2, 0, 1])])
def test_a_short_video_is_filled_up_only_as_asked(short: Any, expected: list[int], tmp_path: Path) -> None:
    videos.stamped_video(tmp_path / "short.mp4", 3)
    (unit,) = units(tmp_path / "short.mp4", ClipSampling(5, short=short))
    assert [stamp(frame) for frame in unit.pixels] == expected
    (skipped,) = units(tmp_path / "short.mp4", ClipSampling(5))
    assert skipped.pixels is None
    assert skipped.prediction.status == "too_short"
    assert "3 frames, and a clip spans 5" in skipped.prediction.reason


def test_a_file_that_ends_early_gives_the_frames_it_has_evenly_spread(tmp_path: Path) -> None:
    whole = tmp_path / "whole.avi"
    videos.stamped_video(whole, 60, gop=1)
    (tmp_path / "cut.avi").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    found = [stamp(unit.pixels) for unit in units(tmp_path / "cut.avi", FrameSampling("uniform", 4))]
    assert found[0] == 0
    assert 10 < found[-1] < 40
    assert len(set(np.diff(found))) <= 2


@pytest.mark.parametrize("content", [b"", b"not a video"])
def test_what_is_no_video_is_one_unit_that_says_so(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.mp4").write_bytes(content)
    for sampling in (None, ClipSampling(4), FrameSampling("fps", fps=1)):
        (unit,) = units(tmp_path / "x.mp4", sampling)
        assert unit.pixels is None
        assert unit.prediction.status == "unreadable"
        assert "x.mp4" in unit.prediction.reason


def test_a_name_decides_between_image_and_video(tmp_path: Path) -> None:
    names = {"a.jpg": False, "b.mp4": True, "folder": True}
    assert {name: is_video(Sample(name, tmp_path / name)) for name in names} == names


def counts(found: list[Unit]) -> list[tuple[int, int]]:
    return [(unit.prediction.planned, unit.prediction.decoded) for unit in found]


def test_frames_are_counted_once_however_many_clips_have_them(tmp_path: Path) -> None:
    videos.stamped_video(tmp_path / "six.mp4", 6)
    assert counts(units(tmp_path / "six.mp4", ClipSampling(4, num_clips=4))) == [(6, 4), (6, 1), (6, 1)]
    videos.stamped_video(tmp_path / "one.mp4", 1)
    assert counts(units(tmp_path / "one.mp4", ClipSampling(4, num_clips=4, short="wrap"))) == [(1, 1)]


def test_what_cannot_be_read_was_asked_for_as_much_as_any_other(tmp_path: Path) -> None:
    (tmp_path / "x.mp4").write_bytes(b"")
    for sampling, planned in (
        (FrameSampling("uniform", 8), 8),
        (ClipSampling(4, num_clips=3), 12),
        (FrameSampling("fps", fps=1), 0),
    ):
        assert counts(units(tmp_path / "x.mp4", sampling)) == [(planned, 0)]


def test_a_clip_that_begins_again_ends_when_its_latest_frame_is_over(tmp_path: Path) -> None:
    videos.stamped_video(tmp_path / "three.mp4", 3, fps=20)
    (unit,) = units(tmp_path / "three.mp4", ClipSampling(4, short="wrap"))
    assert (unit.prediction.start_s, unit.prediction.end_s) == (0, pytest.approx(0.15, abs=1e-3))


def test_a_video_that_is_cut_short_says_so(tmp_path: Path) -> None:
    videos.stamped_video(tmp_path / "whole.mp4", 60, container_options={"movflags": "faststart"})
    film = tmp_path / "cut.mp4"
    videos.piece(tmp_path / "whole.mp4", film, 0.0, 0.7)
    for sampling in (FrameSampling("uniform", 4), ClipSampling(4, num_clips=2)):
        found = units(film, sampling)
        assert {unit.prediction.status for unit in found} == {"ok"}
        (reason,) = {unit.prediction.reason for unit in found}
        assert reason.startswith("cut short or damaged: frames were taken of the first ")
    assert {unit.prediction.reason for unit in units(tmp_path / "whole.mp4")} == {""}


def folder_of_frames(folder: Path, num_frames: int, *, bad: tuple[int, ...]) -> Path:
    folder.mkdir()
    for number in range(num_frames):
        content = cv2.imencode(".png", videos.stamp(number))[1].tobytes() if number not in bad else b"no picture"
        (folder / f"{number}.png").write_bytes(content)
    return folder


def test_one_unreadable_picture_of_a_folder_loses_itself_alone(tmp_path: Path) -> None:
    folder = folder_of_frames(tmp_path / "frames", 6, bad=(2,))
    found = units(folder, FrameSampling("uniform", 6))
    assert [unit.prediction.status for unit in found] == ["ok", "ok", "unreadable", "ok", "ok", "ok"]
    assert [stamp(unit.pixels) for unit in found if unit.pixels is not None] == [0, 1, 3, 4, 5]
    assert "2.png" in found[2].prediction.reason
    assert sum(unit.prediction.decoded for unit in found) == 5
    clips = units(folder, ClipSampling(2, num_clips=3))
    assert [unit.prediction.status for unit in clips] == ["ok", "unreadable", "ok"]
    assert clips[1].prediction.reason.endswith("in 1 of 2 frames")


def test_a_folder_of_which_no_picture_can_be_read_is_unreadable_as_a_whole(tmp_path: Path) -> None:
    folder = folder_of_frames(tmp_path / "frames", 2, bad=(0, 1))
    (unit,) = units(folder, FrameSampling("uniform", 2))
    assert unit.prediction.status == "unreadable" and "0.png" in unit.prediction.reason


def test_a_single_frame_has_no_end_and_a_clip_has_one(film: Path) -> None:
    assert {unit.prediction.end_s for unit in units(film, FrameSampling("uniform", 3))} == {None}
    assert None not in {unit.prediction.end_s for unit in units(film, ClipSampling(4, num_clips=2))}


def test_each_row_names_the_frame_that_it_is_of(film: Path, tmp_path: Path) -> None:
    assert {unit.prediction.frame_file for unit in units(film, FrameSampling("uniform", 3))} == {""}
    folder = folder_of_frames(tmp_path / "frames", 12, bad=(11,))
    named = [unit.prediction.frame_file for unit in units(folder, FrameSampling("uniform", 3))]
    assert named == ["0.png", "5.png", "11.png"]
    (image,) = units(folder / "3.png")
    assert image.prediction.frame_file == ""


def test_by_time_the_damage_of_a_film_is_said_with_its_last_frame(film: Path, tmp_path: Path) -> None:
    videos.stamped_video(tmp_path / "whole.mp4", 60, container_options={"movflags": "faststart"})
    videos.piece(tmp_path / "whole.mp4", tmp_path / "cut.mp4", 0.0, 0.7)
    *others, last = units(tmp_path / "cut.mp4", FrameSampling("fps", fps=5))
    assert others and {unit.prediction.reason for unit in others} == {""}
    assert last.prediction.reason.startswith("cut short or damaged: frames were taken of the first ")
    assert {unit.prediction.reason for unit in units(film, FrameSampling("fps", fps=5))} == {""}


def test_what_is_remarked_of_a_films_pictures_goes_with_every_frame(tmp_path: Path) -> None:
    videos.stamped_video(tmp_path / "v.mp4", 6, codec_options={"aspect": "2:1"})
    for sampling in (FrameSampling("uniform", 2), FrameSampling("fps", fps=10), ClipSampling(3)):
        remarks = {unit.prediction.remark for unit in units(tmp_path / "v.mp4", sampling)}
        assert remarks == {"pixels 2:1 wide, scored as they are stored"}


def test_two_batches_of_images_are_read_ahead_or_two_for_each_thread(tmp_path: Path) -> None:
    reader, images = Reader(AS_IS), [Sample("a.png", tmp_path / "a.png")]
    assert [reader.look_ahead(images, *given) for given in ((8, 3), (2, 6))] == [(16, 1), (12, 1)]
