"""What Spark's `mapInPandas` calls: rows of paths in batches, and the same rows with the scores of `evaluate`."""

from __future__ import annotations

import csv
import itertools
import os
import shutil
import sys
from pathlib import Path

import pandas as pd
import pytest
import tiny
import torch
import yaml

from deepfakebench_ext import evaluate, gather_samples, load_detector, make_reader, predict_udf
from deepfakebench_ext.common.errors import ConfigError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "clip.yaml").write_text(yaml.safe_dump(tiny.CLIP_YAML))
    torch.save(tiny.clip_detector_state(), tmp_path / "w.pth")
    for video, frame in itertools.product(range(6), range(3)):
        tiny.photo(tmp_path / f"films/{video}/{frame}.png", seed=10 * video + frame)
    tiny.photo(tmp_path / "photo.png", seed=99)
    return tmp_path


def test_rows_come_back_with_the_scores_of_evaluate(folder: Path) -> None:
    detector = load_detector(str(folder / "clip.yaml"), str(folder / "w.pth"), dtype="float32", device="cpu")
    reader = make_reader(detector, num_frames=2)
    done = evaluate(detector, gather_samples(video=folder / "films"), reader=reader, aggregation="max", plots=False)
    with (done.folder / "videos.csv").open() as file:
        expected = {row["key"]: float(row["score"]) for row in csv.DictReader(file)}

    options = {"detector_config": str(folder / "clip.yaml"), "dtype": "float32", "device": "cpu", "num_frames": 2}
    udf = predict_udf(str(folder / "w.pth"), aggregation="max", column="film", **options)
    films = [str(folder / f"films/{video}") for video in range(6)]
    first = pd.DataFrame({"film": films[:4], "label": [0, 1, 0, 1]}, index=[7, 8, 9, 9])
    missing = pd.DataFrame(
        {"film": [films[4], films[4], str(folder / "none.png"), str(folder / "photo.png"), films[5]]}
    )
    unnamed = pd.DataFrame({"film": [None, films[0], float("nan"), ""]})
    one, two, none, fourth = udf(iter([first, missing, pd.DataFrame({"film": []}), unnamed]))
    assert list(one.columns) == ["film", "label", "score", "status", "reason"]
    assert (list(one.label), list(one.index)) == ([0, 1, 0, 1], [7, 8, 9, 9])
    assert list(one.score) == pytest.approx([expected[str(video)] for video in range(4)], abs=1e-6)
    assert list(two.status) == ["ok", "ok", "unreadable", "ok", "ok"]
    assert two.score[0] == two.score[1] == pytest.approx(expected["4"], abs=1e-6)
    assert pd.isna(two.score[2]) and "none.png: no such file" in two.reason[2]
    assert two.score[4] == pytest.approx(expected["5"], abs=1e-6)
    assert list(fourth.status) == ["unreadable", "ok", "unreadable", "unreadable"]
    assert fourth.score[1] == pytest.approx(expected["0"], abs=1e-6)
    assert fourth.reason[0] == "the row names no path"
    assert (len(none), list(none.columns)) == (0, ["film", "score", "status", "reason"])


def test_options_are_refused_before_anything_is_sent() -> None:
    with pytest.raises(ConfigError, match="aggregation"):
        predict_udf("w.pth", aggregation="most")
    with pytest.raises(TypeError, match="nun_frames"):
        predict_udf("w.pth", nun_frames=3)


@pytest.mark.filterwarnings("ignore")  # Spark's own
@pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java")
def test_spark_itself_calls_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sql = pytest.importorskip("pyspark.sql", reason="pyspark is not installed")
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    names = {"spark.ui.enabled": "false", "spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
    builder = sql.SparkSession.builder.master("local[2]").config("spark.sql.execution.arrow.maxRecordsPerBatch", "2")
    for name, value in names.items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    try:
        paths = [str(folder / f"films/{video}") for video in range(6)]
        rows = spark.createDataFrame([(path,) for path in paths], "path string").repartition(2)
        udf = predict_udf(str(folder / "w.pth"), detector_config=str(folder / "clip.yaml"), dtype="float32")
        found = rows.mapInPandas(udf, "path string, score double, status string, reason string").collect()
    finally:
        spark.stop()
    (here,) = udf(iter([pd.DataFrame({"path": paths})]))
    scores = {row.path: row.score for row in found}
    assert [scores[path] for path in paths] == pytest.approx(list(here.score), abs=1e-6)
