"""Half-open stretches of time, in whole microseconds. Pure.

Seconds become microseconds once, at the border: from there on sums, differences and comparisons are exact, so that a
stretch of 0.6 s is as long at 0.2 s as at 0.3 s, and every program that reads the same file decides ties alike.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

MICROSECONDS = 1_000_000
"""In a second."""


def microseconds(seconds: float) -> int:
    """The nearest whole number of microseconds, the later one where two are as near.

    Raises:
        ValueError: The time is infinite or no number.
    """
    if not math.isfinite(seconds):
        raise ValueError(f"a time is {seconds}; allowed is a finite number of seconds")
    return math.floor(seconds * MICROSECONDS + 0.5)


@dataclass(frozen=True, slots=True, order=True)
class Stretch:
    """The time from `start_us` up to, but not including, `end_us`.

    Attributes:
        start_us: First microsecond.
        end_us: The microsecond after the last.
    """

    start_us: int
    end_us: int

    def __post_init__(self) -> None:
        """Refuse a stretch without length."""
        if not self.start_us < self.end_us:
            raise ValueError(f"a stretch starts at {self.start_s:g} s and ends at {self.end_s:g} s; it must end later")

    @classmethod
    def of_seconds(cls, start_s: float, end_s: float) -> Stretch:
        """The stretch between two times.

        Raises:
            ValueError: It does not end after it starts, or a time is not finite.
        """
        return cls(microseconds(start_s), microseconds(end_s))

    @property
    def start_s(self) -> float:
        """Start in seconds."""
        return self.start_us / MICROSECONDS

    @property
    def end_s(self) -> float:
        """End in seconds."""
        return self.end_us / MICROSECONDS

    @property
    def length_us(self) -> int:
        """Length in microseconds, above 0."""
        return self.end_us - self.start_us


@dataclass(frozen=True, slots=True, order=True)
class ScoredStretch(Stretch):
    """A stretch with a score.

    Attributes:
        score: P(fake) in [0, 1].
    """

    score: float

    def __post_init__(self) -> None:
        """Refuse a stretch without length, or a score outside [0, 1]."""
        # `super()` without arguments fails in a dataclass with slots before Python 3.14.
        super(ScoredStretch, self).__post_init__()
        if not 0 <= self.score <= 1:
            raise ValueError(f"score is {self.score}; allowed is P(fake) from 0 to 1")


def overlap(first: Stretch, second: Stretch) -> int:
    """Microseconds that lie in both."""
    return max(0, min(first.end_us, second.end_us) - max(first.start_us, second.start_us))


def intersection_over_union(first: Stretch, second: Stretch) -> float:
    """Length of the common part by length of what either covers. 19/20 is exactly 0.95."""
    both = overlap(first, second)
    return both / (first.length_us + second.length_us - both)


def union(stretches: Iterable[Stretch]) -> tuple[Stretch, ...]:
    """The time that any of them covers, as rising stretches that do not touch."""
    merged: list[Stretch] = []
    for each in sorted((stretch.start_us, stretch.end_us) for stretch in stretches):
        if merged and each[0] <= merged[-1].end_us:
            merged[-1] = Stretch(merged[-1].start_us, max(merged[-1].end_us, each[1]))
        else:
            merged.append(Stretch(*each))
    return tuple(merged)


def total(stretches: Iterable[Stretch]) -> int:
    """Sum of their lengths in microseconds."""
    return sum(stretch.length_us for stretch in stretches)


def common(first: Sequence[Stretch], second: Sequence[Stretch]) -> int:
    """Microseconds that lie in both of two unions: each rising, its stretches apart."""
    shared = left = right = 0
    while left < len(first) and right < len(second):
        shared += overlap(first[left], second[right])
        if first[left].end_us <= second[right].end_us:
            left += 1
        else:
            right += 1
    return shared


def highest(lanes: Iterable[Iterable[ScoredStretch]]) -> tuple[ScoredStretch, ...]:
    """The highest score at each time that anything covers; equal neighbours are one stretch."""
    starts = sorted((each.start_us, each.end_us, each.score) for lane in lanes for each in lane)
    edges = sorted({edge for start, end, _ in starts for edge in (start, end)})
    found: list[ScoredStretch] = []
    open_: list[tuple[int, float]] = []
    place = 0
    for start, end in pairwise(edges):
        open_ = [each for each in open_ if each[0] > start]
        while place < len(starts) and starts[place][0] == start:
            open_.append(starts[place][1:])
            place += 1
        if open_:
            _append(found, start, end, max(score for _, score in open_))
    return tuple(found)


def _append(found: list[ScoredStretch], start: int, end: int, score: float) -> None:
    if found and found[-1].end_us == start and found[-1].score == score:
        start = found.pop().start_us
    found.append(ScoredStretch(start, end, score))
