"""A training set gives the same pixels whoever reads them, and names what it cannot read."""

from __future__ import annotations

import pickle
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from deepfakebench_ext.common.errors import ConfigError, MediaError
from deepfakebench_ext.common.types import Sample
from deepfakebench_ext.data.preprocess.transform import PreprocessSpec, resize_and_crop
from deepfakebench_ext.data.samples.folders import collect_samples
from deepfakebench_ext.media.h264 import h264
from deepfakebench_ext.media.image import read_rgb
from deepfakebench_ext.media.sampling import ClipSampling
from deepfakebench_ext.training.config import TrainingConfig
from deepfakebench_ext.training.data.batches import Batch
from deepfakebench_ext.training.data.training_set import TrainingSet

SPEC = PreprocessSpec("exact", (16, 16), None, "bilinear", (0.5,) * 3, (0.5,) * 3, source="test")
EVERYTHING = dict.fromkeys(("flip_prob", "rotate_prob", "blur_prob", "brightness_prob", "quality_prob"), 0.5)
# A face, as 5 points in an image of 24 x 24.
POINTS = np.array([[6, 6], [18, 6], [12, 12], [7, 18], [17, 18]], np.float64)


def picture(*seed: int) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return cv2.resize(coarse, (24, 24))


def write(path: Path, rgb: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), rgb[..., ::-1])


def images(folder: Path, reals: int = 4, fakes: int = 6) -> list[Sample]:
    for label, count in ((0, reals), (1, fakes)):
        for number in range(count):
            write(folder / ("real", "fake")[label] / f"{number}.png", picture(label, number))
    return collect_samples(folder, kind="image")


def videos(folder: Path, num_frames: int = 9, landmarks: bool = False) -> list[Sample]:
    """A real and a fake video as folders of frames, and with landmarks as extraction writes them."""
    for label in (0, 1):
        for number in range(num_frames):
            place = folder / ("real", "fake")[label] / "frames" / f"v{label}" / f"{number:03d}.png"
            write(place, picture(label, number))
            if landmarks:
                points = Path(str(place).replace("frames", "landmarks")).with_suffix(".npy")
                points.parent.mkdir(parents=True, exist_ok=True)
                np.save(points, POINTS)
    return collect_samples(folder, kind="video")


def training_set(samples: list[Sample], *, clips: ClipSampling | None = None, **recipe: Any) -> TrainingSet:
    return TrainingSet(samples, TrainingConfig(**recipe), SPEC, clips=clips)


def run(data: TrainingSet, epoch: int = 0, **options: Any) -> list[Batch]:
    return list(data.batches(epoch, **{"batch_size": 4, "workers": 2, **options}))


def frames_of(folder: Path) -> dict[bytes, int]:
    """The number of each frame by its pixels at the detector's size."""
    paths = sorted(folder.glob("*.png"))
    return {resize_and_crop(read_rgb(path), SPEC).tobytes(): at for at, path in enumerate(paths)}


def test_without_augmentation_the_pixels_are_those_of_an_evaluation(tmp_path: Path) -> None:
    data = training_set(images(tmp_path))
    for item in data.epoch(0):
        pixels, labels = data.load(item)
        sample = data.samples[item.sample]
        assert np.array_equal(pixels[0], resize_and_crop(read_rgb(sample.path), SPEC))
        assert labels.tolist() == [sample.label]
        assert (pixels.dtype, labels.dtype) == (torch.uint8, torch.int64)


def test_every_image_comes_once_an_epoch_in_another_order(tmp_path: Path) -> None:
    data = training_set(images(tmp_path))
    epochs = [[key for batch in run(data, epoch) for key in batch.keys] for epoch in range(2)]
    assert sorted(epochs[0]) == sorted(epochs[1]) == [sample.key for sample in data.samples]
    assert epochs[0] != epochs[1]
    assert [len(batch.labels) for batch in run(data)] == [4, 4, 2]
    assert data.batch_count(4) == 3


def test_frames_of_a_video_are_distinct_and_drawn_anew(tmp_path: Path) -> None:
    data = training_set(videos(tmp_path), frames_per_video=4)
    known = frames_of(tmp_path / "real/frames/v0") | frames_of(tmp_path / "fake/frames/v1")
    drawn = []
    for epoch in range(3):
        rows = [(key, p) for batch in run(data, epoch) for key, p in zip(batch.keys, batch.pixels, strict=True)]
        numbers = {(key, known[pixels.numpy().tobytes()]) for key, pixels in rows}
        assert Counter(key for key, _ in numbers) == {sample.key: 4 for sample in data.samples}
        drawn.append(frozenset(numbers))
    assert len(set(drawn)) == 3


def test_a_clip_is_neighbouring_frames_from_a_start_drawn_anew(tmp_path: Path) -> None:
    data = training_set(videos(tmp_path), clips=ClipSampling(3, frame_interval=2), clips_per_video=2)
    known = frames_of(tmp_path / "real/frames/v0") | frames_of(tmp_path / "fake/frames/v1")
    starts: dict[str, list[int]] = {"real/frames/v0": [], "fake/frames/v1": []}
    for epoch in range(20):
        for batch in run(data, epoch):
            assert batch.pixels.shape[1:] == (3, 3, 16, 16)
            for key, clip in zip(batch.keys, batch.pixels, strict=True):
                first, *rest = [known[frame.numpy().tobytes()] for frame in clip]
                assert rest == [first + 2, first + 4]
                starts[key].append(first)
    for found in starts.values():
        assert set(found) == set(range(5))  # 9 frames, of which a clip spans 5
        assert all(one != other for one, other in zip(found[::2], found[1::2], strict=True))


def test_threads_processes_and_the_point_of_resuming_change_nothing(tmp_path: Path) -> None:
    data = training_set(images(tmp_path), augmentation=EVERYTHING)
    whole = run(data, 1, workers=1)
    assert len({tuple(batch.pixels.flatten().tolist()) for batch in whole}) == 3
    for workers, skip in ((4, 0), (2, 1), (3, 3)):
        again = run(data, 1, workers=workers, skip=skip)
        assert [batch.index for batch in again] == [0, 1, 2][skip:]
        for one, other in zip(whole[skip:], again, strict=True):
            assert one.keys == other.keys
            assert torch.equal(one.pixels, other.pixels)
    halves = [run(data, 1, rank=rank, world_size=2) for rank in range(2)]
    for batch, *parts in zip(whole, *halves, strict=True):
        assert torch.equal(batch.pixels, torch.cat([part.pixels for part in parts]))
        assert {part.global_rows for part in parts} == {batch.global_rows} == {len(batch.labels)}


def test_a_copy_for_another_process_loads_the_same(tmp_path: Path) -> None:
    data = training_set(images(tmp_path), augmentation=EVERYTHING)
    copy = pickle.loads(pickle.dumps(data))
    for item in data.epoch(0)[:3]:
        assert torch.equal(copy.load(item)[0], data.load(item)[0])


def test_epochs_are_augmented_anew_and_draws_unlike_each_other(tmp_path: Path) -> None:
    data = training_set(images(tmp_path), augmentation={**EVERYTHING, "brightness_prob": 1.0, "rotate_prob": 1.0})
    seen = {data.load(item)[0].numpy().tobytes() for epoch in range(4) for item in data.epoch(epoch)}
    assert len(seen) == 40


def test_augmentation_is_the_same_for_all_frames_of_a_clip(tmp_path: Path) -> None:
    for number in range(6):
        for name in ("real", "fake"):
            write(tmp_path / name / "v" / f"{number}.png", picture(5))
    samples = collect_samples(tmp_path, kind="video")
    data = training_set(samples, clips=ClipSampling(4), clips_per_video=3, augmentation=EVERYTHING)
    for item in data.epoch(0):
        (clip,), _ = data.load(item)
        assert torch.equal(clip, clip[:1].expand_as(clip))


def test_balanced_sampling_draws_as_many_reals_as_fakes(tmp_path: Path) -> None:
    data = training_set(images(tmp_path, reals=2, fakes=7), balance="sampling")
    for epoch in range(2):
        batches = run(data, epoch)
        labels = torch.cat([batch.labels for batch in batches])
        assert Counter(labels.tolist()) == {0: 7, 1: 7}
        assert len(batches) == data.batch_count(4) == 4
    assert data.class_counts() == (7, 7)
    assert data.class_weights() == (1.0, 1.0)


def test_class_weights_make_both_classes_count_the_same(tmp_path: Path) -> None:
    data = training_set(images(tmp_path, reals=2, fakes=6), balance="weights")
    assert data.class_counts() == (2, 6)
    real, fake = data.class_weights()
    assert 2 * real == 6 * fake
    assert (2 * real + 6 * fake) / 8 == 1


def test_the_record_says_what_is_drawn(tmp_path: Path) -> None:
    data = training_set(videos(tmp_path), frames_per_video=3)
    record = data.to_dict()
    assert record["samples"] == {"real": 1, "fake": 1}
    assert record["drawn_an_epoch"] == {"real": 3, "fake": 3}
    other = training_set([*data.samples, Sample("x", tmp_path / "x.png", 1)])
    assert other.fingerprint != data.fingerprint == training_set(list(data.samples)).fingerprint


def test_self_blending_makes_a_pair_of_each_real_one_that_stays_in_one_batch(tmp_path: Path) -> None:
    samples = [s for s in collect_images_with_landmarks(tmp_path) if s.label == 0]
    data = training_set(samples, self_blend=True, augmentation=EVERYTHING)
    assert data.class_counts() == (3, 3)
    for batch in run(data, batch_size=2):
        assert batch.labels.tolist() == [0, 1]
        assert batch.keys[0] == batch.keys[1]
        assert batch.global_rows == 2
        assert not torch.equal(batch.pixels[0], batch.pixels[1])


def collect_images_with_landmarks(folder: Path) -> list[Sample]:
    videos(folder, num_frames=3, landmarks=True)
    return collect_samples(folder, kind="image")


def test_a_pair_differs_in_the_face_alone(tmp_path: Path) -> None:
    data = training_set(collect_images_with_landmarks(tmp_path), self_blend=True)
    assert data.left_out == 3
    differences = []
    for epoch in range(20):
        for item in data.epoch(epoch):
            pixels, _ = data.load(item)
            differences.append((pixels[0].int() - pixels[1].int()).abs().amax(0))
    most = torch.stack(differences).amax(0)
    assert most[6:10, 6:10].max() > 10
    assert most[0].max() == most[:, 0].max() == 0


def test_all_frames_of_a_blended_clip_are_blended_alike(tmp_path: Path) -> None:
    for number in range(4):
        write(tmp_path / "real/frames/v" / f"{number:03d}.png", picture(1))
        (tmp_path / "real/landmarks/v").mkdir(parents=True, exist_ok=True)
        np.save(tmp_path / "real/landmarks/v" / f"{number:03d}.npy", POINTS)
    samples = collect_samples(tmp_path, kind="video")
    data = training_set(samples, clips=ClipSampling(3), clips_per_video=5, self_blend=True)
    for item in data.epoch(0):
        pixels, labels = data.load(item)
        assert pixels.shape == (2, 3, 3, 16, 16)
        assert labels.tolist() == [0, 1]
        assert torch.equal(pixels, pixels[:, :1].expand_as(pixels))


def test_what_cannot_be_read_is_left_out_and_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    samples = images(tmp_path, reals=20, fakes=20)
    (tmp_path / "real/3.png").write_bytes(b"no image")
    data = training_set(samples)
    for epoch in range(2):
        batches = run(data, epoch, batch_size=8)
        keys = [key for batch in batches for key in batch.keys]
        assert sorted(keys) == sorted(sample.key for sample in samples if sample.key != "real/3.png")
        (smaller,) = [batch for batch in batches if batch.failures]
        assert len(smaller.labels) == len(smaller.keys) == 7
        assert smaller.global_rows == 8
        assert smaller.failures[0].status == "unreadable"
        labels = {sample.key: sample.label for sample in samples}
        assert [labels[key] for key in keys] == [int(label) for batch in batches for label in batch.labels]
    assert list(data.failures.first) == ["real/3.png"]
    assert caplog.text.count("a draw of real/3.png is left out") == 1


def test_too_much_that_cannot_be_read_stops_the_training(tmp_path: Path) -> None:
    samples = images(tmp_path, reals=20, fakes=20)
    for number in range(3):
        (tmp_path / f"real/{number}.png").write_bytes(b"")
    with pytest.raises(MediaError, match=r"3 of the 40 draws .*5%(.|\n)*real/\d.png"):
        run(training_set(samples))


def test_a_video_shorter_than_a_clip_says_what_to_give(tmp_path: Path) -> None:
    samples = videos(tmp_path, num_frames=3)
    with pytest.raises(MediaError, match="3 frames, and a clip spans 4; --short_video"):
        run(training_set(samples, clips=ClipSampling(4)))
    data = training_set(samples, clips=ClipSampling(4, short="repeat_last"))
    for item in data.epoch(0):
        (clip,), _ = data.load(item)
        assert torch.equal(clip[3], clip[2])
        assert not torch.equal(clip[1], clip[2])


def test_a_batch_of_which_nothing_can_be_read_is_empty_and_has_its_shape(tmp_path: Path) -> None:
    samples = images(tmp_path, reals=20, fakes=20)
    (tmp_path / "fake/7.png").unlink()
    empty = [batch for batch in run(training_set(samples), batch_size=1) if batch.failures]
    assert [batch.pixels.shape for batch in empty] == [(0, 3, 16, 16)]
    assert empty[0].labels.shape == (0,)


def test_no_thread_outlives_an_epoch_that_is_given_up(tmp_path: Path) -> None:
    import threading

    before = threading.active_count()
    batches = training_set(images(tmp_path)).batches(0, batch_size=2, workers=3)
    next(batches)
    batches.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before


def test_an_error_that_is_no_damage_is_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = training_set(images(tmp_path))
    monkeypatch.setattr(data, "load", lambda item: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(data)


def test_load_may_be_called_from_several_threads(tmp_path: Path) -> None:
    data = training_set(images(tmp_path), augmentation=EVERYTHING)
    items = data.epoch(0) * 4
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda item: data.load(item)[0], items))
    for at, pixels in enumerate(found):
        assert torch.equal(pixels, found[at % 10])


def test_data_that_cannot_train_is_refused_when_the_set_is_made(tmp_path: Path) -> None:
    real, fake = Sample("r", tmp_path / "r.png", 0), Sample("f", tmp_path / "f.png", 1)
    with pytest.raises(ConfigError, match="1 real and 0 fake"):
        training_set([real])
    with pytest.raises(ConfigError, match="none of 1 samples is real"):
        training_set([fake], self_blend=True)
    with pytest.raises(ConfigError, match="single images, such as r"):
        training_set([real, fake], clips=ClipSampling(4))
    with pytest.raises(ConfigError, match=r"1 samples have none \(r\); .*dfb-ext extract"):
        training_set([real], self_blend=True)
    loose = PreprocessSpec("shortest_edge", (16, 16), None, "bilinear", (0.5,) * 3, (0.5,) * 3)
    with pytest.raises(ConfigError, match="images of one size"):
        TrainingSet([real, fake], TrainingConfig(), loose)


@pytest.mark.parametrize(("batch_size", "said"), [(0, "at least 1"), (3, "even number")])
def test_a_batch_holds_whole_pairs(tmp_path: Path, batch_size: int, said: str) -> None:
    pairs = batch_size == 3
    samples = collect_images_with_landmarks(tmp_path)
    data = training_set(samples, self_blend=pairs)
    with pytest.raises(ConfigError, match=said):
        data.batch_count(batch_size)


def test_fakes_of_each_method_come_equally_often_and_must_say_theirs(tmp_path: Path) -> None:
    samples = [replace(sample, method="swap" if "0" in sample.key else "lips") for sample in images(tmp_path)]
    data = training_set(samples, balance="methods")
    for epoch in range(3):
        drawn = Counter(
            (data.samples[item.sample].label, data.samples[item.sample].method) for item in data.epoch(epoch)
        )
        assert drawn[1, "swap"] == drawn[1, "lips"] == 3
        assert sum(drawn.values()) == sum(data.class_counts()) == 12
    silent = [replace(sample, method=None) if sample.key == "fake/3.png" else sample for sample in samples]
    with pytest.raises(ConfigError, match=r"1 do not say theirs, such as fake/3\.png; .*column method"):
        training_set(silent, balance="methods")


def test_h264_is_of_a_clip_and_real_and_fake_are_not_predicted_from_each_other(tmp_path: Path) -> None:
    pytest.importorskip("av")
    samples = videos(tmp_path, landmarks=True)
    quiet = dict.fromkeys(EVERYTHING, 0.0)
    options = {"clips": ClipSampling(4), "self_blend": True}
    plain = training_set(samples, **options)
    pressed = training_set(samples, **options, augmentation={**quiet, "h264_prob": 1.0, "h264_crf": (35, 35)})
    (item, *_) = plain.epoch(0)
    (before, _), (after, _) = plain.load(item), pressed.load(item)
    for clip, found in zip(before, after, strict=True):
        expected = h264(clip.permute(0, 2, 3, 1).numpy(), 35)
        assert np.array_equal(found.permute(0, 2, 3, 1).numpy(), expected)
        assert not np.array_equal(expected, clip.permute(0, 2, 3, 1).numpy())
