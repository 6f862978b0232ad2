"""metrics.json has every documented key, and the same bytes for the same summary."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from deepfakebench_ext.common.notices import Notice
from deepfakebench_ext.common.types import Prediction, Sample
from deepfakebench_ext.metrics.bootstrap import Bootstrap
from deepfakebench_ext.metrics.score_table import ScoreTable
from deepfakebench_ext.metrics.summary import Other, Summary, SummaryOptions, summarise
from deepfakebench_ext.report.metrics_json import (
    BreakdownJson,
    CalibrationJson,
    CoverageJson,
    SummaryJson,
    summary_text,
)

FIGURE = {"value", "low", "high", "interval", "definition", "reason", "warning", "higher_is_better"}
GROUP = {"name", "real", "fake", "figures", "warning"}


def table(prefix: str = "") -> ScoreTable:
    samples = [Sample(f"{prefix}{n}.mp4", Path("x"), n % 2, method="MN"[n % 4 > 1]) for n in range(8)]  # type: ignore[arg-type]
    predictions = [
        Prediction(s.key, (7 * n + 3 * index) % 11 / 10, index=index) for n, s in enumerate(samples) for index in (0, 1)
    ]
    predictions[3] = Prediction(samples[1].key, None, "no_face", "none", 1)
    return ScoreTable.from_predictions(samples, predictions, level="clip", has_videos=True)


def summary(**changes: Any) -> Summary:
    other = Other(table("val/"), "val.csv")
    how = SummaryOptions(
        bootstrap=Bootstrap(100, 3),
        threshold_from=other,
        calibrate="temperature",
        calibrate_on=other,
        aggregation="max",
    )
    return summarise(table(), how, **{"title": "t", "trained": True, "notices": [Notice("run", "said")]} | changes)


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return json.loads(summary_text(summary()))


def test_groups_that_rest_on_few_samples_say_so(document):
    groups = document["breakdowns"]["video"]["method"]["groups"]
    assert [group["warning"] for group in groups] == ["only 4 reals and 2 fakes"] * 2
    assert sum(text.startswith("by method, 2 groups have fewer than 20 reals") for text in document["warnings"]) == 1


def test_every_documented_key_is_there_and_no_other(document):
    assert set(document) == set(get_type_hints(SummaryJson))
    assert set(document["coverage"]["clip"]) == set(get_type_hints(CoverageJson))
    assert set(document["figures"]["clip_auc"]) == FIGURE
    assert set(document["breakdowns"]["video"]["method"]) == set(get_type_hints(BreakdownJson))
    assert set(document["breakdowns"]["video"]["method"]["groups"][0]) == GROUP
    assert set(document["counts"]["clip"]) == {"total", "scored", "not_scored", "real", "fake", "unlabelled"}
    assert set(document["deepfakebench"]) == {"figures", "differences"}
    assert set(document["thresholds"]["clip"]) == {"value", "source"}
    assert set(document["calibration"]["video"]) == set(get_type_hints(CalibrationJson))


def test_what_older_readers_of_metrics_json_know_is_still_there(document):
    assert document["schema_version"] == 1


def test_the_values_are_the_summarys_own(document):
    found = summary()
    assert document["head"] == "trained"
    assert document["level"] == "video"
    assert document["aggregation"] == "max"
    assert document["bootstrap"] == {"resamples": 100, "seed": 3}
    assert document["counts"]["clip"]["not_scored"] == 1
    assert document["coverage"]["clip"]["statuses"] == {"ok": 15, "no_face": 1}
    assert document["figures"]["video_auc"]["value"] == found.figures["video_auc"].value
    assert document["figures"]["video_ap"]["low"] == found.figures["video_ap"].low
    assert document["thresholds"]["clip"]["source"] == "equal error on val.csv"
    assert document["deepfakebench"]["figures"]["video_auc"]["value"] == found.figures["clip_auc"].value


def test_the_same_summary_gives_the_same_bytes():
    assert summary_text(summary()) == summary_text(summary())


@pytest.mark.parametrize(("trained", "head"), [(None, None), (False, "untrained")])
def test_the_head_is_null_where_nobody_knows(trained, head):
    assert json.loads(summary_text(summary(trained=trained)))["head"] == head


def test_what_is_undefined_is_null_with_its_reason():
    empty = json.loads(summary_text(summarise(table().take(table().usable()[:0]))))
    figure = empty["figures"]["clip_auc"]
    assert figure["value"] is None
    assert figure["reason"]
    assert (empty["calibration"], empty["thresholds"], empty["bootstrap"]) == ({}, {}, None)


def test_the_keys_of_every_object_are_sorted():
    def is_sorted(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert [name for name, _ in pairs] == sorted(name for name, _ in pairs)
        return dict(pairs)

    json.loads(summary_text(summary()), object_pairs_hook=is_sorted)


def test_notices_and_warnings_are_there_as_records_too(document):
    records = document["notice_records"]
    assert {(each["kind"], each["severity"]) for each in records} >= {("run", "warning"), ("few_samples", "warning")}
    assert sorted(each["text"] for each in records) == sorted([*document["notices"], *document["warnings"]])
