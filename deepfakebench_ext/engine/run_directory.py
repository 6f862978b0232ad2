"""A run's folder: what was asked for, and an append-only journal of what has been scored so far.

A run that is killed at any point and started again by the same command goes on after the last whole batch and ends
with the same bytes. Its folder's name carries a fingerprint of all that decides a score, so that a changed config
starts a new run instead of mixing into an old one.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from datetime import datetime, timezone
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, get_args

from deepfakebench_ext.common.atomic_files import atomic_binary_writer, atomic_writer
from deepfakebench_ext.common.errors import OutputError, damaged
from deepfakebench_ext.common.journal import Journal, read_lines
from deepfakebench_ext.common.locked_folder import LockedFolder, read_settings
from deepfakebench_ext.common.regular_files import regular
from deepfakebench_ext.common.run_names import BEGUN, JOURNAL, PARTS, SETTINGS
from deepfakebench_ext.common.types import Prediction, Sample, Status
from deepfakebench_ext.common.urls import is_url
from deepfakebench_ext.engine.parts import Parts
from deepfakebench_ext.remote import states
from deepfakebench_ext.remote.tars import is_elsewhere

_END, _END_BYTES = b'{"complete": true', 200
COMPLETE, LINES = "complete", "lines"
"""What the last line of a journal says, and of how many lines."""
_DEFAULTS = asdict(Prediction("", None))
_TYPES = {field.name: str(field.type) for field in fields(Prediction)}


class Resumed(NamedTuple):
    """Where a run goes on: from the sample of that number, without its first `units` frames or clips."""

    sample: int
    units: int


def fingerprint(settings: Mapping[str, Any] | Sequence[Any]) -> str:
    """Return the SHA-256 (hex) of JSON-like settings, whatever the order of their keys."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


def digest_samples(samples: Sequence[Sample], files: Callable[[Sample], Iterable[Path | str]]) -> str:
    """Return the SHA-256 (hex) over keys, labels and the files' sizes and times, so that changed data is a new run.

    Args:
        samples: In their order.
        files: All that are read of a sample, such as each frame of a folder.

    Raises:
        FetchError, MissingExtraError: A store that cannot be asked for the states of its files.
    """
    states.ask(sample.file for sample in samples if is_url(sample.file))
    digest, lines = hashlib.sha256(), _lines_of(samples, files)
    while some := "".join(islice(lines, 1000)):
        digest.update(some.encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _lines_of(samples: Iterable[Sample], files: Callable[[Sample], Iterable[Path | str]]) -> Iterator[str]:
    known: tuple[Path | str, str] = "", ""  # a database is that of many samples in a row
    for sample in samples:
        parts = [sample.key, str(sample.label), *sample.frames]
        for path in files(sample):
            if path != known[0]:
                known = path, file_state(path)
            parts += [os.path.basename(path), known[1]]  # noqa: PTH119 (a million names)
        yield "\0".join(parts) + "\n"


def file_state(path: Path | str) -> str:
    """Return a file's size and time, or what its store says of it, for a fingerprint; `absent` where it cannot be had.

    Raises:
        FetchError, MissingExtraError: A store that cannot be asked.
    """
    if isinstance(path, str) and is_elsewhere(path):
        return states.state_text(path)
    try:
        status = os.stat(path)  # noqa: PTH116 (a million names)
    except (OSError, ValueError):  # ValueError: characters that no path has
        return "absent"
    return f"{status.st_size} {status.st_mtime_ns}"


def is_complete(folder: Path) -> bool:
    """Return whether the last line of a run's journal says that it is whole; opens no more than its end."""
    path = folder / JOURNAL
    if not path.is_file():
        return False
    with regular(path).open("rb") as file:
        file.seek(max(0, path.stat().st_size - _END_BYTES))
        return file.read().rstrip(b"\n").rpartition(b"\n")[2].startswith(_END)


def keep_settings(folder: Path, settings: Mapping[str, Any]) -> None:
    """Write `run.json` into a run's folder, or pass what is there where it is of the same run.

    Raises:
        OutputError: It is another run's, or cannot be written.
    """
    known = read_settings(folder)
    if known is None:
        with atomic_writer(folder / SETTINGS) as stream:
            begun = {BEGUN: datetime.now(timezone.utc).date().isoformat()}
            stream.write(json.dumps({**settings, **begun}, indent=2, ensure_ascii=False) + "\n")
    elif known.get("fingerprint") != settings["fingerprint"]:
        raise OutputError(f"{folder} holds another run; remove it or give another --output_dir")


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
        super().__init__(folder, shared=PARTS)
        self._journal = Journal(folder / JOURNAL, kept="What was scored is kept")
        try:
            keep_settings(folder, settings)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the journal and give the lock back."""
        self._journal.close()
        super().close()

    def resume(self, samples: Sequence[Sample], batch_size: int, parts: Parts | None = None) -> Resumed:
        """Return where scoring goes on, and open the journal there.

        Batches end with a part; without parts all samples are one. Only whole batches count: the batch that was being
        written is scored again, so that every batch of the run has the composition it would have had undisturbed. A
        journal that says that it is complete is one that holds every line it had then.

        Raises:
            OutputError: The journal is damaged, or its keys are not these samples'.
        """
        numbers, ends, said = self._read(samples)
        if said is not None:
            lacks = len(numbers) != said if said >= 0 else not numbers or numbers[-1] != len(samples) - 1
            if lacks:
                raise damaged(self._journal.path, f"it says that it is complete, and holds {len(numbers)} scores only")
            self._journal.open(self._journal.size_bytes)
            return Resumed(len(samples), 0)
        part = bisect_left(numbers, parts.starts[parts.holding(numbers[-1])]) if parts and numbers else 0
        whole = len(numbers) - (len(numbers) - part) % batch_size
        self._journal.open(ends[whole - 1] if whole else 0)
        last = numbers[whole - 1] if whole else 0
        return Resumed(last, numbers[:whole].count(last))

    def _read(self, samples: Sequence[Sample]) -> tuple[array[int], array[int], int | None]:
        """Return of each line the number of its sample and where it ends, and what the mark of completion says.

        That is how many lines there are; -1 for the mark of older versions, which does not say; None without a mark.
        """
        numbers, ends = array("q"), array("q")  # a list of a million would take 40 MB
        current, index, said, key = -1, 0, None, None
        for values, end in read_lines(self._journal.path):
            line = len(numbers) + 1
            if said is not None:
                raise damaged(self._journal.path, f"line {line} is followed by more than its end")
            if values.get(COMPLETE) is True:
                said = values.get(LINES, -1)
                if type(said) is not int:
                    raise damaged(self._journal.path, f"it says that it holds {said!r} lines")
                continue
            prediction = _prediction(values, self._journal.path, line)
            if prediction.key != key:
                current, index = current + 1, 0
                key = samples[current].key if current < len(samples) else None
            if prediction.key != key or prediction.index != index:
                raise damaged(
                    self._journal.path,
                    f"line {line} does not belong to these samples: {prediction.key!r} is not in its place",
                )
            index += 1
            numbers.append(current)
            ends.append(end)
        return numbers, ends, said

    @property
    def is_complete(self) -> bool:
        """Whether all is scored."""
        return is_complete(self.folder)

    def fill(self, lines: Iterable[bytes]) -> None:
        """Write the journal, whole or not at all, of what others scored; `resume` reads it, and checks each line.

        Raises:
            OutputError: It cannot be written.
        """
        with atomic_binary_writer(self._journal.path) as file:
            file.writelines(lines)

    def append(self, predictions: Sequence[Prediction]) -> None:
        """Add the predictions of one batch to the journal, at once and through to the system.

        Raises:
            OutputError: They cannot be written, for instance because the disk is full. What was there stays.
        """
        self._journal.add(journal_lines(predictions))

    def complete(self) -> None:
        """Mark the run as scored to its end; a run that is already so stays as it is.

        Raises:
            OutputError: As `append`.
        """
        lines, is_marked = 0, False
        for values, _ in read_lines(self._journal.path):
            is_marked = values.get(COMPLETE) is True
            lines += not is_marked
        if not is_marked:
            self._journal.sync()
            self._journal.add([{COMPLETE: True, LINES: lines}])

    def predictions(self) -> Iterator[Prediction]:
        """Yield what the journal holds, in the order of the samples and of their frames or clips."""
        for values, _ in read_lines(self._journal.path):
            if values.get(COMPLETE) is not True:
                yield Prediction.from_json(values)


def _prediction(values: Mapping[str, Any], path: Path, line: int) -> Prediction:
    """Return what a line of a journal says, checked as a stranger's would be."""
    for name, value in values.items():
        if not (name in _TYPES and _is_of(_TYPES[name], value)):
            raise damaged(path, f"line {line} says {name!r}: {value!r}")
    prediction = Prediction.from_json({"key": "", **values})
    is_scored = prediction.score is not None and 0 <= prediction.score <= 1
    if not prediction.key or prediction.status not in get_args(Status) or is_scored != (prediction.status == "ok"):
        raise damaged(path, f"line {line} has the score {prediction.score} and the status {prediction.status!r}")
    return prediction


def _is_of(kind: str, value: Any) -> bool:
    """Whether a value of a JSON line is of the kind that the field of a `Prediction` is declared as."""
    if kind.endswith(" | None") and value is None:
        return True
    if kind.startswith("tuple"):
        return isinstance(value, list) and len(value) == kind.count("float") and all(map(_is_number, value))
    return _is_number(value) if kind.startswith("float") else type(value) is (int if kind.startswith("int") else str)


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def journal_lines(predictions: Iterable[Prediction]) -> Iterator[dict[str, Any]]:
    """Yield what a journal says of predictions."""
    return map(_without_defaults, predictions)


def _without_defaults(prediction: Prediction) -> dict[str, Any]:
    """Return the fields that say something: a journal has a line for every frame."""
    said = ((name, getattr(prediction, name)) for name in _DEFAULTS)
    return {name: value for name, value in said if name == "key" or value != _DEFAULTS[name]}
