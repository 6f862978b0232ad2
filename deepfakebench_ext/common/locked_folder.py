"""A folder of results that one process at a time writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock, Timeout

from deepfakebench_ext.common.atomic_files import making, remove_unfinished
from deepfakebench_ext.common.errors import OutputError, damaged
from deepfakebench_ext.common.regular_files import regular
from deepfakebench_ext.common.run_names import SETTINGS

F = TypeVar("F", bound="LockedFolder")
_OTHERS_OPEN_IT_S = 10.0


class LockedFolder:
    """A folder that is this process's while open, or that of several that know of each other. A context manager.

    Attributes:
        folder: Where it lies.
    """

    def __init__(
        self, folder: Path, *, lock: str = ".lock", use: str = "writing", shared: str = "", alone: bool = True
    ) -> None:
        """Create `folder` if need be, and remove what a writer that was killed left in it, in all depths.

        Args:
            folder: Where it lies.
            lock: Path of the lock in it.
            use: What a process does there that holds it, for the message to another one.
            shared: A folder in it in which other processes may be writing.
            alone: Whether it is this process's alone. Else it is nobody's alone when it is opened, and nothing is
                removed: others may be writing it.

        Raises:
            OutputError: It cannot be written, or another process is using it.
        """
        self.folder = folder
        file = folder / lock
        with making(folder):
            file.parent.mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(file)
            try:
                self._lock.acquire(timeout=0 if alone else _OTHERS_OPEN_IT_S)
            except Timeout as error:
                raise OutputError(
                    f"another process is {use} {folder}; wait for it, or give another --output_dir"
                ) from error
            if alone:
                remove_unfinished(file.parent, deep=True, shared=shared)
            else:
                self._lock.release()

    def __enter__(self: F) -> F:
        """Return the folder itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """Give the lock back."""
        self.close()

    def close(self) -> None:
        """Give the lock back."""
        self._lock.release()


def read_settings(folder: Path) -> dict[str, Any] | None:
    """Return what `run.json` of a folder holds; None where there is none yet.

    Raises:
        OutputError: It is damaged, so that nobody knows what the rest of the folder is of.
    """
    path = folder / SETTINGS
    try:
        values = json.loads(regular(path).read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise damaged(path, error) from error
    if not isinstance(values, dict):
        raise damaged(path, f"it holds {type(values).__name__}, and not an object")
    return values
