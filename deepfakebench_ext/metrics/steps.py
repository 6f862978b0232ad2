"""How many fakes and reals score at least each threshold, and the ranking figures read off these numbers. Pure.

Everything here works on B weightings of the same samples at once, one a row: B = 1 with all weights 1 are the samples
themselves, and a bootstrap resample is a row that says how often each was drawn. So a figure and its interval come from
the same lines. Sums run over whole numbers, which no order changes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepfakebench_ext.metrics.figure import Floats, Integers

Tally = NDArray[np.int64]
ROUNDING = 1e-9
"""Slack in turning a rate into a number of samples: 0.07 * 100 is 7.000000000000001, and means 7."""


@dataclass(frozen=True, slots=True)
class Ladder:
    """Samples sorted from the highest score to the lowest; among equal scores, fakes first.

    Attributes:
        order: (N,) The samples' places before sorting.
        labels: (N,) int64.
        thresholds: (K,) float64: infinity, then every distinct score, falling.
        ends: (K - 1,) Place of the last sample of each distinct score.
    """

    order: NDArray[np.intp]
    labels: Tally
    thresholds: Floats
    ends: NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Steps:
    """Numbers of samples at or above each threshold.

    Attributes:
        thresholds: (K,) float64: infinity, then every distinct score, falling.
        hits: (B, K) int64: fakes whose score is at least the threshold; from 0 to all fakes.
        alarms: (B, K) int64: reals whose score is at least the threshold; from 0 to all reals.
    """

    thresholds: Floats
    hits: Tally
    alarms: Tally

    @property
    def fakes(self) -> Tally:
        """(B,) Numbers of fakes."""
        return self.hits[:, -1]

    @property
    def reals(self) -> Tally:
        """(B,) Numbers of reals."""
        return self.alarms[:, -1]


def ladder(labels: Integers, scores: Floats) -> Ladder:
    """Sort labels (N,) and scores (N,), both already checked."""
    order = np.lexsort((-labels.astype(np.int8), -scores))
    falling = scores[order]
    ends = np.flatnonzero(np.diff(falling, append=-1.0))  # no score is below 0, so the last one is an end
    return Ladder(order, labels[order].astype(np.int64), np.concatenate([[np.inf], falling[ends]]), ends)


def count_steps(sorted_: Ladder, weights: Tally) -> Steps:
    """Count under every weighting: weights (B, N) int64 in the order of the ladder."""
    everything = np.cumsum(weights, axis=1)[:, sorted_.ends]
    fakes = np.cumsum(weights * sorted_.labels, axis=1)[:, sorted_.ends]
    return Steps(sorted_.thresholds, _from_zero(fakes), _from_zero(everything - fakes))


def steps_of(labels: Integers, scores: Floats) -> Steps:
    """Count labels (N,) and scores (N,), both already checked, every sample once: as `count_steps` of their ladder.

    A score in [0, 1] has the order of its bits, but for a negative zero, whose sign is shifted out; a label takes the
    place of the lowest one. So whole numbers are sorted, which is several times as fast, in one array.
    """
    falling = ~packed(labels, scores)  # from the highest score to the lowest, fakes first
    falling.sort()
    np.invert(falling, out=falling)
    bits = falling >> np.uint64(1)
    ends = np.flatnonzero(np.append(bits[1:] != bits[:-1], [True] * bool(len(bits))))
    fakes = np.cumsum((falling & np.uint64(1)).astype(np.int8), dtype=np.int64)[ends]
    thresholds = np.concatenate([[np.inf], bits[ends].view(np.float64)])
    return Steps(thresholds, _from_zero(fakes[None]), _from_zero((ends + 1 - fakes)[None]))


def packed(labels: Integers, scores: Floats) -> NDArray[np.uint64]:
    """(N,) A whole number for each score in [0, 1] and label, in the order of the scores; of equal ones, fakes last."""
    found: NDArray[np.uint64] = (scores.view(np.uint64) << np.uint64(1)) | labels.astype(np.uint64)
    return found


def _from_zero(counts: Tally) -> Tally:
    return np.concatenate([np.zeros((len(counts), 1), np.int64), counts], axis=1)


def area(steps: Steps) -> Floats:
    """(B,) AUC. Both classes must be there, here and below."""
    twice = np.sum(np.diff(steps.alarms) * (steps.hits[:, 1:] + steps.hits[:, :-1]), axis=1)
    return np.asarray(twice / (2 * steps.fakes * steps.reals), dtype=np.float64)


def average_precision(steps: Steps) -> Floats:
    """(B,) Step-wise average precision: precision at each threshold times the recall that it adds."""
    called = steps.hits[:, 1:] + steps.alarms[:, 1:]
    precision = steps.hits[:, 1:] / np.maximum(called, 1)
    return np.asarray(np.sum(np.diff(steps.hits) * precision, axis=1) / steps.fakes, dtype=np.float64)


def equal_error(steps: Steps) -> tuple[Floats, NDArray[np.intp]]:
    """(B,) Equal error rates, and (B,) the thresholds' places whose ROC lines they lie on.

    Every distinct score adds one straight line to the ROC curve. FPR - FNR rises along it, from -1 to 1, so exactly
    one line reaches 0 first, and the rate is read off where it does. DeepfakeBench takes the FPR of the nearest point
    instead, which with ties can be far off: for labels 0 0 1 1 and scores 0 0 1 0 it says 0, the lines cross at 1/3.

    Source: DeepfakeBench training/metrics/utils.py, `eer`, not reproduced here.
    """
    gap = _error_gap(steps)
    rows, end = np.arange(len(gap)), np.argmax(gap >= 0, axis=1)
    start = end - 1
    along = -gap[rows, start] / (gap[rows, end] - gap[rows, start])
    first, last = steps.alarms[rows, start], steps.alarms[rows, end]
    return np.asarray((first + along * (last - first)) / steps.reals, dtype=np.float64), end


def equal_error_cut(steps: Steps) -> float:
    """A threshold for decisions, of the first row: a score above it is fake, with FPR as near FNR as decisions can be.

    Halfway between the two neighbouring scores that it parts, so that it divides other samples fairly; of two cuts
    equally near, the one with the lower FPR. The score that the EER's own line stands for (`eer_threshold`) lies right
    above or below it.
    """
    return _cut_after(steps, int(np.argmin(np.abs(_error_gap(steps)[0]))))


def balanced_cut(steps: Steps) -> float:
    """A threshold of the first row where decisions have the best balanced accuracy; of equal ones the highest.

    Halfway between the two neighbouring scores that it parts, as `equal_error_cut`.
    """
    hits, alarms = steps.hits[0], steps.alarms[0]
    return _cut_after(steps, int(np.argmax(hits * steps.reals[0] - alarms * steps.fakes[0])))


def alarm_cut(steps: Steps, false_positive_rate: float) -> float:
    """The lowest threshold of the first row at which at most this share of reals is called fake, between two scores."""
    allowed = np.floor(false_positive_rate * steps.reals[0] + ROUNDING)
    return _cut_after(steps, int(np.count_nonzero(steps.alarms[0] <= allowed)) - 1)


def _cut_after(steps: Steps, place: int) -> float:
    """Halfway between the score at a place and the next lower one, which a score of its own is not above."""
    scores = steps.thresholds
    if place == 0 or place == len(scores) - 1:  # nothing is above the highest
        return float(scores[1])
    above, below = float(scores[place]), float(scores[place + 1])
    middle = (above + below) / 2
    return middle if middle < above else below


def _error_gap(steps: Steps) -> Tally:
    """(B, K) (FPR - FNR) * reals * fakes, in whole numbers: 0 is exactly 0."""
    fakes, reals = steps.fakes[:, None], steps.reals[:, None]
    return steps.alarms * fakes - (fakes - steps.hits) * reals


def hit_rate_at(steps: Steps, false_positive_rate: float) -> Floats:
    """(B,) The highest TPR of any threshold whose FPR is at most this; nothing is interpolated."""
    allowed = np.floor(false_positive_rate * steps.reals + ROUNDING)[:, None]
    last = np.count_nonzero(steps.alarms <= allowed, axis=1) - 1
    return np.asarray(steps.hits[np.arange(len(last)), last] / steps.fakes, dtype=np.float64)


def alarm_rate_at(steps: Steps, true_positive_rate: float) -> Floats:
    """(B,) The lowest FPR of any threshold whose TPR is at least this; nothing is interpolated."""
    needed = np.ceil(true_positive_rate * steps.fakes - ROUNDING)[:, None]
    first = np.argmax(steps.hits >= needed, axis=1)
    return np.asarray(steps.alarms[np.arange(len(first)), first] / steps.reals, dtype=np.float64)


def partial_area(steps: Steps, limit: float) -> Floats:
    """(B,) Area under the ROC curve where FPR <= limit, standardised: 0.5 is chance, 1 perfect.

    Source: McClish 1989, Analyzing a portion of the ROC curve; scikit-learn's `roc_auc_score(max_fpr=...)`.
    """
    alarms, hits = steps.alarms, steps.hits
    inside = np.minimum(alarms, (limit * steps.reals)[:, None])
    width = np.diff(inside)
    share = width / np.maximum(np.diff(alarms), 1)  # of the line that lies inside the limit
    height = hits[:, :-1] + np.diff(hits) * share / 2
    raw = np.sum(width * height, axis=1) / (steps.fakes * steps.reals)
    chance = limit**2 / 2
    return np.asarray(0.5 * (1 + (raw - chance) / (limit - chance)), dtype=np.float64)


def called_fake(steps: Steps, threshold: float) -> tuple[Tally, Tally]:
    """(B,) Fakes and (B,) reals whose score is above the threshold."""
    last = np.count_nonzero(steps.thresholds > threshold) - 1
    return steps.hits[:, last], steps.alarms[:, last]
