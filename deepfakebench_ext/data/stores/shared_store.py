"""One store of frames for several detectors that go over a dataset abreast, so that each frame is decoded once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from pathlib import Path
from threading import Lock

import numpy as np
import numpy.typing as npt

from deepfakebench_ext.data.stores.frame_stores import FrameStore


class SharedStore:
    """A `FrameStore` that keeps what it decoded last. Safe in several threads.

    Two threads that ask for the same new frame at the same moment may both decode it.
    """

    def __init__(self, store: FrameStore, capacity: int) -> None:
        """Say what to read, and how much to keep.

        Args:
            store: What frames are read from.
            capacity: Bytes of decoded frames kept, those asked for last.
        """
        self._store, self._capacity = store, capacity
        self._kept: OrderedDict[str, npt.NDArray[np.uint8]] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()

    def __str__(self) -> str:
        """Return where it looks, in words."""
        return str(self._store)

    def settle(self, frames: Sequence[str]) -> None:
        """Find out how the frames of a dataset are found."""
        self._store.settle(frames)

    def read(self, frame: str) -> npt.NDArray[np.uint8]:
        """Return a frame as uint8 (H, W, 3) RGB, read-only.

        Raises:
            MediaError: It is missing or broken.
        """
        with self._lock:
            if frame in self._kept:
                self._kept.move_to_end(frame)
                return self._kept[frame]
        rgb = self._store.read(frame)
        rgb.setflags(write=False)
        with self._lock:
            if frame not in self._kept:
                self._kept[frame] = rgb
                self._bytes += rgb.nbytes
            while self._bytes > self._capacity:
                self._bytes -= self._kept.popitem(last=False)[1].nbytes
        return rgb

    def missing(self, frames: Iterable[str]) -> list[str]:
        """Return which of these frames are not there, in their order."""
        return self._store.missing(frames)

    def file(self, frame: str) -> Path:
        """Return the file that holds a frame, or would."""
        return self._store.file(frame)

    def content(self, frame: str) -> str:
        """Return what `content_of` says of the encoded frame."""
        return self._store.content(frame)

    def address(self, frame: str) -> str:
        """Return where a frame is looked for, in words."""
        return self._store.address(frame)
