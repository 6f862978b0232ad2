"""A scorer that is made up and imports no torch, so that a process that holds one costs next to nothing to start."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Generator, Iterable, Sequence
from typing import Any

from deepfakebench_ext.common.choices import Level
from deepfakebench_ext.common.notices import Notice
from deepfakebench_ext.common.types import Prediction, Sample
from deepfakebench_ext.models.stored_thresholds import Stored

SAMPLES = [Sample(f"{number}.png", f"{number}.png", 1 if number % 2 else 0) for number in range(480)]
BATCH = 3


class MadeScorer:
    """Scores by a hash of the key; every seventh sample cannot be read."""

    name = title = "made"
    is_trained = True
    default_batch_size = BATCH
    default_workers = 2

    def __init__(self, batch_s: float = 0) -> None:
        """Take so long for a batch."""
        self.batch_s = batch_s
        self.stored_thresholds: Stored = {}

    def unit(self, samples: Sequence[Sample]) -> Level:
        """Return what a score is of."""
        return "frame"

    def settings(self, samples: Sequence[Sample], batch_size: int) -> dict[str, Any]:
        """Return as good as nothing."""
        return {"fingerprint": f"{len(samples):064d}", "batch_size": batch_size}

    def notices(self, samples: Sequence[Sample]) -> list[Notice]:
        """Return nothing."""
        return []

    def predict(
        self,
        samples: Sequence[Sample],
        *,
        batch_size: int,
        workers: int,
        skip: int,
        parts: Iterable[Sequence[Sample]],
    ) -> Generator[list[Prediction], None, None]:
        """Yield scores."""
        for part in parts:
            rest = part[skip:]
            skip = 0
            for at in range(0, len(rest), batch_size):
                time.sleep(self.batch_s)
                yield [_prediction(sample.key) for sample in rest[at : at + batch_size]]


def _prediction(key: str) -> Prediction:
    number = int(hashlib.sha256(key.encode()).hexdigest()[:8], 16)
    if number % 7 == 0:
        return Prediction(key, None, "unreadable", "made so")
    return Prediction(key, number / 2**32)
