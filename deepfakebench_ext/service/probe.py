"""Whether an upload is taken: it is looked at in a process of its own before it is queued."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepfakebench_ext.service.job import Kind
from deepfakebench_ext.service.settings import Limits

_TIMEOUT_S = 60


@dataclass(frozen=True, slots=True)
class _Facts:
    """What is known of an upload.

    Attributes:
        frames: Frames of a film; 1 of an image.
        duration_s: Length of a film; 0 of an image.
        width, height: Of the first frame, in pixels.
    """

    frames: int
    duration_s: float
    width: int
    height: int


class RefusedError(Exception):
    """An upload that is not judged; the message says why."""


def probe(file: Path, kind: Kind, limits: Limits, shown_as: str) -> None:
    """Pass a film or an image that may be judged.

    Args:
        file: Where it lies.
        kind: What it is to be.
        limits: What is refused.
        shown_as: What the file is called in messages.

    Raises:
        RefusedError: It is no such thing, or beyond a limit.
    """
    asked = (kind, str(file), str(limits.pixels), str(_TIMEOUT_S))
    command = [sys.executable, "-m", "deepfakebench_ext.service.probe_process", *asked]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise RefusedError(f"{shown_as}: its first frame could not be had within {_TIMEOUT_S} s") from error
    if done.returncode:
        raise RefusedError(f"{shown_as}: it cannot be decoded within the memory and time that an upload may take")
    said: dict[str, Any] = json.loads(done.stdout)
    if "refused" in said:
        raise RefusedError(str(said["refused"]).replace(str(file), shown_as))
    facts = _Facts(**said["facts"])
    for name, value, most, unit in (
        ("long", facts.duration_s, limits.duration_s, "s"),
        ("large", facts.width * facts.height, limits.pixels, "pixels a frame"),
        ("long", facts.frames, limits.frames, "frames"),
    ):
        if not value <= most:
            raise RefusedError(f"{shown_as}: it is too {name}: {value:g} {unit}, and {most:g} are allowed")
