"""Crops kept on disk, so that the next detector on the same data pays neither for decoding nor for faces.

One file an entry, under a name that says all that decides its content. It appears whole or not at all, and one that was
damaged all the same counts as absent, so that any number of processes and threads may share a folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import logging
import os
import secrets
import threading
import time
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from deepfakebench_ext.errors import ConfigError, MediaError, OutputError
from deepfakebench_ext.faces.crop import FaceCrop, Miss

logger = logging.getLogger(__name__)

_MAGIC = b"deepfakebench_ext crops 1\n"
_SUFFIX = ".crops"
_LOCK = ".eviction.lock"
# How often a process looks at what all of them have written: after this share of the limit of its own.
_LOOK_SHARE = 1 / 64
# Eviction goes on down to this share of the limit, so that it does not begin anew at once.
_KEEP_SHARE = 0.9
_ABANDONED_S = 3600.0

_DAMAGE = (ValueError, KeyError, TypeError, IndexError, EOFError, OSError, MemoryError)


@dataclass(frozen=True, slots=True, eq=False)
class CachedFrame:
    """One sampled frame of a file.

    Attributes:
        index: Of the frame in its video; 0 for an image.
        pts_s: When it is shown, in seconds; None for an image.
        result: Its crop, or why there is none.
    """

    index: int
    pts_s: float | None
    result: FaceCrop | Miss


@dataclass(frozen=True, slots=True, eq=False)
class CachedCrops:
    """All sampled frames of one file: whoever has them need not open it.

    Attributes:
        frames: In the order in which they were sampled.
        info: What else the reader learnt, such as how many frames could be decoded. JSON values.
    """

    frames: tuple[CachedFrame, ...]
    info: Mapping[str, Any] = field(default_factory=dict)


class CropCache:
    """A folder of entries, together at most `max_bytes` large; the least recently used go first.

    With several processes the folder may for a while be larger, by 1/64 of the limit for each of them.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        """Create the folder if need be.

        Args:
            folder: Where entries lie; may be shared by processes and by settings.
            max_bytes: Total size of the entries, at least 1.

        Raises:
            ConfigError: A limit below 1.
            OutputError: The folder cannot be created.
        """
        if max_bytes < 1:
            raise ConfigError(f"a crop cache of {max_bytes} bytes holds nothing; give at least 1, or leave it out")
        self._folder, self._max_bytes = folder, max_bytes
        self._contents: dict[tuple[str, int, int], str] = {}
        self._lock = threading.Lock()
        self._unseen_bytes = max_bytes  # so that the first entry written looks at what is there
        self._has_warned = False
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"--crop_cache {folder} cannot be created: {error.strerror}; give another") from error

    def key(self, files: Sequence[Path], settings: Mapping[str, Any], identity: Mapping[str, Any]) -> str:
        """The name of an entry: SHA-256 (hex) over the files' content, not their names, and over the two mappings.

        A file is read once per process, and again when its size or time of change differs.

        Args:
            files: The image, the video, or the frames in their order.
            settings: `FaceSettings.to_dict()`.
            identity: What else decides which crops these are, such as how frames are sampled. JSON values.

        Raises:
            MediaError: A file cannot be read.
        """
        named = {"contents": [self._content(path) for path in files], "settings": settings, "identity": identity}
        return hashlib.sha256(json.dumps(named, sort_keys=True, ensure_ascii=True).encode()).hexdigest()

    def get(self, key: str) -> CachedCrops | None:
        """The entry, or None where there is none or it is damaged. Its arrays are the caller's own."""
        path = self._path(key)
        try:
            entry = _decoded(path.read_bytes(), key)
        except FileNotFoundError:
            return None
        except _DAMAGE as error:
            logger.warning("%s is not a whole entry of the crop cache (%s); it is made anew", path, error)
            return None
        with contextlib.suppress(OSError):  # evicted meanwhile, or a folder of another user: it only ages
            os.utime(path)
        return entry

    def put(self, key: str, crops: CachedCrops) -> None:
        """Keep an entry, in place of one of the same key. One larger than the whole limit is not kept.

        A cache that cannot be written changes no result: the first failure is logged, the run goes on.
        """
        data = _encoded(crops, key)
        if len(data) > self._max_bytes:
            return
        path = self._path(key)
        try:
            _write_whole(path, data)
            self._make_room(len(data))
        except OSError as error:
            if not self._has_warned:
                logger.warning("the crop cache cannot be written, crops are not kept: %s", error)
            self._has_warned = True

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / (key + _SUFFIX)

    def _content(self, path: Path) -> str:
        try:
            status = path.stat()
            identity = (os.path.abspath(path), status.st_size, status.st_mtime_ns)  # noqa: PTH100 (20,000 files)
            with self._lock:
                known = self._contents.get(identity)
            if known is None:
                known = _file_sha256(path)
                with self._lock:
                    self._contents[identity] = known
        except OSError as error:
            raise MediaError(f"{path}: {error.strerror or error}") from error
        return known

    def _make_room(self, written: int) -> None:
        with self._lock:
            self._unseen_bytes += written
            if self._unseen_bytes < self._max_bytes * _LOOK_SHARE:
                return
            self._unseen_bytes = 0
        try:
            with FileLock(self._folder / _LOCK, timeout=0):
                _evict(self._folder, self._max_bytes)
        except Timeout:
            return  # another one is at it


def _evict(folder: Path, max_bytes: int) -> None:
    """Remove the entries that were not used for longest until the rest is well within the limit."""
    entries = sorted(_entries(folder))
    total = sum(size for _, size, _ in entries)
    if total <= max_bytes:
        return
    for _, size, path in entries:
        if total <= max_bytes * _KEEP_SHARE:
            return
        with contextlib.suppress(OSError):  # gone meanwhile; or open in a reader, on a system that then keeps it
            path.unlink()
        total -= size
