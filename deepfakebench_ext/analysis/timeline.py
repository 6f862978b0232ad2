"""The timeline of a video as one record. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from deepfakebench_ext.analysis.cut import Segment
from deepfakebench_ext.analysis.decision import Bands, Decision
from deepfakebench_ext.analysis.false_alarms import Chosen
from deepfakebench_ext.analysis.policy import Policy
from deepfakebench_ext.analysis.spans import TrackScores
from deepfakebench_ext.analysis.video_score import VideoScore
from deepfakebench_ext.metrics.segments.stretches import Stretch

BoxPx = tuple[float, float, float, float]
"""Left, top, right and bottom in pixels of the upright frame."""


@dataclass(frozen=True, slots=True)
class VideoFacts:
    """The video.

    Attributes:
        file: Path as it was given, with `/`.
        sha256: Digest of its bytes, 64 hex digits.
        size_bytes: Length of the file.
        duration_us: Length of the film in microseconds, above 0.
        start_us: Presentation time of its first frame.
        streams: What the decoder tells of each stream, at least `kind` and `codec`.
        tags: What the file says of itself, where it does: `container`, `encoder`, `created_at`.
    """

    file: str
    sha256: str
    size_bytes: int
    duration_us: int
    start_us: int
    streams: tuple[Mapping[str, Any], ...]
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FaceTrack:
    """One face in one shot.

    Attributes:
        where: From when to when it is followed.
        scores: Its number, its shot and its scores.
        boxes: Its box at each sampled time, rising: microseconds and pixels.
    """

    where: Stretch
    scores: TrackScores
    boxes: tuple[tuple[int, BoxPx], ...]


@dataclass(frozen=True, slots=True)
class Keyframe:
    """A picture.

    Attributes:
        file: Relative to the timeline.
        segment: Number of the segment, from 1.
        kind: Its peak, or a low-scoring frame of the same face to compare.
        at_us: Presentation time.
        score: P(fake) of the frame.
        track: Number of the track.
        box_px: The face.
    """

    file: str
    segment: int
    kind: Literal["peak", "compare"]
    at_us: int
    score: float
    track: int
    box_px: BoxPx


@dataclass(frozen=True, slots=True)
class Unscored:
    """Time without a score.

    Attributes:
        where: From when to when.
        reason: Why.
        track: Number of the track, None where there was no face.
    """

    where: Stretch
    reason: str
    track: int | None


@dataclass(frozen=True, slots=True)
class Timeline:
    """All that `timeline.json` says.

    Attributes:
        video: The video.
        detector: The weights report as JSON values.
        settings: The resolved settings of the analysis as JSON values.
        policy: How segments were cut.
        policy_source: Where the onset came from, in words; `0.5, not calibrated` where it came from nowhere.
        chosen: What real videos said of it; None where the policy is not calibrated.
        score: The video's.
        decision: What may be said of it.
        bands: Where the decision came from; None where nothing is calibrated.
        shots: Where each shot is, by number from 1.
        tracks: By number.
        segments: As `cut.cut_segments` gives them.
        proposals: As `boxes.scored_boxes` gives them.
        keyframes: By segment.
        unscored: By start.
    """

    video: VideoFacts
    detector: Mapping[str, Any]
    settings: Mapping[str, Any]
    policy: Policy
    policy_source: str
    chosen: Chosen | None
    score: VideoScore
    decision: Decision
    bands: Bands | None
    shots: tuple[Stretch, ...]
    tracks: tuple[FaceTrack, ...]
    segments: tuple[Segment, ...]
    proposals: tuple[Segment, ...]
    keyframes: tuple[Keyframe, ...]
    unscored: tuple[Unscored, ...]
