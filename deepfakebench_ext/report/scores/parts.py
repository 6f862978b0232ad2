"""Which files are meant by what is typed for scores: a file, a folder of parts, or a pattern; several are one table."""

from __future__ import annotations

import glob
import logging
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

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
        self.header = sources[0].header
        for each in sources[1:]:
            if apart := sorted(set(each.header) ^ set(self.header)):
                raise ConfigError(
                    f"{each.path} and {sources[0].path} have other columns, such as {apart[0]!r}; parts of one table "
                    "have the same, and files of several detectors are given one by one"
                )

    def count(self) -> int:
        """Return how many rows there are."""
        return sum(each.count() for each in self._sources)

    def count_about(self) -> int:
        """Return about how many rows there are, without reading them."""
        return sum(each.count_about() for each in self._sources)

    def pieces(self, columns: Collection[str]) -> Iterator[Piece]:
        """Yield the rows of all files."""
        row = 0
        for each in self._sources:
            with counted_from(row):
                for piece in each.pieces(columns):
                    yield piece
                    row += len(piece)

    def pick(self, columns: Sequence[str], rows: Sequence[int]) -> list[tuple[str, ...]]:
        """Return the cells of some columns in some rows, numbered from 0, in the order given; empty where none is."""
        found, first = dict[int, tuple[str, ...]](), 0
        for each in self._sources:
            end = first + each.count()
            own = [row for row in rows if first <= row < end]
            picked = each.pick(columns, [row - first for row in own]) if own else []
            found.update(zip(own, picked, strict=True))
            first = end
        return [found[row] for row in rows]

    def place_of(self, row: int) -> str:
        """Return where a row stands, for people."""
        for each in self._sources[:-1]:
            if row < (count := each.count()):
                return each.place_of(row)
            row -= count
        return self._sources[-1].place_of(row)


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
