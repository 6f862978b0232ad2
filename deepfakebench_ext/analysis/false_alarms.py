"""The threshold of a policy, chosen on real videos by the false alarms that it may give. Pure.

Nothing of a real video should be marked. The lowest onset is chosen whose marks on known-real videos last no longer
than so many seconds a minute, so that a timeline can say what its marks are worth. Where real videos score next to
nothing, or hardly any of their time is scored, that alone would let an onset through that marks whatever has a score:
so none is chosen below `policy.lowest_onset`, and none that marks more than half of what is scored of real videos. What
is measured on the very videos that chose the onset flatters it; so each video is also judged by the onset that the
other videos choose.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from deepfakebench_ext.analysis.cut import SmoothedRun, cut_run, smoothed_runs
from deepfakebench_ext.analysis.policy import Policy, lowest_onset, with_onset
from deepfakebench_ext.analysis.spans import TrackScores
from deepfakebench_ext.metrics.bootstrap import UNASKED, Bootstrap, percentile_interval
from deepfakebench_ext.metrics.figure import Figure
from deepfakebench_ext.metrics.segments.drawing import divided
from deepfakebench_ext.metrics.segments.marks import SECONDS_A_MINUTE
from deepfakebench_ext.metrics.segments.stretches import MICROSECONDS, total, union
from deepfakebench_ext.metrics.steps import Tally

DEFINITION = "seconds marked in a minute of known-real video"
FEW_MINUTES = 20
"""Less real video than this shows few false alarms of any kind."""


@dataclass(frozen=True, slots=True)
class RealVideo:
    """A video of which nothing is manipulated.

    Attributes:
        key: Identity; unique.
        duration_us: Its length, above 0.
        tracks: Its scores.
    """

    key: str
    duration_us: int
    tracks: tuple[TrackScores, ...]


@dataclass(frozen=True, slots=True)
class Chosen:
    """A policy and what its marks cost on real videos.

    Attributes:
        policy: With the onset chosen; None where no onset keeps the limit.
        limit: False-alarm seconds a minute that were allowed.
        measured: On the videos that chose it; undefined with the reason where there is none.
        held_out: Each video judged by the onset that all others choose.
        videos: How many videos there were.
        seconds: How long they are together.
    """

    policy: Policy | None
    limit: float
    measured: Figure
    held_out: Figure
    videos: int
    seconds: float


def choose_onset(
    videos: Sequence[RealVideo], policy: Policy, *, limit: float, bootstrap: Bootstrap | None = None
) -> Chosen:
    """The lowest onset that keeps false alarms on these videos within a limit.

    Raising the onset, its offset with it, never adds a marked second, so the limit is met from one onset on: halfway
    between the score that is still too low and the next higher one, or `lowest_onset`. Where scores of exactly 1 alone
    pass the limit, or nothing is scored, there is no such onset.

    Args:
        videos: Known to be real, in any order.
        policy: All but the onset; the offset stays as far below it.
        limit: Seconds a minute, from 0 on.
        bootstrap: How to draw videos for the intervals; None for none.

    Raises:
        ValueError: No videos, one of them twice, or a limit below 0.
    """
    _check(videos, limit)
    search = _Search(sorted(videos, key=lambda video: video.key), policy, limit)
    everything = np.ones(len(videos), bool)
    level, settings = search.level(everything), bootstrap or Bootstrap(0)
    durations = search.durations
    if level is None or not search.scored.any():
        reason = search.refusal()
        nothing = Figure(None, DEFINITION, reason, higher_is_better=False)
        return Chosen(None, limit, nothing, nothing, len(videos), float(durations.sum() / MICROSECONDS))
    alarms = search.alarms(level)
    return Chosen(
        with_onset(policy, search.onsets[level]),
        limit,
        _figure(alarms, durations, DEFINITION + ", on the videos that chose the onset", settings),
        _held_out(search, settings),
        len(videos),
        float(durations.sum() / MICROSECONDS),
    )


class _Search:
    """Marked time of every video at every onset that makes a difference, computed when first asked for."""

    def __init__(self, videos: Sequence[RealVideo], policy: Policy, limit: float) -> None:
        self._policy, self._limit = policy, limit
        self._runs = [[run for track in video.tracks for run in smoothed_runs(track, policy)] for video in videos]
        self._known: dict[int, Tally] = {}
        self.durations = np.array([video.duration_us for video in videos], np.int64)
        self.scored = np.array([_scored_us(video) for video in videos], np.int64)
        self.onsets = _onsets(self._runs, policy)

    def alarms(self, level: int) -> Tally:
        """(V,) Marked microseconds at an onset."""
        if level not in self._known:
            policy = with_onset(self._policy, self.onsets[level])
            self._known[level] = np.array([_alarm_us(runs, policy) for runs in self._runs], np.int64)
        return self._known[level]

    def rate(self, level: int, chosen: NDArray[np.bool_]) -> float:
        """Marked seconds a minute of some videos."""
        return float(SECONDS_A_MINUTE * self.alarms(level)[chosen].sum() / self.durations[chosen].sum())

    def level(self, chosen: NDArray[np.bool_]) -> int | None:
        """The lowest onset whose false alarms on some videos keep the limit; None where none does."""
        found = bisect_left(range(len(self.onsets)), True, key=lambda level: self._keeps(level, chosen))
        return found if found < len(self.onsets) else None

    def _keeps(self, level: int, chosen: NDArray[np.bool_]) -> bool:
        marks_most = 2 * self.alarms(level)[chosen].sum() > self.scored[chosen].sum()
        return self.rate(level, chosen) <= self._limit and not marks_most

    def refusal(self) -> str:
        """Why there is no onset."""
        if not self.scored.any():
            return "nothing of the real videos has a score"
        rate = self.rate(len(self.onsets) - 1, np.ones(len(self.durations), bool))
        if rate <= self._limit:
            return "more than half of what is scored of the real videos scores 1"
        return (
            f"no onset keeps {self._limit:g} s a minute: at the highest, {self.onsets[-1]:g}, real videos are still "
            f"marked for {rate:.3g} s a minute"
        )


def _onsets(videos: Sequence[Sequence[SmoothedRun]], policy: Policy) -> list[float]:
    """Onsets between which nothing changes: the lowest, halves between neighbouring changes above it, and 1."""
    below, lowest = policy.onset - policy.offset, lowest_onset(policy)
    scores = {score for runs in videos for run in runs for score in run.scores}
    changes = sorted({0.0, 1.0, *scores, *(min(1.0, score + below) for score in scores)})
    halves = ((low + high) / 2 for low, high in pairwise(changes))
    return sorted({lowest, *(half for half in halves if half > lowest), 1.0})


def _scored_us(video: RealVideo) -> int:
    return total(union(span for track in video.tracks for span in track.spans))


def _alarm_us(runs: Sequence[SmoothedRun], policy: Policy) -> int:
    return total(union(mark for run in runs for mark in cut_run(run, policy)))


def _held_out(search: _Search, settings: Bootstrap) -> Figure:
    definition = DEFINITION + ", each judged by the onset that the others choose"
    count = len(search.durations)
    if count < 2:
        return Figure(None, definition, "one video alone: there is no other to choose an onset", higher_is_better=False)
    alarms = np.zeros(count, np.int64)
    for place in range(count):
        others = np.arange(count) != place
        level = search.level(others)
        alarms[place] = search.alarms(len(search.onsets) - 1 if level is None else level)[place]
    return _figure(alarms, search.durations, definition, settings)


def _figure(
    alarms: Tally,
    durations: Tally,
    definition: str,
    settings: Bootstrap,
) -> Figure:
    value = float(SECONDS_A_MINUTE * alarms.sum() / durations.sum())
    interval = UNASKED
    if settings.resamples:
        drawn = np.random.default_rng(settings.seed).integers(0, len(alarms), (settings.resamples, len(alarms)))
        rates = divided(SECONDS_A_MINUTE * alarms[drawn].sum(axis=1), durations[drawn].sum(axis=1))
        method = f"bootstrap ({settings.resamples} resamples, seed {settings.seed}) of videos"
        interval = percentile_interval(value, rates, method)
    minutes = durations.sum() / MICROSECONDS / SECONDS_A_MINUTE
    warning = "" if minutes >= FEW_MINUTES else f"only {minutes:.3g} minutes of real video: they show few false alarms"
    return interval.figure(value, definition, higher_is_better=False, warning=warning)


def _check(videos: Sequence[RealVideo], limit: float) -> None:
    if not videos:
        raise ValueError("no real videos: a threshold needs at least one")
    keys = [video.key for video in videos]
    if len(set(keys)) < len(keys):
        raise ValueError(f"{max(keys, key=keys.count)} is there twice; give each video once")
    if not limit >= 0:
        raise ValueError(f"the limit is {limit}; allowed are seconds a minute from 0 on")
