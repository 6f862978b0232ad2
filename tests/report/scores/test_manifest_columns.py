"""Further columns of a manifest reach the scores of its samples."""

from __future__ import annotations

from pathlib import Path

import pytest

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.types import Prediction
from deepfakebench_ext.data.samples.manifest import read_manifest
from deepfakebench_ext.metrics.score_table import ScoreTable
from deepfakebench_ext.report.scores.manifest_columns import with_manifest

ROWS = ["frames/a.png,fake,c23,young", "./frames\\b.png,real,,old", "/elsewhere/c.png,1,c40,", "d.png,0,raw,old"]


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    path = tmp_path / "test.csv"
    path.write_text("path,label,quality,age\n" + "\n".join([*ROWS, f"{tmp_path}/e.png,0,c40,young"]) + "\n")
    return path


def table(manifest: Path, *, frames: int = 1) -> ScoreTable:
    samples = read_manifest(manifest, kind="image")
    predictions = [Prediction(s.key, 0.5, index=n) for s in samples for n in range(frames)]
    return ScoreTable.from_predictions(samples, predictions, level="frame", has_videos=False)


def texts(found: ScoreTable, name: str) -> list[str]:
    return [found.columns[name].text(row) for row in range(len(found))]


def test_samples_are_found_however_the_manifest_spells_their_path(manifest):
    found = with_manifest(table(manifest), manifest, ["quality", "age"])
    assert texts(found, "quality") == ["c23", "", "c40", "raw", "c40"]
    assert texts(found, "age") == ["young", "old", "", "old", "young"]


def test_every_frame_of_a_sample_has_its_value(manifest):
    assert texts(with_manifest(table(manifest, frames=2), manifest, ["age"]), "age")[:4] == [
        *["young"] * 2,
        *["old"] * 2,
    ]


def test_columns_that_the_manifest_lacks_are_left_out(manifest):
    assert list(with_manifest(table(manifest), manifest, ["method", "age"]).columns) == ["age"]


def test_another_manifest_is_refused(manifest, tmp_path):
    other = tmp_path / "other.csv"
    other.write_text("path,age\nz.png,young\n")
    with pytest.raises(ConfigError, match=r"lists none of the samples, such as 'frames/a\.png'"):
        with_manifest(table(manifest), other, ["age"])
    other.write_text("file,age\nz.png,young\n")
    with pytest.raises(ConfigError, match="has no column 'path'"):
        with_manifest(table(manifest), other, ["age"])
