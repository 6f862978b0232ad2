"""SHA-256 of files, and what tells a file by little of it."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

_CHUNK_BYTES = 1 << 20
_EDGE_BYTES = 1 << 16
_DIGITS = 32
ABSENT = "absent"
"""In place of the content of what cannot be read."""


def sha256_of(*paths: Path) -> str:
    """Return the SHA-256 over the bytes of the files, one after the other, as hex digits.

    Raises:
        OSError: One cannot be read.
    """
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                digest.update(chunk)
    return digest.hexdigest()


def content_of(path: Path | str) -> str:
    """Return what tells a file's content, wherever it lies: hex digits over its size, its first and its last 64 KiB.

    It costs next to nothing beside reading the file. What cannot be read is `ABSENT`.
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116 (a million files); a pipe would block
            return ABSENT
        with open(path, "rb") as stream:  # noqa: PTH123 (a million files)
            size = os.fstat(stream.fileno()).st_size
            edges = stream.read(_EDGE_BYTES)
            if size > _EDGE_BYTES:
                stream.seek(max(_EDGE_BYTES, size - _EDGE_BYTES))
                edges += stream.read(_EDGE_BYTES)
    except (OSError, ValueError):  # ValueError: characters that no path has
        return ABSENT
    return _told(size, edges)


def content_of_bytes(data: bytes) -> str:
    """Return what `content_of` says of a file of these bytes."""
    head = data[:_EDGE_BYTES]
    return _told(len(data), head + data[max(_EDGE_BYTES, len(data) - _EDGE_BYTES) :])


def _told(size: int, edges: bytes) -> str:
    return hashlib.sha256(b"%d\n" % size + edges).hexdigest()[:_DIGITS]
