"""Stretches with a score that no threshold has chosen: where the scores of a face rise and where they fall. Pure.

Segments hang on a threshold, and a precision over recall needs more than one. Boxes are the same for all thresholds:
each is a stretch between a rise and the fall after it, its score the mean inside, and a real video has boxes too, of
low scores. So AP is a figure of the detector and not of a policy.

Found by a step filter: at each edge between two spans the mean of the scores soon after it less that of those soon
before it, each weighing the less the farther it is, down to nothing at `REACH_S`. A rise is where this is highest and
at least `LEAST_STEP`; a fall where it is lowest and at most `-LEAST_STEP`; they take turns. Where the pause between two
boxes is within `LEAST_STEP` of both, it is none, and they are one.

Source: the idea of change points and merging is that of Ebbers, Germain, Wichern and Le Roux 2024, Sound Event Bounding
Boxes (arXiv 2406.04212); filter, weights and rule are not theirs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from deepfakebench_ext.analysis.cut import Run, Segment, described, runs
from deepfakebench_ext.analysis.spans import TrackScores
from deepfakebench_ext.metrics.figure import Floats
from deepfakebench_ext.metrics.segments.stretches import MICROSECONDS, Stretch, microseconds
from deepfakebench_ext.metrics.steps import Tally

REACH_S = 1.0
LEAST_STEP = 0.2
"""Both chosen on made scores: 0.1 takes noise for boxes, 0.3 or 1.6 s loses the short ones."""
MAX_GAP_S = 0.5
"""Longest unscored stretch that a box may run over."""


def scored_boxes(tracks: Iterable[TrackScores]) -> tuple[Segment, ...]:
    """Boxes of all tracks, from the highest score down; among equal scores by start, end and track.

    Every stretch of scores has at least one box, which is the whole where nothing rises or falls.
    """
    boxes = [
        described(box, run, track)
        for track in tracks
        for run in runs(track.spans, microseconds(MAX_GAP_S))
        for box in run_boxes(run)
    ]
    return tuple(sorted(boxes, key=lambda box: (-box.score, box.start_us, box.end_us, box.track)))


def run_boxes(run: Run) -> tuple[Stretch, ...]:
    """Boxes of one run, rising and apart."""
    density = _Density.of(run)
    edges = density.edges.tolist()
    return tuple(Stretch(edges[start], edges[end]) for start, end in _joined(_boxes(density), density))


@dataclass(frozen=True, slots=True)
class _Density:
    """Scores of a run as functions of time, and the integrals that a weighted mean of any window takes.

    Attributes:
        edges: int64 (E,) Every start and end of a span, rising, in microseconds.
        scored: float64 (E - 1,) 1 where there is a score between two edges, else 0.
        scores: float64 (E - 1,) The score, 0 where there is none.
    """

    edges: Tally
    scored: Floats
    scores: Floats

    @classmethod
    def of(cls, run: Run) -> _Density:
        ends = [edge for span in run for edge in (span.start_us, span.end_us)]
        edges = np.array(sorted(set(ends)), np.int64)
        starts = np.searchsorted(edges, [span.start_us for span in run])
        scored, scores = np.zeros(len(edges) - 1), np.zeros(len(edges) - 1)
        scored[starts] = 1.0
        scores[starts] = [span.score for span in run]
        return cls(edges, scored, scores)

    def steps(self) -> Floats:
        """(E,) The step filter at each edge, 0 at both ends of the run."""
        times = (self.edges - self.edges[0]) / MICROSECONDS
        after = _weighted(times, self.scores, 1) / np.maximum(_weighted(times, self.scored, 1), 1e-9)
        before = _weighted(times, self.scores, -1) / np.maximum(_weighted(times, self.scored, -1), 1e-9)
        steps = after - before
        steps[[0, -1]] = 0.0
        return np.asarray(steps, dtype=np.float64)


def _weighted(times: Floats, values: Floats, side: int) -> Floats:
    """(E,) At each edge the integral of `values` times what is left of the reach, on one side of it."""
    whole, moment = _integrals(times, values)
    far = np.clip(times + side * REACH_S, times[0], times[-1])
    far_whole, far_moment = _at(far, times, values, whole, moment)
    # The integral of (reach - distance) * value, the distance being side * (u - t).
    return (REACH_S + side * times) * side * (far_whole - whole) - (far_moment - moment)


def _integrals(times: Floats, values: Floats) -> tuple[Floats, Floats]:
    """(E,) Integrals of value and of time times value, up to each edge."""
    whole = np.concatenate([[0.0], np.cumsum(values * np.diff(times))])
    moment = np.concatenate([[0.0], np.cumsum(values * np.diff(times**2) / 2)])
    return whole, moment


def _at(at: Floats, times: Floats, values: Floats, whole: Floats, moment: Floats) -> tuple[Floats, Floats]:
    """The same integrals up to any times between the first and the last edge."""
    place = np.clip(np.searchsorted(times, at, side="right") - 1, 0, len(values) - 1)
    rest, squares = at - times[place], (at**2 - times[place] ** 2) / 2
    return whole[place] + values[place] * rest, moment[place] + values[place] * squares


def _boxes(density: _Density) -> list[tuple[int, int]]:
    """Places of the edges of each box: from each rise to the fall after it, the ends of the run as needed."""
    last = len(density.edges) - 1
    places = _changes(density.steps())
    if not places or places[0][1] < 0:
        places.insert(0, (0, 1))
    if places[-1][1] > 0:
        places.append((last, -1))
    return [(start, end) for (start, _), (end, _) in zip(places[::2], places[1::2], strict=True)]


def _changes(steps: Floats) -> list[tuple[int, int]]:
    """Place and sign of rises and falls in turn.

    Of several rises without a fall between them the largest counts, the first among equals; of falls the last.
    """
    signs = np.where(np.abs(steps) >= LEAST_STEP, np.sign(steps), 0).astype(int)
    large = np.flatnonzero(signs)
    starts = np.flatnonzero(np.diff(signs[large], prepend=0))
    found = []
    for group in np.split(large, starts)[1:]:
        sign, sizes = int(signs[group[0]]), np.abs(steps[group])
        best = int(np.argmax(sizes)) if sign > 0 else len(group) - 1 - int(np.argmax(sizes[::-1]))
        found.append((int(group[best]), sign))
    return found


def _joined(boxes: Sequence[tuple[int, int]], density: _Density) -> list[tuple[int, int]]:
    """Make one of two boxes, those with the least pause first, as long as a pause is within a step of both."""
    joined, mean = list(boxes), _Mean(density)
    dips = [_dip(*pair, mean) for pair in pairwise(joined)]
    while dips and min(dips) < LEAST_STEP:
        least = dips.index(min(dips))
        joined[least : least + 2] = [(joined[least][0], joined[least + 1][1])]
        around = joined[max(least - 1, 0) : least + 2]
        dips[max(least - 1, 0) : least + 2] = [_dip(*pair, mean) for pair in pairwise(around)]
    return joined


def _dip(first: tuple[int, int], second: tuple[int, int], mean: _Mean) -> float:
    """How far the pause between two boxes is below the higher of them; 0 where nothing of it is scored."""
    pause = mean(first[1], second[0])
    return 0.0 if pause is None else max(mean(*first) or 0.0, mean(*second) or 0.0) - pause


class _Mean:
    """Means of the scores between two edges, each weighing as long as it lasts."""

    def __init__(self, density: _Density) -> None:
        lengths = np.diff(density.edges) * density.scored
        self._lengths = np.concatenate([[0.0], np.cumsum(lengths)])
        self._sums = np.concatenate([[0.0], np.cumsum(lengths * density.scores)])

    def __call__(self, start: int, end: int) -> float | None:
        scored = self._lengths[end] - self._lengths[start]
        return float((self._sums[end] - self._sums[start]) / scored) if scored else None
