"""CSV files: the one way in which all are written, and the one in which they are opened."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from deepfakebench_ext.common.atomic_files import atomic_writer
from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.regular_files import regular


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> None:
    r"""Write a CSV whose first line names its columns: UTF-8, commas, lines that end in `\n`.

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
        for row in rows:
            # QUOTE_MINIMAL of some Pythons (3.11.7) leaves a carriage return bare, which readers take for a line end.
            has_return = any("\r" in cell for cell in row.values())
            (quoted if has_return else plain).writerow(row)


class Rows:
    """The rows of an open CSV that are not blank."""

    def __init__(self, reader: Any) -> None:
        """Take a `csv.reader` that has given its header."""
        self._reader = reader

    def __iter__(self) -> Iterator[list[str]]:
        """Yield the cells of each row."""
        return filter(None, self._reader)

    def lines(self) -> Iterator[int]:
        """Yield the line on which each row ends."""
        return (self._reader.line_num for _ in self)


@contextmanager
def open_csv(path: Path) -> Iterator[tuple[list[str], Rows]]:
    """Open a CSV whose first line names its columns, separated by commas, semicolons or tabs: header, other rows.

    Raises:
        ConfigError: It cannot be read as UTF-8 CSV, or has no header, or one with a name twice.
    """
    try:
        with regular(path).open(encoding="utf-8-sig", newline="") as file:
            first = file.readline()
            file.seek(0)
            reader = csv.reader(file, delimiter=max(",;\t", key=first.count), strict=True)
            header = [cell.strip() for cell in next(reader, [])]
            if not any(header):
                raise ConfigError(f"{path} is empty; its first line must name its columns, such as key,label,score")
            doubled = next((name for name in header if name and header.count(name) > 1), None)
            if doubled:
                raise ConfigError(f"{path} has the column {doubled!r} twice")
            yield header, Rows(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{path} cannot be read as UTF-8 CSV: {error}") from error
