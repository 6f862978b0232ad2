"""From what was seen of a film and its scores to its timeline: a function of both and of the policy alone. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from deepfakebench_ext.analysis.boxes import scored_boxes
from deepfakebench_ext.analysis.cut import Segment, cut_segments
from deepfakebench_ext.analysis.decision import Bands, Evidence, decide
from deepfakebench_ext.analysis.false_alarms import Chosen
from deepfakebench_ext.analysis.film import Film, Followed, Lapse, Sighting
from deepfakebench_ext.analysis.policy import UNCALIBRATED, Policy
from deepfakebench_ext.analysis.spans import (
    ClipScore,
    FrameScore,
    ScoredSpan,
    TrackScores,
    spans_of_clips,
    spans_of_frames,
)
from deepfakebench_ext.analysis.timeline import FaceTrack, Keyframe, Timeline, Unscored, VideoFacts
from deepfakebench_ext.analysis.video_score import TOP_FIFTH, video_score
from deepfakebench_ext.metrics.segments.stretches import Stretch, overlap, total, union

Scores = Sequence[float | None]
"""The score of each unit, by its number in the journal."""

LOST = "the face was not found"
BETWEEN = "in sight between two scored moments only"
UNDECODABLE = "cannot be decoded"


@dataclass(frozen=True, slots=True)
class Threshold:
    """How a timeline is cut into segments, and what that rests on.

    Attributes:
        policy: The numbers.
        source: Where the onset came from, in words.
        chosen: What real videos said of it; None where none were asked.
        bands: Scores of videos from which a word is said; None where nothing is calibrated.
        rule: How the scores of a face come to one.
    """

    policy: Policy = field(default_factory=Policy)
    source: str = f"{UNCALIBRATED:g}, not calibrated"
    chosen: Chosen | None = None
    bands: Bands | None = None
    rule: str = TOP_FIFTH


@dataclass(frozen=True, slots=True)
class Shown:
    """A keyframe, and the frame that it is a picture of.

    Attributes:
        keyframe: What the timeline says of it.
        frame: Number of the frame in a sequential decode.
    """

    keyframe: Keyframe
    frame: int


def tracks_of(film: Film, scores: Scores) -> tuple[FaceTrack, ...]:
    """The tracks of a film with their scores over time, by number."""
    reach = max((second - first for first, second in pairwise(film.moments_us)), default=film.duration_us) or 1
    return tuple(_track(followed, film, scores, reach) for followed in film.tracks)


def timeline_of(
    video: VideoFacts,
    detector: Mapping[str, Any],
    settings: Mapping[str, Any],
    film: Film,
    scores: Scores,
    threshold: Threshold,
) -> tuple[Timeline, tuple[Shown, ...]]:
    """The timeline, and which frames its keyframes are pictures of."""
    tracks = tracks_of(film, scores)
    scored = [track.scores for track in tracks]
    segments = cut_segments(scored, threshold.policy)
    score = video_score(scored, threshold.rule)
    covered = total(union(span for track in scored for span in track.spans))
    evidence = Evidence(score.score, score.reason, covered / video.duration_us, bool(detector["head_trained"]))
    shown = tuple(_shown(film, tracks, segments))
    return (
        Timeline(
            video,
            detector,
            settings,
            threshold.policy,
            threshold.source,
            threshold.chosen,
            score,
            decide(evidence, threshold.bands),
            threshold.bands,
            film.shots(),
            tracks,
            segments,
            scored_boxes(scored),
            tuple(each.keyframe for each in shown),
            unscored_of(film, tracks),
        ),
        shown,
    )


def unscored_of(film: Film, tracks: Sequence[FaceTrack]) -> tuple[Unscored, ...]:
    """Time without a score and the reason, by start: of each face, and of the film where no face is scored."""
    any_scored = union(span for track in tracks for span in track.scores.spans)
    found = list(_lapses(film, None, any_scored))
    for track in tracks:
        scored = union(track.scores.spans)
        found.extend(_lapses(film, track.scores.track, scored))
        known = [each.where for each in found if each.track == track.scores.track]
        rest = without([track.where], union([*scored, *known]))
        reason = BETWEEN if _is_between_moments(track.where, film) else LOST
        found.extend(Unscored(each, reason, track.scores.track) for each in rest)
    if film.duration_us > max(film.end_us, 0):
        found.append(Unscored(Stretch(film.end_us, film.duration_us), UNDECODABLE, None))
    return tuple(sorted(found, key=lambda each: (each.where.start_us, each.where.end_us, each.track or 0)))


def without(stretches: Iterable[Stretch], taken: Sequence[Stretch]) -> tuple[Stretch, ...]:
    """What is left of some stretches outside others, which rise and do not overlap."""
    left = []
    for stretch in union(stretches):
        start = stretch.start_us
        for hole in taken:
            if not overlap(stretch, hole):
                continue
            if hole.start_us > start:
                left.append(Stretch(start, hole.start_us))
            start = max(start, hole.end_us)
        if start < stretch.end_us:
            left.append(Stretch(start, stretch.end_us))
    return tuple(left)


def _is_between_moments(where: Stretch, film: Film) -> bool:
    """Whether nothing of a stretch was to be scored."""
    at = bisect_left(film.moments_us, where.start_us)
    return film.takes == "image" and (at == len(film.moments_us) or film.moments_us[at] >= where.end_us)


def _lapses(film: Film, track: int | None, scored: Sequence[Stretch]) -> Iterable[Unscored]:
    by_reason: dict[str, list[Lapse]] = {}
    for lapse in film.lapses:
        if lapse.track == track:
            by_reason.setdefault(lapse.reason, []).append(lapse)
    for reason, lapses in by_reason.items():
        for left in without((Stretch(each.start_us, each.end_us) for each in lapses), scored):
            yield Unscored(left, reason, track)


def _track(followed: Followed, film: Film, scores: Scores, reach_us: int) -> FaceTrack:
    spans = _of_clips(followed, scores) if film.takes == "video" else _of_frames(followed, film, scores, reach_us)
    return FaceTrack(
        Stretch(followed.start_us, followed.end_us),
        TrackScores(followed.track, followed.shot, spans),
        tuple((each.at_us, each.box_px) for each in followed.sightings),
    )


def _of_clips(followed: Followed, scores: Scores) -> tuple[ScoredSpan, ...]:
    pairs = [(clip, scores[clip.unit]) for clip in followed.clips]
    return spans_of_clips([ClipScore(clip.start_us, clip.end_us, score) for clip, score in pairs if score is not None])


def _of_frames(followed: Followed, film: Film, scores: Scores, reach_us: int) -> tuple[ScoredSpan, ...]:
    at = {each.at_us: None if each.unit is None else scores[each.unit] for each in followed.sightings}
    first, last = (bisect_left(film.moments_us, edge) for edge in (followed.start_us, followed.end_us))
    moments = film.moments_us[first:last]
    frames = [FrameScore(moment, at.get(moment)) for moment in moments]
    return spans_of_frames(frames, reach_us=reach_us, start_us=followed.start_us, end_us=followed.end_us)


def _shown(film: Film, tracks: Sequence[FaceTrack], segments: Sequence[Segment]) -> Iterable[Shown]:
    """Per segment its peak, and a low-scoring frame of the same face outside all segments, if there is any."""
    followed = {each.track: each for each in film.tracks}
    scores = {track.scores.track: track.scores for track in tracks}
    for number, segment in enumerate(segments, 1):
        places = followed[segment.track].sightings
        spans = scores[segment.track].spans
        peak = max((span for span in spans if overlap(span, segment)), key=lambda span: (span.score, -span.start_us))
        yield _picture(number, "peak", peak, places, segment)
        own = [each for each in segments if each.track == segment.track]
        calm = [span for span in spans if not any(overlap(span, each) for each in own)]
        if calm:
            lowest = min(calm, key=lambda span: (span.score, span.start_us))
            yield _picture(number, "compare", lowest, places, segment)


def _picture(number: int, kind: Any, span: ScoredSpan, places: Sequence[Sighting], segment: Segment) -> Shown:
    near = min(places, key=lambda place: (abs(place.at_us - span.at_us), place.at_us))
    suffix = "" if kind == "peak" else "_compare"
    file = f"keyframes/segment_{number}{suffix}.jpg"
    return Shown(Keyframe(file, number, kind, near.at_us, span.score, segment.track, near.box_px), near.frame)
