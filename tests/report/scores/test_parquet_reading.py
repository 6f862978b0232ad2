"""Parquet gives the figures of CSV to the bit; what is damaged, odd or hostile is a sentence, and runs nothing."""

import decimal
import os
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import hostile_parquet
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from deepfakebench_ext.common.errors import ConfigError, MissingExtraError
from deepfakebench_ext.common.types import Prediction, Sample
from deepfakebench_ext.metrics.summary import SummaryOptions, summarise
from deepfakebench_ext.report.metrics_json import summary_text
from deepfakebench_ext.report.scores.csv_writing import write_scores_csv
from deepfakebench_ext.report.scores.parquet_files import write_scores_parquet
from deepfakebench_ext.report.scores.score_files import ColumnNames, read_scores


def rows(frames=4, videos=60):
    rng = np.random.default_rng(0)
    for video in range(videos):
        label = (0, 1, 1, None)[video % 4]
        name = f"'{video}\udcff" if video == 7 else f"{video}"
        sample = Sample(f"v/{name}.mp4", f"/d/{name}.mp4", label, dataset=f"set{video % 2}", method=f"m{video % 3}")
        for index in range(frames):
            score = None if video % 9 == 4 else float(rng.beta(2 + (label or 0), 3))
            status = "ok" if score is not None else "no_face"
            yield video + 1, sample, Prediction(sample.key, score, status, index=index, start_s=index / 3)


def figures(path, **options):
    file = read_scores(path, **options)
    return summary_text(summarise(file.table, SummaryOptions(), title="t", trained=file.trained, notices=file.notices))


def written(path: Path, **columns) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


def test_figures_paths_and_looks_are_those_of_the_csv(tmp_path):
    write_scores_csv(tmp_path / "scores.csv", rows(), head="trained")
    write_scores_parquet(tmp_path / "other.parquet", rows(), head="trained")
    one, other = read_scores(tmp_path / "scores.csv"), read_scores(tmp_path / "other.parquet")
    assert figures(tmp_path / "scores.csv") == figures(tmp_path / "other.parquet")
    some = [29, 3, 3, 200]
    assert one.paths(some) == other.paths(some)
    assert one.looks(some) == other.looks(some)
    assert [one.table.key.text(row) for row in some] == [other.table.key.text(row) for row in some]


@pytest.mark.parametrize("newer", ["scores.csv", "scores.parquet"])
def test_a_run_is_read_from_parquet_unless_its_csv_is_newer(tmp_path, newer):
    write_scores_csv(tmp_path / "scores.csv", rows(), head="trained")
    write_scores_parquet(tmp_path / "scores.parquet", rows(), head="trained")
    for name in ("scores.csv", "scores.parquet"):
        os.utime(tmp_path / name, ns=(0, 2 * 10**9 if name == newer else 10**9))
    found = read_scores(tmp_path)
    assert (found.path.name, found.title) == (newer, tmp_path.name)
    (tmp_path / "scores.csv").unlink()
    assert read_scores(tmp_path).path.name == "scores.parquet"


@pytest.mark.parametrize(
    ("labels", "scores"),
    [
        (pa.array([0, 1, None], pa.int64()), pa.array([0.25, 0.5, None], pa.float32())),
        (pa.array([0.0, 1.0, np.nan]), pa.array([0.25, 0.5, None], pa.float64())),
        (pa.array([False, True, None]), pa.array([decimal.Decimal("0.25"), decimal.Decimal("0.50"), None])),
        (pa.array(["real", "fake", None]).dictionary_encode(), pa.array(["0.25", "0.5", None])),
        (pa.array(["real", "fake", ""], pa.large_string()), pa.array([0.25, 0.5, None], pa.float16())),
        (pa.array(["real", "fake", ""], pa.string_view()), pa.array([0.25, 0.5, None])),
    ],
)
def test_columns_of_other_tools_are_read_whatever_their_type(tmp_path, labels, scores):
    path = written(tmp_path / "theirs.parquet", is_fake=labels, prob=scores, more=pa.array([[1], [2], [3]]))
    table = read_scores(path, columns=ColumnNames(label="is_fake", score="prob")).table
    assert table.labels.tolist() == [0, 1, -1]
    assert repr(table.scores.tolist()) == "[0.25, 0.5, nan]"


@pytest.mark.parametrize(
    ("score", "message"),
    [
        ([0.5, float("nan")], "row 2: the score nan is not allowed"),
        ([0.5, 2.0], "row 2: the score 2.0 is not allowed.*null where there is none"),
        (["0.5", "x"], "row 2: the score 'x' is no number"),
        ([True, False], "row 1: the score 'true' is no number"),
        ([[0.5], [0.5]], "the column 'score' holds list<.*>, and text or numbers are wanted"),
        ([b"0.5", b"\xff"], "the column 'score' holds binary"),
    ],
)
def test_scores_that_are_none_are_refused_by_their_row(tmp_path, score, message):
    path = written(tmp_path / "theirs.parquet", label=[0, 1], score=score)
    with pytest.raises(ConfigError, match=message):
        read_scores(path)


def test_a_missing_column_is_named_and_asked_for(tmp_path):
    path = written(tmp_path / "theirs.parquet", label=[0, 1], clip=[0.5, 0.25], effort=[0.1, 1.0])
    with pytest.raises(ConfigError, match="--score_column clip,effort"):
        read_scores(path)


@pytest.mark.parametrize("cut", [0, 3, 100, -1, -9, -200])
def test_a_damaged_file_is_a_sentence(tmp_path, cut):
    write_scores_parquet(tmp_path / "scores.parquet", rows(), head="trained")
    data = (tmp_path / "scores.parquet").read_bytes()
    (tmp_path / "scores.parquet").write_bytes(data[:cut])
    with pytest.raises(ConfigError, match=r"scores\.parquet cannot be read as Parquet: \w"):
        read_scores(tmp_path / "scores.parquet")


def test_bytes_that_are_no_text_are_a_sentence(tmp_path):
    names = pa.StringArray.from_buffers(2, pa.py_buffer(np.array([0, 1, 2], np.int32)), pa.py_buffer(b"a\xff"))
    path = written(tmp_path / "theirs.parquet", key=names, label=[0, 1], score=[0.5, 0.5])
    with pytest.raises(ConfigError, match=r"cannot be read as Parquet: .*UTF8"):
        read_scores(path)


@pytest.mark.parametrize("is_registered", [True, False])
def test_types_that_unpickle_what_a_file_says_are_never_asked(tmp_path, is_registered):
    path = written(tmp_path / "theirs.parquet", key=hostile_parquet.column("a", "b"), label=[0, 1], score=[0.25, 0.5])
    with (
        hostile_parquet.known() if is_registered else nullcontext(),
        pytest.raises(ConfigError, match="a column of an extension type of Arrow, which is not read"),
    ):
        read_scores(path)


def test_without_pyarrow_the_extra_is_named(tmp_path, monkeypatch):
    path = written(tmp_path / "theirs.parquet", label=[0, 1], score=[0.25, 0.5])
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'deepfakebench-ext\[parquet\]'"):
        read_scores(path)


def test_a_table_of_no_rows_has_no_figures(tmp_path):
    path = written(tmp_path / "theirs.parquet", label=pa.array([], pa.int8()), score=pa.array([], pa.float64()))
    table = read_scores(path).table
    assert len(table) == 0
    assert summarise(replace(table), SummaryOptions()).figures["frame_auc"].value is None
