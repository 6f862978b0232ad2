"""Columns of scores: identities are whole, aggregation is the run's own, what is missing stays missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.types import Prediction, Sample
from deepfakebench_ext.metrics.aggregation import aggregation_rule
from deepfakebench_ext.metrics.score_table import UNKNOWN, Column, ScoreTable, _combined
from deepfakebench_ext.report.scores.videos import video_scores

RULES = ("mean", "median", "max", "logit_mean", "topk:2")


def table(rows: list[tuple[Sample, Prediction]], **options: Any) -> ScoreTable:
    samples = list(dict.fromkeys(sample for sample, _ in rows))
    return ScoreTable.from_predictions(
        samples, [prediction for _, prediction in rows], **{"level": "frame", "has_videos": True, **options}
    )


def frames(key: str, scores: list[float | None], **fields: Any) -> list[tuple[Sample, Prediction]]:
    sample = Sample(key, Path(key), **fields)
    return [
        (sample, Prediction(key, score, "ok" if score is not None else "no_face", index=index))
        for index, score in enumerate(scores)
    ]


ROWS = [
    *frames("FF/fake/000_003", [0.9, 0.7, None], label=1, method="Deepfakes"),
    *frames("FF/real/000_003", [None, None], label=0),
    *frames("a.png", [0.25], label=1, video="7", dataset="A"),
    *frames("b.png", [0.5], label=0, video="7", dataset="A"),
    *frames("c.png", [0.75], label=1, video="7", dataset="A"),
    *frames("d.png", [0.5], label=None, video="7", dataset="B"),
]


def test_rows_hold_what_samples_and_predictions_say():
    found = table(ROWS)
    assert found.labels.tolist() == [1, 1, 1, 0, 0, 1, 0, 1, -1]
    assert found.index.tolist() == [0, 1, 2, 0, 1, 0, 0, 0, 0]
    assert [found.key.text(row) for row in (0, 4, 8)] == ["FF/fake/000_003", "FF/real/000_003", "d.png"]
    assert [found.method.text(row) for row in (0, 3)] == ["Deepfakes", ""]
    assert [found.status.text(row) for row in (0, 2)] == ["ok", "no_face"]
    assert np.isnan(found.scores).tolist() == [p.score is None for _, p in ROWS]


def test_counts_are_of_scored_rows_by_class():
    counts = table(ROWS).counts()
    assert (counts.total, counts.scored, counts.not_scored) == (9, 6, 3)
    assert (counts.real, counts.fake, counts.unlabelled) == (1, 4, 1)


def test_a_video_is_a_key_or_dataset_label_method_and_name_together():
    assert table(ROWS).video_codes().tolist() == [0, 0, 0, 1, 1, 2, 3, 2, 4]
    assert table(ROWS).video_names() == ["FF/fake/000_003", "FF/real/000_003", "A/fake/7", "A/real/7", "B/7"]


# One source, four manipulations of it: FaceForensics++ and DeepfakeBench call every one of their videos by its name.
MANIPULATIONS = [
    row
    for label, method, score in ((0, None, 0.5), (1, "DF", 0.9), (1, "F2F", 0.8), (1, "FS", 0.1), (1, "NT", 0.2))
    for row in frames(f"{method}/000/0.png", [score], label=label, video="000", dataset="FF++", method=method)
]


def test_manipulations_of_one_source_are_videos_of_their_own():
    found = table(MANIPULATIONS)
    assert found.video_codes().tolist() == [0, 1, 2, 3, 4]  # by dataset, label and video alone: 0, 1, 1, 1, 1
    assert found.video_names() == [
        "FF++/real/000", "FF++/fake/DF/000", "FF++/fake/F2F/000", "FF++/fake/FS/000", "FF++/fake/NT/000",
    ]  # fmt: skip
    assert found.to_videos("mean").scores.tolist() == [0.5, 0.9, 0.8, 0.1, 0.2]  # merged: 0.5, 0.5


def test_names_too_many_for_one_product_are_still_told_apart():
    big, rng = 2**31, np.random.default_rng(0)
    parts = [rng.integers(big - 2, big, 500) for _ in range(4)]
    found = _combined([(codes, big) for codes in parts])  # 2**124 combinations, of which 16 occur
    expected = len({*zip(*(codes.tolist() for codes in parts), strict=True)})
    assert len(np.unique(found)) == expected == 16
    assert len({*zip(found.tolist(), *(codes.tolist() for codes in parts), strict=True)}) == 16


def test_a_video_without_a_score_has_the_status_of_its_first_row():
    videos = table(ROWS).to_videos("mean")
    assert videos.scores.tolist() == pytest.approx([0.8, np.nan, 0.5, 0.5, 0.5], nan_ok=True)
    assert [videos.status.text(row) for row in range(5)] == ["ok", "no_face", "ok", "ok", "ok"]
    assert (videos.level, videos.has_videos, len(videos)) == ("video", False, 5)


def test_a_video_whose_first_frame_failed_is_ok_where_another_was_scored():
    videos = table(frames("a", [None, 0.5], label=1)).to_videos("mean")
    assert videos.status.text(0) == "ok"


SCORES = st.one_of(st.none(), st.floats(0, 1))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("ab"), st.lists(SCORES, min_size=1, max_size=20)), min_size=1, max_size=8))
@pytest.mark.parametrize("rule", RULES)
def test_scores_of_videos_are_those_of_a_run_to_the_last_bit(rule, videos):
    rows = [
        row
        for number, (video, scores) in enumerate(videos)
        for row in frames(f"{number}.png", scores, label=number % 2, video=video if number % 3 else None)
    ]
    identities = [(s.dataset, s.label, s.method, s.video) if s.video is not None else s.key for s, _ in rows]
    codes = [identities.index(identity) for identity in identities]
    expected = video_scores([(1, s, p) for s, p in rows], codes, aggregation_rule(rule))
    found = table(rows).to_videos(rule)
    assert [None if np.isnan(score) else float(score) for score in found.scores] == [v.score for v in expected]
    assert [found.key.text(row) for row in range(len(found))] == [v.sample.key for v in expected]
    assert [found.status.text(row) for row in range(len(found))] == [v.status for v in expected]


def test_an_unknown_rule_is_refused():
    with pytest.raises(ConfigError, match="'mode' is not known"):
        table(ROWS).to_videos("mode")


def test_taking_rows_takes_every_column():
    found = table(ROWS)
    part = found.take(np.array([5, 0]))
    assert [part.key.text(0), part.dataset.text(0), part.method.text(1)] == ["a.png", "A", "Deepfakes"]
    assert (part.scores.tolist(), part.labels.tolist(), len(part)) == ([0.25, 0.9], [1, 1], 2)


def test_usable_rows_have_a_score_and_a_label():
    assert table(ROWS).usable().tolist() == [0, 1, 5, 6, 7]


def test_a_column_that_is_empty_everywhere_is_none():
    found = table(frames("a", [0.5], label=1))
    assert found.column("method") is None
    assert found.column("compression") is None
    assert found.column("key").names == ("a",)


def test_a_column_numbers_names_as_they_come_and_empty_ones_not():
    column = Column.of(["b", "", "a", None, "b"])
    assert column.codes.tolist() == [0, UNKNOWN, 1, UNKNOWN, 0]
    assert column.names == ("b", "a")


def test_no_rows_are_a_table_too():
    empty = table([], has_videos=True)
    assert len(empty.to_videos("mean")) == 0
    assert empty.counts().total == 0


def test_a_prediction_of_no_sample_is_an_error():
    with pytest.raises(ValueError, match=r"'b\.png' belongs to no sample"):
        ScoreTable.from_predictions(
            [Sample("a.png", Path("a.png"))], [Prediction("b.png", 0.5)], level="frame", has_videos=False
        )
