"""Between probabilities and logits. Pure."""

from __future__ import annotations

import numpy as np

from deepfakebench_ext.metrics.figure import Floats

SMALLEST = float(np.finfo(np.float64).eps)
"""Scores nearer to 0 or 1 count as this near, in logits and in the log loss, whose clip is scikit-learn's."""


def to_logits(scores: Floats) -> Floats:
    """log(p / (1 - p)), finite and with a mirror at 0.5: a score of exactly 0 or 1 has a logit of -36 or 36."""
    inside = np.clip(scores, SMALLEST, 1 - SMALLEST)
    logits: Floats = np.log(inside) - np.log1p(-inside)
    return logits


def to_scores(logits: Floats) -> Floats:
    """1 / (1 + exp(-x)), without overflow."""
    small = np.exp(-np.abs(logits))
    scores: Floats = np.where(logits >= 0, 1.0, small) / (1 + small)
    return scores
