"""The rows of a CSV by the block: plain ones are cut by NumPy, all others by Python's own reader, to the same cells."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deepfakebench_ext.common.csv_files import OURS, Rows, csv_text, open_csv
from deepfakebench_ext.metrics.figure import Floats
from deepfakebench_ext.metrics.names import Bytes, Names, padded
from deepfakebench_ext.metrics.score_table import Numbers
from deepfakebench_ext.report.scores.csv_cells import BadRowError, floats, integers
from deepfakebench_ext.report.scores.pieces import Piece, counted_from

_BLOCK = 1 << 21
_ROWS = 1 << 13
"""Rows that are held at once where Python reads them."""
_WIDEST = 32
"""Bytes of a number that NumPy reads."""
_LINE = ord("\n")


class CsvSource:
    """A CSV whose first line names its columns, separated by commas, semicolons or tabs."""

    def __init__(self, path: Path) -> None:
        """Open it, and look at its first line.

        Raises:
            ConfigError: It cannot be read as UTF-8 CSV, or has no header, or one with a name twice.
        """
        with open_csv(path) as (header, rows):
            self.header: Sequence[str] = header
            self._delimiter = rows.delimiter
        self.path = path
        self._is_ours = set(header) >= OURS

    def count(self) -> int:
        """Return how many rows there are, which takes as long as to read them."""
        return sum(map(len, self.pieces(())))

    def count_about(self) -> int:
        """Return about how many rows there are, by the length of the first lines."""
        with self.path.open("rb") as file:
            first = file.read(_BLOCK)
        lines = max(first.count(b"\n"), 1)
        return lines * self.path.stat().st_size // max(len(first), 1)

    def pieces(self, columns: Collection[str]) -> Iterator[Piece]:
        """Yield all rows; which columns are wanted makes no difference."""
        places = _Places(self.header)
        with csv_text(self.path) as file:
            first = file.buffer.readline()
            if b'"' in first or b"\r" in first or b"\0" in first or not first.endswith(b"\n"):
                file.seek(0)
                yield from self._read(file, places, 0, skip=1)
                return
            row, rest = 0, b""
            while block := file.buffer.read(_BLOCK):
                whole, line, rest = (rest + block).rpartition(b"\n")
                if not line or b'"' in whole or b'"' in rest:
                    file.seek(file.buffer.tell() - len(whole) - len(line) - len(rest))
                    yield from self._read(file, places, row)
                    return
                with counted_from(row):
                    piece = self._cut(whole + line, places)
                yield piece
                row += len(piece)
            if rest:
                with counted_from(row):
                    yield self._cut(rest + b"\n", places)

    def _cut(self, block: bytes, places: _Places) -> Piece:
        """Cut whole lines without quotes."""
        is_plain = b"\r" not in block and b"\0" not in block
        is_plain = is_plain and not (self._is_ours and (b"'" in block or b"\\ud" in block))
        if not block.isascii():
            block.decode("utf-8")  # says what is no text
        found = _Cut.of(padded(block), ord(self._delimiter), places) if is_plain else None
        if found is not None:
            return found
        reader = csv.reader(io.StringIO(block.decode("utf-8"), newline=""), delimiter=self._delimiter, strict=True)
        return _Listed(list(Rows(reader, is_ours=self._is_ours)), places)

    def _read(self, file: Iterator[str], places: _Places, row: int, *, skip: int = 0) -> Iterator[Piece]:
        """Read lines as Python does, as they may hold quotes."""
        rows = iter(Rows(csv.reader(file, delimiter=self._delimiter, strict=True), is_ours=self._is_ours))
        next(islice(rows, skip, skip), None)
        while chunk := list(islice(rows, _ROWS)):
            with counted_from(row):
                piece = _Listed(chunk, places)
            yield piece
            row += len(chunk)

    def pick(self, columns: Sequence[str], rows: Sequence[int]) -> list[tuple[str, ...]]:
        """Return the cells of some columns in some rows, numbered from 0, in the order given; empty where none is."""
        with open_csv(self.path) as (header, each):
            places, wanted = [header.index(name) if name in header else -1 for name in columns], set(rows)
            found = {
                number: tuple("" if place < 0 else row[place] for place in places)
                for number, row in enumerate(each)
                if number in wanted
            }
        return [found[row] for row in rows]

    def place_of(self, row: int) -> str:
        """Return the line on which a row, numbered from 0, ends."""
        with open_csv(self.path) as (_, rows):
            return f"{self.path}, line {next(islice(rows.lines(), row, None))}"


class _Places:
    """Where columns stand."""

    def __init__(self, header: Sequence[str]) -> None:
        self.width, self.of = len(header), {name: place for place, name in enumerate(header)}


@dataclass(slots=True)
class _Cut:
    """Lines in a block of bytes."""

    data: Bytes
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    columns: _Places

    @classmethod
    def of(cls, data: Bytes, delimiter: int, columns: _Places) -> _Cut | None:
        """Cut lines of so many cells; None where a line has more or fewer, or is blank."""
        is_line = data == _LINE
        ends = np.flatnonzero((data == delimiter) | is_line)
        lines = int(np.count_nonzero(is_line))
        width = columns.width
        if len(ends) != lines * width or not is_line[ends[width - 1 :: width]].all():
            return None
        starts = np.concatenate([np.zeros(1, np.int64), ends[:-1] + 1])
        if width == 1 and (starts == ends).any():
            return None
        return cls(data, starts.reshape(lines, width), ends.reshape(lines, width), columns)

    def __len__(self) -> int:
        return len(self.starts)

    def texts(self, column: str) -> Names:
        place = self.columns.of[column]
        starts = np.ascontiguousarray(self.starts[:, place])
        return Names(self.data, starts, self.ends[:, place] - starts)

    def scores(self, column: str) -> Floats:
        texts = self.texts(column)
        blank = texts.lengths == 0
        if int(texts.lengths.max(initial=0)) > _WIDEST:
            return floats(list(texts))
        cells = texts.fixed(_WIDEST)
        cells[blank, 0] = ord("0")
        try:
            values = np.where(blank, np.nan, cells.view(f"S{_WIDEST}")[:, 0].astype(np.float64))
        except ValueError:
            return floats(list(texts))
        is_allowed = blank | ((values >= 0) & (values <= 1))
        return values if is_allowed.all() else floats(list(texts))

    def index(self, column: str) -> Numbers:
        texts = self.texts(column)
        found = np.zeros(len(texts), np.int64)
        is_allowed = texts.lengths < 10
        for place in range(int(texts.lengths.max(initial=0)) if is_allowed.all() else 0):
            rows = np.flatnonzero(texts.lengths > place)
            digits = self.data[texts.starts[rows] + place].astype(np.int64) - ord("0")
            is_allowed[rows] &= (digits >= 0) & (digits <= 9)
            found[rows] = found[rows] * 10 + digits
        return found.astype(np.int32) if is_allowed.all() else integers(list(texts))

    def says_something(self, column: str) -> bool:
        return bool(self.texts(column).lengths.any())


@dataclass(slots=True)
class _Listed:
    """Lines as Python read them."""

    rows: list[list[str]]
    columns: _Places

    def __post_init__(self) -> None:
        width = self.columns.width
        for number, row in enumerate(self.rows):
            if len(row) != width:
                raise BadRowError(
                    f"{len(row)} cells under a header of {width}; put a text that holds the separator in quotes",
                    number,
                )

    def __len__(self) -> int:
        return len(self.rows)

    def _cells(self, column: str) -> list[str]:
        place = self.columns.of[column]
        return [row[place] for row in self.rows]

    def texts(self, column: str) -> Names:
        return Names.of(self._cells(column))

    def scores(self, column: str) -> Floats:
        return floats(self._cells(column))

    def index(self, column: str) -> Numbers:
        return integers(self._cells(column))

    def says_something(self, column: str) -> bool:
        return any(self._cells(column))
