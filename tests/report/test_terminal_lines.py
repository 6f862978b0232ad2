"""What the terminal shows of groups: the worst one, and beside it what it rests on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from deepfakebench_ext.common.types import Prediction, Sample
from deepfakebench_ext.metrics.score_table import ScoreTable
from deepfakebench_ext.metrics.summary import Summary, summarise
from deepfakebench_ext.report.figure_tables import breakdown_table
from deepfakebench_ext.report.terminal_lines import summary_lines


@pytest.fixture(scope="module")
def summary() -> Summary:
    """100 reals, 50 fakes of one method, and one fake of another that scores lowest of all."""
    random = np.random.default_rng(0)
    methods = [*[None] * 100, *["DF"] * 50, "Rare"]
    samples = [
        Sample(f"{n}.png", Path("x"), int(method is not None), method=method)  # type: ignore[arg-type]
        for n, method in enumerate(methods)
    ]
    scores = [*random.uniform(0.1, 0.6, 100), *random.uniform(0.3, 0.9, 50), 0.05]
    predictions = [Prediction(s.key, float(score)) for s, score in zip(samples, scores, strict=True)]
    return summarise(ScoreTable.from_predictions(samples, predictions, level="frame", has_videos=False))


def test_a_worst_group_of_one_sample_is_marked_where_it_is_named(summary):
    lines = list(summary_lines(summary))
    (rare,) = [line for line in lines if line.startswith("frame_auc, method Rare")]
    assert rare.endswith("100 real, 1 fake  (worst)  ! only 1 fake")
    (other,) = [line for line in lines if line.startswith("frame_auc, method DF")]
    assert other.endswith("100 real, 50 fake")


def test_one_sentence_of_the_warnings_is_on_all_groups_of_a_column(summary):
    said = "by method, 1 group has fewer than 20 reals or fakes: Rare; what it says of the worst is little"
    assert [notice.text for notice in summary.said].count(said) == 1
    assert not any(said in line for line in summary_lines(summary))
    assert said in [notice.text for notice in summary.levels["frame"].warnings]


def test_the_table_of_the_report_says_it_beside_the_group(summary):
    (breakdown,) = summary.levels["frame"].breakdowns
    table = breakdown_table("frame", breakdown)
    assert table.header[-1] == "beware"
    assert {row[0]: row[-1] for row in table.rows}["Rare"] == "only 1 fake"
    assert [table.rows[number][0] for number in table.marked] == ["Rare"]
