"""What is true of videos: our `segments.json`, AV-Deepfake1M's metadata, ActivityNet's database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepfakebench_ext.analysis.formats.files import read_json
from deepfakebench_ext.analysis.formats.values import digest, got, mapping, number, rows, stretch, text, time_us
from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.metrics.segments.stretches import Stretch

FORMATS = (
    '{"videos": [{"file": "a.mp4", "duration_s": 12.5, "segments": [{"start_s": 3.0, "end_s": 4.2}]}]} (ours), '
    '[{"file": "a.mp4", "fake_segments": [[3.0, 4.2]], "video_frames": 312}] (AV-Deepfake1M), '
    '{"database": {"a": {"duration": 12.5, "annotations": [{"label": "Fake", "segment": [3.0, 4.2]}]}}} (ActivityNet)'
)
AV_DEEPFAKE1M_FPS = 25
_KEYS = ("videos", "database")


@dataclass(frozen=True, slots=True)
class TrueVideo:
    """What is true of one video.

    Attributes:
        file: Its path, or its name, as the truth spells it, with `/`.
        sha256: Digest of its bytes, or None.
        duration_us: Its length in microseconds, or None where the truth does not say.
        segments: Manipulated stretches in the order of the file; none for a real video.
    """

    file: str
    sha256: str | None
    duration_us: int | None
    segments: tuple[Stretch, ...]


def read_truth(path: Path) -> list[TrueVideo]:
    """Read the truth of a set of videos, in the order of the file.

    Raises:
        ConfigError: The file is missing, none of the three formats, lists no video, or holds what is not allowed.
    """
    try:
        videos = truth_of(read_json(path))
    except ConfigError as error:
        raise ConfigError(f"truth {path}: {error}") from error
    files = [video.file for video in videos]
    if not files:
        raise ConfigError(f"truth {path} lists no video; give the stretches of one or more")
    if len(set(files)) < len(files):
        raise ConfigError(f"truth {path} lists {max(files, key=files.count)!r} twice; list each video once")
    return videos


def is_truth(document: Any) -> bool:
    """Whether what a file holds has the shape of a truth."""
    return isinstance(document, list) or (isinstance(document, Mapping) and not document.keys().isdisjoint(_KEYS))


def truth_of(document: Any) -> list[TrueVideo]:
    """The same from what the file holds.

    Raises:
        ConfigError: As `read_truth`.
    """
    if isinstance(document, list):
        return [_of_avdeepfake1m(mapping(row, f"row {place}")) for place, row in enumerate(document, 1)]
    if isinstance(document, Mapping) and "videos" in document:
        listed = rows(document["videos"], "videos")
        return [_of_ours(mapping(row, f"video {place}")) for place, row in enumerate(listed, 1)]
    if isinstance(document, Mapping) and "database" in document:
        database = mapping(document["database"], "database")
        return [_of_activitynet(name, mapping(row, repr(name))) for name, row in database.items()]
    raise ConfigError(f"it is of no format known here; allowed are {FORMATS}")


def _of_ours(row: Mapping[str, Any]) -> TrueVideo:
    file = _file(row)
    listed = [mapping(each, f"a segment of {file}") for each in rows(got(row, "segments", file), f"segments of {file}")]
    ends = [(got(each, "start_s", file), got(each, "end_s", file)) for each in listed]
    return TrueVideo(file, digest(row, file), _duration(row.get("duration_s"), file), _stretches(ends, file))


def _of_avdeepfake1m(row: Mapping[str, Any]) -> TrueVideo:
    file = _file(row)
    frames = row.get("video_frames")
    duration = None if frames is None else _duration(number(frames, "video_frames") / AV_DEEPFAKE1M_FPS, file)
    return TrueVideo(file, None, duration, _stretches(rows(got(row, "fake_segments", file), file), file))


def _of_activitynet(name: str, row: Mapping[str, Any]) -> TrueVideo:
    annotations = [mapping(each, f"an annotation of {name}") for each in rows(got(row, "annotations", name), name)]
    ends = [got(each, "segment", name) for each in annotations]
    return TrueVideo(name, None, _duration(row.get("duration"), name), _stretches(ends, name))


def _file(row: Mapping[str, Any]) -> str:
    return text(row, "file", "a video").replace("\\", "/")


def _duration(seconds: Any, file: str) -> int | None:
    if seconds is None:
        return None
    duration = time_us(seconds, f"the duration of {file}")
    if duration <= 0:
        raise ConfigError(f"the duration of {file} is {seconds}; it must be above 0")
    return duration


def _stretches(pairs: Sequence[Any], file: str) -> tuple[Stretch, ...]:
    found = []
    for pair in pairs:
        if not isinstance(pair, (list, tuple)) or len(pair) != 2:
            raise ConfigError(f"a segment of {file} is {pair!r}; allowed are a start and an end in seconds")
        found.append(stretch(pair[0], pair[1], f"a segment of {file}"))
    return tuple(found)
