"""Where compiled networks are kept: bounded by size, the least recently used going first; for several processes."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

LARGEST_BYTES: Final = 20 * 10**9
"""What all networks together may take; one alone may be larger."""
_FOLDER = "deepfakebench_ext/networks"
_GONE = ".gone"


def networks_folder() -> Path:
    """Return where compiled networks are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / _FOLDER


@contextmanager
def held(kept: Path) -> Iterator[None]:
    """Hold a network's place, used just now: nobody else makes it, or removes it, while the block runs.

    One that is there is taken as it is where nothing can be written, as in a container's image.

    Raises:
        OSError: Its folder cannot be written, and it is not there.
    """
    with _locked(kept):
        with contextlib.suppress(OSError):  # not there yet, or another user's: it only ages
            os.utime(kept)
        yield


def _locked(kept: Path) -> AbstractContextManager[object]:
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        return FileLock(f"{kept}.lock").acquire()
    except OSError:
        if not kept.exists():
            raise
        return nullcontext()


def make_room(kept: Path) -> None:
    """Remove the networks not used for longest until all are within the limit; not `kept`, nor one that is held.

    Raises:
        OSError: The folder cannot be read.
    """
    _remove_unfinished(kept.parent)
    sizes = {path: _size(path) for path in kept.parent.iterdir() if path.is_dir() and not path.name.startswith(".")}
    total = sum(sizes.values())
    for path in sorted(sizes, key=_used):
        if total <= LARGEST_BYTES:
            return
        if path != kept and _removed(path):
            total -= sizes[path]


def _removed(path: Path) -> bool:
    """Whether a network is removed; one that is held, or open on a system that then keeps it, is left."""
    gone = path.with_name(f".{path.name}{_GONE}")
    with contextlib.suppress(Timeout, OSError), FileLock(f"{path}.lock").acquire(timeout=0):
        path.replace(gone)  # at once, so that a kill leaves no half of a network under its name
        shutil.rmtree(gone, ignore_errors=True)
        return True
    return False


def _remove_unfinished(folder: Path) -> None:
    """Remove what killed processes left: a network half removed, or half made where nobody holds its place."""
    for path in folder.glob(f".*{_GONE}"):
        shutil.rmtree(path, ignore_errors=True)
    for path in folder.glob(".*.tmp"):
        place = path.with_name(path.name[1:].rsplit(".", 2)[0])
        with contextlib.suppress(Timeout, OSError), FileLock(f"{place}.lock").acquire(timeout=0):
            shutil.rmtree(path, ignore_errors=True)


def _size(folder: Path) -> int:
    with contextlib.suppress(OSError):  # removed meanwhile
        return sum(path.stat().st_size for path in folder.rglob("*"))
    return 0


def _used(folder: Path) -> float:
    with contextlib.suppress(OSError):
        return folder.stat().st_mtime
    return 0.0
