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
from typing import Any, NamedTuple

from deepfakebench_ext.common.atomic_files import atomic_writer
from deepfakebench_ext.common.errors import OutputError
from deepfakebench_ext.common.journal import Journal, whole_lines
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
        self._journal = Journal(folder / JOURNAL, kept="What was scored is kept")
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
        self._journal.close()
        super().close()

    def resume(self, samples: Sequence[Sample], batch_size: int) -> Resumed:
        """Return where scoring goes on, and open the journal there.

        Only whole batches count: the batch that was being written is scored again, so that every batch of the run has
        the composition it would have had undisturbed.

        Raises:
            OutputError: The journal's keys are not these samples'.
        """
        lines = list(self._ends())
        complete = bool(lines) and lines[-1][1] is None
        units = lines[:-1] if complete else lines[: len(lines) - len(lines) % batch_size]
        numbers = self._numbers_of([str(key) for _, key in units], samples)
        if complete:
            self._journal.open(self._journal.size_bytes)
            return Resumed(len(samples), 0)
        self._journal.open(units[-1][0] if units else 0)
        return Resumed(numbers[-1], numbers.count(numbers[-1])) if numbers else Resumed(0, 0)

    def append(self, predictions: Sequence[Prediction]) -> None:
        """Add the predictions of one batch to the journal, at once and through to the system.

        Raises:
            OutputError: They cannot be written, for instance because the disk is full. What was there stays.
        """
        self._journal.add(map(_without_defaults, predictions))

    def complete(self) -> None:
        """Mark the run as scored to its end; a run that is already so stays as it is.

        Raises:
            OutputError: As `append`.
        """
        *_, last = (b"", *whole_lines(self._journal.path))
        if last != json.dumps(_COMPLETE).encode() + b"\n":
            self._journal.add([_COMPLETE])

    def predictions(self) -> Iterator[Prediction]:
        """Yield what the journal holds, in the order of the samples and of their frames or clips."""
        for line in whole_lines(self._journal.path):
            values = json.loads(line)
            if values != _COMPLETE:
                yield Prediction.from_json(values)

    def _ends(self) -> Iterator[tuple[int, str | None]]:
        """Yield for each whole line the offset of its end and its key, None for the mark of completion."""
        end = 0
        for number, line in enumerate(whole_lines(self._journal.path), start=1):
            end += len(line)
            try:
                values = json.loads(line)
                yield end, None if values == _COMPLETE else str(values["key"])
            except (ValueError, KeyError, TypeError) as error:
                raise OutputError(
                    f"{self._journal.path}: line {number} is damaged ({line[:40]!r}); move {self.folder} away to score "
                    "everything anew"
                ) from error

    def _numbers_of(self, keys: Sequence[str], samples: Sequence[Sample]) -> list[int]:
        """Return the number of the sample that each line belongs to; the lines keep the order of the samples."""
        numbers: list[int] = []
        current = -1
        for key in keys:
            if current < 0 or key != samples[current].key:
                current += 1
                if current >= len(samples) or key != samples[current].key:
                    raise OutputError(
                        f"{self._journal.path} does not belong to these samples: {key!r} is not in its place"
                    )
            numbers.append(current)
        return numbers


def _without_defaults(prediction: Prediction) -> dict[str, Any]:
    """Return the fields that say something: a journal has a line for every frame."""
    defaults = asdict(Prediction("", None))
    return {name: value for name, value in asdict(prediction).items() if name == "key" or value != defaults[name]}
