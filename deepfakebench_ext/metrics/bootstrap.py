"""Figures of samples drawn again from the samples, within each class and video by video. Pure and seeded.

A resample is a row of numbers, how often each sample was drawn, so that nothing is sorted twice. The same samples give
the same resamples in whatever order they come.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepfakebench_ext.metrics.delong import TAIL, Interval
from deepfakebench_ext.metrics.figure import Floats, Integers, check_arrays, check_clusters
from deepfakebench_ext.metrics.logits import to_logits, to_scores
from deepfakebench_ext.metrics.steps import Steps, Tally, count_steps, ladder

CELLS = 1_000_000
"""Resamples times samples that are held at once: 8 MB an array."""
UNASKED = Interval(None, None, "none: it takes a bootstrap, and no resamples were asked for")

Values = Callable[[Steps], dict[str, Floats]]


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """How to draw.

    Attributes:
        resamples: How many times; 0 for no bootstrap.
        seed: Of the generator. The same seed and samples give the same intervals.
    """

    resamples: int = 2000
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse numbers of resamples that no 95 % interval can be read off."""
        if self.resamples != 0 and self.resamples < 100:
            raise ValueError(f"resamples is {self.resamples}; allowed are 0 (none) and 100 or more, such as 2000")


def resampled(
    labels: Integers, scores: Floats, clusters: Integers | None, *, settings: Bootstrap, values: Values
) -> dict[str, Floats]:
    """What `values` gives for each resample: name to float64 (resamples,).

    In every class as many videos are drawn, with replacement, as it has; a video brings all its samples of that class.

    Args:
        labels: Integers (N,), N >= 1; one class is enough.
        scores: float64 (N,).
        clusters: Integers (N,): the video that a sample is from; without them, every sample stands alone.
        settings: How often to draw, at least 100 times, and the seed.
        values: Figures of the (B,) rows of `Steps`.

    Raises:
        ValueError: The arrays are none that figures are made from.
    """
    check_arrays(labels, scores)
    if clusters is not None:
        check_clusters(clusters, labels)
    sorted_ = ladder(labels, scores)
    ordered = None if clusters is None else clusters[sorted_.order]
    classes = [np.flatnonzero(sorted_.labels == label) for label in (0, 1)]
    strata = [
        _Stratum(places, _numbers(scores[sorted_.order][places], ordered, places)) for places in classes if len(places)
    ]
    generators = [np.random.default_rng(seed) for seed in np.random.SeedSequence(settings.seed).spawn(len(strata))]
    parts = []
    for rows in _batches(settings.resamples, len(labels)):
        weights = np.empty((rows, len(labels)), np.int64)
        for stratum, generator in zip(strata, generators, strict=True):
            weights[:, stratum.places] = stratum.draw(rows, generator)
        parts.append(values(count_steps(sorted_, weights)))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def percentile_interval(value: float, draws: Floats, method: str) -> Interval:
    """The middle 95 % of the resamples' figures, stretched to hold the value itself.

    Args:
        value: The figure of the samples.
        draws: float64 (B,): of the resamples, NaN where undefined.
        method: What to call it.
    """
    if reason := _no_spread(draws):
        return Interval(None, None, reason)
    low, high = np.quantile(draws, [TAIL, 1 - TAIL])
    return Interval(min(float(low), value), max(float(high), value), f"{method}, percentile")


def squared_interval(value: float, draws: Floats, method: str) -> Interval:
    """As `percentile_interval`, for a figure that chance alone raises above 0, such as ECE.

    Chance adds its variance to the square of such a figure, and drawing again adds it once more. So the middle of the
    squared draws is mirrored at the squared value: the interval leans back by what chance added. For a perfectly
    calibrated detector the percentile interval holds the true ECE of 0 never, this one nearly always.
    """
    if reason := _no_spread(draws):
        return Interval(None, None, reason)
    low, high = 2 * value**2 - np.quantile(draws, [1 - TAIL, TAIL]) ** 2
    ends = min(float(np.sqrt(max(low, 0.0))), value), max(float(np.sqrt(max(high, 0.0))), value)
    return Interval(*ends, f"{method}, basic on the scale of squares")


def logit_interval(value: float, draws: Floats, method: str, *, smaller: int, nearest: float) -> Interval:
    """As `percentile_interval`, for a figure in [0, 1] whose draws lean to one side, such as AP.

    As wide as the draws are on the scale of log(p / (1 - p)), on both sides of the figure itself, with Student's
    quantile and the spread of as many samples as the smaller class has: of 60 and 60 samples the percentile interval
    of AP or partial AUC holds the truth in 88 to 93 % of simulated draws, this one in 94 to 98 and 92 to 98 %
    (`scripts/bench_intervals.py`).

    Args:
        value: The figure of the samples.
        draws: float64 (B,): of the resamples, NaN where undefined.
        method: What to call it.
        smaller: Samples of the smaller class, or videos where they are drawn.
        nearest: Figures nearer to 0 or 1 count as this near, in (0, 0.5): half of what one pair ranked wrongly costs.
    """
    if reason := _no_spread(draws):
        return Interval(None, None, reason)
    if smaller < 2:
        return Interval(None, None, "none: a class has one sample or video only, which shows no spread")
    from scipy.special import stdtrit

    logits = to_logits(np.clip(np.append(draws, value), nearest, 1 - nearest))
    spread = float(np.std(logits[:-1], ddof=1)) * math.sqrt(smaller / (smaller - 1))
    reach = float(stdtrit(smaller - 1, 1 - TAIL)) * spread
    low, high = to_scores(logits[-1] + np.array([-reach, reach]))
    return Interval(min(float(low), value), max(float(high), value), f"{method}, logit scale")


@dataclass(frozen=True, slots=True)
class _Stratum:
    """One class: its places on the ladder, and the number of the video in each."""

    places: NDArray[np.intp]
    numbers: NDArray[np.intp]

    def draw(self, rows: int, generator: np.random.Generator) -> Tally:
        count = int(self.numbers.max()) + 1
        drawn = generator.integers(0, count, (rows, count)) + count * np.arange(rows)[:, None]
        times = np.bincount(drawn.ravel(), minlength=rows * count).reshape(rows, count)
        return times[:, self.numbers]


def _numbers(scores: Floats, clusters: Integers | None, places: NDArray[np.intp]) -> NDArray[np.intp]:
    """The videos of one class from 0, numbered by their scores and not by the order in which they came."""
    if clusters is None:
        return np.arange(len(places))
    _, numbers = np.unique(clusters[places], return_inverse=True)
    # Videos whose scores differ may have the same sum of scores; the exponentials of different scores never add up so.
    sums = np.bincount(numbers, np.exp(scores))
    ranks = np.empty(len(sums), np.intp)
    ranks[np.argsort(sums, kind="stable")] = np.arange(len(sums))
    return ranks[numbers]


def _batches(resamples: int, samples: int) -> list[int]:
    each = max(1, min(resamples, CELLS // samples))
    return [min(each, resamples - start) for start in range(0, resamples, each)]


def _no_spread(draws: Floats) -> str:
    if undefined := int(np.isnan(draws).sum()):
        return f"none: {undefined} of {len(draws)} bootstrap resamples leave the figure undefined"
    if draws.min() == draws.max():
        return "none: all bootstrap resamples give one value, which does not say how far the truth may be"
    return ""
