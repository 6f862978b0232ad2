"""Files that are replaced whole or not at all."""

from __future__ import annotations

import contextlib
import fcntl
import glob
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO

from deepfakebench_ext.common.errors import ConfigError, OutputError

_STARTED_S = time.time()


@contextmanager
def atomic_writer(path: Path) -> Iterator[TextIO]:
    r"""Text file that appears under its name only when everything has been written and reached the disk.

    UTF-8, line ends as written (`\n`). File names that are not valid Unicode are written with backslash escapes, so
    that the file always is. An interrupted or failed block leaves what stood at `path` as it was, and no other file.

    Args:
        path: File to create or replace. Its folder exists.

    Raises:
        OutputError: The disk is full, the folder is missing or not writable, or the block itself raised an OSError.
    """
    with (
        _replaced(path) as temporary,
        temporary.open("x", encoding="utf-8", errors="backslashreplace", newline="") as file,
    ):
        yield file
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def atomic_binary_writer(path: Path) -> Iterator[BinaryIO]:
    """Binary file under the same promise as `atomic_writer`, for what is too large to hold in memory twice.

    Raises:
        OutputError: The disk is full, the folder is missing or not writable, or the block itself raised an OSError.
    """
    with _replaced(path) as temporary, temporary.open("xb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def write_bytes_atomic(path: Path, data: bytes) -> None:
    """Write a binary file under the same promise as `atomic_writer`.

    Raises:
        OutputError: The disk is full, or the folder is missing or not writable.
    """
    with atomic_binary_writer(path) as file:
        file.write(data)


def remove_unfinished(folder: Path, name: str = "*", *, deep: bool = False, shared: str = "") -> None:
    """Remove the files that an atomic writer left behind when it was killed.

    A folder of `new_folder` is not of these: whoever makes it may be at work inside a run that others go on with.

    Args:
        folder: Where the files lie; nobody else writes them.
        name: Of the file; `*` for all.
        deep: In all folders below as well.
        shared: A folder below in which others may be writing: there nothing is removed.
    """
    pattern = f".{name if name == '*' else glob.escape(name)}.*.tmp"
    for path in folder.rglob(pattern) if deep else folder.glob(pattern):
        if not path.is_dir() and (not shared or folder / shared not in path.parents):
            path.unlink()


def remove_abandoned(folder: Path, name: str = "*") -> None:
    """Remove files that killed writers left in a folder that others may be writing: what is older than this process.

    Args:
        folder: Where the files lie.
        name: Of the file; `*` for all, and the probes of older versions of this program.
    """
    wanted = name if name == "*" else glob.escape(name)
    for path in (*folder.glob(f".{wanted}.????????.tmp"), *(folder.glob(".probe-*") if name == "*" else ())):
        with contextlib.suppress(FileNotFoundError):  # another process removed it
            if path.stat().st_mtime < _STARTED_S and not path.is_dir():
                path.unlink()


@contextmanager
def making(folder: Path) -> Iterator[None]:
    """Turn what the system says against a folder for results into a sentence.

    Raises:
        OutputError: The block raised an OSError.
    """
    try:
        yield
    except OSError as error:
        raise OutputError(f"results cannot be written to {folder}: {error}; give another --output_dir") from error


def check_writable(folder: Path) -> None:
    """Create a folder for results and write into it: to fail before a model is loaded, not after an hour of scoring.

    What killed writers left there is removed.

    Raises:
        OutputError: It cannot be written.
    """
    with making(folder):
        folder.mkdir(parents=True, exist_ok=True)
        remove_abandoned(folder)
        with tempfile.TemporaryFile(dir=folder):  # without a name, so that a kill leaves nothing
            pass


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A folder under another name beside it, which becomes `folder` when the block ends well, and else is removed.

    What is left of one by a process that was killed goes when the same folder is made again.

    Args:
        folder: Absent or empty.

    Raises:
        ConfigError: As `check_new`.
        OutputError: It cannot be written, or the block itself raised an OSError.
    """
    check_new(folder)
    with making(folder), contextlib.ExitStack() as held:
        place = Path(os.path.realpath(folder))  # a link stays, and what it leads to is replaced
        parent = place.parent
        parent.mkdir(parents=True, exist_ok=True)
        _remove_killed(parent, place.name)
        unfinished = Path(tempfile.mkdtemp(prefix=f".{place.name}.", suffix=".tmp", dir=parent))
        try:
            with contextlib.suppress(OSError):  # where there are no locks, nobody has it for left
                held.enter_context(_held(unfinished))
            yield unfinished
            unfinished.chmod(0o777 & ~_umask())
            unfinished.replace(place)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)  # nothing is left of it where all went well


def check_new(folder: Path) -> None:
    """Pass a folder that is absent or empty, and not the current one, which would be another then than the shell's.

    Raises:
        ConfigError: It holds something, is a file, or the current folder.
    """
    if os.path.realpath(folder) == os.path.realpath("."):
        raise ConfigError(f"{folder} is the current folder; give a new one below it by --output_dir")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"{folder} is there already; give another --output_dir, or move it away")


def _remove_killed(parent: Path, name: str) -> None:
    """Remove what killed processes left of a new folder of that name; one that is being made is held."""
    for path in parent.glob(f".{glob.escape(name)}.????????.tmp"):
        with contextlib.suppress(OSError), _held(path):
            if path.stat().st_mtime < _STARTED_S:  # between its making and its lock
                shutil.rmtree(path, ignore_errors=True)


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Hold a folder while the block runs; the system takes it back when the process ends, however it ends.

    Raises:
        OSError: Another one holds it, or its file system knows no locks.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@contextmanager
def _replaced(path: Path) -> Iterator[Path]:
    """Name for a temporary file in the same folder, which takes the place of `path` when the block ends well."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        yield temporary
        temporary.replace(path)
    except OSError as error:
        raise OutputError(
            f"cannot write {path}: {error}. Nothing was replaced; free some space or make the folder "
            "writable, and run the same command again"
        ) from error
    finally:
        with contextlib.suppress(OSError):  # nothing to remove, or a folder that lets nothing be removed
            temporary.unlink(missing_ok=True)
