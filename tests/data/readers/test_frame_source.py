"""Evaluation, training and extraction take the same pixels of a sample: frames have one source."""

from __future__ import annotations

import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
import stored
import videos

from deepfakebench_ext.common.types import Sample
from deepfakebench_ext.data.preprocess.transform import PreprocessSpec, resize_and_crop
from deepfakebench_ext.data.readers.frames import FrameSource
from deepfakebench_ext.data.readers.reader import Reader
from deepfakebench_ext.data.samples.datasets import gather_dataset
from deepfakebench_ext.data.stores.frame_stores import FrameStore, RgbStore
from deepfakebench_ext.extraction.crop_writer import write_crops
from deepfakebench_ext.faces.cache import CropCache
from deepfakebench_ext.faces.crop import FaceCrop, Shot
from deepfakebench_ext.faces.detect import Face
from deepfakebench_ext.faces.reader import FaceReader
from deepfakebench_ext.faces.settings import FaceSettings
from deepfakebench_ext.media.frame import RGB
from deepfakebench_ext.media.image import read_rgb
from deepfakebench_ext.media.sampling import ClipSampling, FrameSampling
from deepfakebench_ext.training.data.frames import TrainingFrames

SIZE = (24, 32)
AS_IS = PreprocessSpec("exact", SIZE, None, "bilinear", (0.5,) * 3, (0.5,) * 3, source="test")


class Middle:
    """Sees a face in the middle of every frame."""

    def detect(self, rgb: RGB) -> list[Face]:
        height, width = rgb.shape[:2]
        return [Face((width / 4, height / 4, width * 3 / 4, height * 3 / 4), None, 1.0)]


@pytest.fixture
def samples(tmp_path: Path) -> dict[str, tuple[Sample, dict[str, FrameStore]]]:
    """An image, a film, a folder of frames, and a dataset's video, with what reads it."""
    videos.stamped_video(tmp_path / "film.mp4", 9)
    (tmp_path / "folder").mkdir()
    for number in range(9):
        cv2.imwrite(str(tmp_path / f"folder/{number}.png"), videos.stamp(number))
    store = RgbStore(stored.write_images(tmp_path / "rgb"), tmp_path)
    json_folder = stored.write_json(tmp_path / "json", "")
    listed = gather_dataset(stored.DATASET, json_folder=json_folder, store=store)[0]
    files = {name: Sample(name, tmp_path / name, 0) for name in ("film.mp4", "folder")}
    image = Sample("3.png", tmp_path / "folder/3.png", 0)
    return {
        "image": (image, {}),
        **{n: (s, {}) for n, s in files.items()},
        "dataset": (listed, {stored.DATASET: store}),
    }


def fitted(rgb: RGB) -> RGB:
    return resize_and_crop(rgb, AS_IS).transpose(1, 2, 0)


def faces(cache: Path | None, per: str) -> FaceReader:
    settings = FaceSettings("yunet", SIZE, per=per)  # type: ignore[arg-type]
    return FaceReader(Middle(), settings, settings, None if cache is None else CropCache(cache, 2**30))


@pytest.mark.parametrize("kind", ["image", "film.mp4", "folder", "dataset"])
@pytest.mark.parametrize("cut", ["whole", "cut", "kept"])
def test_training_and_evaluation_take_the_same_pixels(kind: str, cut: str, samples, tmp_path: Path) -> None:
    sample, stores = samples[kind]
    for sampling, clips in ((FrameSampling("uniform", 32), None), (ClipSampling(3, num_clips=8), ClipSampling(3))):
        if clips is not None and kind == "image":
            continue
        cutting = None if cut == "whole" else faces(tmp_path / "cache" if cut == "kept" else None, "clip")
        evaluated = [unit.pixels for unit in Reader(AS_IS, sampling, faces=cutting, stores=stores).units(sample)]
        reader = TrainingFrames(clips=clips, faces=cutting, stores=stores, landmarks=False, transform=fitted)
        for number in (0, len(evaluated) - 1):
            drawn = np.stack([crop.rgb for crop in reader.read(sample, lambda count, at=number: at)])
            shown = evaluated[number].reshape(-1, 3, *SIZE).transpose(0, 2, 3, 1)
            np.testing.assert_array_equal(drawn, shown)


@pytest.mark.parametrize("kind", ["film.mp4", "folder"])
@pytest.mark.parametrize("sampling", [FrameSampling("uniform", 4), FrameSampling("first", 2)])
def test_extraction_writes_what_an_evaluation_takes(
    kind: str, sampling: FrameSampling, samples, tmp_path: Path
) -> None:
    sample, _ = samples[kind]
    cutting = faces(None, "frame")
    (tmp_path / "out").mkdir()
    done = write_crops(sample, sampling, tmp_path / "out", cutting, threading.Event())
    units = list(Reader(AS_IS, sampling, faces=cutting).units(sample))
    assert len(done.names) == len(units) == sampling.num_frames
    for name, unit in zip(done.names, units, strict=True):
        np.testing.assert_array_equal(read_rgb(tmp_path / "out/frames" / name), unit.pixels.transpose(1, 2, 0))


def test_a_frame_is_let_go_as_soon_as_no_clip_needs_it(samples) -> None:
    """Of whole frames, those that wait for a later clip of the sampling; of crops at one place, those of one clip."""
    sample, _ = samples["film.mp4"]
    alive: list[Shot] = []
    source = FrameSource(lambda shot: alive.append(shot) or shot.made(lambda rgb: rgb[:1, :1].copy()))
    taken = source.take(sample, ClipSampling(3, num_clips=3))
    groups = list(taken.groups)
    assert [[shot.index for shot in group] for group in groups] == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    assert all(isinstance(shot.result, FaceCrop) and shot.result.rgb.shape == (1, 1, 3) for g in groups for shot in g)
    assert [shot.index for shot in alive] == list(range(9))


def test_a_pick_takes_one_clip_of_those_that_the_sampling_gives(samples) -> None:
    sample, _ = samples["film.mp4"]
    counts: list[int] = []
    taken = FrameSource(lambda shot: shot).take(
        sample, ClipSampling(3, num_clips=4), lambda count: counts.append(count) or 1
    )
    assert [[shot.index for shot in group] for group in taken.groups] == [[2, 3, 4]]
    assert counts == [4] and (taken.num_frames, taken.promised, taken.damage) == (9, 9, "")
