"""Timelines and truths as the two files of ActivityNet, which ActionFormer and UMMAFormer read too. Pure.

Source: activitynet/ActivityNet Evaluation/eval_detection.py (`database`, `taxonomy`, `version`; `results`, `version`,
`external_data`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from deepfakebench_ext.analysis.formats.truth import TrueVideo
from deepfakebench_ext.analysis.formats.values import got, mapping, rows, scored
from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.metrics.segments.judged import ranked
from deepfakebench_ext.metrics.segments.stretches import MICROSECONDS, ScoredStretch

LABEL = "Fake"
VERSION = "VERSION 1.3"


def results_document(videos: Mapping[str, Sequence[ScoredStretch]]) -> dict[str, Any]:
    """Proposals of each video, from the highest score down."""
    results = {
        name: [{"label": LABEL, "score": box.score, "segment": [box.start_s, box.end_s]} for box in ranked(boxes)]
        for name, boxes in sorted(videos.items())
    }
    return {"version": VERSION, "results": results, "external_data": {}}


def results_of(document: Any) -> dict[str, tuple[ScoredStretch, ...]]:
    """The same, read back; labels are not looked at.

    Raises:
        ConfigError: It holds what is not allowed.
    """
    results = mapping(got(mapping(document, "it"), "results", "it"), "results")
    return {name: ranked([_box(row, name) for row in rows(found, name)]) for name, found in results.items()}


def database_document(videos: Iterable[TrueVideo], subset: str = "validation") -> dict[str, Any]:
    """The truth as a database.

    Raises:
        ConfigError: The length of a video is unknown.
    """
    database = {}
    for video in sorted(videos, key=lambda video: video.file):
        if video.duration_us is None:
            raise ConfigError(f"{video.file}: its length is unknown, and ActivityNet's database wants a duration")
        database[video.file] = {
            "subset": subset,
            "duration": video.duration_us / MICROSECONDS,
            "annotations": [{"label": LABEL, "segment": [each.start_s, each.end_s]} for each in video.segments],
        }
    return {"version": VERSION, "taxonomy": [], "database": database}


def _box(row: Any, name: str) -> ScoredStretch:
    where = f"a result of {name}"
    found = mapping(row, where)
    segment = rows(got(found, "segment", where), f"the segment of {where}")
    if len(segment) != 2:
        raise ConfigError(f"the segment of {where} is {segment!r}; allowed are a start and an end")
    return scored(segment[0], segment[1], got(found, "score", where), where)
