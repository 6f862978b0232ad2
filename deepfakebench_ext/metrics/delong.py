"""How far the AUC of these samples may be from the AUC of all such samples: DeLong's variance and interval. Pure.

The AUC is a mean over the fakes and, at once, over the reals. What each sample adds to it beyond the mean (its
influence) gives the variance: of one AUC, of the difference of two on the same samples, of a mean of several; the
frames of one video, which are alike, first added up to one.

Source: DeLong, DeLong and Clarke-Pearson 1988; Sun and Xu 2014 (mid-ranks in place of all pairs); Obuchowski 1997
(clustered samples). With one sample a cluster, Obuchowski's variance is DeLong's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from deepfakebench_ext.metrics.figure import (
    Figure,
    Floats,
    Integers,
    check_arrays,
    check_clusters,
    one_class_reason,
    renumbered,
)

TAIL = 0.025
"""Chance left out on each side of a 95 % interval."""
NORMAL_95 = NormalDist().inv_cdf(1 - TAIL)
PAIRS_METHOD = "exact binomial (Clopper-Pearson) on disjoint pairs of a fake and a real: the variance is 0"


@dataclass(frozen=True, slots=True)
class Influence:
    """An AUC and what each sample adds to it.

    Attributes:
        auc: AUC in [0, 1], ties counted half.
        values: float64 (N,), summing to 0 in either class: (share of the other class that the sample ranks rightly -
            auc) / number of its class.
    """

    auc: float
    values: Floats


@dataclass(frozen=True, slots=True)
class Interval:
    """Ends of a 95 % interval, or None for both.

    Attributes:
        low: Lower end.
        high: Upper end.
        method: How it was made; where there is none, why.
    """

    low: float | None
    high: float | None
    method: str

    def figure(self, value: float, definition: str, *, higher_is_better: bool | None, warning: str = "") -> Figure:
        """Return the figure that has this interval."""
        return Figure(
            value,
            definition,
            higher_is_better=higher_is_better,
            low=self.low,
            high=self.high,
            interval=self.method,
            warning=warning,
        )


def auc_influence(labels: Integers, scores: Floats) -> Influence:
    """The AUC and the influence of every sample, in O(N log N).

    Raises:
        ValueError: The arrays are none that figures are made from, or one class is missing.
    """
    check_arrays(labels, scores)
    if reason := one_class_reason(labels):
        raise ValueError(f"no AUC: {reason}")
    fake = labels == 1
    fakes, reals = int(fake.sum()), int(len(labels) - fake.sum())
    overall = twice_midranks(scores)
    # Twice the number of samples of the other class that each one is ranked rightly against.
    fake_wins = overall[fake] - twice_midranks(scores[fake])
    real_wins = 2 * fakes - (overall[~fake] - twice_midranks(scores[~fake]))
    auc = int(fake_wins.sum()) / (2 * fakes * reals)
    values = np.empty(len(labels))
    values[fake] = (fake_wins / (2 * reals) - auc) / fakes
    values[~fake] = (real_wins / (2 * fakes) - auc) / reals
    return Influence(auc, values)


def twice_midranks(scores: Floats) -> Integers:
    """Twice the rank of each score from 1, tied scores sharing their mean rank: whole numbers, int64 (N,)."""
    order = None if (scores[1:] >= scores[:-1]).all() else np.argsort(scores, kind="stable")
    rising = scores if order is None else scores[order]
    first = np.flatnonzero(np.concatenate([[True], rising[1:] != rising[:-1]])[: len(rising)])
    sizes = np.diff(first, append=len(scores))
    first *= 2
    first += sizes + 1
    ranks = np.repeat(first, sizes)
    if order is not None:
        ranks[order] = ranks.copy()
    return ranks


def influence_variance(influence: Floats, labels: Integers, clusters: Integers | None = None) -> float:
    """Variance of an estimate whose influence by sample is given, or of a sum of such estimates.

    Args:
        influence: float64 (N,), such as `Influence.values` or the difference of two.
        labels: Integers (N,).
        clusters: Integers (N,): the number of the video that a sample is from; without them, every sample stands alone.

    Returns:
        The variance; NaN where a class has fewer than two clusters.
    """
    numbers = np.arange(len(labels)) if clusters is None else renumbered(clusters)
    count, fake = int(numbers.max()) + 1, labels == 1
    sums = [np.bincount(numbers[chosen], influence[chosen], count) for chosen in (fake, ~fake)]
    sizes = [np.count_nonzero(np.bincount(numbers[chosen], minlength=count)) for chosen in (fake, ~fake)]
    if min(sizes) < 2:
        return math.nan
    own = sum(float(size / (size - 1) * np.sum(part**2)) for size, part in zip(sizes, sums, strict=True))
    shared = count / (count - 1) * float(np.sum(sums[0] * sums[1]))  # 0 unless a video has fakes and reals
    return max(float(own + 2 * shared), 0.0)


def auc_interval(labels: Integers, scores: Floats, clusters: Integers | None = None) -> Interval:
    """95 % interval of the AUC.

    Normal on the scale of log(AUC / (1 - AUC)), which keeps it inside [0, 1] and, near 1, wider below than above. The
    plain interval may pass 1 there, and holds the truth less often than it says.

    An AUC of 0 or 1 has a variance of 0, which says nothing: few samples are often separated by luck. There the bound
    is the AUC at which min(reals, fakes) disjoint pairs, each of other videos, would all be ranked so once in 40 times.

    Args:
        labels: Integers (N,), both classes.
        scores: float64 (N,).
        clusters: Integers (N,): the video that a frame or clip is from; without them, every sample stands alone.

    Raises:
        ValueError: The arrays are none that figures are made from, or one class is missing.
    """
    return influence_interval(auc_influence(labels, scores), labels, clusters)


def influence_interval(influence: Influence, labels: Integers, clusters: Integers | None = None) -> Interval:
    """As `auc_interval`, of an AUC whose influence is known.

    Raises:
        ValueError: The clusters are not one integer a label.
    """
    if clusters is not None:
        check_clusters(clusters, labels)
    variance, auc = influence_variance(influence.values, labels, clusters), influence.auc
    pairs = _pairs(labels, clusters) if auc in (0.0, 1.0) else 0
    return interval_of(auc, variance, pairs, is_clustered=clusters is not None)


def interval_of(auc: float, variance: float, pairs: int, *, is_clustered: bool) -> Interval:
    """As `auc_interval`, of an AUC whose variance is known.

    Args:
        auc: In [0, 1].
        variance: NaN where a class has one sample or video only.
        pairs: How many disjoint pairs of a fake and a real there are; only an AUC of 0 or 1 needs them.
        is_clustered: Whether it is the variance of samples clustered by video.
    """
    if math.isnan(variance):
        return Interval(None, None, "none: a class has one sample or video only, which shows no spread")
    if auc in (0.0, 1.0):
        bound = TAIL ** (1 / pairs)
        return Interval(bound, 1.0, PAIRS_METHOD) if auc == 1 else Interval(0.0, 1 - bound, PAIRS_METHOD)
    if variance == 0:
        return Interval(None, None, "none: the variance is 0, all scores or all videos are alike")
    logit = math.log(auc / (1 - auc))
    reach = NORMAL_95 * math.sqrt(variance) / (auc * (1 - auc))
    method = "DeLong clustered by video (Obuchowski), logit scale" if is_clustered else "DeLong, logit scale"
    return Interval(min(_sigmoid(logit - reach), auc), max(_sigmoid(logit + reach), auc), method)


def proportion_interval(successes: int, trials: int) -> Interval:
    """Wilson's 95 % interval of a share of independent trials. It holds near 0 and 1, where the normal one fails.

    Raises:
        ValueError: There are no trials, or not 0 <= successes <= trials.
    """
    if trials < 1 or not 0 <= successes <= trials:
        raise ValueError(f"{successes} successes of {trials} trials; give at least one trial, and no more successes")
    share, squared = successes / trials, NORMAL_95**2
    middle = share + squared / (2 * trials)
    reach = NORMAL_95 * math.sqrt(share * (1 - share) / trials + squared / (4 * trials**2))
    low, high = (middle - reach) / (1 + squared / trials), (middle + reach) / (1 + squared / trials)
    return Interval(min(max(low, 0.0), share), max(min(high, 1.0), share), "Wilson")


def two_sided_p(difference: float, variance: float) -> float | None:
    """Chance of a difference at least this large if there were none; None where the variance of one is 0."""
    if difference == 0:
        return 1.0
    return math.erfc(abs(difference) / math.sqrt(2 * variance)) if variance > 0 else None


def _pairs(labels: Integers, clusters: Integers | None) -> int:
    """How many pairs of a fake and a real can be formed of which no two share a video."""
    numbers = np.arange(len(labels)) if clusters is None else clusters
    fake, real = np.unique(numbers[labels == 1]), np.unique(numbers[labels == 0])
    shared = len(np.intersect1d(fake, real, assume_unique=True))
    return min(len(fake), len(real), (len(fake) + len(real) - shared) // 2)


def _sigmoid(logit: float) -> float:
    return 1 / (1 + math.exp(-logit)) if logit >= 0 else math.exp(logit) / (1 + math.exp(logit))
