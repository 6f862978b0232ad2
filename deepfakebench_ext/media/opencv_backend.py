"""Video files through the FFmpeg inside OpenCV: what there is where PyAV is not installed.

Slower to plan, and not in all things PyAV's equal: the wheels of OpenCV decode no AV1; from 4.13 on, OpenCV returns
whatever was in memory for interlaced frames, and says that it succeeded (vllm-project/vllm#47853); releases such as 4.8
convert all colours by BT.601; mirrored displays are not mirrored; the cover of a piece of music is a video.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from deepfakebench_ext.common.errors import MediaError
from deepfakebench_ext.media.frame import RGB, Picture
from deepfakebench_ext.media.hdr import TRANSFERS
from deepfakebench_ext.media.image import MAX_PIXELS
from deepfakebench_ext.media.sniff import ALLOWED, declared_transfer, why_no_video

_REMEDY = "pip install 'deepfakebench-ext[video]'"
# `grab` fails at every packet that cannot be decoded and goes on behind it when called again; it also fails at the end.
_FAILURES_AT_THE_END = 64
# What comes out of a damaged stream depends on the number of threads.
_ONE_THREAD = [cv2.CAP_PROP_N_THREADS, 1]

_LEVEL, _OPTIONS = "OPENCV_FFMPEG_LOGLEVEL", "OPENCV_FFMPEG_CAPTURE_OPTIONS"

_opening = threading.Lock()


def tags(path: Path) -> dict[str, str]:
    """Nothing; OpenCV knows of streams alone."""
    return {}


def streams(path: Path) -> list[dict[str, Any]]:
    """The stream of pictures; OpenCV knows of no other.

    Raises:
        MediaError: Not a video.
    """
    capture = _opened(path)
    try:
        letters = int(capture.get(cv2.CAP_PROP_FOURCC)).to_bytes(4, "little", signed=True)
        size = {"width_px": cv2.CAP_PROP_FRAME_WIDTH, "height_px": cv2.CAP_PROP_FRAME_HEIGHT}
        about = {name: int(capture.get(number)) for name, number in size.items()}
        fps = capture.get(cv2.CAP_PROP_FPS) or None
        codec = letters.decode("ascii", "replace").strip("\0 ") or "unknown"
        return [{"kind": "video", "codec": codec, **about, "fps": fps}]
    finally:
        capture.release()


def looks(path: Path) -> tuple[int, Fraction]:
    """Return the number of the video's transfer function, 0 where none is told, and its pixels' width over height.

    Raises:
        MediaError: Not a video.
    """
    capture = _opened(path)
    try:
        across, down = (int(capture.get(name)) for name in (cv2.CAP_PROP_SAR_NUM, cv2.CAP_PROP_SAR_DEN))
    finally:
        capture.release()
    return declared_transfer(path), Fraction(across, down) if across > 0 and down > 0 else Fraction(1)


def pictures(path: Path) -> Iterator[Picture]:
    """Every frame that OpenCV can decode, in order of presentation; times count from the first.

    Raises:
        MediaError: Not a video, or one of high dynamic range, which OpenCV would give too dark.
    """
    if (transfer := declared_transfer(path)) in TRANSFERS:
        raise MediaError(
            f"{path}: an HDR film ({TRANSFERS[transfer]}), for which OpenCV has no tone mapping; {_REMEDY}"
        )
    capture = _opened(path)
    try:
        begin_s, failures = None, 0
        while failures < _FAILURES_AT_THE_END:
            if not capture.grab():
                failures += 1
                continue
            said_s = _time_s(capture, begin_s is None)
            begin_s = said_s if begin_s is None else begin_s
            yield Picture(None if said_s is None else said_s - (begin_s or 0.0), partial(_rgb, capture, path))
            failures = 0
    finally:
        capture.release()


def _opened(path: Path) -> cv2.VideoCapture:
    with _opening, _silent():
        # Absolute, so that no name reads as a protocol.
        capture = cv2.VideoCapture(str(path.absolute()), cv2.CAP_FFMPEG, _ONE_THREAD)
    if not capture.isOpened():
        raise MediaError(f"{path}: {why_no_video(path)}")
    return capture


@contextmanager
def _silent() -> Iterator[None]:
    """Keep OpenCV, and for the life of the process its FFmpeg, from writing to stderr what we raise or step over.

    And let it open no other file than the one that was given: a playlist would.

    All settings belong to the process. FFmpeg's level is read from the environment when the first file is opened, its
    options whenever one is.
    """
    allowed = "|".join(f"{key};{value}" for key, value in ALLOWED.items())
    given = {name: os.environ.get(name) for name in (_LEVEL, _OPTIONS)}
    logging = getattr(cv2.utils, "logging", cv2)  # where OpenCV 4 and 5 keep the two functions
    level = logging.getLogLevel()
    logging.setLogLevel(0)
    os.environ.setdefault(_LEVEL, "-8")
    os.environ[_OPTIONS] = allowed
    try:
        yield
    finally:
        logging.setLogLevel(level)
        for name, value in given.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _time_s(capture: cv2.VideoCapture, first: bool) -> float | None:
    """What the file says; OpenCV says 0 where it says nothing."""
    time_ms: float = capture.get(cv2.CAP_PROP_POS_MSEC)
    return time_ms / 1000 if time_ms or first else None


def _rgb(capture: cv2.VideoCapture, path: Path) -> RGB:
    width, height = int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
    if width * height > MAX_PIXELS:
        raise MediaError(f"{path}: frames of {width}x{height} are more than {MAX_PIXELS:,} pixels")
    converted, bgr = capture.retrieve()
    if not converted:
        raise MediaError(f"{path}: OpenCV cannot convert its frames of {width}x{height} to RGB")
    return np.ascontiguousarray(bgr[:, :, ::-1])
