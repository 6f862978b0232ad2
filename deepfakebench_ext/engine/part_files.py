"""What has been scored of a run by several processes: a file a part, written whole or not at all.

A part's file is named by its content: the settings and the samples. So what is done is what is there, whoever did it,
and two who score one part write the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from deepfakebench_ext.common.atomic_files import atomic_writer, making
from deepfakebench_ext.common.errors import OutputError, damaged
from deepfakebench_ext.common.journal import read_lines
from deepfakebench_ext.common.regular_files import regular
from deepfakebench_ext.common.run_names import PARTS
from deepfakebench_ext.common.types import Prediction, Sample
from deepfakebench_ext.engine.claims import Claims
from deepfakebench_ext.engine.parts import Parts
from deepfakebench_ext.engine.run_directory import COMPLETE, LINES, is_complete, journal_lines

_NAME = re.compile(r"[0-9]{6,}-[0-9a-f]{16}\.jsonl")
_OF_A_SAMPLE = tuple(field.name for field in fields(Sample) if field.name != "frames")
_PART, _SETTINGS, _SAMPLES = "part", "fingerprint", "samples"


class PartFiles:
    """The files of a run's parts, of which some are there.

    Attributes:
        folder: Where they lie.
        parts: All of the run.
        claims: Who is at which.
    """

    def __init__(self, run: Path, fingerprint: str, parts: Parts) -> None:
        """Say of which run they are: its directory, the fingerprint of its settings, and its parts."""
        self.folder, self.parts, self._run, self._fingerprint = run / PARTS, parts, run, fingerprint
        self._paths: dict[int, Path] = {}
        self.claims = Claims(self.folder)

    def path(self, number: int) -> Path:
        """Return where the file of a part lies."""
        if number not in self._paths:
            self._paths[number] = self.folder / part_name(self._fingerprint, number, self.parts[number])
        return self._paths[number]

    def is_done(self, number: int) -> bool:
        """Return whether the file of a part is there."""
        return self.path(number).is_file()

    def is_merged(self) -> bool:
        """Return whether the run's journal holds all parts, whose files are then no more."""
        return is_complete(self._run)

    def missing(self, numbers: Iterable[int]) -> list[int]:
        """Return which of these parts are still to be scored: none of a run that holds them all."""
        missing = [number for number in numbers if not self.is_done(number)]
        return [] if missing and self.is_merged() else missing  # asked last: files go once the journal has them

    def prepare(self) -> None:
        """Create their folder.

        Raises:
            OutputError: It cannot be written.
        """
        with making(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)

    def write(self, number: int, predictions: Sequence[Prediction]) -> None:
        """Write what a part came to.

        Raises:
            OutputError: It cannot be written.
        """
        head = {_PART: number, _SETTINGS: self._fingerprint, _SAMPLES: [*map(_sample_json, self.parts[number])]}
        lines: list[Mapping[str, Any]] = [head, *journal_lines(predictions), {COMPLETE: True, LINES: len(predictions)}]
        try:
            with atomic_writer(self.path(number)) as file:
                file.writelines(json.dumps(line) + "\n" for line in lines)
        except OutputError:
            if self.missing([number]):  # else another one was faster, and may have cleared up
                raise


@dataclass(frozen=True, slots=True)
class PartFile:
    """A part's file, read.

    Attributes:
        number: Which part.
        fingerprint: Of the run's settings.
        samples: Of the part.
        predictions: Of them, each as a line of a journal.
    """

    number: int
    fingerprint: str
    samples: list[Sample]
    predictions: list[dict[str, Any]]

    def scored(self) -> Iterator[Prediction]:
        """Yield what it came to."""
        return map(Prediction.from_json, self.predictions)

    @classmethod
    def read(cls, path: Path) -> PartFile:
        """Return what a file says.

        Raises:
            OutputError: It is damaged.
        """
        lines = [values for values, _ in read_lines(path)]
        try:
            head, end = lines[0], lines[-1]
            part = cls(head[_PART], head[_SETTINGS], [*map(_sample, head[_SAMPLES])], lines[1:-1])
        except (LookupError, TypeError, ValueError) as error:
            raise damaged(path, f"it is no part of a run: {error}") from error
        if end != {COMPLETE: True, LINES: len(part.predictions)}:
            raise damaged(path, f"it holds {len(part.predictions)} scores, and says {end}")
        if path.name != part_name(part.fingerprint, part.number, part.samples):
            raise damaged(path, "its name is not that of its samples and settings")
        return part


def remove_parts(run: Path) -> None:
    """Remove the parts of a run, whose journal holds all of them."""
    shutil.rmtree(run / PARTS, ignore_errors=True)  # one who is late with a part may still be writing it


def is_part_name(name: str) -> bool:
    """Return whether a file may be a part's."""
    return _NAME.fullmatch(name) is not None


def part_name(fingerprint: str, number: int, samples: Iterable[Sample]) -> str:
    """Return what the file of a part is called: its number, and a hash of the settings and samples' keys."""
    text = "\n".join((fingerprint, str(number), *(sample.key for sample in samples)))
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass"))
    return f"{number:06d}-{digest.hexdigest()[:16]}.jsonl"


def journal_of(paths: Iterable[Path]) -> Iterator[bytes]:
    """Yield the lines of a run's journal, of its parts' files in their order.

    Raises:
        OutputError: One is damaged.
    """
    total = 0
    for path in paths:
        try:
            lines = regular(path).read_bytes().splitlines(keepends=True)[1:-1]
        except OSError as error:
            raise damaged(path, error) from error
        total += len(lines)
        yield from lines
    yield json.dumps({COMPLETE: True, LINES: total}).encode() + b"\n"


def _sample_json(sample: Sample) -> dict[str, Any]:
    """What a report needs of a sample: its frames, of which there may be hundreds, it does not."""
    said = {name: value for name in _OF_A_SAMPLE if (value := getattr(sample, name)) not in (None, "")}
    return {**said, "is_listed": True} if sample.frames else said


def _sample(values: Any) -> Sample:
    said = dict(values)
    frames = ("",) if said.pop("is_listed", False) else ()
    if not all(isinstance(value, int if name == "label" else str) for name, value in said.items()):
        raise TypeError(f"no sample: {said}")
    return Sample(**said, frames=frames)
