"""From scores over time to marked segments: a function of scores and policy alone. Pure.

**The rule**, which `viewer/cut.js` follows in a browser, number by number
(`tests/vectors/segments.json` holds both to it):

1. Times are whole microseconds, `floor(seconds * 1e6 + 0.5)`. Intervals hold their start and not their end.
2. *Runs.* The spans of a track, rising, are divided wherever more than `max_gap_s` lies between one's end and the
   next one's start. A track has one shot, so no run crosses a shot or a track, and nothing below crosses a run.
3. *Smoothing.* With `smooth_s` of 0 the smoothed score of a span is its score. Else it is the mean of the run's scores
   inside the window from `smooth_s / 2` before the middle of the span to as much after it, each weighing as long as it
   lies in the window: the sum of `weight * score`, added from the earliest on, by the sum of the weights. The weights
   are twice the microseconds, which are whole. Where one span alone lies in the window, it is that span's score. At the
   ends of a run the window holds what there is; nothing is filled in.
4. *Hysteresis.* A run begins off. A span whose smoothed score is at least `onset` turns it on; on, a span below
   `offset` turns it off. A mark lasts from the start of the first span that is on to the end of the last before one
   that is off: it runs over the gaps that a run may have.
5. *Pauses.* Of two marks in a run, the later of which starts less than `min_off_s` after the end of the earlier, one is
   made.
6. *Short ones.* Then marks shorter than `min_on_s` are dropped.
7. *Pads.* Then `pad_s` is added at both ends, up to the ends of the run, and marks that touch or overlap become one.
8. Each mark is a segment. Its score is the mean of the track's scores, **not smoothed**, each weighing as many
   microseconds as lie in the segment, added from the earliest on; its peak the highest of them, the earliest among
   equals, and the moment `at` of that span, moved into the segment where it lies outside.
9. Segments are sorted by start, end and track.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from deepfakebench_ext.analysis.policy import Policy
from deepfakebench_ext.analysis.spans import ScoredSpan, TrackScores
from deepfakebench_ext.metrics.segments.stretches import MICROSECONDS, ScoredStretch, Stretch, microseconds, overlap

Run = tuple[ScoredSpan, ...]


@dataclass(frozen=True, slots=True)
class Segment(ScoredStretch):
    """A marked stretch of one face. Its `score` is the mean of the scores in it.

    Attributes:
        track: Number of the track.
        shot: Number of the shot.
        peak_us: When to look at it: the moment of the highest score, inside the segment.
        peak_score: The highest score.
        scored_us: Microseconds of it that have a score.
    """

    track: int
    shot: int
    peak_us: int
    peak_score: float
    scored_us: int

    @property
    def peak_s(self) -> float:
        """Moment of the highest score in seconds."""
        return self.peak_us / MICROSECONDS

    @property
    def scored_share(self) -> float:
        """Share of its time that has a score, above 0 and at most 1."""
        return self.scored_us / self.length_us


@dataclass(frozen=True, slots=True)
class SmoothedRun:
    """Spans of a track without a gap too long to cross, beside their smoothed scores.

    Attributes:
        spans: (N) N >= 1, rising.
        scores: (N) Smoothed, in the order of the spans.
    """

    spans: Run
    scores: tuple[float, ...]


def cut_segments(tracks: Iterable[TrackScores], policy: Policy) -> tuple[Segment, ...]:
    """The marked segments of all tracks, by the rule at the head of this module."""
    segments = [
        described(mark, run.spans, track)
        for track in tracks
        for run in smoothed_runs(track, policy)
        for mark in cut_run(run, policy)
    ]
    return tuple(sorted(segments, key=lambda segment: (segment.start_us, segment.end_us, segment.track)))


def smoothed_runs(track: TrackScores, policy: Policy) -> tuple[SmoothedRun, ...]:
    """Steps 2 and 3: what does not hang on the thresholds."""
    width = microseconds(policy.smooth_s)
    return tuple(SmoothedRun(run, _smoothed(run, width)) for run in runs(track.spans, microseconds(policy.max_gap_s)))


def cut_run(run: SmoothedRun, policy: Policy) -> tuple[Stretch, ...]:
    """Steps 4 to 7: marks, rising and apart."""
    marks = _closed(_on(run, policy), microseconds(policy.min_off_s))
    least = microseconds(policy.min_on_s)
    kept = [mark for mark in marks if mark.length_us >= least]
    return _padded(kept, run.spans, microseconds(policy.pad_s))


def runs(spans: Sequence[ScoredSpan], max_gap_us: int) -> tuple[Run, ...]:
    """Step 2."""
    cuts = [
        place for place, (first, second) in enumerate(pairwise(spans), 1) if second.start_us - first.end_us > max_gap_us
    ]
    return tuple(tuple(spans[start:end]) for start, end in pairwise([0, *cuts, len(spans)]) if start < end)


def described(mark: Stretch, spans: Run, track: TrackScores) -> Segment:
    """Step 8: a mark of a run as a segment."""
    first = bisect_right(spans, mark.start_us, key=lambda span: span.end_us)
    last = bisect_left(spans, mark.end_us, key=lambda span: span.start_us)
    inside = [(overlap(mark, span), span) for span in spans[first:last]]
    scored = sum(weight for weight, _ in inside)
    added = 0.0
    for weight, span in inside:
        added += weight * span.score
    peak = max((span for _, span in inside), key=lambda span: span.score)
    return Segment(
        mark.start_us,
        mark.end_us,
        added / scored,
        track.track,
        track.shot,
        min(max(peak.at_us, mark.start_us), mark.end_us - 1),
        peak.score,
        scored,
    )


def _smoothed(run: Run, width: int) -> tuple[float, ...]:
    if not width:
        return tuple(span.score for span in run)
    smoothed, first = [], 0
    for span in run:
        low, high = span.start_us + span.end_us - width, span.start_us + span.end_us + width
        while 2 * run[first].end_us <= low:
            first += 1
        smoothed.append(_window_mean(run, first, low, high))
    return tuple(smoothed)


def _window_mean(run: Run, first: int, low: int, high: int) -> float:
    """Mean from span `first` on inside a window, whose ends are given in half microseconds."""
    added, weights, place = 0.0, 0, first
    while place < len(run) and 2 * run[place].start_us < high:
        weight = min(2 * run[place].end_us, high) - max(2 * run[place].start_us, low)
        added += weight * run[place].score
        weights += weight
        place += 1
    return run[first].score if place == first + 1 else added / weights


def _on(run: SmoothedRun, policy: Policy) -> Iterator[Stretch]:
    start: int | None = None
    end = 0
    for span, score in zip(run.spans, run.scores, strict=True):
        if score >= (policy.onset if start is None else policy.offset):
            start, end = span.start_us if start is None else start, span.end_us
        elif start is not None:
            yield Stretch(start, end)
            start = None
    if start is not None:
        yield Stretch(start, end)


def _closed(marks: Iterable[Stretch], least_us: int) -> list[Stretch]:
    closed: list[Stretch] = []
    for mark in marks:
        if closed and mark.start_us - closed[-1].end_us < least_us:
            mark = Stretch(closed.pop().start_us, mark.end_us)
        closed.append(mark)
    return closed


def _padded(marks: Sequence[Stretch], run: Run, pad_us: int) -> tuple[Stretch, ...]:
    first, last = run[0].start_us, run[-1].end_us
    padded = [Stretch(max(first, mark.start_us - pad_us), min(last, mark.end_us + pad_us)) for mark in marks]
    return tuple(_closed(padded, 1))
