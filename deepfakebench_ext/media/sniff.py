"""What a file is that should have been a picture or a video, in words for people."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from deepfakebench_ext.common.errors import MediaError
from deepfakebench_ext.common.retrying import PASSING, retried

_HEAD = 24
# Boxes an MP4 or QuickTime file can begin with.
_COLOURS, _INDEX_BYTES = b"colrnclx", 1 << 22
_MP4_BOXES = (b"ftyp", b"mdat", b"moov", b"free", b"skip", b"wide")


ALLOWED: Final = {
    "format_whitelist": "mov,avi,matroska,mpeg,mpegts,flv,asf,ogg,mpegvideo,m4v,h264,hevc",
    "protocol_whitelist": "file",
}
"""What FFmpeg may open. Playlists and pictures are not among it: a text file must not make it open others."""


def is_folder(path: Path) -> bool:
    """Return whether a folder is there; False too for a name that none can have, for which `Path.is_dir` raises."""
    return os.path.isdir(path)  # noqa: PTH112


def check_file(path: Path) -> None:
    """Pass regular files that hold something; a pipe would block the reader for ever.

    Raises:
        MediaError: Missing, not a regular file, not permitted, or empty.
    """
    try:
        is_file = stat.S_ISREG(retried(lambda: os.stat(path)).st_mode)  # noqa: PTH116
    except OSError as error:
        raise MediaError(f"{path}: {error.strerror if error.errno in PASSING else 'no such file'}") from error
    except ValueError as error:  # characters that no path has
        raise MediaError(f"{path}: no such file") from error
    if not is_file:
        raise MediaError(f"{path}: not a regular file")
    if not _head(path):
        raise MediaError(f"{path}: the file is empty")


def why_no_video(path: Path) -> str:
    """Return the likely reason why FFmpeg sees no video in a file that `check_file` has passed."""
    head = _head(path)
    if head[4:8] in _MP4_BOXES:
        return "an MP4 or QuickTime file without video, or without the index (moov) that a file cut short lacks"
    return f"not a video, or damaged from its first bytes on; it begins with {head!r}"


def declared_transfer(path: Path) -> int:
    """Return the number of the transfer function (ITU-T H.273) that an MP4 or QuickTime file declares, 0 without one.

    Only the beginning and the end of the file are looked at, where such files have their index.
    """
    with path.open("rb") as file:
        index = file.read(_INDEX_BYTES)
        if file.seek(0, os.SEEK_END) > _INDEX_BYTES:
            file.seek(-min(_INDEX_BYTES, file.tell() - _INDEX_BYTES), os.SEEK_END)
            index += file.read()
    found = index.find(_COLOURS)
    return int.from_bytes(index[found + len(_COLOURS) + 2 :][:2], "big") if found >= 0 else 0


def _beginning(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEAD)


def _head(path: Path) -> bytes:
    try:
        return retried(lambda: _beginning(path))
    except OSError as error:
        raise MediaError(f"{path}: {error.strerror or error}") from error
