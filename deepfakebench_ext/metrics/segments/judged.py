"""What the figures of a video are made from: what is true of it beside what was said of it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from deepfakebench_ext.metrics.segments.stretches import ScoredStretch, Stretch, overlap, union


@dataclass(frozen=True, slots=True)
class JudgedVideo:
    """One video: its truth and its timeline.

    Attributes:
        key: Identity; unique.
        duration_us: Length in microseconds, above 0.
        truth: Manipulated stretches, rising and apart; none for a real video.
        analysed: Whether there is a timeline of it. If not, all below is empty.
        marked: Time that any of the timeline's segments covers, at its threshold: rising and apart.
        boxes: Stretches with a score, of which no threshold has left any out; from the highest score down, among equal
            ones from the earliest.
        scores: The highest score of any face at each scored time: rising, not overlapping.
    """

    key: str
    duration_us: int
    truth: tuple[Stretch, ...]
    analysed: bool
    marked: tuple[Stretch, ...] = ()
    boxes: tuple[ScoredStretch, ...] = ()
    scores: tuple[ScoredStretch, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a video without length, and stretches out of order."""
        if self.duration_us <= 0:
            raise ValueError(f"{self.key}: the duration is {self.duration_us} microseconds; it must be above 0")
        for name, stretches in (("truth", self.truth), ("marked", self.marked)):
            if tuple(stretches) != union(stretches):
                raise ValueError(f"{self.key}: stretches of {name} are not rising and apart; give their union")
        if self.boxes != ranked(self.boxes):
            raise ValueError(f"{self.key}: boxes do not fall from the highest score; use ranked(boxes)")
        if any(overlap(*pair) for pair in pairwise(self.scores)):
            raise ValueError(f"{self.key}: scores overlap; use highest(lanes)")

    @property
    def is_real(self) -> bool:
        """Whether nothing of it is manipulated."""
        return not self.truth


def ranked(boxes: Sequence[ScoredStretch]) -> tuple[ScoredStretch, ...]:
    """From the highest score down; among equal scores the earliest first, of these the shortest."""
    return tuple(sorted(boxes, key=lambda box: (-box.score, box.start_us, box.end_us)))
