"""Films written through PyAV: H.264, every frame at its own time, whole or not at all."""

from __future__ import annotations

import os
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any

import cv2
import numpy as np

from deepfakebench_ext.common.errors import MissingExtraError, OutputError
from deepfakebench_ext.media.frame import RGB

_TICKS = 90_000  # of a second


def check_films_can_be_written(option: str) -> None:
    """Pass where PyAV is installed.

    Raises:
        MissingExtraError: It is not.
    """
    if not find_spec("av"):
        raise MissingExtraError(f"{option} writes films through PyAV; type: pip install 'deepfakebench-ext[video]'")


class FilmWriter:
    """One film under way, without sound; a context manager. It appears under its name when the block ends well.

    The same frames and times give the same bytes.
    """

    def __init__(self, path: Path, *, crf: int = 20) -> None:
        """Say where it goes.

        Args:
            path: Of an MP4; its folder exists.
            crf: Quality: 0 loses nothing, 51 all.
        """
        self._path, self._crf = path, crf
        self._unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        self._stream: Any = None
        self._before = -1

    def __enter__(self) -> FilmWriter:
        """Open the file.

        Raises:
            OutputError: It cannot be written.
        """
        import av

        try:
            self._container = av.open(str(self._unfinished), "w", format="mp4")
        except OSError as error:
            raise OutputError(f"{self._path} cannot be written: {error}") from error
        return self

    def add(self, rgb: RGB, time_s: float) -> None:
        """Add a uint8 (H, W, 3) frame, shown from this time on; times rise.

        An odd last row or column is left out, as 4:2:0 has none; a frame of another size than the first is resized.

        Raises:
            OutputError: The disk is full.
        """
        import av

        height, width = (side - side % 2 for side in rgb.shape[:2])
        if self._stream is None:
            self._open(width, height)
        shown = np.ascontiguousarray(rgb[:height, :width])
        if (width, height) != (self._stream.width, self._stream.height):
            size = (self._stream.width, self._stream.height)
            shown = np.asarray(cv2.resize(shown, size, interpolation=cv2.INTER_AREA))
        picture = av.VideoFrame.from_ndarray(shown, format="rgb24")
        self._before = max(self._before + 1, round(time_s * _TICKS))
        picture.pts, picture.time_base = self._before, Fraction(1, _TICKS)
        self._write(picture)

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        """Put the film in its place, or remove what there is of it."""
        try:
            if kind is None and self._stream is not None:
                self._write(None)
            self._container.close()
            if kind is None and self._stream is not None:
                self._unfinished.replace(self._path)
        finally:
            self._unfinished.unlink(missing_ok=True)

    def _open(self, width: int, height: int) -> None:
        # x264's macroblock tree reads beyond its tables where the width is no multiple of 64: other bytes each time.
        options = {"crf": str(self._crf), "preset": "veryfast", "mbtree": "0"}
        self._stream = self._container.add_stream("libx264", rate=25, options=options)
        self._stream.width, self._stream.height, self._stream.pix_fmt = width, height, "yuv420p"
        self._stream.codec_context.time_base = Fraction(1, _TICKS)
        # What comes out depends on the number of threads.
        self._stream.codec_context.thread_count = 1

    def _write(self, picture: Any) -> None:
        try:
            self._container.mux(self._stream.encode(picture))
        except OSError as error:
            raise OutputError(f"{self._path} cannot be written: {error}") from error
