"""A folder of results that one process at a time writes."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from filelock import FileLock, Timeout

from deepfakebench_ext.common.atomic_files import making, remove_unfinished
from deepfakebench_ext.common.errors import OutputError

F = TypeVar("F", bound="LockedFolder")


class LockedFolder:
    """A folder that is this process's while open. A context manager.

    Attributes:
        folder: Where it lies.
    """

    def __init__(self, folder: Path, *, lock: str = ".lock", use: str = "writing") -> None:
        """Create `folder` if need be, and remove what a writer that was killed left beside the lock.

        Args:
            folder: Where it lies.
            lock: Path of the lock in it.
            use: What a process does there that holds it, for the message to another one.

        Raises:
            OutputError: It cannot be written, or another process is using it.
        """
        self.folder = folder
        file = folder / lock
        with making(folder):
            file.parent.mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(file)
            try:
                self._lock.acquire(timeout=0)
            except Timeout as error:
                raise OutputError(
                    f"another process is {use} {folder}; wait for it, or give another --output_dir"
                ) from error
            remove_unfinished(file.parent, "*")

    def __enter__(self: F) -> F:
        """Return the folder itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """Give the lock back."""
        self.close()

    def close(self) -> None:
        """Give the lock back."""
        self._lock.release()
