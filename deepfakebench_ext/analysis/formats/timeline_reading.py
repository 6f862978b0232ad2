"""`timeline.json` as what figures are made from. `timeline.schema.json` beside this file says all that it holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepfakebench_ext.analysis.formats.files import read_json
from deepfakebench_ext.analysis.formats.values import (
    digest,
    got,
    mapping,
    rows,
    scored_stretch,
    stretch,
    text,
    time_us,
    whole,
)
from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.paths import missing_path
from deepfakebench_ext.metrics.segments.judged import ranked
from deepfakebench_ext.metrics.segments.stretches import ScoredStretch, Stretch, highest, union

TIMELINE = "timeline.json"
SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class SaidVideo:
    """What one timeline says of its video.

    Attributes:
        path: The timeline's own file.
        file: The video's, as the timeline spells it, with `/`.
        sha256: Digest of the video's bytes, or None.
        duration_us: Its length in microseconds, above 0.
        marked: Time that any segment covers, rising and apart.
        boxes: Scored stretches that no threshold chose, from the highest down.
        scores: The highest score of any face at each scored time.
        head_trained: Whether the detector's head came from a checkpoint.
        calibrated: Whether real videos chose the threshold of the segments.
    """

    path: Path
    file: str
    sha256: str | None
    duration_us: int
    marked: tuple[Stretch, ...]
    boxes: tuple[ScoredStretch, ...]
    scores: tuple[ScoredStretch, ...]
    head_trained: bool
    calibrated: bool


def timeline_paths(given: Path) -> list[Path]:
    """The timelines that a path names: the file itself, or all files called `timeline.json` below a folder, sorted.

    Raises:
        ConfigError: There is nothing, or a folder without timelines.
    """
    if given.is_dir():
        found = sorted(given.rglob(TIMELINE))
        if not found:
            raise ConfigError(f"{given} has no {TIMELINE} in it or below; give the folder of an analysis, or the file")
        return found
    if not given.exists():
        raise missing_path(given)
    return [given]


def read_timeline(path: Path) -> SaidVideo:
    """Read one timeline.

    Raises:
        ConfigError: It is missing, no JSON, of another version, or holds what is not allowed.
    """
    document = mapping(read_json(path), str(path))
    version = document.get("schema_version")
    if version != SCHEMA_VERSION:
        raise ConfigError(f"{path} has schema_version {version!r}; this version reads {SCHEMA_VERSION}")
    try:
        return _said(path, document)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def _said(path: Path, document: Mapping[str, Any]) -> SaidVideo:
    video, detector, policy = (mapping(got(document, name, "it"), name) for name in ("video", "detector", "policy"))
    duration = time_us(got(video, "duration_s", "video"), "duration_s of video")
    if duration <= 0:
        raise ConfigError(f"duration_s of video is {duration / 1e6:g}; it must be above 0")
    return SaidVideo(
        path,
        text(video, "file", "video").replace("\\", "/"),
        digest(video, "video"),
        duration,
        union(_stretch(row, f"segment {place}") for place, row in _rows(document, "segments")),
        ranked([scored_stretch(row, f"proposal {place}") for place, row in _rows(document, "proposals")]),
        _highest(document),
        bool(got(detector, "head_trained", "detector")),
        bool(got(policy, "calibrated", "policy")),
    )


def _highest(document: Mapping[str, Any]) -> tuple[ScoredStretch, ...]:
    by_track: dict[int, list[ScoredStretch]] = {}
    for place, row in _rows(document, "scores"):
        track = whole(row, "track", f"score {place}")
        by_track.setdefault(track, []).append(scored_stretch(row, f"score {place}"))
    return highest(by_track.values())


def _rows(document: Mapping[str, Any], name: str) -> list[tuple[int, Mapping[str, Any]]]:
    listed = rows(got(document, name, "it"), name)
    return [(place, mapping(row, f"row {place} of {name}")) for place, row in enumerate(listed, 1)]


def _stretch(row: Mapping[str, Any], where: str) -> Stretch:
    return stretch(got(row, "start_s", where), got(row, "end_s", where), where)
