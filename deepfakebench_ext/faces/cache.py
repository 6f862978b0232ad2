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
import stat
import struct
import threading
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from deepfakebench_ext.common.digests import sha256_of
from deepfakebench_ext.common.errors import ConfigError, MediaError, OutputError
from deepfakebench_ext.faces.crop import FaceCrop, Miss, Shot
from deepfakebench_ext.faces.detect import Face

logger = logging.getLogger(__name__)

_MAGIC = b"deepfakebench_ext crops 2\n"
_SUFFIX = ".crops"
_LOCK = ".eviction.lock"
_UNFINISHED = ".tmp"
# An entry: the magic, the checksum of all that follows, the length of the JSON, the JSON, and arrays as np.save has it.
_CHECKSUM, _LENGTH = struct.Struct("<I"), struct.Struct("<Q")
# A process looks at what all of them have written whenever it has itself written this share of the limit.
_LOOK_SHARE = 1 / 64
# Eviction goes on down to this share of the limit, so that it does not begin anew at once.
_KEEP_SHARE = 0.9
_PATIENCE_S, _POLL_S = 30.0, 0.005
_ABANDONED_S = 3600.0

# What reading an entry raises that is not one, or not whole.
_DAMAGE = (ValueError, KeyError, TypeError, EOFError, OSError, MemoryError, struct.error)


@dataclass(frozen=True, slots=True, eq=False)
class CachedCrops:
    """All sampled frames of one file: whoever has them need not open it.

    Attributes:
        shots: In the order in which they were sampled.
        info: What else the reader learnt, such as how many frames could be decoded. JSON values.
    """

    shots: tuple[Shot, ...]
    info: Mapping[str, Any] = field(default_factory=dict)


class CropCache:
    """A folder of entries, together at most `max_bytes` large; the least recently used go first.

    Each further process that writes at the same time may add 1/64 of the limit before it looks at the others' entries.
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
        try:
            self._make_room(len(data))
            _write_whole(self._path(key), data)
        except OSError as error:
            if not self._has_warned:
                logger.warning("the crop cache cannot be written, crops are not kept: %s", error)
            self._has_warned = True

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / (key + _SUFFIX)

    def _content(self, path: Path) -> str:
        try:
            status = path.stat()
            if not stat.S_ISREG(status.st_mode):  # a pipe would block the reader for ever
                raise MediaError(f"{path}: not a regular file")
            identity = (os.path.abspath(path), status.st_size, status.st_mtime_ns)  # noqa: PTH100 (20,000 files)
            known = self._contents.get(identity)
            if known is None:
                known = self._contents[identity] = sha256_of(path)
        except OSError as error:
            raise MediaError(f"{path}: {error.strerror or error}") from error
        return known

    def _make_room(self, incoming: int) -> None:
        with self._lock:
            self._unseen_bytes += incoming
            if self._unseen_bytes < self._max_bytes * _LOOK_SHARE:
                return
            self._unseen_bytes = incoming
            lock = FileLock(self._folder / _LOCK)
            # One at a time, or writers would outrun the one that evicts. Unless that one hangs.
            with contextlib.suppress(Timeout), lock.acquire(timeout=_PATIENCE_S, poll_interval=_POLL_S):
                _evict(self._folder, self._max_bytes, incoming)


def _evict(folder: Path, max_bytes: int, incoming: int) -> None:
    """Remove the entries not used for longest, unless all of them and the incoming one are within the limit."""
    entries = sorted(_entries(folder))
    total = incoming + sum(size for _, size, _ in entries)
    if total <= max_bytes * (1 - _LOOK_SHARE):
        return
    for _, size, path in entries:
        if total <= max_bytes * _KEEP_SHARE:
            return
        with contextlib.suppress(OSError):  # gone meanwhile; or open in a reader, on a system that then keeps it
            path.unlink()
        total -= size


def _entries(folder: Path) -> Iterator[tuple[int, int, Path]]:
    """Time of last use in nanoseconds, size in bytes and path of each entry; drops what killed writers left behind."""
    for path in folder.glob("[0-9a-f][0-9a-f]/*"):
        try:
            status = path.stat()
            if path.suffix == _SUFFIX:
                yield status.st_mtime_ns, status.st_size, path
            elif path.suffix == _UNFINISHED and time.time() - status.st_mtime > _ABANDONED_S:
                path.unlink()
        except OSError:  # gone meanwhile
            continue


def _write_whole(path: Path, data: bytes) -> None:
    """Put a file in its place, whole or not at all. It need not reach the disk: after a crash it counts as damaged."""
    path.parent.mkdir(exist_ok=True)
    unfinished = path.with_name(f"{path.stem}.{secrets.token_hex(4)}{_UNFINISHED}")
    try:
        unfinished.write_bytes(data)
        unfinished.replace(path)
    finally:
        with contextlib.suppress(OSError):  # in its place already, or in a folder that lets nothing be removed
            unfinished.unlink(missing_ok=True)


def _encoded(crops: CachedCrops, key: str) -> bytes:
    arrays = io.BytesIO()
    frames = [_shot_to_json(shot, arrays) for shot in crops.shots]
    header = json.dumps({"key": key, "info": dict(crops.info), "frames": frames}).encode()
    body = _LENGTH.pack(len(header)) + header + arrays.getvalue()
    return _MAGIC + _CHECKSUM.pack(zlib.crc32(body)) + body


def _decoded(data: bytes, key: str) -> CachedCrops:
    """The entry of these bytes.

    Raises:
        _DAMAGE: They are not one, or that of another key.
    """
    if not data.startswith(_MAGIC):
        raise ValueError(f"begins with {data[: len(_MAGIC)]!r}")
    start = len(_MAGIC) + _CHECKSUM.size
    (checksum,) = _CHECKSUM.unpack_from(data, len(_MAGIC))
    if zlib.crc32(memoryview(data)[start:]) != checksum:
        raise ValueError("checksum")
    (length,) = _LENGTH.unpack_from(data, start)
    arrays = io.BytesIO(data)
    arrays.seek(start + _LENGTH.size)
    header = json.loads(arrays.read(length))
    if header["key"] != key:
        raise ValueError(f"it is the entry {header['key']}")
    return CachedCrops(tuple(_shot_from_json(values, arrays) for values in header["frames"]), header["info"])


def _shot_to_json(shot: Shot, arrays: io.BytesIO) -> dict[str, Any]:
    """All of a shot but its arrays, which are appended to `arrays`: pixels, then landmarks if there are any."""
    values = {"index": shot.index, "pts_s": shot.time_s, "end_s": shot.end_s, **_result_to_json(shot.result, arrays)}
    return values | ({"others": [_result_to_json(each, arrays) for each in shot.others]} if shot.others else {})


def _result_to_json(crop: FaceCrop | Miss, arrays: io.BytesIO) -> dict[str, Any]:
    if isinstance(crop, Miss):
        return {"miss": crop.reason, "is_off": crop.is_off, "num_faces": crop.num_faces}
    np.save(arrays, crop.rgb, allow_pickle=False)
    if crop.landmarks_px is not None:
        np.save(arrays, crop.landmarks_px, allow_pickle=False)
    return {
        "face_found": crop.face_found,
        "is_full_frame": crop.is_full_frame,
        "reason": crop.reason,
        "face": None if crop.face is None else [crop.face.bbox_px, crop.face.score],
        "num_faces": crop.num_faces,
        "is_off": crop.is_off,
        "has_landmarks": crop.landmarks_px is not None,
    }


def _shot_from_json(values: Mapping[str, Any], arrays: io.BytesIO) -> Shot:
    result = _result_from_json(values, arrays)
    others = tuple(_result_from_json(each, arrays) for each in values.get("others", ()))
    return Shot(values["index"], values["pts_s"], result, values["end_s"], others)


def _result_from_json(values: Mapping[str, Any], arrays: io.BytesIO) -> FaceCrop | Miss:
    if "miss" in values:
        return Miss(values["miss"], is_off=values["is_off"], num_faces=values["num_faces"])
    return FaceCrop(
        rgb=np.load(arrays, allow_pickle=False),
        landmarks_px=np.load(arrays, allow_pickle=False) if values["has_landmarks"] else None,
        face_found=values["face_found"],
        is_full_frame=values["is_full_frame"],
        reason=values["reason"],
        face=_face_from_json(values["face"]),
        num_faces=values["num_faces"],
        is_off=values["is_off"],
    )


def _face_from_json(values: tuple[list[float], float] | None) -> Face | None:
    if values is None:
        return None
    (x0, y0, x1, y1), score = values
    return Face((x0, y0, x1, y1), None, score)
