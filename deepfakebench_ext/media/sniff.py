"""What a file is that should have been a picture or a video, in words for people."""

from __future__ import annotations

from pathlib import Path

from deepfakebench_ext.common.errors import MediaError

_HEAD = 24
# Boxes an MP4 or QuickTime file can begin with.
_MP4_BOXES = (b"ftyp", b"mdat", b"moov", b"free", b"skip", b"wide")


def check_file(path: Path) -> None:
    """Pass regular files that hold something; a pipe would block the reader for ever.

    Raises:
        MediaError: Missing, not a regular file, not permitted, or empty.
    """
    if not path.is_file():
        raise MediaError(f"{path}: {'not a regular file' if path.exists() else 'no such file'}")
    if not _head(path):
        raise MediaError(f"{path}: the file is empty")


def why_no_video(path: Path) -> str:
    """Return the likely reason why FFmpeg sees no video in a file that `check_file` has passed."""
    head = _head(path)
    if head[4:8] in _MP4_BOXES:
        return "an MP4 or QuickTime file without video, or without the index (moov) that a file cut short lacks"
    return f"not a video, or damaged from its first bytes on; it begins with {head!r}"


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_HEAD)
    except OSError as error:
        raise MediaError(f"{path}: {error.strerror or error}") from error
