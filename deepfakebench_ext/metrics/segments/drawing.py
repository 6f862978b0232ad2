"""How often each video is drawn: once for the figures, again and again for their intervals. Pure and seeded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from deepfakebench_ext.metrics.bootstrap import CELLS, Bootstrap
from deepfakebench_ext.metrics.figure import Floats
from deepfakebench_ext.metrics.segments.judged import JudgedVideo
from deepfakebench_ext.metrics.steps import Tally

Rows = Callable[[Tally], Floats]
"""Takes (B, V): how often each video counts. Gives (B,): the figure, NaN where undefined."""


def draws(videos: Sequence[JudgedVideo], settings: Bootstrap, cells: int) -> Iterator[Tally]:
    """Yield (B, V) batches: as many real and as many manipulated videos as there are, drawn with replacement.

    Args:
        videos: (V) in the order of their keys, so that the same videos give the same draws.
        settings: How often to draw, and the seed.
        cells: Numbers that one row takes in a figure; batches are as large as memory allows.
    """
    groups = [np.flatnonzero([video.is_real is real for video in videos]) for real in (True, False)]
    generators = [np.random.default_rng(seed) for seed in np.random.SeedSequence(settings.seed).spawn(len(groups))]
    each = max(1, min(settings.resamples, CELLS // max(cells, 1)))
    for start in range(0, settings.resamples, each):
        weights = np.zeros((min(each, settings.resamples - start), len(videos)), np.int64)
        for group, generator in zip(groups, generators, strict=True):
            if len(group):
                weights[:, group] = _drawn(len(weights), len(group), generator)
        yield weights


def _drawn(rows: int, count: int, generator: np.random.Generator) -> Tally:
    drawn = generator.integers(0, count, (rows, count)) + count * np.arange(rows)[:, None]
    return np.bincount(drawn.ravel(), minlength=rows * count).reshape(rows, count)


def ratio(above: Tally, below: Tally) -> Rows:
    """Figure: sum of `above` (V,) by sum of `below` (V,); NaN where the latter is 0."""

    def rows(weights: Tally) -> Floats:
        return divided(weights @ above, weights @ below)

    return rows


def divided(above: Tally | Floats, below: Tally | Floats) -> Floats:
    """Quotients, NaN where the divisor is 0."""
    quotients = np.full(np.shape(above), np.nan)
    np.divide(above, below, out=quotients, where=np.asarray(below) != 0)
    return quotients


def median(values: Floats, videos: Tally) -> Rows:
    """Figure: the median of `values` (N,), each counted as often as its video in `videos` (N,)."""
    order = np.argsort(values, kind="stable")
    rising, owners = values[order], videos[order]

    def rows(weights: Tally) -> Floats:
        if not len(rising):
            return np.full(len(weights), np.nan)
        upto = np.cumsum(weights[:, owners], axis=1)
        last = upto[:, -1:]
        lower = np.argmax(2 * upto >= last, axis=1)
        upper = np.argmax(2 * upto > last, axis=1)
        return np.where(last[:, 0] > 0, (rising[lower] + rising[upper]) / 2, np.nan)

    return rows
