import csv

import pyarrow.parquet as pq
import pytest

from deepfakebench_ext.common.csv_files import from_utf8, restored
from deepfakebench_ext.common.errors import OutputError
from deepfakebench_ext.common.types import Prediction, Sample
from deepfakebench_ext.report.scores.csv_writing import SCORES_COLUMNS, write_scores_csv
from deepfakebench_ext.report.scores.parquet_files import scores_schema, write_scores_parquet

NAMES = ["a,b.png", "'=1", "=1+1", "byte\udcff.png", r"byte\udcff.png", "換臉.png", ""]


def rows():
    for number, name in enumerate(NAMES):
        sample = Sample(f"{number}/{name}", f"/data/{name}", (None, 0, 1)[number % 3], video=name, method=name or None)
        box = (0.1, 1 / 3, 2.0, 3.5) if number % 2 else None
        found = Prediction(sample.key, number / 7, index=number, start_s=number / 3, frame=number, bbox_px=box)
        yield number + 1, sample, found
    yield 9, Sample("lost", "lost"), Prediction("lost", None, "unreadable", "it is no picture")


def test_columns_and_values_are_those_of_the_csv(tmp_path):
    write_scores_csv(tmp_path / "scores.csv", rows(), head="trained")
    write_scores_parquet(tmp_path / "scores.parquet", rows(), head="trained")
    with (tmp_path / "scores.csv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    held = pq.read_table(tmp_path / "scores.parquet")
    assert held.schema == scores_schema()
    assert held.column_names == list(SCORES_COLUMNS)
    for line, row in zip(lines, held.to_pylist(), strict=True):
        text = {name: from_utf8(value) if isinstance(value, str) else value for name, value in row.items()}
        as_cells = {name: "" if value is None else str(value) for name, value in text.items()}
        assert as_cells == {name: restored(cell) for name, cell in line.items()}


def test_the_same_rows_give_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        write_scores_parquet(tmp_path / name, rows(), head="trained")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_what_fails_halfway_leaves_what_stood_there(tmp_path):
    def broken():
        yield from rows()
        raise RuntimeError

    (tmp_path / "scores.parquet").write_bytes(b"before")
    with pytest.raises(RuntimeError):
        write_scores_parquet(tmp_path / "scores.parquet", broken(), head="trained")
    with pytest.raises(OutputError):
        write_scores_parquet(tmp_path / "nowhere" / "scores.parquet", rows(), head="trained")
    assert [path.name for path in tmp_path.iterdir()] == ["scores.parquet"]
    assert (tmp_path / "scores.parquet").read_bytes() == b"before"
