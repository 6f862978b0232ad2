"""What every reader gives, and what an evaluation needs of one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from deepfakebench_ext.common.types import Prediction, Sample
from deepfakebench_ext.data.preprocess.transform import PreprocessSpec


@dataclass(frozen=True, slots=True, eq=False)
class Unit:
    """One image, frame or clip after reading.

    Attributes:
        prediction: What is known of it before it is scored, or why it cannot be.
        pixels: uint8 (3, H, W), or (T, 3, H, W) for a clip; None where there is nothing to score.
    """

    prediction: Prediction
    pixels: torch.Tensor | None


class SampleReader(Protocol):
    """What an evaluation needs of whatever reads its samples. Safe in several threads.

    Attributes:
        preprocess: How a frame is prepared; the predictor normalises by it.
    """

    preprocess: PreprocessSpec

    def to_dict(self) -> dict[str, Any]:
        """Return what is recorded of it: everything that decides which pixels a detector sees."""

    def look_ahead(self, samples: Sequence[Sample], batch_size: int, workers: int) -> tuple[int, int]:
        """Return how many samples may be read ahead, and how many units of each may wait."""

    def units(self, sample: Sample) -> Iterator[Unit]:
        """Yield the units of a sample, at least one; what cannot be read is a unit that says why."""
