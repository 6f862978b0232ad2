"""Between probabilities and logits. Pure."""

from __future__ import annotations

import numpy as np

from deepfakebench_ext.metrics.figure import Floats


def to_logits(scores: Floats) -> Floats:
    """log(p / (1 - p)), finite: a score of exactly 0 or 1 counts as the nearest double that has a logit."""
    inside = np.clip(scores, np.nextafter(0.0, 1.0), np.nextafter(1.0, 0.0))
    logits: Floats = np.log(inside) - np.log1p(-inside)
    return logits


def to_scores(logits: Floats) -> Floats:
    """1 / (1 + exp(-x)), without overflow."""
    small = np.exp(-np.abs(logits))
    scores: Floats = np.where(logits >= 0, 1.0, small) / (1 + small)
    return scores
