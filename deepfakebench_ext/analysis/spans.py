"""Scores over time: for how long each score of a face stands. Pure.

A span is a stretch of time with one score. Time between the spans of a track has no score: no face, too small, not
decoded. It is not real, and nothing here fills it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from deepfakebench_ext.metrics.segments.stretches import ScoredStretch


@dataclass(frozen=True, slots=True, order=True)
class ScoredSpan(ScoredStretch):
    """A stretch of one score.

    Attributes:
        at_us: When to look: the presentation time of the frame, or the middle of the span where clips gave the score.
        units: How many frames or clips the score is the mean of.
    """

    at_us: int
    units: int = 1

    def __post_init__(self) -> None:
        """Refuse a moment outside the span, and a score of nothing."""
        # `super()` without arguments fails in a dataclass with slots before Python 3.14.
        super(ScoredSpan, self).__post_init__()
        if not self.start_us <= self.at_us < self.end_us:
            raise ValueError(f"at_us is {self.at_us}, outside its span of {self.start_us} to {self.end_us}")
        if self.units < 1:
            raise ValueError(f"units is {self.units}; a score is of at least one frame or clip")


@dataclass(frozen=True, slots=True)
class TrackScores:
    """All scores of one face in one shot.

    Attributes:
        track: Number of the track; unique in the video. A track ends with its shot.
        shot: Number of the shot.
        spans: Rising and not overlapping; they may touch.
    """

    track: int
    shot: int
    spans: tuple[ScoredSpan, ...]

    def __post_init__(self) -> None:
        """Refuse spans out of order."""
        for first, second in pairwise(self.spans):
            if second.start_us < first.end_us:
                raise ValueError(
                    f"track {self.track}: a span starts at {second.start_s:g} s, before the one that ends at "
                    f"{first.end_s:g} s; spans must rise and not overlap"
                )


@dataclass(frozen=True, slots=True)
class FrameScore:
    """One frame that was to be scored.

    Attributes:
        at_us: Its presentation time.
        score: P(fake), or None where it has no score.
    """

    at_us: int
    score: float | None


@dataclass(frozen=True, slots=True)
class ClipScore:
    """One clip that was scored.

    Attributes:
        start_us: Presentation time of its first frame.
        end_us: When its last frame goes.
        score: P(fake).
    """

    start_us: int
    end_us: int
    score: float


def spans_of_frames(
    frames: Sequence[FrameScore], *, reach_us: int, start_us: int, end_us: int
) -> tuple[ScoredSpan, ...]:
    """Let each frame stand for the time that is nearer to it than to the frames beside it, these scored or not.

    So the edge of a manipulated stretch between two frames is set in the middle, early as often as late. Nothing
    stands for more than `reach_us` on either side, nor for time outside the track.

    Args:
        frames: Of one track, rising.
        reach_us: Half the longest step between frames that were to be scored, above 0.
        start_us: Where the track starts.
        end_us: Where it ends.

    Raises:
        ValueError: The frames do not rise, or one lies outside the track.
    """
    times = [frame.at_us for frame in frames]
    if any(second <= first for first, second in pairwise(times)):
        raise ValueError("presentation times of frames do not rise; sort them and leave doubles out")
    if times and not start_us <= times[0] <= times[-1] < end_us:
        raise ValueError(f"frames from {times[0]} to {times[-1]} lie outside the track of {start_us} to {end_us}")
    edges = [start_us, *((first + second) // 2 for first, second in pairwise(times)), end_us]
    return tuple(
        ScoredSpan(max(left, frame.at_us - reach_us), min(right, frame.at_us + reach_us), frame.score, frame.at_us)
        for frame, (left, right) in zip(frames, pairwise(edges), strict=False)
        if frame.score is not None
    )


def spans_of_clips(clips: Sequence[ClipScore]) -> tuple[ScoredSpan, ...]:
    """At each time the mean of the clips that cover it, summed in the order in which they start.

    Args:
        clips: Of one track in one shot, in any order.
    """
    ordered = sorted(clips, key=lambda clip: (clip.start_us, clip.end_us, clip.score))
    edges = sorted({edge for clip in ordered for edge in (clip.start_us, clip.end_us)})
    spans: list[ScoredSpan] = []
    covering: list[ClipScore] = []
    place = 0
    for start, end in pairwise(edges):
        covering = [clip for clip in covering if clip.end_us > start]
        while place < len(ordered) and ordered[place].start_us == start:
            covering.append(ordered[place])
            place += 1
        if covering:
            mean = sum(clip.score for clip in covering) / len(covering)
            spans.append(ScoredSpan(start, end, mean, (start + end) // 2, len(covering)))
    return tuple(spans)
