"""All samples of one or several runs beside each other, also those that only one has, or that none could score."""

from __future__ import annotations

import ntpath
import posixpath
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepfakebench_ext.common.choices import Level
from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.notices import marked
from deepfakebench_ext.comparison.compare import at_level, distinct_names, refuse_twice
from deepfakebench_ext.comparison.matched_samples import common_level, rows_by_identity
from deepfakebench_ext.metrics.figure import Floats
from deepfakebench_ext.metrics.score_table import COMPRESSION, UNKNOWN, Column, ScoreTable
from deepfakebench_ext.report.scores.same_samples import align
from deepfakebench_ext.report.scores.score_files import ScoreFile
from deepfakebench_ext.report.seen import Seen
from deepfakebench_ext.report.thumbnails import telling_rows

GROUPED_BY = ("method", "dataset", COMPRESSION, "split")
"""Columns of which all values are kept, where a file has them."""

ABSENT = -1
"""Row of a sample that a file does not have."""

Rows = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Joined:
    """The samples of all files, each once: those of the first in its order, then what the next have beside them.

    Attributes:
        level: What a sample is.
        runs: What the runs are called, without folders of this machine; marked where the head is untrained.
        names: (N) What the samples are called, likewise.
        labels: int8 (N,): 0 real, 1 fake, -1 unknown.
        scores: float64 (D, N): P(fake), NaN where a run has none.
        statuses: One a run: `ok`, a word for what went wrong, or none where the run lacks the sample.
        groups: Column to the value of each sample, as the first file says that has one.
    """

    level: Level
    runs: tuple[str, ...]
    names: tuple[str, ...] = field(repr=False)
    labels: NDArray[np.int8] = field(repr=False)
    scores: Floats = field(repr=False)
    statuses: tuple[Column, ...] = field(repr=False)
    groups: dict[str, Column] = field(repr=False)
    _files: tuple[ScoreFile, ...] = field(repr=False)
    _rows: tuple[Rows, ...] = field(repr=False)

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.labels)

    def looks(self) -> list[list[Seen]]:
        """Return for each sample what was scored of it, by each run that knows; of a video what tells most."""
        found: list[list[Seen]] = [[] for _ in range(len(self))]
        for file, rows in zip(self._files, self._rows, strict=True):
            places = np.flatnonzero(rows != ABSENT)
            chosen = rows[places] if file.table.level == self.level else telling_rows(file.table)[rows[places]]
            for place, seen in zip(places.tolist(), file.looks(chosen.tolist()), strict=True):
                found[place] += [seen] if seen.path else []
        return found


def join(
    files: Sequence[ScoreFile],
    *,
    level: Level | None = None,
    aggregation: str | None = None,
    names: Sequence[str] = (),
) -> Joined:
    """Return the samples of one or several runs beside each other.

    Args:
        files: As they were read, one or more.
        level: What a sample is; None for videos where all files have them, else what their rows are.
        aggregation: The rule by which frames or clips come to the score of a video; None for each run's own.
        names: What to call the runs; empty for their titles.

    Raises:
        ConfigError: A file twice, no level in common, other files under the same names, or a sample with two labels.
    """
    refuse_twice(files)
    called = distinct_names(files, names)
    level = common_level(called, files, level)
    plain = [_called(at_level(file, level, aggregation)) for file in files]
    same = align(called, files)[0] if len(files) > 1 else list(files)
    tables = [at_level(file, level, aggregation) for file in same]
    places = rows_by_identity(called, same, tables)
    rows = _rows(places)
    if not len(rows[0]):
        raise ConfigError(f"{files[0].path} holds no samples")
    shown = called if names else _distinct([without_folders(name) for name in called])
    return Joined(
        level=level,
        runs=tuple(marked(name, file.trained) for name, file in zip(shown, files, strict=True)),
        names=tuple(published(_first(plain, rows, str, ""))),
        labels=np.array(_first([table.labels.tolist() for table in tables], rows, _is_known, UNKNOWN), np.int8),
        scores=np.stack([_taken(table.scores, own, np.nan) for table, own in zip(tables, rows, strict=True)]),
        statuses=tuple(
            Column(_taken(table.status.codes, own, UNKNOWN), table.status.names)
            for table, own in zip(tables, rows, strict=True)
        ),
        groups=_groups(tables, rows),
        _files=tuple(files),
        _rows=rows,
    )


def _called(table: ScoreTable) -> list[str]:
    """What the rows of a table are called, by the words of its file."""
    if table.level == "video":
        names = table.video_names()
        return [names[code] for code in table.video_codes().tolist()]
    keys = map(table.key.names.__getitem__, table.key.codes.tolist())
    is_of_several = bool(table.index.any())
    return [f"{key} #{index}" if is_of_several else key for key, index in zip(keys, table.index.tolist(), strict=True)]


def _rows(places: Sequence[dict[str, int]]) -> tuple[Rows, ...]:
    """For each file the row of every sample of any of them; `ABSENT` where it lacks one."""
    everything = dict.fromkeys(key for own in places for key in own)
    return tuple(np.array([own.get(key, ABSENT) for key in everything], np.intp) for own in places)


def _taken(values: NDArray[Any], rows: Rows, absent: float) -> NDArray[Any]:
    return np.where(rows == ABSENT, np.asarray(absent, values.dtype), values[rows])


def _first(
    values: Sequence[Sequence[Any]], rows: Sequence[Rows], is_said: Callable[[Any], Any], none: Any
) -> list[Any]:
    """What the first file says of each sample that says something."""
    found = [none] * len(rows[0])
    for own, chosen in reversed([*zip(values, rows, strict=True)]):
        for place, row in enumerate(chosen.tolist()):
            if row != ABSENT and is_said(own[row]):
                found[place] = own[row]
    return found


def _is_known(label: int) -> bool:
    return label != UNKNOWN


def _groups(tables: Sequence[ScoreTable], rows: Sequence[Rows]) -> dict[str, Column]:
    groups = {}
    for name in GROUPED_BY:
        columns = [(table.column(name), own) for table, own in zip(tables, rows, strict=True)]
        texts = [([*map(column.text, range(len(column.codes)))], own) for column, own in columns if column is not None]
        if texts:
            groups[name] = Column.of(_first([text for text, _ in texts], [own for _, own in texts], str, ""))
    return groups


def published(names: Sequence[str]) -> list[str]:
    """Return names without the folders of this machine: of paths from the root on, those that all share are cut.

    Where they share none, the last two parts of each stay.
    """
    parts = {name: name.replace("\\", "/").split("/") for name in names if _is_rooted(name)}
    if not parts:
        return list(names)
    one, other = min(parts.values()), max(parts.values())
    shared = next((at for at, (a, b) in enumerate(zip(one[:-1], other[:-1], strict=False)) if a != b), len(one) - 1)
    shared = min(shared, *(len(each) - 1 for each in parts.values()))
    return [
        name if name not in parts else without_folders(name) if shared < 2 else "/".join(parts[name][shared:])
        for name in names
    ]


def without_folders(name: str) -> str:
    """Return the name of a run, of a path from the root on its last two parts alone."""
    return "/".join(name.replace("\\", "/").rstrip("/").split("/")[-2:]) if _is_rooted(name) else name


def _is_rooted(name: str) -> bool:
    return posixpath.isabs(name) or bool(ntpath.splitdrive(name)[0]) or name.startswith(("~", "\\"))


def _distinct(names: Sequence[str]) -> list[str]:
    found: list[str] = []
    for name in names:
        number = 1
        while (called := name if number == 1 else f"{name} {number}") in found:
            number += 1
        found.append(called)
    return found
