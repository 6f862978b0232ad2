"""The one predictor: samples in, scores out. Every command that scores goes through here."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from itertools import islice

import torch

from deepfakebench_ext.common.errors import ModelError
from deepfakebench_ext.common.types import Prediction, Sample
from deepfakebench_ext.data.preprocess.transform import PreprocessSpec, normalise
from deepfakebench_ext.data.readers.unit import SampleReader, Unit
from deepfakebench_ext.engine.read_ahead import read_units
from deepfakebench_ext.models.base import Detector
from deepfakebench_ext.models.probability import fake_probability

# On a CPU a large batch is slower than a small one: CLIP ViT-L/14 in bfloat16 on 2 cores takes 257, 252, 245 and 292 ms
# an image in batches of 1, 2, 4 and 8.
_BATCH = {"cpu": {"image": 4, "video": 1}, "cuda": {"image": 64, "video": 8}, "mps": {"image": 16, "video": 2}}


def default_batch_size(detector: Detector) -> int:
    """Return the batch size for the detector's device and kind of input."""
    device = next(detector.parameters()).device.type
    return _BATCH.get(device, _BATCH["cpu"])[detector.takes]


def predict(
    detector: Detector, reader: SampleReader, samples: Sequence[Sample], *, batch_size: int, workers: int, skip: int = 0
) -> Generator[list[Prediction], None, None]:
    """Yield the predictions of all images, frames or clips of `samples` in their order, one list a batch.

    Which of them share a batch depends on their order alone, so that a run cut off and continued computes the same
    batches. One that cannot be read has a prediction that says so and leaves its batch smaller.

    Args:
        detector: In inference mode.
        reader: What makes the detector's input out of a sample.
        samples: What to score.
        batch_size: Images, frames or clips of a batch.
        workers: Reading threads.
        skip: Units of the first sample that are scored already.

    Raises:
        ModelError: The network refused a batch, or gave logits that are not finite; names the samples.
    """
    ahead, depth = reader.look_ahead(samples, batch_size, workers)
    units = read_units(samples, reader.units, workers=workers, ahead=ahead, depth=depth)
    try:
        rest = islice(units, skip, None)
        while batch := list(islice(rest, batch_size)):
            yield _score(detector, reader.preprocess, batch)
    finally:
        units.close()  # type: ignore[attr-defined]  # a generator: its threads end with it


def _score(detector: Detector, preprocess: PreprocessSpec, batch: Sequence[Unit]) -> list[Prediction]:
    ready = [unit for unit in batch if unit.pixels is not None]
    scores = iter(_forward(detector, preprocess, ready)) if ready else iter(())
    return [unit.prediction if unit.pixels is None else replace(unit.prediction, score=next(scores)) for unit in batch]


def _forward(detector: Detector, preprocess: PreprocessSpec, units: Sequence[Unit]) -> list[float]:
    device = next(detector.parameters()).device
    pixels = torch.stack([unit.pixels for unit in units if unit.pixels is not None])
    try:
        with torch.inference_mode():
            images = normalise(pixels.to(device, non_blocking=True), preprocess)
            cls = detector({"image": images}, inference=True)["cls"]
    except (RuntimeError, ValueError) as error:
        raise ModelError(f"the network refused a batch of shape {tuple(pixels.shape)}: {error}") from error
    finite = torch.isfinite(cls).all(dim=1).tolist()
    if not all(finite):
        names = [unit.prediction.key for unit, good in zip(units, finite, strict=True) if not good]
        raise ModelError(
            f"the network gave logits that are not finite for {', '.join(names[:5])} ({len(names)} in this batch); "
            f"try --dtype float32, or the weights are damaged"
        )
    scores: list[float] = fake_probability(cls).tolist()
    return scores
