"""Which box finds which true stretch of a video: one to one, from the highest score down. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from deepfakebench_ext.metrics.figure import Floats
from deepfakebench_ext.metrics.segments.stretches import Stretch

Places = NDArray[np.int64]


def overlaps(boxes: Sequence[Stretch], truth: Sequence[Stretch]) -> Floats:
    """(N, M) intersection over union of each box with each true stretch."""
    found, true = _ends(boxes), _ends(truth)
    both = np.minimum(found[:, None, 1], true[None, :, 1]) - np.maximum(found[:, None, 0], true[None, :, 0])
    both = np.maximum(both, 0)
    lengths = (found[:, 1] - found[:, 0])[:, None] + (true[:, 1] - true[:, 0])[None]
    return np.asarray(both / (lengths - both), dtype=np.float64)


def match(overlap: Floats, threshold: float) -> Places:
    """(N,) The true stretch that each box finds, -1 for none.

    Each box in turn takes, of the true stretches that no earlier box has, the one it overlaps most, if by no less than
    the threshold; of two overlapped alike, the earlier.

    Args:
        overlap: (N, M) as `overlaps` gives it, boxes from the highest score down.
        threshold: Least intersection over union, above 0.
    """
    free = overlap.copy()
    found = np.full(len(overlap), -1, np.int64)
    if not overlap.shape[1]:
        return found
    for place in np.flatnonzero(overlap.max(axis=1) >= threshold):
        best = int(np.argmax(free[place]))
        if free[place, best] >= threshold:
            found[place] = best
            free[:, best] = -1.0
    return found


def _ends(stretches: Sequence[Stretch]) -> Places:
    ends = [(stretch.start_us, stretch.end_us) for stretch in stretches]
    return np.array(ends, np.int64).reshape(len(ends), 2)
