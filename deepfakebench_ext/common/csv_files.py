"""CSV files: the one way in which all are written, and the one in which they are opened."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from deepfakebench_ext.common.atomic_files import atomic_writer
from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.regular_files import regular

OURS = frozenset({"key", "path", "label", "score", "status", "head"})
"""Columns that a file of scores of ours has; one that has them all was written by `write_csv`."""
_SIGNS = tuple("=+-@\t\r\n'")
_SURROGATE = re.compile("[\ud800-\udfff]")
_LOOKS_ESCAPED = re.compile(r"\\ud[89a-f][0-9a-f]{2}")
_ESCAPED = re.compile(r"\\(\\)|\\u(d[89a-f][0-9a-f]{2})")


def written(cell: str) -> str:
    r"""Return a cell as it is written: as UTF-8 can hold it (`as_utf8`), and no formula to a spreadsheet.

    What begins with `=`, `+`, `-`, `@` or a break and is no number gets an apostrophe before it,
    as does what begins with one: `restored` gives back every cell.
    """
    cell = as_utf8(cell)
    return f"'{cell}" if cell.startswith(_SIGNS) and not is_number(cell) else cell


def as_utf8(text: str) -> str:
    r"""Return a text as UTF-8 can hold it; `from_utf8` gives back every text.

    A byte of a name that is no text becomes `\udcff`; in such texts, and in those with such words of their own, each
    backslash becomes two.
    """
    if "\\" in text or not text.isascii():
        if _SURROGATE.search(text) or _LOOKS_ESCAPED.search(text):
            text = text.replace("\\", r"\\")
        return _SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    return text


def from_utf8(text: str) -> str:
    """Return the text that `as_utf8` was given."""
    if "\\ud" in text and _LOOKS_ESCAPED.search(text):
        return _ESCAPED.sub(lambda found: found[1] or chr(int(found[2], 16)), text)
    return text


def restored(cell: str) -> str:
    """Return the cell that `written` was given."""
    if cell.startswith("'") and cell[1:].startswith(_SIGNS):
        cell = cell[1:]
    return from_utf8(cell)


def _restored_row(row: list[str]) -> list[str]:
    """The cells of a row that were `written`; of most rows they are themselves, which one look at them all tells."""
    text = "".join(row)
    return list(map(restored, row)) if "'" in text or "\\ud" in text else row


def is_number(cell: str) -> bool:
    """Return whether a cell says a number."""
    try:
        float(cell)
    except ValueError:
        return False
    return True


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> None:
    r"""Write a CSV whose first line names its columns: UTF-8, commas, lines that end in `\n`, cells as by `written`.

    Args:
        path: File to create or replace.
        columns: Their names, in order.
        rows: Column to cell; a column that a row lacks is empty there.

    Raises:
        OutputError: The file cannot be written; what stood there is unchanged.
        ValueError: A row has a column of another name.
    """
    with atomic_writer(path) as file:
        plain, quoted = (
            csv.DictWriter(file, columns, extrasaction="raise", lineterminator="\n", quoting=quoting)
            for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_ALL)
        )
        plain.writeheader()
        for given in rows:
            row = {column: written(cell) for column, cell in given.items()}
            # QUOTE_MINIMAL of some Pythons (3.11.7) leaves a carriage return bare, which readers take for a line end.
            has_return = any("\r" in cell for cell in row.values())
            (quoted if has_return else plain).writerow(row)


class Rows:
    """The rows of an open CSV that are not blank.

    Attributes:
        delimiter: What separates its cells.
    """

    def __init__(self, reader: Any, *, is_ours: bool) -> None:
        """Take a `csv.reader` that has given its header; the cells of a file of ours were `written`."""
        self._reader, self._is_ours = reader, is_ours
        self.delimiter: str = reader.dialect.delimiter

    def __iter__(self) -> Iterator[list[str]]:
        """Yield the cells of each row."""
        rows = filter(None, self._reader)
        return map(_restored_row, rows) if self._is_ours else rows

    def lines(self) -> Iterator[int]:
        """Yield the line on which each row ends."""
        return (self._reader.line_num for _ in self)


@contextmanager
def open_csv(path: Path) -> Iterator[tuple[list[str], Rows]]:
    """Open a CSV whose first line names its columns, separated by commas, semicolons or tabs: header, other rows.

    Raises:
        ConfigError: It cannot be read as UTF-8 CSV, or has no header, or one with a name twice.
    """
    with csv_text(path) as file:
        first = file.readline()
        file.seek(0)
        reader = csv.reader(file, delimiter=max(",;\t", key=first.count), strict=True)
        header = csv_header(reader, path)
        if not any(header):
            raise ConfigError(f"{path} is empty; its first line must name its columns, such as key,label,score")
        yield header, Rows(reader, is_ours=set(header) >= OURS)


def csv_header(reader: Iterator[list[str]], path: Path) -> list[str]:
    """Return the names of the columns, the first row of a `csv.reader`; none where there is no row.

    Raises:
        ConfigError: A name stands there twice.
    """
    header = [cell.strip() for cell in next(reader, [])]
    doubled = next((name for name in header if name and header.count(name) > 1), None)
    if doubled:
        raise ConfigError(f"{path} has the column {doubled!r} twice")
    return header


@contextmanager
def csv_text(path: Path) -> Iterator[TextIO]:
    """Open the text of a CSV, and say in a sentence what keeps it from being read.

    Raises:
        ConfigError: The block met no file, no UTF-8 or no CSV.
    """
    try:
        with regular(path).open(encoding="utf-8-sig", newline="") as file:
            yield file
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{path} cannot be read as UTF-8 CSV: {error}") from error
