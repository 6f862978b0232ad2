"""CSV files of scores as a `ScoreTable`: ours, and any whose columns are named. Streamed, a million rows in seconds."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepfakebench_ext.common.choices import Level
from deepfakebench_ext.common.csv_files import OURS, Rows, is_number, open_csv
from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.metrics.figure import Floats
from deepfakebench_ext.metrics.score_table import UNKNOWN, Coder, Column, Numbers, ScoreTable
from deepfakebench_ext.report.scores.csv_cells import (
    BadRowError,
    check_rows,
    column,
    floats,
    integers,
    labels,
    statuses,
)

_CHUNK = 256  # larger pieces outlive the garbage collector's young generation, and take twice as long
_LOOKED_AT = 1000
_HEAD, _EXTRA = "\0head", "\0extra "
"""What columns are held under that have no role; no role is called so."""


@dataclass(frozen=True, slots=True)
class ColumnNames:
    """What a CSV calls its columns; None is the attribute's own name, where the file has such a column.

    Attributes:
        label: 0 or real, 1 or fake, or a synonym; empty where unknown.
        score: P(fake) in [0, 1]; empty where there is none.
        key: Identity of a row; several frames of a video may share it where `index` numbers them. Else `path`; else,
            also where these two columns were said to be something else, the place of the row.
        video: Video that an image was taken from.
        dataset: Dataset.
        method: Manipulation method.
        status: `ok`, or why there is no score.
        index: Number of the frame or clip, from 0.
    """

    label: str | None = None
    score: str | None = None
    key: str | None = None
    video: str | None = None
    dataset: str | None = None
    method: str | None = None
    status: str | None = None
    index: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class CsvScores:
    """What a CSV holds.

    Attributes:
        table: The scores, at level `frame`.
        columns: The names of all its columns.
        is_ours: Whether it is our `scores.csv` or `videos.csv`.
        level: What a row stands for, None where the file does not say.
        heads: Which heads gave the scores, where the file says it: `trained`, `untrained`.
        has_keys: Whether rows have an identity beyond their place.
    """

    table: ScoreTable
    columns: tuple[str, ...]
    is_ours: bool
    level: Level | None
    heads: tuple[str, ...]
    has_keys: bool


def read_csv(path: Path, names: ColumnNames, *, keep: Iterable[str] = ()) -> CsvScores:
    """Read the scores of a CSV whose first line names its columns, separated by commas, semicolons or tabs.

    Args:
        path: The file.
        names: What its columns are called.
        keep: Further columns to read as text, where the file has them.

    Raises:
        ConfigError: No text, a column missing, a row without a usable label or score, a key that comes twice, or one
            with two labels; the message names the line.
    """
    with open_csv(path) as (header, rows):
        places = _places(path, header, names)
        texts = {role: place for role, place in places.items() if role not in ("score", "index")}
        extra = sorted({name for name in keep if name in header} - set(places))
        texts |= {_EXTRA + name: header.index(name) for name in extra}
        if "head" in header:
            texts[_HEAD] = header.index("head")
        try:
            found = _gather(rows, header, places, texts)
            heads = tuple(found.coders.get(_HEAD, ()))
            table = _table(found, extra)
            check_rows(table, header[places["key"]] if "key" in places else "")
        except BadRowError as error:
            line, *earlier = (line_of(path, row) for row in error.rows)
            before = f" (first in line {earlier[0]})" if earlier else ""
            raise ConfigError(f"{path}, line {line}: {error}{before}") from error
    is_ours = set(header) >= OURS
    level: Level | None = "video" if is_ours and "units_scored" in header else "clip" if found.is_timed else None
    return CsvScores(table, tuple(header), is_ours, level, heads, "key" in places)


def pick(path: Path, names: Sequence[str], rows: Sequence[int]) -> list[tuple[str, ...]]:
    """Return the cells of some columns in some rows, numbered from 0, in the order given; empty without the column."""
    with open_csv(path) as (header, each):
        places, wanted = [header.index(name) if name in header else -1 for name in names], set(rows)
        found = {
            number: tuple("" if place < 0 else row[place] for place in places)
            for number, row in enumerate(each)
            if number in wanted
        }
    return [found[row] for row in rows]


def line_of(path: Path, row: int) -> int:
    """Return the line on which a row, numbered from 0, ends."""
    with open_csv(path) as (_, rows):
        return next(islice(rows.lines(), row, None))


def _places(path: Path, header: Sequence[str], names: ColumnNames) -> dict[str, int]:
    """Role to the place of its column."""
    places = {}
    for role in (each.name for each in fields(ColumnNames)):
        given = getattr(names, role)
        default = _key_column(header, names) if role == "key" else role
        if given is not None and given not in header:
            raise ConfigError(f"{path} has no column {given!r}{_meant(given, header)}, as --{role}_column says")
        if given is not None or (default and default in header):
            places[role] = header.index(given or default)
    for role in ("label", "score"):
        if role not in places:
            several = _probabilities(path, header, set(places.values())) if role == "score" else []
            if len(several) > 1:
                raise ConfigError(
                    f"{path} has no column 'score', and several that hold numbers from 0 to 1; name one, or several "
                    f"detectors' with commas: --score_column {','.join(several)}"
                )
            raise ConfigError(f"{path} has no column {role!r}{_meant(role, header)}; name it: --{role}_column NAME")
    return places


def _probabilities(path: Path, header: Sequence[str], taken: Collection[int]) -> list[str]:
    """The columns whose cells are numbers from 0 to 1 or empty, and not only 0 and 1, as the first rows have them."""
    with open_csv(path) as (_, rows):
        cells = list(zip(*(row for row in islice(rows, _LOOKED_AT) if len(row) == len(header)), strict=True))
    return [
        name
        for place, (name, column) in enumerate(zip(header, cells, strict=False))
        if place not in taken and name and _are_probabilities(set(column) - {""})
    ]


def _are_probabilities(cells: Collection[str]) -> bool:
    return all(is_number(cell) and 0 <= float(cell) <= 1 for cell in cells) and any(float(cell) % 1 for cell in cells)


def _key_column(header: Sequence[str], names: ColumnNames) -> str:
    """Where keys are unless it is said: in `key`, else `path`; not in a column that was said to be something else."""
    others = {getattr(names, each.name) for each in fields(names)}
    return next((name for name in ("key", "path") if name in header and name not in others), "")


def _meant(name: str, header: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, header, n=1, cutoff=0.5)
    return f" (did you mean {close[0]!r}?)" if close else f" (it has {', '.join(map(repr, header))})"


@dataclass(slots=True)
class _Gathered:
    """Columns as they grow, in pieces."""

    scores: list[Floats]
    index: list[Numbers]
    coders: dict[str, Coder]
    codes: dict[str, list[Numbers]]
    is_timed: bool = False


def _gather(rows: Rows, header: Sequence[str], places: Mapping[str, int], texts: Mapping[str, int]) -> _Gathered:
    """Read all rows into columns."""
    found = _Gathered([], [], {role: Coder() for role in texts}, {role: [] for role in texts})
    end_s = header.index("end_s") if "end_s" in header else None
    first, each = 0, iter(rows)
    while chunk := list(islice(each, _CHUNK)):
        cells = _columns_of(chunk, len(header), first)
        found.scores.append(floats(cells[places["score"]], first))
        if "index" in places:
            found.index.append(integers(cells[places["index"]], first))
        for role, place in texts.items():
            number = found.coders[role].__getitem__
            found.codes[role].append(np.fromiter(map(number, cells[place]), np.int32, len(chunk)))
        found.is_timed = found.is_timed or (end_s is not None and any(cells[end_s]))
        first += len(chunk)
    return found


def _columns_of(chunk: Sequence[list[str]], width: int, first: int) -> list[tuple[str, ...]]:
    for number, row in enumerate(chunk):
        if len(row) != width:
            raise BadRowError(
                f"{len(row)} cells under a header of {width}; put a text that holds the separator in quotes",
                first + number,
            )
    return list(zip(*chunk, strict=True))


def _table(found: _Gathered, extra: Sequence[str]) -> ScoreTable:
    """What was gathered, as a table. Its pieces are given up one by one: those of a million rows take 100 MB."""
    scores = _joined(found.scores, np.float64)
    none = Column(np.full(len(scores), UNKNOWN, np.int32), ())
    meant = labels(_joined(found.codes.pop("label"), np.int32), tuple(found.coders.pop("label")))
    text = {role: column(_joined(found.codes.pop(role), np.int32), found.coders.pop(role)) for role in [*found.codes]}
    if "key" in text and len(blank := np.flatnonzero(text["key"].codes == UNKNOWN)):
        raise BadRowError("the key is empty; each row needs one", int(blank[0]))
    return ScoreTable(
        level="frame",
        labels=meant,
        scores=scores,
        status=statuses(text.get("status"), scores),
        key=text.get("key") or _places_as_keys(len(scores)),
        video=text.get("video", none),
        dataset=text.get("dataset", none),
        method=text.get("method", none),
        index=_joined(found.index, np.int32) if found.index else np.zeros(len(scores), np.int32),
        columns={name: text[_EXTRA + name] for name in extra},
    )


def _places_as_keys(count: int) -> Column:
    return Column(np.arange(count, dtype=np.int32), tuple(f"row {number + 1}" for number in range(count)))


def _joined(pieces: Sequence[NDArray[Any]], dtype: type[np.generic]) -> NDArray[Any]:
    return np.concatenate(pieces) if pieces else np.empty(0, dtype)
