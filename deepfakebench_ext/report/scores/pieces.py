"""Rows of a file of scores in pieces, whatever the file is, and the table that they make."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from deepfakebench_ext.metrics.figure import Floats
from deepfakebench_ext.metrics.names import PAD, Names, kept
from deepfakebench_ext.metrics.score_table import UNKNOWN, Column, Numbers, ScoreTable
from deepfakebench_ext.report.scores.csv_cells import BadRowError, check_keys, labels, statuses

HEAD, EXTRA = "\0head", "\0extra "
"""What columns are held under that have no role; no role is called so."""
NUMBERS = ("score", "index")
"""Roles whose columns hold numbers."""


class Piece(Protocol):
    """Some rows of a file."""

    def __len__(self) -> int:
        """Return how many."""

    def texts(self, column: str) -> Names:
        """(N,) The texts of a column; empty where there is none."""

    def scores(self, column: str) -> Floats:
        """(N,) float64 scores, NaN where there is none.

        Raises:
            BadRowError: One is no number, or outside [0, 1].
        """

    def index(self, column: str) -> Numbers:
        """(N,) int32 numbers of frames or clips, 0 where none stands.

        Raises:
            BadRowError: One is no whole number from 0 to 2**31 - 1.
        """

    def says_something(self, column: str) -> bool:
        """Whether a cell of the column is not empty."""


class Source(Protocol):
    """A file of scores, which can be read several times."""

    @property
    def path(self) -> Path:
        """Where it is."""

    @property
    def header(self) -> Sequence[str]:
        """The names of its columns."""

    def count(self) -> int:
        """Return how many rows there are."""

    def count_about(self) -> int:
        """Return about how many there are, without reading them."""

    def pieces(self, columns: Collection[str]) -> Iterator[Piece]:
        """Yield all rows, of which these columns are wanted.

        Raises:
            ConfigError: It cannot be read.
            BadRowError: A row has another number of cells than the header.
        """

    def pick(self, columns: Sequence[str], rows: Sequence[int]) -> list[tuple[str, ...]]:
        """Return the cells of some columns in some rows, numbered from 0, in the order given; empty where none is."""

    def place_of(self, row: int) -> str:
        """Return where a row stands, for people: `a.csv, line 7`."""


class Growing:
    """An array that grows in place: pieces that are joined in the end would take twice the memory, and leave holes."""

    def __init__(self, kind: type[np.generic]) -> None:
        """Begin empty."""
        self._held, self._kind = bytearray(), np.dtype(kind)

    def add(self, values: NDArray[Any]) -> None:
        """Take further values, of the kind said."""
        self._held += np.ascontiguousarray(values, self._kind).view(np.uint8).data

    def array(self) -> NDArray[Any]:
        """Return all of them. Nothing can be added then."""
        return np.frombuffer(self._held, self._kind) if self._held else np.empty(0, self._kind)


class TextColumn:
    """A column of text as it grows, each name of a piece held once."""

    def __init__(self) -> None:
        """Begin without a row."""
        self._codes, self._bytes, self._lengths = Growing(np.int32), Growing(np.uint8), Growing(np.int32)
        self._count = 0

    def add(self, texts: Names) -> None:
        """Take the texts of further rows."""
        codes, first = texts.first_seen()
        self._codes.add(codes + np.int32(self._count))
        names = texts.take(first).compact()
        self._bytes.add(names.data[: len(names.data) - PAD])
        self._lengths.add(names.lengths)
        self._count += len(first)

    def column(self) -> tuple[Numbers, Sequence[str]]:
        """Return the number of each row's name, and the names in the order in which they came, the empty one too."""
        self._bytes.add(np.zeros(PAD, np.uint8))
        names = Names.behind_each_other(self._bytes.array(), self._lengths.array())
        numbers, first = names.first_seen()
        codes = self._codes.array()
        if len(first) < len(numbers):
            codes, names = numbers[codes], names.take(first).compact()
        return codes, kept(names)


@dataclass(slots=True)
class Gathered:
    """Columns as they grow."""

    texts: dict[str, TextColumn]
    scores: Growing = field(default_factory=lambda: Growing(np.float64))
    index: Growing = field(default_factory=lambda: Growing(np.int32))
    is_timed: bool = False


def gather(source: Source, columns: Mapping[str, str]) -> Gathered:
    """Read all rows into columns.

    Args:
        source: The file.
        columns: Role, or what else is held under `HEAD` and `EXTRA`, to the name of the column.

    Raises:
        BadRowError: A row that cannot be used.
    """
    found = Gathered(texts={role: TextColumn() for role in columns if role not in NUMBERS})
    has_times = "end_s" in source.header
    row = 0
    for piece in source.pieces({*columns.values(), *(("end_s",) if has_times else ())}):
        with counted_from(row):
            found.scores.add(piece.scores(columns["score"]))
            if "index" in columns:
                found.index.add(piece.index(columns["index"]))
        for role, texts in found.texts.items():
            texts.add(piece.texts(columns[role]))
        found.is_timed = found.is_timed or (has_times and piece.says_something("end_s"))
        row += len(piece)
    return found


@contextmanager
def counted_from(row: int) -> Iterator[None]:
    """Count the rows of an error in the block from the first row of the file, not of the piece that begins at `row`."""
    try:
        yield
    except BadRowError as error:
        error.rows = tuple(each + row for each in error.rows)
        raise


def table_of(found: Gathered, extra: Sequence[str]) -> ScoreTable:
    """Return what was gathered as a table. Its columns are given up one by one.

    Raises:
        BadRowError: A label that says nothing, an empty key, or a status that its score belies.
    """
    scores = found.scores.array()
    none = Column(np.full(len(scores), UNKNOWN, np.int32), ())
    meant = labels(*found.texts.pop("label").column())
    text = {role: column_of(*found.texts.pop(role).column()) for role in [*found.texts]}
    if "key" in text:
        check_keys(text["key"].codes == UNKNOWN)
    index = found.index.array()
    return ScoreTable(
        level="frame",
        labels=meant,
        scores=scores,
        status=statuses(text.get("status"), scores),
        key=text.get("key") or _places_as_keys(len(scores)),
        video=text.get("video", none),
        dataset=text.get("dataset", none),
        method=text.get("method", none),
        index=index if len(index) else np.zeros(len(scores), np.int32),
        columns={name: text[EXTRA + name] for name in extra},
    )


def column_of(codes: Numbers, names: Sequence[str]) -> Column:
    """Return the column of numbered names; the empty name is none."""
    empty = _empty(names)
    if empty is None:
        return Column(codes, names)
    shifted = codes - (codes > empty)
    shifted[codes == empty] = UNKNOWN
    rest = np.delete(np.arange(len(names)), empty)
    return Column(shifted, names.take(rest) if isinstance(names, Names) else tuple(filter(None, names)))


def _empty(names: Sequence[str]) -> int | None:
    """Place of the empty name, None where there is none."""
    if isinstance(names, Names):
        places = np.flatnonzero(names.lengths == 0)
        return int(places[0]) if len(places) else None
    return names.index("") if "" in names else None


def _places_as_keys(count: int) -> Column:
    return Column(np.arange(count, dtype=np.int32), kept(Names.of(f"row {number + 1}" for number in range(count))))
