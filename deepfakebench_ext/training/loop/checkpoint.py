"""A training run's folder: what was asked for, and one checkpoint from which the same command goes on.

The checkpoint is replaced whole or not at all, so that there is always the last good one. What it was made under stands
beside it; another recipe, other data or other weights are refused with what differs, instead of being mixed in.
"""

from __future__ import annotations

import json
import pickle
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import torch

from deepfakebench_ext.common.atomic_files import atomic_binary_writer, atomic_writer
from deepfakebench_ext.common.errors import ConfigError, OutputError, damaged
from deepfakebench_ext.common.locked_folder import LockedFolder, read_settings
from deepfakebench_ext.common.regular_files import regular
from deepfakebench_ext.common.run_names import CHECKPOINT, SETTINGS
from deepfakebench_ext.common.version import versions

_FORMAT = 1
_SHOWN = 6
EPOCHS, LENGTHS = "training.epochs", "lengths"
# What decides no weights: it may change while the run is under way.
_FREE = frozenset({"training.threshold_fpr"})


class TrainingRun:
    """One run's folder, locked for its main process while open. A context manager.

    Attributes:
        folder: Where it lies.
        lengths: The numbers of epochs that it was meant to have, one after the other; several where it was prolonged.
    """

    def __init__(self, folder: Path, identity: Mapping[str, Any], record: Mapping[str, Any], *, writes: bool) -> None:
        """Create `folder` if need be, or go on with what is in it.

        Args:
            folder: Where the run lies.
            identity: All that decides the weights that come out, as JSON holds it.
            record: What is written beside it, with the versions of what it runs on, and may change.
            writes: Whether this process writes; the others read only.

        Raises:
            ConfigError: The folder holds a run of another identity, and not only of fewer epochs; says what differs.
            OutputError: It cannot be written, or another process is using it.
        """
        self.folder, self._identity, self._writes = folder, _as_json(identity), writes
        self.lengths: list[int] = []
        self._lock = LockedFolder(folder, use="training in") if writes else None
        try:
            self._take_up(record)
        except BaseException:
            self.close()
            raise

    def _take_up(self, record: Mapping[str, Any]) -> None:
        known = read_settings(self.folder)
        if known is None:
            self._write({"identity": self._identity, "versions": versions("accelerate"), **_as_json(record)})
            return
        identity = known.get("identity")
        if not isinstance(identity, dict):
            raise damaged(self.folder / SETTINGS, "it does not say what it is of")
        different = differences(identity, self._identity)
        was, now = different.pop(EPOCHS, (0, 0))
        self.lengths = list(known.get(LENGTHS) or [])
        if isinstance(was, int) and isinstance(now, int) and was < now:
            self.lengths = [*(self.lengths or [was]), now]
        elif was != now:
            different[EPOCHS] = (was, now)
        if refused := {name: pair for name, pair in different.items() if name not in _FREE}:
            raise ConfigError(
                f"{self.folder} holds a run under other settings: {_in_words(refused)}. Undo these to go on with it, "
                f"or give another --output_dir to begin anew"
            )

        if identity != self._identity:
            self._write({**known, "identity": self._identity} | ({LENGTHS: self.lengths} if self.lengths else {}))

    def _write(self, settings: Mapping[str, Any]) -> None:
        if self._writes:
            with atomic_writer(self.folder / SETTINGS) as stream:
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
                torch.save(_same_words({"format": _FORMAT, **state}), stream)
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
        try:
            with regular(path).open("rb") as stream:
                if (part := ZipFile(stream).testzip()) is not None:  # torch itself compares no checksums
                    raise self._unreadable(f"{part} is not as it was written")
                stream.seek(0)
                state = torch.load(stream, map_location=device, weights_only=True)
        except FileNotFoundError:
            return None
        except (OSError, RuntimeError, EOFError, ValueError, KeyError, BadZipFile, pickle.UnpicklingError) as error:
            raise self._unreadable((str(error) or type(error).__name__).splitlines()[0]) from error
        if not isinstance(state, dict):
            raise self._unreadable(f"it holds {type(state).__name__}")
        if state.get("format") != _FORMAT:
            raise OutputError(f"{path} is of another version of this program; remove {self.folder} to begin anew")
        return state

    @contextmanager
    def taking_up(self) -> Iterator[None]:
        """Take what does not fit into a training for damage of the checkpoint that it came from.

        Raises:
            OutputError: The block raised what a wrong value raises.
        """
        try:
            yield
        except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
            raise self._unreadable(f"it does not hold what was trained here: {error!r:.200}") from error

    def _unreadable(self, why: str) -> OutputError:
        return OutputError(f"{self.folder / CHECKPOINT} cannot be read ({why}); remove {self.folder} to begin anew")


def _same_words(value: Any) -> Any:
    """Return the value with equal words as one object: a pickle tells them apart, and a resumed run has read some."""
    if isinstance(value, str):
        return sys.intern(value)
    if isinstance(value, dict):
        return {_same_words(key): _same_words(each) for key, each in value.items()}
    return type(value)(map(_same_words, value)) if type(value) in (list, tuple) else value


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
