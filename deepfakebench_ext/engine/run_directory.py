"""A run's folder: what was asked for, and an append-only journal of what has been scored so far.

A run that is killed at any point and started again by the same command goes on after the last whole batch and ends
with the same bytes. Its folder's name carries a fingerprint of all that decides a score, so that a changed config
starts a new run instead of mixing into an old one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from deepfakebench_ext.common.atomic_files import atomic_writer
from deepfakebench_ext.common.errors import OutputError
from deepfakebench_ext.common.locked_folder import LockedFolder
from deepfakebench_ext.common.run_names import JOURNAL, SETTINGS
from deepfakebench_ext.common.types import Prediction, Sample

_COMPLETE = {"complete": True}


class Resumed(NamedTuple):
    """Where a run goes on: from the sample of that number, without its first `units` frames or clips."""

    sample: int
    units: int


def fingerprint(settings: Mapping[str, Any]) -> str:
    """Return the SHA-256 (hex) of JSON-like settings, whatever the order of their keys."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


def digest_samples(samples: Iterable[Sample]) -> str:
    """Return the SHA-256 (hex) over keys, labels and the files' sizes and times, so that changed data is a new run."""
    digest = hashlib.sha256()
    for sample in samples:
        try:
            stat = sample.path.stat()
            state = f"{stat.st_size} {stat.st_mtime_ns}"
        except OSError:
            state = "absent"
        listed = "\0".join(sample.frames)
        digest.update(f"{sample.key}\0{sample.label}\0{state}\0{listed}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


class RunDirectory(LockedFolder):
    """One run's folder, locked for this process while open. A context manager."""

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        """Create `folder` if need be, or go on with what is in it.

        Args:
            folder: Where the run lies.
            settings: Written to `run.json`; its `fingerprint` must be that of an older run in the same place.

        Raises:
            OutputError: It cannot be written, another process is using it, or it is another run's.
        """
        super().__init__(folder)
        self._journal: BinaryIO | None = None
        self._take_up(settings)

    def _take_up(self, settings: Mapping[str, Any]) -> None:
        path = self.folder / SETTINGS
        if path.is_file():
            known = json.loads(path.read_text(encoding="utf-8"))
            if known.get("fingerprint") != settings["fingerprint"]:
                raise OutputError(f"{self.folder} holds another run; remove it or give another --output_dir")
            return
        with atomic_writer(path) as stream:
            stream.write(json.dumps(settings, indent=2, ensure_ascii=False) + "\n")

    def close(self) -> None:
        """Close the journal and give the lock back."""
        if self._journal is not None:
            self._journal.close()
        super().close()

    def resume(self, samples: Sequence[Sample], batch_size: int) -> Resumed:
        """Return where scoring goes on, and open the journal there.

        Only whole batches count: the batch that was being written is scored again, so that every batch of the run has
        the composition it would have had undisturbed.

        Raises:
            OutputError: The journal's keys are not these samples'.
        """
        path = self.folder / JOURNAL
        lines = list(_line_ends(path)) if path.is_file() else []
        complete = bool(lines) and lines[-1][1] is None
        units = lines[:-1] if complete else lines[: len(lines) - len(lines) % batch_size]
        numbers = _numbers_of([str(key) for _, key in units], samples, path)
        self._journal = path.open("ab")
        if complete:
            return Resumed(len(samples), 0)
        self._journal.truncate(units[-1][0] if units else 0)
        return Resumed(numbers[-1], numbers.count(numbers[-1])) if numbers else Resumed(0, 0)

    def append(self, predictions: Sequence[Prediction]) -> None:
        """Add the predictions of one batch to the journal, at once and through to the system.

        Raises:
            OutputError: They cannot be written, for instance because the disk is full. What was there stays.
        """
        self._write("".join(json.dumps(_without_defaults(p)) + "\n" for p in predictions))

    def complete(self) -> None:
        """Mark the run as scored to its end; a run that is already so stays as it is.

        Raises:
            OutputError: As `append`.
        """
        if not self.is_complete():
            self._write(json.dumps(_COMPLETE) + "\n")

    def is_complete(self) -> bool:
        """Return whether everything has been scored."""
        *_, last = (b"", *_whole_lines(self.folder / JOURNAL))
        return last == json.dumps(_COMPLETE).encode() + b"\n"

    def _write(self, text: str) -> None:
        assert self._journal is not None, "resume() opens the journal"
        try:
            self._journal.write(text.encode())
            self._journal.flush()
        except OSError as error:
            raise OutputError(
                f"{self.folder / JOURNAL} cannot be written: {error}. What was scored is kept; make room and run the "
                f"same command again to go on"
            ) from error

    def predictions(self) -> Iterator[Prediction]:
        """Yield what the journal holds, in the order of the samples and of their frames or clips."""
        for line in _whole_lines(self.folder / JOURNAL):
            values = json.loads(line)
            if values != _COMPLETE:
                yield Prediction(**{"score": None, **values})


def _without_defaults(prediction: Prediction) -> dict[str, Any]:
    """Return the fields that say something: a journal has a line for every frame."""
    defaults = asdict(Prediction("", None))
    return {name: value for name, value in asdict(prediction).items() if name == "key" or value != defaults[name]}


def _numbers_of(keys: Sequence[str], samples: Sequence[Sample], path: Path) -> list[int]:
    """Return the number of the sample that each line belongs to; the lines keep the order of the samples."""
    numbers: list[int] = []
    current = -1
    for key in keys:
        if current < 0 or key != samples[current].key:
            current += 1
            if current >= len(samples) or key != samples[current].key:
                raise OutputError(f"{path} does not belong to these samples: {key!r} is not in its place")
        numbers.append(current)
    return numbers


def _line_ends(path: Path) -> Iterator[tuple[int, str | None]]:
    """Yield for each whole line the offset of its end and its key, None for the mark of completion."""
    end = 0
    for number, line in enumerate(_whole_lines(path), start=1):
        end += len(line)
        try:
            values = json.loads(line)
            yield end, None if values == _COMPLETE else str(values["key"])
        except (ValueError, KeyError, TypeError) as error:
            raise OutputError(
                f"{path}: line {number} is damaged ({line[:40]!r}); move {path.parent} away to score everything anew"
            ) from error


def _whole_lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        for line in stream:
            if line.endswith(b"\n"):
                yield line
