"""How scores over time become marked segments: the numbers of the rule. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

UNCALIBRATED = 0.5
"""Onset where no real video has said a better one."""
LEAST_OFFSET = 0.01
"""Real videos choose no offset below this: what ends only below a score of nearly 0 would never end."""

_DURATIONS = ("smooth_s", "min_on_s", "min_off_s", "pad_s", "max_gap_s")
_MILLIONTHS = 1_000_000


@dataclass(frozen=True, slots=True)
class Policy:
    """The numbers of `cut.cut_segments`, which says what each does.

    Attributes:
        onset: Smoothed score at and above which a segment starts.
        offset: Smoothed score below which it ends; at most `onset`.
        smooth_s: Width of the smoothing window in seconds; 0 for none.
        min_on_s: Shorter segments are dropped.
        min_off_s: Shorter pauses between two segments are closed.
        pad_s: Seconds added at both ends of what remains.
        max_gap_s: Longest unscored stretch that a segment may run over.
    """

    onset: float = UNCALIBRATED
    offset: float = 0.4
    smooth_s: float = 0.6
    min_on_s: float = 0.4
    min_off_s: float = 0.4
    pad_s: float = 0.0
    max_gap_s: float = 0.5

    def __post_init__(self) -> None:
        """Refuse thresholds that are no scores or the wrong way round, and durations below 0."""
        if not 0 <= self.offset <= self.onset <= 1:
            raise ValueError(
                f"onset is {self.onset} and offset {self.offset}; allowed are scores from 0 to 1, the offset no higher"
            )
        for name in _DURATIONS:
            value = getattr(self, name)
            if not 0 <= value < math.inf:
                raise ValueError(f"{name} is {value}; allowed are seconds from 0 on")


def with_onset(policy: Policy, onset: float) -> Policy:
    """The policy with another onset, its offset as far below as before, but not below 0.

    The offset is rounded to millionths, halves up.
    """
    below = onset - (policy.onset - policy.offset)
    offset = math.floor(below * _MILLIONTHS + 0.5) / _MILLIONTHS
    return replace(policy, onset=onset, offset=min(max(offset, 0.0), onset))


def lowest_onset(policy: Policy) -> float:
    """The lowest onset that real videos may choose: its offset, as far below it as the policy's, is `LEAST_OFFSET`."""
    return min(1.0, policy.onset - policy.offset + LEAST_OFFSET)
