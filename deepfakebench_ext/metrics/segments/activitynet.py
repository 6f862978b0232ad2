"""AP as ActivityNet's detection task computes it, which ActionFormer and UMMAFormer print too. Pure.

What differs from `detection`, all of it kept: ties between scores stand in the reversed order of NumPy's default sort,
which is not stable; so do true stretches that a proposal overlaps alike; a proposal of equal score is a step of its
own; a proposal in a video without true stretches, or that the truth does not know, is a false alarm.

Source: activitynet/ActivityNet Evaluation/eval_detection.py and utils.py, for a single label.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from deepfakebench_ext.metrics.figure import Floats

THRESHOLDS = (0.5, 0.75, 0.95)
MEAN_THRESHOLDS = tuple(percent / 100 for percent in range(50, 100, 5))


def average_precision(proposals: Mapping[str, Floats], labels: Mapping[str, Floats], threshold: float) -> float | None:
    """AP at one overlap; None where there is no true stretch.

    Args:
        proposals: For each video float64 (N, 3): score, start and end in seconds, in the order of the file.
        labels: For each video float64 (M, 2): starts and ends of the true stretches, in the order of the file.
        threshold: Least intersection over union, `>=`.
    """
    true = sum(map(len, labels.values()))
    if not true:
        return None
    rows = [(video, row) for video, listed in proposals.items() for row in listed]
    scores = np.array([row[0] for _, row in rows], np.float64)
    free = {video: np.ones(len(listed), bool) for video, listed in labels.items()}
    hits = np.zeros(len(rows))
    for rank, place in enumerate(np.argsort(scores)[::-1]):
        video, row = rows[place]
        hits[rank] = video in labels and _takes(row, labels[video], free[video], threshold)
    found = np.cumsum(hits)
    return _area(found / np.arange(1, len(found) + 1), found / true)


def mean_average_precision(proposals: Mapping[str, Floats], labels: Mapping[str, Floats]) -> float | None:
    """Mean of the AP at overlaps of 0.5 to 0.95; None where there is no true stretch."""
    values = [average_precision(proposals, labels, threshold) for threshold in MEAN_THRESHOLDS]
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _takes(row: Floats, labels: Floats, free: NDArray[np.bool_], threshold: float) -> bool:
    """Whether a proposal finds a true stretch that is still free; it is then no longer."""
    overlap = _overlaps(row, labels)
    for place in np.argsort(overlap)[::-1]:
        if overlap[place] < threshold:
            return False
        if free[place]:
            free[place] = False
            return True
    return False


def _overlaps(row: Floats, labels: Floats) -> Floats:
    both = np.maximum(np.minimum(row[2], labels[:, 1]) - np.maximum(row[1], labels[:, 0]), 0)
    return np.asarray(both / ((labels[:, 1] - labels[:, 0]) + (row[2] - row[1]) - both), dtype=np.float64)


def _area(precision: Floats, recall: Floats) -> float:
    hull = np.maximum.accumulate(np.concatenate([precision, [0.0]])[::-1])[::-1]
    steps = np.diff(np.concatenate([[0.0], recall, [1.0]]))
    return float(np.sum(steps * hull))
