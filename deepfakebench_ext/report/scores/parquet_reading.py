"""The rows of a Parquet file of scores, ours or anybody's. Only plain columns are read; nothing in one is ever run."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from deepfakebench_ext.common.csv_files import OURS, from_utf8
from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.parquet import needs_parquet, open_parquet
from deepfakebench_ext.metrics.figure import Floats
from deepfakebench_ext.metrics.names import Names, padded
from deepfakebench_ext.metrics.score_table import Numbers
from deepfakebench_ext.report.scores.csv_cells import BadRowError, floats, integers
from deepfakebench_ext.report.scores.pieces import Piece

_ROWS = 1 << 16


class ParquetSource:
    """A Parquet file with a column a role."""

    def __init__(self, path: Path) -> None:
        """Open it, and look at its schema.

        Raises:
            ConfigError: It cannot be read as Parquet, or has a column twice.
            MissingExtraError: pyarrow is not installed.
        """
        self.path = path
        with _opened(path) as file:
            self.header: Sequence[str] = list(file.schema_arrow.names)
            self._count = int(file.metadata.num_rows)
        doubled = next((name for name in self.header if self.header.count(name) > 1), None)
        if doubled is not None:
            raise ConfigError(f"{path} has the column {doubled!r} twice")
        self._is_ours = set(self.header) >= OURS

    def count(self) -> int:
        """Return how many rows there are."""
        return self._count

    def count_about(self) -> int:
        """Return how many rows there are."""
        return self._count

    def pieces(self, columns: Collection[str]) -> Iterator[Piece]:
        """Yield all rows, of which only these columns are read."""
        wanted = [name for name in self.header if name in columns]
        with _opened(self.path) as file:
            for batch in file.iter_batches(_ROWS, columns=wanted):
                batch.validate(full=True)  # bytes that are no text, and worse
                yield _Batch(batch, self.path, self._is_ours)

    def pick(self, columns: Sequence[str], rows: Sequence[int]) -> list[tuple[str, ...]]:
        """Return the cells of some columns in some rows, numbered from 0, in the order given; empty where none is."""
        there = [name for name in columns if name in self.header]
        wanted, found, first = np.unique(np.asarray(rows, np.int64)), dict[int, tuple[str, ...]](), 0
        for piece in self.pieces(there) if there else ():
            own = wanted[np.searchsorted(wanted, first) : np.searchsorted(wanted, first + len(piece))]
            texts = {name: piece.texts(name).take(own - first) for name in there} if len(own) else {}
            cells = zip(*(texts.get(name, ("",) * len(own)) for name in columns), strict=True)
            found.update(zip(own.tolist(), cells, strict=True))
            first += len(piece)
        return [found.get(row, ("",) * len(columns)) for row in rows]

    def place_of(self, row: int) -> str:
        """Return where a row stands, for people."""
        return f"{self.path}, row {row + 1}"


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open a file, and say in a sentence what keeps it from being read, while it is.

    Raises:
        ConfigError: The block met no file, or no Parquet.
        MissingExtraError: pyarrow is not installed.
    """
    needs_parquet()
    import pyarrow as pa

    try:
        with open_parquet(path) as file:
            yield file
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        said = str(error).strip().partition("\n")[0]
        raise ConfigError(f"{path} cannot be read as Parquet: {said}") from error


@dataclass(slots=True)
class _Batch:
    """Some rows of a file."""

    batch: Any
    path: Path
    is_ours: bool

    def __len__(self) -> int:
        return int(self.batch.num_rows)

    def texts(self, column: str) -> Names:
        array = self._plain(column)
        import pyarrow as pa

        if pa.types.is_floating(array.type):
            array = pa.compute.if_else(pa.compute.is_nan(array), None, array)
        found = _names(array.cast(pa.large_string()))
        if self.is_ours and b"\\ud" in found.data.tobytes():
            return Names.of(map(from_utf8, found))
        return found

    def scores(self, column: str) -> Floats:
        array = self._plain(column)
        import pyarrow as pa

        if not _is_number(array.type):
            return floats(list(self.texts(column)))
        values = array.cast(pa.float64()).to_numpy(zero_copy_only=False)
        is_null = array.is_null().to_numpy(zero_copy_only=False)
        values = np.where(is_null, np.nan, values)
        wrong = np.flatnonzero(~(is_null | ((values >= 0) & (values <= 1))))
        if len(wrong):
            row = int(wrong[0])
            raise BadRowError(
                f"the score {values[row]} is not allowed: a score is P(fake) from 0 to 1, and null where there is "
                "none; turn logits into probabilities first",
                row,
            )
        return values

    def index(self, column: str) -> Numbers:
        array = self._plain(column)
        import pyarrow as pa

        if not _is_number(array.type):
            return integers(list(self.texts(column)))
        values = array.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        values = np.where(array.is_null().to_numpy(zero_copy_only=False), 0.0, values)
        wrong = np.flatnonzero(~((values >= 0) & (values < 2**31) & (np.floor(values) == values)))
        if len(wrong):
            row = int(wrong[0])
            raise BadRowError(f"the index {array[row]} is not allowed; allowed is 0, 1, 2, ...", row)
        return values.astype(np.int32)

    def says_something(self, column: str) -> bool:
        return bool(self.texts(column).lengths.any())

    def _plain(self, column: str) -> Any:
        """A column of text or numbers.

        Raises:
            ConfigError: It holds something else.
        """
        import pyarrow as pa
        import pyarrow.compute

        array = self.batch.column(column)
        if pa.types.is_dictionary(array.type):
            array = array.dictionary_decode()
        kind = array.type
        is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
        is_other = pa.types.is_null(kind) or pa.types.is_boolean(kind) or pa.types.is_temporal(kind)
        if not (is_text or is_other or _is_number(kind)):
            raise ConfigError(f"{self.path}: the column {column!r} holds {kind}, and text or numbers are wanted")
        return array


def _is_number(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _names(array: Any) -> Names:
    """The texts of an array of `large_string`, empty where null."""
    count = len(array)
    _, places, data = array.buffers()
    offsets = np.frombuffer(places, np.int64, count + 1, array.offset * 8) if count else np.zeros(1, np.int64)
    lengths = np.diff(offsets)
    if array.null_count:
        lengths = np.where(array.is_null().to_numpy(zero_copy_only=False), 0, lengths)
    first, last = int(offsets[0]), int(offsets[-1])
    content = b"" if data is None else data[first:last].to_pybytes()
    return Names(padded(content), offsets[:-1] - first, lengths)
