"""Tars, on this machine or fetched: their members, found by one pass over the headers, and read one at a time."""

from __future__ import annotations

import os
import tarfile
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from deepfakebench_ext.common.errors import MediaError
from deepfakebench_ext.common.tar_names import split_member
from deepfakebench_ext.common.urls import is_url

_index_lock = threading.Lock()


class Place(NamedTuple):
    """Where a member's bytes lie in its tar."""

    offset: int
    size: int


class Members(NamedTuple):
    """What lies in a tar.

    Attributes:
        files: By their names, in its order; of equal names the last, as tar itself takes it.
        links: Names of symbolic links, and of links to what is not in it. They lead to no file here.
    """

    files: Mapping[str, Place]
    links: frozenset[str]


def holder(file: str) -> tuple[str, str] | None:
    """Return the tar that a file lies in, and its name there; None where it lies in none."""
    found = split_member(file)
    return found if found is not None and (is_url(found[0]) or _is_file(found[0])) else None


def is_elsewhere(file: str) -> bool:
    """Return whether a file has to be fetched, or taken out of a tar, before it can be opened."""
    return is_url(file) or holder(file) is not None


@lru_cache(maxsize=1000)
def _is_file(path: str) -> bool:
    return os.path.isfile(path)  # noqa: PTH113


def members(path: Path) -> Members:
    """Return what lies in a tar.

    Raises:
        MediaError: No tar, or one that is compressed or cut short.
    """
    status = os.stat(path)  # noqa: PTH116 (asked for each member)
    with _index_lock:  # or each reading thread would go over the headers
        return _indexed(str(path), status.st_ino, status.st_size)


@lru_cache(maxsize=8)
def _indexed(path: str, inode: int, size: int) -> Members:
    found: dict[str, Place] = {}
    links: set[str] = set()
    try:
        with tarfile.open(path, "r:") as tar:
            while (member := tar.next()) is not None:
                name = member.name.removeprefix("./")
                target = found.get(member.linkname.removeprefix("./")) if member.islnk() else None
                if member.isreg() or target is not None:  # of a file that is there twice, tar keeps a link
                    found.pop(name, None)
                    found[name] = target or Place(member.offset_data, member.size)
                    links.discard(name)
                elif member.issym() or member.islnk():
                    found.pop(name, None)
                    links.add(name)
                tar.members.clear()  # type: ignore[attr-defined]  # or it keeps a kilobyte of each
            last = int(tar.offset)
    except (tarfile.TarError, OSError, EOFError) as error:
        raise MediaError(f"{path}: no tar, or one that is compressed or cut short: {error}") from error
    end = max((place.offset + place.size for place in found.values()), default=0)
    if end > size:
        raise MediaError(f"{path}: cut short: its last file ends at byte {end:,} of {size:,}")
    if not _is_end(path, last):  # tarfile takes what it cannot read, and nothing at all, for the end
        raise MediaError(f"{path}: damaged or cut short at byte {last:,}: no file and no end of a tar is there")
    return Members(found, frozenset(links))


def _is_end(path: str, offset: int) -> bool:
    """Whether nothing but zeros follows, and something does."""
    with Path(path).open("rb") as file:
        file.seek(offset)
        following = file.read(tarfile.BLOCKSIZE)
        while following and not following.strip(b"\0"):
            if not (following := file.read(1 << 20)):
                return True
    return False


def read_member(path: Path, place: Place) -> bytes:
    """Return the bytes of a member."""
    with path.open("rb") as file:
        file.seek(place.offset)
        return file.read(place.size)


@contextmanager
def member_file(path: Path, name: str) -> Iterator[Path]:
    """Give a member as a file of its own, as long as the block lasts.

    Raises:
        MediaError: There is none of that name.
    """
    files, links = members(path)
    place = files.get(name)
    if place is None:
        what = "a link, which is not followed in a tar" if name in links else "no such file"
        raise MediaError(f"{path}/{name}: {what}")
    suffix = PurePosixPath(name).suffix
    with tempfile.NamedTemporaryFile(suffix=suffix) as file:
        file.write(read_member(path, place))
        file.flush()
        yield Path(file.name)
