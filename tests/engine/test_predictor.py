"""Scores depend on the sample, the weights and the preprocessing, and on nothing else."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tiny
import torch
from PIL import Image

from deepfakebench_ext import gather_samples, load_detector
from deepfakebench_ext.common.errors import ModelError
from deepfakebench_ext.common.types import LabelOrder, Prediction, Sample
from deepfakebench_ext.data.readers.reader import Unit
from deepfakebench_ext.engine import read_ahead
from deepfakebench_ext.engine.file_inputs import make_face_reader, make_reader
from deepfakebench_ext.engine.predictor import default_batch_size, predict
from deepfakebench_ext.engine.read_ahead import read_units
from deepfakebench_ext.engine.scorer import NetworkScorer
from deepfakebench_ext.models.base import Detector
from deepfakebench_ext.models.probability import fake_probability
from deepfakebench_ext.models.two_classes import two_class_logits


@pytest.fixture
def detector(tmp_path: Path) -> Detector:
    torch.save(tiny.clip_detector_state(), tmp_path / "w.pth")
    return load_detector(tiny.CLIP_YAML, str(tmp_path / "w.pth"), dtype="float32", device="cpu")


def scored(
    detector: Detector, samples: list[Sample], batch_size: int = 3, workers: int = 2, **reading: Any
) -> list[Prediction]:
    reader = make_reader(detector, **reading)
    batches = predict(detector, reader, samples, batch_size=batch_size, workers=workers)
    return [p for batch in batches for p in batch]


def test_a_score_is_the_probability_that_transformers_gives(detector: Detector, tmp_path: Path) -> None:
    samples = gather_samples(tiny.photos(tmp_path / "photos", 2))
    pixels = []
    for sample in samples:
        # What spec_from_host_keys says, by OpenCV: squashed to 32 x 32, then mapped to [-1, 1].
        resized = cv2.resize(
            np.asarray(Image.open(sample.path).convert("RGB")), (32, 32), interpolation=cv2.INTER_CUBIC
        )
        pixels.append((resized.astype(np.float32) / 255 - 0.5) / 0.5)
    batch = torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2)
    expected = tiny.clip_reference(tiny.clip_detector_state(), batch).softmax(1)[:, 1].tolist()
    assert [p.score for p in scored(detector, samples)] == pytest.approx(expected, abs=2e-3)


def test_two_batches_at_a_time_as_on_cuda_change_no_score(
    detector: Detector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = gather_samples(tiny.photos(tmp_path / "photos", 12))
    expected = scored(detector, samples)
    monkeypatch.setattr(type(detector), "at_a_time", 2)
    assert scored(detector, samples) == expected


@pytest.mark.parametrize("at_a_time", [1, 2])
def test_a_batch_that_the_card_has_no_room_for_is_computed_in_parts(
    detector: Detector,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    at_a_time: int,
) -> None:
    samples = gather_samples(tiny.photos(tmp_path / "photos", 12))
    expected, sizes = scored(detector, samples), []

    def crowded(module: Any, args: tuple[dict[str, Any]], kwargs: Any) -> None:
        sizes.append(len(args[0]["image"]))
        if sizes[-1] > 3:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    detector.register_forward_pre_hook(crowded, with_kwargs=True)
    monkeypatch.setattr(type(detector), "at_a_time", at_a_time)
    found = scored(detector, samples, batch_size=8)
    assert [p.score for p in found] == pytest.approx([p.score for p in expected], abs=1e-5)
    assert max(sizes) == 8 and sum(size for size in sizes if size <= 3) == len(samples)
    assert "no room for 8 inputs at a time: computing 4" in caplog.text and "computing 2" in caplog.text


def test_a_card_without_room_for_one_input_is_said(
    detector: Detector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rows(pixels: Any, *_: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    monkeypatch.setattr(detector, "logits", rows)
    with pytest.raises(ModelError, match=r"\(1, 3, 32, 32\): CUDA out of memory.*2.00 GiB$"):
        scored(detector, gather_samples(tiny.photos(tmp_path / "photos", 3)))


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("batch_size", [1, 3, 32])
def test_batch_size_and_workers_change_no_score(
    detector: Detector, batch_size: int, workers: int, tmp_path: Path
) -> None:
    samples = gather_samples(tiny.photos(tmp_path / "photos", 4))
    base = [p.score for p in scored(detector, samples, batch_size=2, workers=2)]
    again = [p.score for p in scored(detector, samples, batch_size=batch_size, workers=workers)]
    assert again == pytest.approx(base, abs=1e-5)


def test_order_is_kept_and_a_bad_file_is_no_other_samples_score(detector: Detector, tmp_path: Path) -> None:
    folder = tiny.photos(tmp_path / "photos", 4)
    samples = gather_samples(folder)
    clean = {p.key: p.score for p in scored(detector, samples)}
    (folder / "real/001.png").write_bytes(b"")
    (folder / "fake/000.png").write_text("not an image")
    after = scored(detector, samples)
    assert [p.key for p in after] == [s.key for s in samples]
    bad = {p.key: p for p in after if p.status != "ok"}
    assert set(bad) == {"real/001.png", "fake/000.png"}
    assert all(p.score is None and p.reason for p in bad.values())
    for prediction in after:
        if prediction.status == "ok":
            assert prediction.score == pytest.approx(clean[prediction.key], abs=1e-5)


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
@pytest.mark.parametrize("logit", [0, 1])
def test_logits_that_are_not_finite_are_an_error_that_names_the_sample(
    value: str, logit: int, detector: Detector, tmp_path: Path
) -> None:
    with torch.no_grad():
        detector.head.bias[logit] = float(value)
    samples = gather_samples(tiny.photos(tmp_path / "photos", 1))
    with pytest.raises(ModelError, match=r"not finite for fake/000\.png"):
        scored(detector, samples)


def test_a_clip_is_the_centre_of_its_folder_of_frames(tmp_path: Path) -> None:
    torch.save(tiny.videomae_detector_state(), tmp_path / "w.pth")
    detector = load_detector(tiny.VIDEOMAE_YAML, str(tmp_path / "w.pth"), dtype="float32", device="cpu")
    for index in range(8):
        tiny.photo(tmp_path / f"videos/real/long/{index}.png", seed=index)
        if 2 <= index < 6:
            tiny.photo(tmp_path / f"videos/fake/centre/{index:03d}.jpg.png", seed=index)
    tiny.photo(tmp_path / "videos/fake/short/0.png")
    samples = gather_samples(tmp_path / "videos", takes="video")
    predictions = {p.key: p for p in scored(detector, samples, num_clips=1)}
    assert predictions["real/long"].score == pytest.approx(predictions["fake/centre"].score, abs=1e-6)
    assert predictions["fake/short"].status == "too_short"
    assert "1 frames, and a clip spans 4" in predictions["fake/short"].reason


def test_faces_are_looked_for_on_every_cpu_and_mere_reading_takes_eight(
    detector: Detector, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("dlib", reason="dlib is not installed (extra `faces`)")
    monkeypatch.setattr(read_ahead, "usable_cpus", lambda: 12)
    faces = make_face_reader(detector, face_detector="dlib")
    assert NetworkScorer(detector, make_reader(detector)).default_workers == 8
    assert NetworkScorer(detector, make_reader(detector, faces=faces)).default_workers == 12


def test_reading_stays_a_bounded_distance_ahead(detector: Detector, tmp_path: Path) -> None:
    samples = gather_samples(tiny.photos(tmp_path / "photos", 20))
    units = read_units(samples, make_reader(detector).units, workers=2, ahead=4, depth=1)
    next(units)
    for sample in samples[10:]:
        sample.path.unlink()  # nothing beyond the look-ahead has been opened yet
    assert [unit.pixels is None for unit in units] == [False] * 9 + [True] * 30


def test_units_of_a_sample_wait_in_bounded_number(tmp_path: Path) -> None:
    made: list[int] = []

    def many(sample: Sample) -> Iterator[Unit]:
        for index in range(1000):
            made.append(index)
            yield Unit(Prediction(sample.key, None, index=index), None)

    units = read_units([Sample("film", tmp_path)], many, workers=2, ahead=2, depth=3)
    assert next(units).prediction.index == 0
    time.sleep(0.3)
    assert len(made) <= 6
    assert [unit.prediction.index for unit in units] == list(range(1, 1000))


def test_what_breaks_in_a_reading_thread_is_raised_where_it_is_used(tmp_path: Path) -> None:
    def broken(sample: Sample) -> Iterator[Unit]:
        raise ZeroDivisionError(sample.key)
        yield

    with pytest.raises(ZeroDivisionError, match="a"):
        list(read_units([Sample("a", tmp_path)], broken, workers=1, ahead=1, depth=1))


def test_stopping_early_ends_the_reading_threads(detector: Detector, tmp_path: Path) -> None:
    samples = gather_samples(tiny.photos(tmp_path / "photos", 20))
    before = threading.active_count()
    batches = predict(detector, make_reader(detector), samples, batch_size=2, workers=4)
    next(batches)
    batches.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before


def test_the_default_batch_of_a_cpu_is_small(detector: Detector) -> None:
    assert default_batch_size(detector) == 4


@pytest.mark.parametrize(("fake", "num_logits"), [((1,), 2), ((0,), 2), ((0, 1), 3), ((2,), 3)])
def test_two_class_logits_keep_the_probabilities_of_any_head(fake: tuple[int, ...], num_logits: int) -> None:
    logits = torch.randn(5, num_logits, dtype=torch.float64)
    expected = logits.softmax(1)[:, list(fake)].sum(1)
    order = LabelOrder(fake, num_logits, (), "test")
    np.testing.assert_allclose(fake_probability(two_class_logits(logits, order).numpy()), expected)


def test_confident_scores_stay_apart() -> None:
    margins = np.array([[0.0, 20.0], [0.0, 21.0], [0.0, 30.0]])
    assert len(set(fake_probability(margins).tolist())) == 3


def test_a_reader_that_would_go_on_for_ever_ends_with_those_who_read(tmp_path: Path) -> None:
    made: list[int] = []

    def endless(sample: Sample) -> Iterator[Unit]:
        while True:
            made.append(0)
            yield Unit(Prediction(sample.key, None), None)

    before = threading.active_count()
    units = read_units([Sample("a", tmp_path), Sample("b", tmp_path)], endless, workers=2, ahead=2, depth=1)
    next(units)
    units.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before
    assert len(made) < 20


@pytest.mark.parametrize("value", [float("inf"), float("-inf")])
def test_infinite_logits_are_an_error_as_well(detector: Detector, tmp_path: Path, value: float) -> None:
    with torch.no_grad():
        detector.head.bias[0] = value
    with pytest.raises(ModelError, match=r"gave logits that are not finite for fake/000\.png"):
        scored(detector, gather_samples(tiny.photos(tmp_path / "photos", 1)))
