"""Timelines and truths as the two files of AV-Deepfake1M: proposals by file, and its list of metadata. Pure.

Source: ControlNet/AV-Deepfake1M README and src/loc_1d.rs (`file_key` `file`, `value_key` `fake_segments`, fps 1).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from deepfakebench_ext.analysis.formats.truth import AV_DEEPFAKE1M_FPS, TrueVideo
from deepfakebench_ext.analysis.formats.values import mapping, rows, scored
from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.metrics.segments.judged import ranked
from deepfakebench_ext.metrics.segments.stretches import MICROSECONDS, ScoredStretch


def proposals_document(videos: Mapping[str, Sequence[ScoredStretch]]) -> dict[str, list[list[float]]]:
    """Proposals of each video, from the highest score down: the evaluator takes the first of the file."""
    return {
        file: [[box.score, box.start_s, box.end_s] for box in ranked(boxes)] for file, boxes in sorted(videos.items())
    }


def proposals_of(document: Any) -> dict[str, tuple[ScoredStretch, ...]]:
    """The same, read back; times in seconds.

    Raises:
        ConfigError: It holds what is not allowed.
    """
    listed = mapping(document, "proposals").items()
    return {file: ranked([_proposal(row, file) for row in rows(found, file)]) for file, found in listed}


def metadata_document(videos: Iterable[TrueVideo]) -> list[dict[str, Any]]:
    """The truth as its metadata. Nothing is known of audio: its segments are empty.

    Raises:
        ConfigError: The length of a video is unknown.
    """
    return [_metadata(video) for video in sorted(videos, key=lambda video: video.file)]


def _metadata(video: TrueVideo) -> dict[str, Any]:
    if video.duration_us is None:
        raise ConfigError(f"{video.file}: its length is unknown, and AV-Deepfake1M's metadata wants video_frames")
    segments = [[each.start_s, each.end_s] for each in video.segments]
    return {
        "file": video.file,
        "original": None,
        "split": "test",
        "modify_type": "visual_modified" if segments else "real",
        "fake_segments": segments,
        "audio_fake_segments": [],
        "visual_fake_segments": segments,
        "video_frames": round(video.duration_us * AV_DEEPFAKE1M_FPS / MICROSECONDS),
        "audio_frames": 0,
    }


def _proposal(row: Any, file: str) -> ScoredStretch:
    if not isinstance(row, list) or len(row) != 3:
        raise ConfigError(f"a proposal of {file} is {row!r}; allowed are a score, a start and an end")
    return scored(row[1], row[2], row[0], f"a proposal of {file}")
