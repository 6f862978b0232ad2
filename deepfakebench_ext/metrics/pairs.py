"""Detectors side by side on the same samples: which of their AUCs differ beyond noise. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from deepfakebench_ext.metrics.delong import NORMAL_95, auc_influence, influence_variance, two_sided_p
from deepfakebench_ext.metrics.figure import Floats, Integers, check_clusters

SIGNIFICANT = 0.05
"""A pair whose corrected p-value is below this differs beyond noise."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two detectors on the same samples.

    Attributes:
        first: Name of one.
        second: Name of the other.
        difference: AUC of the first less AUC of the second.
        low: Lower end of the difference's 95 % interval; None where its variance is 0 or unknown.
        high: Upper end of it, or None.
        p_value: Chance of a difference this large if there were none (paired DeLong test, two-sided); None where the
            variance of the difference is 0 although there is one, or a class has one video only.
        p_holm: The same after Holm's correction for all pairs; at least `p_value`.
        differ: Whether `p_holm` is below 0.05.
    """

    first: str
    second: str
    difference: float
    low: float | None
    high: float | None
    p_value: float | None
    p_holm: float | None
    differ: bool


def compare_pairs(
    labels: Integers, scores: Mapping[str, Floats], *, clusters: Integers | None = None
) -> tuple[Pair, ...]:
    """Every pair of detectors, in the order given, with the paired DeLong test on the same samples.

    Scores of the same samples rise and fall together, so that the difference of two AUCs is known better than either.
    With many pairs some would differ by luck; Holm's correction keeps the chance of one such pair at 5 %.

    Args:
        labels: Integers (N,), both classes.
        scores: Detector to float64 (N,): P(fake).
        clusters: Integers (N,): the video that a frame or clip is from; None where every sample stands alone.

    Raises:
        ValueError: The arrays are none that figures are made from, or one class is missing.
    """
    if clusters is not None:
        check_clusters(clusters, labels)
    influences = {name: auc_influence(labels, each) for name, each in scores.items()}
    pairs, differences, spreads = list(combinations(scores, 2)), [], []
    for first, second in pairs:
        one, other = influences[first], influences[second]
        differences.append(one.auc - other.auc)
        spreads.append(influence_variance(one.values - other.values, labels, clusters))
    p_values = [two_sided_p(*test) for test in zip(differences, spreads, strict=True)]
    tests = zip(pairs, differences, spreads, p_values, holm(p_values), strict=True)
    return tuple(_pair(*names, difference, spread, p, adjusted) for names, difference, spread, p, adjusted in tests)


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """p-values corrected for their number, in the order given; None stays None and counts as a test all the same.

    Source: Holm 1979, A simple sequentially rejective multiple test procedure.
    """
    rising = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    corrected: list[float | None] = [None] * len(p_values)
    highest = 0.0
    for rank, (p, place) in enumerate(rising):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p))
        corrected[place] = highest
    return corrected


def _pair(
    first: str, second: str, difference: float, variance: float, p_value: float | None, p_holm: float | None
) -> Pair:
    low = high = None
    if p_value is not None and variance > 0:
        reach = NORMAL_95 * float(np.sqrt(variance))
        low, high = max(difference - reach, -1.0), min(difference + reach, 1.0)
    differ = p_holm is not None and p_holm < SIGNIFICANT
    return Pair(first, second, difference, low, high, p_value, p_holm, differ)
