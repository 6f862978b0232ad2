"""The one predictor: samples in, scores out. Every command that scores goes through here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from deepfakebench_ext.data.preprocess import normalise
from deepfakebench_ext.engine.loader import InputSpec, Loaded, load_blocks
from deepfakebench_ext.errors import ModelError
from deepfakebench_ext.models.base import Detector
from deepfakebench_ext.models.probability import fake_probability
from deepfakebench_ext.types import Prediction, Sample

# On a CPU a large batch is slower than a small one: CLIP ViT-L/14 in bfloat16 takes 0.26 s an image in batches of 8
# and 0.47 s in batches of 32.
_BATCH = {"cpu": {"image": 8, "video": 1}, "cuda": {"image": 64, "video": 8}, "mps": {"image": 16, "video": 2}}


def default_batch_size(detector: Detector) -> int:
    """Return the batch size for the detector's device and kind of input."""
    device = next(detector.parameters()).device.type
    return _BATCH.get(device, _BATCH["cpu"])[detector.takes]


def predict(
    detector: Detector, samples: Sequence[Sample], *, batch_size: int, workers: int
) -> Iterator[list[Prediction]]:
    """Yield the predictions of `samples` in their order, one list a batch; a sample that fails has one that says so.

    Args:
        detector: In inference mode.
        samples: What to score.
        batch_size: Samples of a batch; those that cannot be read leave theirs smaller.
        workers: Reading threads.

    Raises:
        ModelError: The network refused a batch, or gave logits that are not finite; names the samples.
    """
    spec = InputSpec(detector.preprocess, detector.clip_len if detector.takes == "video" else None)
    for block in load_blocks(samples, spec, block=batch_size, workers=workers):
        yield _score(detector, block)


def _score(detector: Detector, block: Sequence[Loaded]) -> list[Prediction]:
    ready = [(loaded.sample, loaded.pixels) for loaded in block if loaded.pixels is not None]
    scores: dict[str, float] = {}
    if ready:
        batch = torch.stack([pixels for _, pixels in ready])
        scores = dict(zip((s.key for s, _ in ready), _forward(detector, batch, [s for s, _ in ready]), strict=True))
    return [loaded.failure or Prediction(loaded.sample.key, scores[loaded.sample.key]) for loaded in block]


def _forward(detector: Detector, pixels: torch.Tensor, samples: Sequence[Sample]) -> list[float]:
    device = next(detector.parameters()).device
    try:
        with torch.inference_mode():
            images = normalise(pixels.to(device, non_blocking=True), detector.preprocess)
            cls = detector({"image": images}, inference=True)["cls"]
    except (RuntimeError, ValueError) as error:
        raise ModelError(f"the network refused a batch of shape {tuple(pixels.shape)}: {error}") from error
    finite = torch.isfinite(cls).all(dim=1).tolist()
    if not all(finite):
        names = [sample.key for sample, good in zip(samples, finite, strict=True) if not good]
        raise ModelError(
            f"the network gave logits that are not finite for {', '.join(names[:5])} ({len(names)} in this batch); "
            f"try --dtype float32, or the weights are damaged"
        )
    scores: list[float] = fake_probability(cls).tolist()
    return scores
