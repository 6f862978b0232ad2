"""Which files are meant by what is typed for scores: a file, a folder of parts, or a pattern; several are one table."""

from __future__ import annotations

import glob
import logging
from bisect import bisect_right
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import numpy as np

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.report.scores.csv_blocks import CsvSource
from deepfakebench_ext.report.scores.parquet_reading import ParquetSource
from deepfakebench_ext.report.scores.pieces import Piece, Source, counted_from

logger = logging.getLogger(__name__)

PARQUET = (".parquet", ".pq")
_GLOB = frozenset("*?[")
_MAGIC = b"PAR1"


class Parts:
    """Several files with the same columns, one behind the other."""

    def __init__(self, path: Path, sources: Sequence[Source]) -> None:
        """Take the files.

        Args:
            path: What was typed for all of them.
            sources: In order, at least one.

        Raises:
            ConfigError: One has other columns than the first.
        """
        self.path, self._sources = path, sources
        self._ends: list[int] = []  # as `_counted`, of the files that were read
        self.header = sources[0].header
        for each in sources[1:]:
            if apart := sorted(set(each.header) ^ set(self.header)):
                raise ConfigError(
                    f"{each.path} and {sources[0].path} have other columns, such as {apart[0]!r}; parts of one table "
                    "have the same, and files of several detectors are given one by one"
                )

    def count(self) -> int:
        """Return how many rows there are."""
        return self._counted()[-1]

    def _counted(self) -> list[int]:
        """For each file the number of the row behind its last; those that were not read yet are counted."""
        for each in self._sources[len(self._ends) :]:
            self._ends.append(each.count() + (self._ends[-1] if self._ends else 0))
        return self._ends

    def count_about(self) -> int:
        """Return about how many rows there are, without reading them."""
        return sum(each.count_about() for each in self._sources)

    def pieces(self, columns: Collection[str]) -> Iterator[Piece]:
        """Yield the rows of all files."""
        row = 0
        for number, each in enumerate(self._sources):
            with counted_from(row):
                for piece in each.pieces(columns):
                    yield piece
                    row += len(piece)
            if number == len(self._ends):
                self._ends.append(row)

    def pick(self, columns: Sequence[str], rows: Sequence[int]) -> list[tuple[str, ...]]:
        """Return the cells of some columns in some rows, numbered from 0, in the order given; empty where none is."""
        wanted, found, first = np.unique(np.asarray(rows, np.int64)), dict[int, tuple[str, ...]](), 0
        ends = self._counted()
        parts = np.split(wanted, np.searchsorted(wanted, ends[:-1]))
        for each, own, end in zip(self._sources, parts, ends, strict=True):
            picked = each.pick(columns, (own - first).tolist()) if len(own) else []
            found.update(zip(own.tolist(), picked, strict=True))
            first = end
        return [found[row] for row in rows]

    def place_of(self, row: int) -> str:
        """Return where a row that was read stands, for people; the file that it is in may not be read to its end."""
        part = bisect_right(self._ends, row)
        return self._sources[part].place_of(row - (self._ends[part - 1] if part else 0))


def open_source(path: Path, files: Sequence[Path]) -> Source:
    """Open files as one table.

    Args:
        path: What was typed for all of them.
        files: At least one.

    Raises:
        ConfigError: One cannot be read, or they have other columns.
        MissingExtraError: One is Parquet, and pyarrow is not installed.
    """
    sources = [_open(file) for file in files]
    return sources[0] if len(sources) == 1 else Parts(path, sources)


def is_pattern(text: str) -> bool:
    """Return whether a path that is not there is a pattern of paths."""
    return bool(_GLOB & set(text)) and not Path(text).exists()


def matches(pattern: str) -> list[Path]:
    """Return what a pattern matches, by name.

    Raises:
        ConfigError: Nothing.
    """
    found = sorted(map(Path, glob.glob(pattern, recursive=True)))  # noqa: PTH207 - names as they were typed
    if not found:
        raise ConfigError(f"{pattern!r} matches no file; patterns are 'parts/*.parquet', '**/part-*.csv'")
    return found


def parts_in(folder: Path) -> list[Path]:
    """Return the files of scores that lie in a folder, by name: its Parquet files, or else its CSV files; none where
    there are neither. Hidden files and those that begin with `_`, which other tools leave, are none.
    """  # fmt: skip
    files = sorted(path for path in folder.iterdir() if path.name[0] not in "._" and path.is_file())
    found = [path for path in files if is_parquet(path)]
    tables = [path for path in files if path.suffix.lower() == ".csv"]
    if found and tables:
        which = f"{tables[0].name}{f' and {len(tables) - 1} more' if len(tables) > 1 else ''}"
        logger.warning("%s: left aside, beside Parquet files: %s; a pattern reads both", folder, which)
    return found or tables


def is_parquet(path: Path) -> bool:
    """Return whether a file says by its name that it is Parquet, or by how it begins."""
    if path.suffix.lower() in PARQUET:
        return True
    try:
        with path.open("rb") as file:
            return path.suffix.lower() not in (".csv", ".txt") and file.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False


def _open(path: Path) -> Source:
    return ParquetSource(path) if is_parquet(path) else CsvSource(path)
