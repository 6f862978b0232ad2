"""From two-class logits to P(fake): the one place. Knows no torch."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt


def fake_probability(cls: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
    """Return P(fake) (B,) in [0, 1] for two-class logits (B, 2).

    In float64, so that two confident scores that differ in the logits stay different: float32 says 1.0 from a margin
    of 17 on, and ties move AUC. Number by number, as the vectors of NumPy and torch round the same number otherwise by
    its place in the batch.
    """
    margins = cls.astype(np.float64)
    return np.array([_sigmoid(margin) for margin in (margins[:, 1] - margins[:, 0]).tolist()], np.float64)


def _sigmoid(margin: float) -> float:
    try:
        return 1 / (1 + math.exp(-margin))
    except OverflowError:
        return 0.0
