"""How well the scores part manipulated from real time: each score counts as long as it holds. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from deepfakebench_ext.metrics.figure import Floats
from deepfakebench_ext.metrics.segments.drawing import Rows
from deepfakebench_ext.metrics.segments.judged import JudgedVideo
from deepfakebench_ext.metrics.segments.stretches import ScoredStretch, Stretch
from deepfakebench_ext.metrics.steps import Steps, Tally, area, average_precision, count_steps, ladder

MILLISECOND_US = 1000
"""Ends of scores are rounded to it: products of a month's whole milliseconds still fit 64 bits."""
LEVELS = 4096
"""Resamples of more different scores than this are of as many groups of neighbouring ones, which are taken for tied."""


class ScoredTime:
    """All scored time of a set of videos, cut where the truth changes.

    Attributes:
        pieces: How many stretches of one score and one label there are.
    """

    def __init__(self, videos: Sequence[JudgedVideo]) -> None:
        """Cut the scores of each video by its truth, and sort them."""
        rows = [(*piece, place) for place, video in enumerate(videos) for piece in _pieces(video)]
        columns = np.array(rows, np.float64).reshape(len(rows), 4)
        self.pieces = len(rows)
        self._videos = len(videos)
        self._ladder = ladder(columns[:, 0].astype(np.int64), columns[:, 1])
        self._lengths = columns[self._ladder.order, 2].astype(np.int64)
        self._owners = columns[self._ladder.order, 3].astype(np.int64)

    def rows(self, name: str) -> Rows:
        """Figure: `auc` or `ap` of the time; NaN where it is all manipulated or all real."""
        return _rows(name, lambda weights: count_steps(self._ladder, weights[:, self._owners] * self._lengths))

    def coarse_rows(self, name: str) -> Rows:
        """The same from at most `LEVELS` levels of scores: for resamples, which take a hundredth of the time so."""
        histograms = self._histograms()

        def steps(weights: Tally) -> Steps:
            # Sums of whole numbers are exact in floating point up to 2**53, and its products a hundred times quicker.
            real, fake = (np.cumsum(weights.astype(np.float64) @ each, axis=1) for each in histograms)
            none = np.zeros((len(weights), 1))
            hits, alarms = (np.concatenate([none, each], axis=1).astype(np.int64) for each in (fake, real))
            return Steps(np.empty(0), hits, alarms)

        return _rows(name, steps)

    def _histograms(self) -> list[Floats]:
        """(V, K) milliseconds of each video at each level, from the highest on, for either label."""
        upto = np.cumsum(self._lengths)[self._ladder.ends]
        levels = np.unique((upto - 1) * LEVELS // max(int(self._lengths.sum()), 1), return_inverse=True)[1]
        if len(levels) <= LEVELS:
            levels = np.arange(len(levels))
        of_piece = levels[np.searchsorted(self._ladder.ends, np.arange(self.pieces))]
        count = int(levels.max(initial=-1)) + 1
        found: list[Floats] = []
        for label in (0, 1):
            chosen = self._ladder.labels == label
            places = self._owners[chosen] * count + of_piece[chosen]
            summed = np.bincount(places, self._lengths[chosen], minlength=self._videos * count)
            found.append(summed.astype(np.float64).reshape(self._videos, count))
        return found


def _rows(name: str, count: Callable[[Tally], Steps]) -> Rows:
    value = {"auc": area, "ap": average_precision}[name]

    def rows(weights: Tally) -> Floats:
        steps = count(weights)
        found = np.full(len(weights), np.nan)
        both = (steps.fakes > 0) & (steps.reals > 0)
        if both.any():
            found[both] = value(Steps(steps.thresholds, steps.hits[both], steps.alarms[both]))
        return found

    return rows


def _pieces(video: JudgedVideo) -> Iterator[tuple[int, float, int]]:
    """Yield label, score and whole milliseconds."""
    for scored in video.scores:
        for label, start, end in _labelled(scored, video.truth):
            milliseconds = _rounded(end) - _rounded(start)
            if milliseconds:
                yield label, scored.score, milliseconds


def _labelled(scored: ScoredStretch, truth: Sequence[Stretch]) -> Iterator[tuple[int, int, int]]:
    """Yield label, start and end of the parts of one scored stretch, in order."""
    at = scored.start_us
    for true in truth:
        start, end = max(true.start_us, at), min(true.end_us, scored.end_us)
        if start < end:
            yield 0, at, start
            yield 1, start, end
            at = end
    yield 0, at, scored.end_us


def _rounded(time_us: int) -> int:
    return (time_us + MILLISECOND_US // 2) // MILLISECOND_US
