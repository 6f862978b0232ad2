"""What an upload is, before it is queued: looked at in a process of its own, with little memory and time.

`python -m deepfakebench_ext.service.probe video FILE` prints one line of JSON: `{"facts": ...}`, or `{"refused": ...}`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepfakebench_ext.common.errors import MediaError
from deepfakebench_ext.service.jobs import Kind
from deepfakebench_ext.service.settings import Limits

_TIMEOUT_S = 60
_MEMORY_BYTES = 4 * 2**30
# fmt: off
_CODECS = frozenset((
    "h264", "hevc", "vp8", "vp9", "av1", "mpeg4", "mpeg2video", "mpeg1video", "msmpeg4v2", "msmpeg4v3", "wmv1", "wmv2",
    "wmv3", "vc1", "h263", "flv1", "theora", "mjpeg", "prores", "dnxhd", "ffv1", "huffyuv",
))
# fmt: on
_AT_ONCE = threading.Semaphore(2)  # a probe takes a core for a second; more would take them from the worker


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of an upload that may be judged.

    Attributes:
        frames: Frames of a film; 1 of an image.
        duration_s: Length of a film; 0 of an image.
        width, height: Of the first frame, in pixels.
        codec: Of the pictures.
    """

    frames: int
    duration_s: float
    width: int
    height: int
    codec: str


class RefusedError(Exception):
    """An upload that is not judged; the message says why."""


def probe(file: Path, kind: Kind, limits: Limits, shown_as: str) -> Facts:
    """What a film or an image is.

    Args:
        file: Where it lies.
        kind: What it is to be.
        limits: What is refused.
        shown_as: What the file is called in messages.

    Raises:
        RefusedError: It is no such thing, or beyond a limit.
    """
    command = [sys.executable, "-m", "deepfakebench_ext.service.probe", kind, str(file)]
    with _AT_ONCE:
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
        except subprocess.TimeoutExpired as error:
            raise RefusedError(f"{shown_as}: its first frame could not be had within {_TIMEOUT_S} s") from error
    if done.returncode:
        raise RefusedError(f"{shown_as}: it cannot be decoded within the memory and time that an upload may take")
    said: dict[str, Any] = json.loads(done.stdout)
    if "refused" in said:
        raise RefusedError(str(said["refused"]).replace(str(file), shown_as))
    facts = Facts(**said["facts"])
    for name, value, most, unit in (
        ("long", facts.duration_s, limits.duration_s, "s"),
        ("large", facts.width * facts.height, limits.pixels, "pixels a frame"),
        ("long", facts.frames, limits.frames, "frames"),
    ):
        if value > most:
            raise RefusedError(f"{shown_as}: it is too {name}: {value:g} {unit}, and {most:g} are allowed")
    return facts


def _facts(kind: str, file: Path) -> Facts:
    if kind == "image":
        from deepfakebench_ext.media.image import read_rgb

        height, width = read_rgb(file).shape[:2]
        return Facts(1, 0.0, width, height, "image")
    from deepfakebench_ext.media.video import every_frame, scan, streams

    codec = next(str(each["codec"]) for each in streams(file) if each["kind"] == "video")
    if codec not in _CODECS:
        raise MediaError(f"{file}: its pictures are coded as {codec}, which is not decoded here")
    found, first = scan(file), next(every_frame(file))
    times_s = found.times_s or (0.0,)
    height, width = first.rgb.shape[:2]
    return Facts(found.num_frames, float(times_s[-1]), width, height, codec)


def main() -> None:
    """Look at one file."""
    import resource  # not on Windows, where nothing bounds a probe but its time

    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (_TIMEOUT_S, _TIMEOUT_S))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    kind, file = sys.argv[1:]
    try:
        facts = _facts(kind, Path(file))
    except MediaError as error:
        said: dict[str, Any] = {"refused": str(error)}
    else:
        said = {"facts": {name: getattr(facts, name) for name in Facts.__dataclass_fields__}}
    sys.stdout.write(json.dumps(said) + "\n")


if __name__ == "__main__":
    main()
