"""The frames or clips of a dataset's video are its own, chosen as the protocol says, or say why they are not there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import stored

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.data.preprocess.transform import PreprocessSpec
from deepfakebench_ext.data.readers.reader import Reader, Unit
from deepfakebench_ext.data.samples.datasets import gather_dataset
from deepfakebench_ext.data.stores.frame_stores import RgbStore
from deepfakebench_ext.media.host_sampling import DeepfakeBenchSampling
from deepfakebench_ext.media.sampling import ClipSampling, FrameSampling

# Frames as they are, so that they can be told apart.
AS_IS = PreprocessSpec("exact", (16, 20), None, "opencv_bicubic", (0.5,) * 3, (0.5,) * 3, source="test")
A, B = ("CelebDFv1_real", "a"), ("CelebDFv1_fake", "b")


@pytest.fixture
def rgb(tmp_path: Path) -> Path:
    return stored.write_images(tmp_path / "rgb")


def read(rgb: Path, video: tuple[str, str], sampling: Any) -> list[Unit]:
    store = RgbStore(rgb, rgb)
    samples = gather_dataset(stored.DATASET, json_folder=stored.write_json(rgb / "json", ""), store=store)
    (sample,) = [sample for sample in samples if sample.key == f"{stored.DATASET}/{'/'.join(video)}"]
    return list(Reader(AS_IS, sampling, stores={stored.DATASET: store}).units(sample))


def numbers(video: tuple[str, str], unit: Unit) -> Any:
    """Return which frames of a video a unit shows."""
    assert unit.pixels is not None
    frames = unit.pixels.reshape(-1, *unit.pixels.shape[-3:]).transpose(0, 2, 3, 1)
    known = [stored.picture(*video, number) for number in range(stored.COUNTS[video[1]])]
    shown = [next(n for n, picture in enumerate(known) if np.array_equal(picture, frame)) for frame in frames]
    return shown if unit.pixels.ndim == 4 else shown[0]


def test_deepfakebenchs_frames_are_the_first_each_a_unit(rgb: Path) -> None:
    units = read(rgb, A, DeepfakeBenchSampling(4))
    assert [numbers(A, unit) for unit in units] == [0, 1, 2, 3]
    assert [(u.prediction.index, u.prediction.planned, u.prediction.decoded) for u in units] == [
        (index, 4, 1) for index in range(4)
    ]
    assert {unit.prediction.status for unit in units} == {"ok"}


def test_deepfakebenchs_clips_are_neighbours_evenly_begun(rgb: Path) -> None:
    units = read(rgb, A, DeepfakeBenchSampling(32, 4))
    assert [numbers(A, unit) for unit in units] == [[0, 1, 2, 3], [6, 7, 8, 9]]
    assert [(u.prediction.index, u.prediction.planned, u.prediction.decoded) for u in units] == [(0, 8, 4), (1, 8, 4)]


def test_uniform_frames_are_spread_over_the_list(rgb: Path) -> None:
    assert [numbers(A, unit) for unit in read(rgb, A, FrameSampling("uniform", 4))] == [0, 3, 6, 9]
    assert [numbers(B, unit) for unit in read(rgb, B, FrameSampling("uniform", 32))] == [0, 1, 2]


def test_uniform_clips_are_spread_over_the_list(rgb: Path) -> None:
    units = read(rgb, A, ClipSampling(3, num_clips=2))
    assert [numbers(A, unit) for unit in units] == [[0, 1, 2], [7, 8, 9]]
    assert [numbers(B, unit) for unit in read(rgb, B, ClipSampling(4, short="repeat_last"))] == [[0, 1, 2, 2]]


@pytest.mark.parametrize(
    ("sampling", "remedy"),
    [(DeepfakeBenchSampling(32, 4), "leaves such a video out"), (ClipSampling(4), "--short_video")],
)
def test_a_video_shorter_than_a_clip_is_one_unit_that_says_so(sampling: Any, remedy: str, rgb: Path) -> None:
    (unit,) = read(rgb, B, sampling)
    assert unit.pixels is None
    assert (unit.prediction.status, unit.prediction.planned, unit.prediction.decoded) == ("too_short", 4, 0)
    assert "3 frames, and a clip spans 4" in unit.prediction.reason
    assert remedy in unit.prediction.reason


@pytest.mark.parametrize("content", [None, b"broken"])
def test_a_missing_or_broken_frame_is_a_unit_of_its_own_and_the_others_stay(content: bytes | None, rgb: Path) -> None:
    path = rgb / stored.DATASET / stored.frames()[(*A, 1)]
    path.unlink() if content is None else path.write_bytes(content)
    units = read(rgb, A, DeepfakeBenchSampling(3))
    assert [unit.prediction.status for unit in units] == ["ok", "unreadable", "ok"]
    assert [unit.prediction.decoded for unit in units] == [1, 0, 1]
    assert units[1].pixels is None
    assert "frame Celeb-DF-v1/real/frames/a/007.png" in units[1].prediction.reason
    assert [numbers(A, unit) for unit in units[::2]] == [0, 2]


def test_a_clip_that_lacks_frames_is_not_scored_and_says_which_and_how_many(rgb: Path) -> None:
    for number in (1, 3):
        (rgb / stored.DATASET / stored.frames()[(*A, number)]).unlink()
    first, second = read(rgb, A, DeepfakeBenchSampling(8, 4))
    assert (first.pixels, first.prediction.status, first.prediction.decoded) == (None, "unreadable", 2)
    assert "a/007.png" in first.prediction.reason
    assert first.prediction.reason.endswith("and 1 more of 4 frames")
    assert numbers(A, second) == [4, 5, 6, 7]


def test_frames_are_read_only_when_their_unit_is_asked_for(rgb: Path) -> None:
    class Counting(RgbStore):
        count = 0

        def read(self, frame: str) -> Any:
            self.count += 1
            return super().read(frame)

    store = Counting(rgb, rgb)
    sample = gather_dataset(stored.DATASET, json_folder=stored.write_json(rgb / "json", ""), store=store)[1]
    units = Reader(AS_IS, DeepfakeBenchSampling(10), stores={stored.DATASET: store}).units(sample)
    next(units)
    assert store.count == 1


@pytest.mark.parametrize(
    ("sampling", "protocol", "recorded"),
    [
        (DeepfakeBenchSampling(32), "deepfakebench", {"frame_num": 32, "clip_size": None}),
        (DeepfakeBenchSampling(32, 8), "deepfakebench", {"frame_num": 32, "clip_size": 8}),
        (FrameSampling("first", 5), "uniform", {"policy": "first", "num_frames": 5}),
        (ClipSampling(8), "uniform", ClipSampling(8).to_dict()),
    ],
)
def test_what_decides_the_pixels_is_recorded(sampling: Any, protocol: str, recorded: Any, tmp_path: Path) -> None:
    found = Reader(AS_IS, sampling, stores={"d": RgbStore(None, tmp_path)}).to_dict()
    assert found == {"protocol": protocol, "preprocess": AS_IS.to_dict(), "sampling": recorded, "faces": None}
    json.dumps(found)


def test_sampling_by_time_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--sampling fps goes by time"):
        Reader(AS_IS, FrameSampling("fps", fps=1.0), stores={"d": RgbStore(None, tmp_path)})
    with pytest.raises(ConfigError, match="frame_num is 0"):
        DeepfakeBenchSampling(0)


def test_each_dataset_is_read_from_its_own_store(rgb: Path) -> None:
    store = RgbStore(rgb, rgb)
    sample = gather_dataset(stored.DATASET, json_folder=stored.write_json(rgb / "json", ""), store=store)[0]
    with pytest.raises(ValueError, match="no store was given for the dataset 'Celeb-DF-v1'"):
        next(Reader(AS_IS, stores={"another": store}).units(sample))


def test_a_few_videos_are_read_ahead_and_few_units_of_each_wait(tmp_path: Path) -> None:
    reader = Reader(AS_IS, DeepfakeBenchSampling(4), stores={"d": RgbStore(None, tmp_path)})
    assert reader.look_ahead([], 8, 3) == (4, 8)


@pytest.mark.parametrize("style", ["", "backslash"])
def test_each_row_names_the_frame_that_it_is_of(style: str, rgb: Path) -> None:
    store = RgbStore(rgb, rgb)
    samples = gather_dataset(stored.DATASET, json_folder=stored.write_json(rgb / style / "json", style), store=store)
    (sample,) = [sample for sample in samples if sample.key.endswith("real/a")]
    reader = Reader(AS_IS, FrameSampling("uniform", 3), stores={stored.DATASET: store})
    assert [unit.prediction.frame_file for unit in reader.units(sample)] == ["000.png", "028.png", "063.png"]
    assert [path.name for path in reader.files(sample)] == ["000.png", "028.png", "063.png"]
