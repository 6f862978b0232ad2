"""A training run's folder: what was asked for, and one checkpoint from which the same command goes on.

The checkpoint is replaced whole or not at all, so that there is always the last good one. What it was made under stands
beside it; another recipe, other data or other weights are refused with what differs, instead of being mixed in.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from deepfakebench_ext.common.atomic_files import atomic_binary_writer, atomic_writer
from deepfakebench_ext.common.errors import ConfigError, OutputError
from deepfakebench_ext.common.locked_folder import LockedFolder
from deepfakebench_ext.common.run_names import CHECKPOINT, SETTINGS
from deepfakebench_ext.common.version import versions

RESTS_ON = ("torch", "transformers", "accelerate", "numpy", "pillow")
_FORMAT = 1
_SHOWN = 6


class TrainingRun:
    """One run's folder, locked for its main process while open. A context manager.

    Attributes:
        folder: Where it lies.
    """

    def __init__(self, folder: Path, identity: Mapping[str, Any], record: Mapping[str, Any], *, writes: bool) -> None:
        """Create `folder` if need be, or go on with what is in it.

        Args:
            folder: Where the run lies.
            identity: All that decides the weights that come out, as JSON holds it.
            record: What is written beside it, with the versions of what it runs on, and may change.
            writes: Whether this process writes; the others read only.

        Raises:
            ConfigError: The folder holds a run of another identity; says what differs.
            OutputError: It cannot be written, or another process is using it.
        """
        self.folder, self._identity, self._writes = folder, _as_json(identity), writes
        self._lock = LockedFolder(folder, use="training in") if writes else None
        self._take_up(record)

    def _take_up(self, record: Mapping[str, Any]) -> None:
        path = self.folder / SETTINGS
        if path.is_file():
            known = json.loads(path.read_text(encoding="utf-8")).get("identity", {})
            different = differences(known, self._identity)
            if different:
                self.close()
                raise ConfigError(
                    f"{self.folder} holds a run under other settings: {_in_words(different)}. Undo these to go on with "
                    f"it, or give another --output_dir to begin anew"
                )
        elif self._writes:
            settings = {"identity": self._identity, "versions": versions(RESTS_ON), **_as_json(record)}
            with atomic_writer(path) as stream:
                stream.write(json.dumps(settings, indent=2) + "\n")

    def __enter__(self) -> TrainingRun:
        """Return the run itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """Give the lock back."""
        self.close()

    def close(self) -> None:
        """Give the lock back."""
        if self._lock is not None:
            self._lock.close()

    def save(self, state: Mapping[str, Any]) -> None:
        """Replace the checkpoint. Does nothing in a process that does not write.

        Raises:
            OutputError: It cannot be written, for instance because the disk is full. The one before stays.
        """
        if not self._writes:
            return
        try:
            with atomic_binary_writer(self.folder / CHECKPOINT) as stream:
                torch.save({"format": _FORMAT, **state}, stream)
        except RuntimeError as error:  # how torch's own writer reports a full disk
            raise OutputError(
                f"{self.folder / CHECKPOINT} cannot be written: {error}. The last good checkpoint is intact; make room "
                f"and run the same command again to go on"
            ) from error

    def load(self, device: torch.device) -> dict[str, Any] | None:
        """Return the checkpoint with its tensors on `device`, None where there is none.

        Raises:
            OutputError: It is damaged, or of another version of this program.
        """
        path = self.folder / CHECKPOINT
        if not path.is_file():
            return None
        try:
            state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
        except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
            raise OutputError(
                f"{path} cannot be read ({str(error).splitlines()[0]}); remove {self.folder} to begin anew"
            ) from error
        if state.get("format") != _FORMAT:
            raise OutputError(f"{path} is of another version of this program; remove {self.folder} to begin anew")
        return state


def differences(known: Mapping[str, Any], asked: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return what differs between two nested mappings: dotted name to the value there and the value now.

    A name that only one of them has counts as None in the other.
    """
    there, now = dict(_flat(known)), dict(_flat(asked))
    names = [*there, *(name for name in now if name not in there)]
    pairs = {name: (there.get(name), now.get(name)) for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _in_words(different: Mapping[str, tuple[Any, Any]]) -> str:
    shown = [f"{name} was {was!r}, now {now!r}" for name, (was, now) in list(different.items())[:_SHOWN]]
    more = len(different) - len(shown)
    return "; ".join(shown) + (f"; and {more} more" if more > 0 else "")


def _as_json(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what comes back when `values` are written as JSON and read again."""
    decoded: dict[str, Any] = json.loads(json.dumps(values))
    return decoded
