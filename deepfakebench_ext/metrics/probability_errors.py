"""Whether a score means what it says: of samples scored 0.8, four in five should be fake. Pure.

As in `steps`, everything works on B weightings of the same samples at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepfakebench_ext.common.choices import Level
from deepfakebench_ext.metrics.figure import Figure, Floats, Integers, one_class_reason
from deepfakebench_ext.metrics.logits import SMALLEST
from deepfakebench_ext.metrics.steps import Steps, steps_of

BINS = 15

DEFINITIONS: dict[str, str] = {
    "brier": "mean squared distance of the score from the label (0 real, 1 fake)",
    "log_loss": "mean of -log of the probability given to the label, in nats, scores clipped to [2.2e-16, 1 - 2.2e-16]",
    "ece_equal_width": "expected calibration error: distance of the mean score from the share of fakes, over "
    f"{BINS} bins of equal width weighted by their samples; above 0 by chance alone, more so with few samples",
    "ece_equal_mass": "expected calibration error: distance of the mean score from the share of fakes, over "
    f"{BINS} bins of nearly equal numbers of samples, equal scores kept together",
}


@dataclass(frozen=True, slots=True)
class Bins:
    """Which thresholds of `Steps` make each bin; fixed by the samples, the same for every resample.

    Attributes:
        equal_width: (BINS + 1,) Places in `Steps.thresholds`: a bin is what lies after one and up to the next.
        equal_mass: The same for bins of equal numbers.
    """

    equal_width: NDArray[np.intp]
    equal_mass: NDArray[np.intp]


def bins(steps: Steps) -> Bins:
    """The bins for the first row of `steps`.

    A bin of equal width holds its lower edge, the last one also 1. Into bins of equal mass a score goes by the middle
    of its samples' ranks, so that neither the order nor a repetition of the samples matters.
    """
    scores, called = steps.thresholds[1:], steps.hits[0] + steps.alarms[0]
    by_width = np.minimum((scores * BINS).astype(np.intp), BINS - 1)
    middle = (called[1:] + called[:-1]) / 2  # ranks from the highest score
    by_mass = BINS - 1 - (middle * BINS / max(int(called[-1]), 1)).astype(np.intp)
    return Bins(_edges(by_width), _edges(by_mass))


def probability_errors(steps: Steps, edges: Bins) -> dict[str, Floats]:
    """Each name of `DEFINITIONS` to its (B,) values. There must be a sample; one class is enough."""
    scores = steps.thresholds[1:]
    fakes, reals = np.diff(steps.hits).astype(np.float64), np.diff(steps.alarms).astype(np.float64)
    total = (steps.fakes + steps.reals).astype(np.float64)
    inside = np.clip(scores, SMALLEST, 1 - SMALLEST)
    log_loss = -(fakes @ np.log(inside) + reals @ np.log1p(-inside)) / total
    mean = np.cumsum((fakes + reals) * scores, axis=1)
    mean = np.concatenate([np.zeros((len(mean), 1)), mean], axis=1)
    return {
        "brier": (fakes @ (1 - scores) ** 2 + reals @ scores**2) / total,
        "log_loss": log_loss,
        "ece_equal_width": _distance(steps, mean, edges.equal_width) / total,
        "ece_equal_mass": _distance(steps, mean, edges.equal_mass) / total,
    }


def log_loss(labels: Integers, scores: Floats, *, level: Level) -> dict[str, Figure]:
    """The figure `{level}_log_loss` alone; undefined without a sample.

    Args:
        labels: Integers (N,): 0 real, 1 fake.
        scores: float64 (N,): P(fake) in [0, 1].
        level: What one row stands for.
    """
    said, name = DEFINITIONS["log_loss"], f"{level}_log_loss"
    if not len(labels):
        return {name: Figure(None, said, one_class_reason(labels), higher_is_better=False)}
    steps = steps_of(labels, scores)
    return {name: Figure(float(probability_errors(steps, bins(steps))["log_loss"][0]), said, higher_is_better=False)}


def reliability(steps: Steps, places: NDArray[np.intp]) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Mean score, share of fakes and number of samples of each bin of the first row that has any, scores rising.

    Args:
        steps: One row.
        places: `Bins.equal_width` or `Bins.equal_mass`.
    """
    samples = np.diff(steps.hits[0] + steps.alarms[0])
    sums = np.concatenate([[0.0], np.cumsum(samples * steps.thresholds[1:])])
    count = np.diff((steps.hits[0] + steps.alarms[0])[places])
    filled = count > 0
    mean, share = np.diff(sums[places])[filled] / count[filled], np.diff(steps.hits[0][places])[filled] / count[filled]
    return mean[::-1], share[::-1], count[filled][::-1]


def _distance(steps: Steps, sums: Floats, places: NDArray[np.intp]) -> Floats:
    distance: Floats = np.abs(np.diff(sums[:, places]) - np.diff(steps.hits[:, places])).sum(axis=1)
    return distance


def _edges(numbers: NDArray[np.intp]) -> NDArray[np.intp]:
    """Where in the thresholds each bin ends, from the highest bin down; `numbers` fall."""
    return np.searchsorted(-numbers, -np.arange(BINS, -1, -1), side="right").astype(np.intp)
