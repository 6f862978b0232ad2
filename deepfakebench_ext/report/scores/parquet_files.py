"""Scores as Parquet, `scores.parquet`: the columns and the exact values of `scores.csv`. The one schema and writer."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from deepfakebench_ext.common.atomic_files import atomic_binary_writer
from deepfakebench_ext.common.csv_files import as_utf8
from deepfakebench_ext.common.parquet import needs_parquet
from deepfakebench_ext.report.scores.csv_writing import EDGES, SCORES_COLUMNS, Head, Row, Value, score_values

if TYPE_CHECKING:
    import pyarrow as pa

_NUMBERS = {
    "label": "int8",
    **dict.fromkeys(("index", "frame", "frames_faceless", "frames_off_crop", "num_faces"), "int64"),
    **dict.fromkeys(("start_s", "end_s", "score", *EDGES, "face_score"), "float64"),
}
"""Columns that hold numbers, to their types; all others hold text."""
_ROWS = 1 << 16
"""Rows that are held at once, and of a row group."""


def scores_schema() -> pa.Schema:
    """Return the schema of `scores.parquet`: `SCORES_COLUMNS` in their order, each of which may be null.

    Raises:
        MissingExtraError: pyarrow is not installed.
    """
    needs_parquet()
    import pyarrow as pa

    return pa.schema([(name, _NUMBERS.get(name, "string")) for name in SCORES_COLUMNS])


def write_scores_parquet(path: Path, rows: Iterable[Row], *, head: Head) -> None:
    """Write one row an image, frame or clip, in the order given: as `write_scores_csv`; what is empty there is null.

    The same rows give the same bytes under one version of pyarrow.

    Raises:
        OutputError: The file cannot be written; what stood there is unchanged.
        MissingExtraError: pyarrow is not installed.
        ValueError: A prediction belongs to another sample.
    """
    parquet, schema = needs_parquet(), scores_schema()
    import pyarrow as pa

    values = (score_values(sample, prediction, head) for _, sample, prediction in rows)
    held = ({name: _held(value) for name, value in row.items()} for row in values)
    with atomic_binary_writer(path) as file, parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        while chunk := list(islice(held, _ROWS)):
            writer.write_table(pa.Table.from_pylist(chunk, schema))


def _held(value: Value) -> Value:
    return (as_utf8(value) or None) if isinstance(value, str) else value
