"""A timeline as the JSON values of `timeline.json`; `timeline.schema.json` says what each means. Pure."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from deepfakebench_ext.analysis.cut import Segment
from deepfakebench_ext.analysis.formats.timeline_reading import SCHEMA_VERSION
from deepfakebench_ext.analysis.spans import TrackScores
from deepfakebench_ext.analysis.timeline import FaceTrack, Keyframe, Timeline
from deepfakebench_ext.analysis.video_score import video_score
from deepfakebench_ext.common.version import __version__
from deepfakebench_ext.metrics.segments.stretches import MICROSECONDS, Stretch, total


def timeline_document(timeline: Timeline) -> dict[str, Any]:
    """All of it, with the older app's keys beside ours. The same timeline gives the same values."""
    pictures = {frame.segment: frame.file for frame in timeline.keyframes if frame.kind == "peak"}
    segments = [_segment(each, number, pictures.get(number)) for number, each in enumerate(timeline.segments, 1)]
    scores = [row for track in timeline.tracks for row in _scores(track.scores)]
    return {
        "schema_version": SCHEMA_VERSION,
        "tool": {"name": "deepfakebench_ext", "version": __version__},
        "video": _video(timeline),
        "detector": dict(timeline.detector),
        "settings": dict(timeline.settings),
        "policy": _policy(timeline),
        "score": _score(timeline),
        "shots": [{"shot": number, **_ends(shot)} for number, shot in enumerate(timeline.shots, 1)],
        "tracks": [_track(track, timeline) for track in timeline.tracks],
        "scores": scores,
        "segments": segments,
        "proposals": [_proposal(each) for each in timeline.proposals],
        "keyframes": [_keyframe(each) for each in timeline.keyframes],
        "unscored": [{**_ends(each.where), "reason": each.reason, "track": each.track} for each in timeline.unscored],
        "video_duration": timeline.video.duration_us / MICROSECONDS,
        "total_clips": len(scores),
        "threshold": timeline.policy.onset,
    }


def _video(timeline: Timeline) -> dict[str, Any]:
    video = timeline.video
    return {
        "file": video.file,
        "sha256": video.sha256,
        "size_bytes": video.size_bytes,
        "duration_s": video.duration_us / MICROSECONDS,
        "start_s": video.start_us / MICROSECONDS,
        "streams": [dict(stream) for stream in video.streams],
        **video.tags,
    }


def _policy(timeline: Timeline) -> dict[str, Any]:
    chosen = timeline.chosen
    alarms = (
        None
        if chosen is None
        else {
            "limit_s_per_min": chosen.limit,
            "measured": asdict(chosen.measured),
            "held_out": asdict(chosen.held_out),
            "videos": chosen.videos,
            "seconds": chosen.seconds,
        }
    )
    calibrated = {"calibrated": chosen is not None, "source": timeline.policy_source, "false_alarms": alarms}
    return asdict(timeline.policy) | calibrated


def _score(timeline: Timeline) -> dict[str, Any]:
    said = {"decision": timeline.decision.word, "decision_reason": timeline.decision.reason}
    return asdict(timeline.score) | said | {"bands": None if timeline.bands is None else asdict(timeline.bands)}


def _track(track: FaceTrack, timeline: Timeline) -> dict[str, Any]:
    number = track.scores.track
    return {
        "track": number,
        "shot": track.scores.shot,
        **_ends(track.where),
        "score": video_score([track.scores], timeline.score.rule).score,
        "scored_s": total(track.scores.spans) / MICROSECONDS,
        "segments": [place for place, each in enumerate(timeline.segments, 1) if each.track == number],
        "boxes": [{"at_s": at / MICROSECONDS, "box_px": list(box)} for at, box in track.boxes],
    }


def _scores(track: TrackScores) -> list[dict[str, Any]]:
    return [
        {
            "time": span.at_us / MICROSECONDS,
            "score": span.score,
            **_ends(span),
            "track": track.track,
            "shot": track.shot,
            "units": span.units,
        }
        for span in track.spans
    ]


def _segment(segment: Segment, number: int, picture: str | None) -> dict[str, Any]:
    older = {
        "start_time": segment.start_s,
        "end_time": segment.end_s,
        "duration": segment.length_us / MICROSECONDS,
        "peak_time": segment.peak_s,
        "avg_score": segment.score,
        "keyframe_path": picture or "",
    }
    return {
        "segment_id": number,
        **_proposal(segment),
        "peak_s": segment.peak_s,
        "peak_score": segment.peak_score,
        "keyframe": picture,
        **older,
    }


def _proposal(box: Segment) -> dict[str, Any]:
    where = {"track": box.track, "shot": box.shot, "scored_share": box.scored_share}
    return {**_ends(box), "score": box.score, **where}


def _keyframe(frame: Keyframe) -> dict[str, Any]:
    return {
        "file": frame.file,
        "segment_id": frame.segment,
        "kind": frame.kind,
        "at_s": frame.at_us / MICROSECONDS,
        "score": frame.score,
        "track": frame.track,
        "box_px": list(frame.box_px),
    }


def _ends(stretch: Stretch) -> dict[str, float]:
    return {"start_s": stretch.start_s, "end_s": stretch.end_s}
