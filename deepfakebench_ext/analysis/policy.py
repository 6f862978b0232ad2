"""How scores over time become marked segments: the numbers of the rule. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from deepfakebench_ext.common.errors import ConfigError

UNCALIBRATED = 0.5
"""Onset where no real video has said a better one."""
LEAST_OFFSET = 0.01
"""Real videos choose no offset below this: what ends only below a score of nearly 0 would never end."""

MOST_S = 3600.0
"""Longest duration of a policy that can be asked for."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyOptions:
    """The numbers of a policy as they are asked for; None is one not given.

    Attributes:
        offset_below: How far the offset is below the onset.
        smooth_s, min_on_s, min_off_s, pad_s: As `Policy`.
    """

    offset_below: float | None = None
    smooth_s: float | None = None
    min_on_s: float | None = None
    min_off_s: float | None = None
    pad_s: float | None = None

    def __post_init__(self) -> None:
        """Pass numbers that some policy takes.

        Raises:
            ConfigError: Another.
        """
        if self.offset_below is not None and not 0 <= self.offset_below < UNCALIBRATED:
            raise ConfigError(f"--offset_below {self.offset_below:g} is not allowed: give a difference from 0 to 0.49")
        for name, value in self._durations.items():
            if not 0 <= value <= MOST_S:
                raise ConfigError(f"--{name} {value:g} is not allowed: give seconds from 0 to {MOST_S:g}")

    @property
    def _durations(self) -> dict[str, float]:
        said = {name: getattr(self, name) for name in ("smooth_s", "min_on_s", "min_off_s", "pad_s")}
        return {name: value for name, value in said.items() if value is not None}

    def policy(self, onset: float = UNCALIBRATED) -> Policy:
        """The policy with these numbers and an onset from 0 to 1.

        Raises:
            ConfigError: No segment would end.
        """
        default = replace(Policy(), **self._durations)
        below = default.onset - default.offset if self.offset_below is None else self.offset_below
        cut = with_onset(replace(default, offset=default.onset - below), onset)
        if below and not cut.offset:
            raise ConfigError(
                f"--threshold {onset:g} is not above --offset_below {below:g}, so that no segment would end; give a "
                "smaller --offset_below"
            )
        return cut

    def check_same(self, policy: Policy) -> None:
        """Pass a policy that was chosen with these numbers.

        Raises:
            ConfigError: It was chosen with another, and what was measured of it does not hold for this one.
        """
        known = {name: getattr(policy, name) for name in self._durations}
        known["offset_below"] = policy.onset - policy.offset
        for name, meant in {**self._durations, "offset_below": self.offset_below}.items():
            if meant is not None and not math.isclose(meant, known[name], abs_tol=2 / _MILLIONTHS):
                raise ConfigError(
                    f"--threshold_from was made with --{name} {known[name]:.6g}, and this is {meant:g}; calibrate anew "
                    "with it, or leave it out"
                )


def lowest_onset(policy: Policy) -> float:
    """The lowest onset that real videos may choose: its offset, as far below it as the policy's, is `LEAST_OFFSET`."""
    return min(1.0, policy.onset - policy.offset + LEAST_OFFSET)
