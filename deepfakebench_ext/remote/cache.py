"""Files kept on this machine, up to a size: whole or not at all, shared by all threads and processes.

An entry is locked by whoever reads it, and only one that nobody reads is evicted. A file that is being filled is locked
by whoever fills it; all others wait for it. Locks are the system's own (`flock`), which takes them back when a process
ends, however it ends; what it had fetched until then is gone on with.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO, cast

from deepfakebench_ext.common.errors import FetchError

Fill = Callable[[BinaryIO], None]
"""Appends what a file lacks, from its end on."""
_PART = ".part"
_LOCK = ".evicting"
_SCRATCH, _IN_USE = "scratch", ".in_use"
# Looked at once so much was added by this process, and left so full.
_LOOK_SHARE, _KEEP_SHARE = 0.02, 0.9


class FileCache:
    """A folder of files. Safe in several threads and processes.

    Attributes:
        folder: Where they lie.
        max_bytes: Above which those not used for longest go. What is being read stays, and may be more.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        """Say where and how much; nothing is made before the first file."""
        self.folder, self.max_bytes = folder, max_bytes
        self._lock, self._unseen_bytes = threading.Lock(), max_bytes

    @contextmanager
    def reading(self, name: str, size: int, fill: Fill) -> Iterator[Path]:
        """Give the file of that name, and keep it there until the block ends.

        Args:
            name: What tells its content.
            size: Bytes that it will have; -1 where nobody knows.
            fill: Called where it is not there, or not whole.

        Raises:
            FetchError: It cannot be written.
            Exception: What `fill` raises; what it wrote is kept for the next.
        """
        path = self.folder / name[:2] / name
        try:
            held = self._held(path, size, fill)
        except OSError as error:
            raise self._unusable(error) from error
        with held:
            yield path

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """Give an empty folder on the same disk, which goes when the block ends; what killed processes left, goes now.

        Raises:
            FetchError: It cannot be made.
        """
        try:
            folder = self._made() / _SCRATCH
            folder.mkdir(exist_ok=True)
            for lock in folder.glob(f"*{_IN_USE}"):
                _clear(lock)
            lock = folder / f"{secrets.token_hex(8)}{_IN_USE}"
            held = lock.open("xb")
            fcntl.flock(held, fcntl.LOCK_EX)
            place = lock.with_suffix("")
            place.mkdir()
        except OSError as error:
            raise self._unusable(error) from error
        try:
            yield place
        finally:
            shutil.rmtree(place, ignore_errors=True)
            lock.unlink(missing_ok=True)
            held.close()

    def _made(self) -> Path:
        # What is fetched may be meant for its user alone: a manifest may hold signed URLs. A folder that is there
        # already, as several users may share, stays as it is.
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self.folder

    def _unusable(self, error: OSError) -> FetchError:
        return FetchError(
            f"the cache {self.folder} cannot be written: {error.strerror or error}; make room, or name another folder "
            "by DFB_CACHE_DIR"
        )

    def _held(self, path: Path, size: int, fill: Fill) -> IO[bytes]:
        """The whole file, open and locked for reading."""
        while True:
            held = _opened(path, "rb")
            if held is None:
                self._fill(path, size, fill)
                continue
            fcntl.flock(held, fcntl.LOCK_SH)
            if _is_at(held, path) and (size < 0 or os.fstat(held.fileno()).st_size == size):
                with contextlib.suppress(OSError):  # another user's: it only ages
                    os.utime(path)
                return held
            held.close()
            with contextlib.suppress(FileNotFoundError):
                if size >= 0 and path.stat().st_size != size:  # cut short by a crash of the machine
                    path.unlink()

    def _fill(self, path: Path, size: int, fill: Fill) -> None:
        """Make the whole file, or wait for whoever does."""
        self._made()
        path.parent.mkdir(exist_ok=True)
        part = path.with_name(path.name + _PART)
        with part.open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if not _is_at(file, part):  # another one finished it
                return
            if path.exists():
                part.unlink()
                return
            self._make_room(max(size, 0))
            fill(file)
            file.flush()
            part.replace(path)

    def _make_room(self, incoming: int) -> None:
        with self._lock:
            self._unseen_bytes += incoming
            if self._unseen_bytes < self.max_bytes * _LOOK_SHARE:
                return
            self._unseen_bytes = 0
            with (self.folder / _LOCK).open("ab") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                self._evict(incoming)

    def _evict(self, incoming: int) -> None:
        entries = sorted(self._entries())
        total = incoming + sum(size for _, size, _ in entries)
        if total <= self.max_bytes * (1 - _LOOK_SHARE):
            return
        for _, size, path in entries:
            if total <= self.max_bytes * _KEEP_SHARE:
                return
            if _removed(path):
                total -= size
        self._unseen_bytes = self.max_bytes  # more than that is being read: look again for the next

    def _entries(self) -> Iterator[tuple[int, int, Path]]:
        """Time of last use in nanoseconds, size in bytes and path of each file, also of one that is being filled."""
        for folder in self.folder.glob("[0-9a-f][0-9a-f]"):
            for entry in os.scandir(folder):
                with contextlib.suppress(OSError):  # gone meanwhile
                    status = entry.stat()
                    yield status.st_mtime_ns, status.st_size, Path(entry.path)


def _clear(lock: Path) -> None:
    """Remove the scratch folder of a process that ended without doing so."""
    file = _opened(lock, "r+b")
    if file is None:
        return
    with file:
        if _locked(file) and _is_at(file, lock):
            shutil.rmtree(lock.with_suffix(""), ignore_errors=True)
            lock.unlink()


def _opened(path: Path, mode: str) -> IO[bytes] | None:
    try:
        return cast(IO[bytes], path.open(mode))
    except FileNotFoundError:
        return None


def _locked(file: IO[bytes]) -> bool:
    """Whether nobody else holds a file; now we do."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_at(file: IO[bytes], path: Path) -> bool:
    """Whether an open file still has its name."""
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    here = os.fstat(file.fileno())
    return (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)


def _removed(path: Path) -> bool:
    """Whether a file is gone, as nobody was reading or filling it."""
    file = _opened(path, "r+b")
    if file is None:
        return True
    with file:
        if not _locked(file):
            return False
        if _is_at(file, path):
            path.unlink()
        return True
