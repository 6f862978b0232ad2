"""Timelines for the tests, as the JSON values of the file, held to the schema."""

import json
from importlib.resources import files

import fastjsonschema

SCHEMA = json.loads((files("deepfakebench_ext.analysis.formats") / "timeline.schema.json").read_text(encoding="utf-8"))
valid = fastjsonschema.compile(SCHEMA)


def made(file="a.mp4", *, duration=10.0, segments=(), proposals=(), scores=(), sha256="0" * 64, **changed):
    """A timeline: segments and proposals as (start, end, score), scores as (start, end, score[, track])."""
    return {
        "schema_version": 1,
        "tool": {"name": "deepfakebench_ext", "version": "1"},
        "video": {
            "file": file,
            "sha256": sha256,
            "size_bytes": 9,
            "duration_s": duration,
            "start_s": 0.0,
            "streams": [{"kind": "video", "codec": "h264"}],
        },
        "detector": {"source": "org/name", "sha256": "0" * 64, "head_trained": True},
        "settings": {},
        "policy": {
            "onset": 0.5,
            "offset": 0.4,
            "smooth_s": 0.0,
            "min_on_s": 0.0,
            "min_off_s": 0.0,
            "pad_s": 0.0,
            "max_gap_s": 0.0,
            "calibrated": True,
            "source": "20 real videos",
            "false_alarms": None,
        },
        "score": {
            "score": None,
            "rule": "top_fifth",
            "track": None,
            "reason": "no face is scored",
            "decision": "no decision",
            "decision_reason": "no face is scored",
            "bands": None,
        },
        "shots": [{"shot": 1, "start_s": 0.0, "end_s": duration}],
        "tracks": [],
        "scores": [_score(*row) for row in scores],
        "segments": [_segment(number, *row) for number, row in enumerate(segments, 1)],
        "proposals": [_box(*row) for row in proposals],
        "keyframes": [],
        "unscored": [],
        "video_duration": duration,
        "total_clips": len(scores),
        "threshold": 0.5,
        **changed,
    }


def write(folder, document):
    """Write it as `timeline.json` into a new folder; hold it to the schema first."""
    valid(document)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "timeline.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def _box(start, end, score):
    return {"start_s": start, "end_s": end, "score": score, "track": 1, "shot": 1, "scored_share": 1.0}


def _score(start, end, score, track=1):
    ends = {"start_s": start, "end_s": end, "score": score}
    return {"time": start, **ends, "track": track, "shot": 1, "units": 1}


def _segment(number, start, end, score):
    older = {"start_time": start, "end_time": end, "duration": end - start, "peak_time": start, "avg_score": score}
    own = {"segment_id": number, "peak_s": start, "peak_score": score, "keyframe": None, "keyframe_path": ""}
    return {**_box(start, end, score), **own, **older}
