"""One summary of a table of scores: every level, every group, and in words what would mislead."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.notices import Notice, untrained_head
from deepfakebench_ext.common.types import Prediction, Sample
from deepfakebench_ext.metrics.bootstrap import Bootstrap
from deepfakebench_ext.metrics.score_table import Column, ScoreTable
from deepfakebench_ext.metrics.summary import Other, SummaryOptions, summarise


def scores(count: int, *, seed: int = 0, frames: int = 3, prefix: str = "", lift: float = 1.0) -> ScoreTable:
    """`count` videos of three methods and reals, each of `frames` frames; every tenth video was not scored."""
    random = np.random.default_rng(seed)
    samples, predictions = [], []
    for number in range(count):
        label: Any = number % 2
        method = (None, "Deepfakes", None, "FaceSwap")[number % 4]
        key = f"{prefix}{('real', 'fake')[label]}/{number}.mp4"
        samples.append(Sample(key, Path(key), label, dataset="AB"[number % 3 == 0], method=method))
        for index in range(frames):
            value = 1 / (1 + np.exp(-(random.normal() + lift * label - lift / 2)))
            lost = number % 10 == 9
            status: Any = "no_face" if lost else "ok"
            predictions.append(Prediction(key, None if lost else float(value), status, "", index))
    return ScoreTable.from_predictions(samples, predictions, level="frame", has_videos=frames > 1)


def overconfident(table: ScoreTable) -> ScoreTable:
    """The same ranking with scores that claim too much."""
    odds = (table.scores / (1 - table.scores)) ** 4
    return replace(table, scores=odds / (1 + odds))


TABLE = scores(120)


def test_every_level_has_its_figures_and_counts():
    found = summarise(TABLE)
    assert list(found.levels) == ["frame", "video"]
    assert found.level == "video"
    assert found.counts["frame"].total == 360
    assert (found.counts["video"].real, found.counts["video"].fake, found.counts["video"].not_scored) == (60, 48, 12)
    assert {"frame_auc", "video_tpr_at_fpr_0.01", "video_ece_equal_mass"} <= set(found.figures)


def test_without_videos_there_is_one_level():
    found = summarise(scores(40, frames=1))
    assert (list(found.levels), found.aggregation) == (["frame"], None)


def test_manipulations_of_one_source_have_scores_of_their_own():
    kinds: list[tuple[int, str | None, float]] = [(0, None, 0.4), (1, "DF", 0.9), (1, "F2F", 0.7), (1, "NT", 0.1)]
    samples = [
        Sample(f"{method}/{source}.png", Path("x"), label, video=source, method=method)  # type: ignore[arg-type]
        for source in ("000", "001")
        for label, method, _ in kinds
    ]
    predictions = [Prediction(s.key, kinds[n % 4][2]) for n, s in enumerate(samples)]
    found = summarise(ScoreTable.from_predictions(samples, predictions, level="frame", has_videos=True))
    assert found.counts["video"].fake == 6  # merged by label and video alone: 2
    assert found.figures["video_auc"].value == pytest.approx(2 / 3)  # merged: 1.0, the mean hides the one that fails


SAME, OTHER = Notice("limited", "same"), Notice("limited", "other")


def test_each_notice_is_told_once():
    assert summarise(scores(40), notices=[SAME, OTHER, SAME]).notices == (SAME, OTHER)


def test_frames_of_a_video_are_not_taken_for_independent():
    found = summarise(TABLE)
    assert "clustered by video" in found.figures["frame_auc"].interval
    assert "clustered" not in found.figures["video_auc"].interval


def test_the_aggregation_decides_the_videos():
    mean, highest = (summarise(TABLE, SummaryOptions(aggregation=rule)) for rule in ("mean", "max"))
    assert mean.figures["video_auc"].value != highest.figures["video_auc"].value
    assert mean.figures["frame_auc"] == highest.figures["frame_auc"]
    assert highest.aggregation == "max"


def test_the_bootstrap_is_seeded_and_left_out_unless_asked_for():
    plain = summarise(TABLE)
    drawn = [summarise(TABLE, SummaryOptions(bootstrap=Bootstrap(100, seed))) for seed in (1, 1, 2)]
    assert plain.figures["video_ap"].low is None
    assert drawn[0].figures == drawn[1].figures != drawn[2].figures
    assert drawn[0].figures["video_ap"].value == plain.figures["video_ap"].value


def test_columns_with_several_values_are_broken_down_unasked():
    video = summarise(TABLE).levels["video"]
    assert [breakdown.column for breakdown in video.breakdowns] == ["method", "dataset"]
    method = video.breakdowns[0]
    assert [(group.name, group.real) for group in method.groups] == [("Deepfakes", 60), ("FaceSwap", 60)]
    assert method.worst in ("Deepfakes", "FaceSwap")


def test_a_column_with_one_value_is_broken_down_only_where_asked_for():
    table = scores(40)
    one = ScoreTable.from_predictions(
        [Sample(f"{n}.png", Path("x"), n % 2, dataset="A", method="M" if n % 2 else None) for n in range(8)],  # type: ignore[arg-type]
        [Prediction(f"{n}.png", n / 8) for n in range(8)],
        level="frame",
        has_videos=False,
    )
    assert summarise(one).levels["frame"].breakdowns == ()
    (asked,) = summarise(one, SummaryOptions(by=("dataset",))).levels["frame"].breakdowns
    assert [group.name for group in asked.groups] == ["A"]
    assert summarise(table, SummaryOptions(by=())).levels["video"].breakdowns == ()


def test_any_column_of_the_table_makes_groups():
    sizes = Column.of(["big" if code % 4 < 2 else "" for code in TABLE.key.codes.tolist()])
    table = replace(TABLE, columns={"size": sizes})
    (found,) = summarise(table, SummaryOptions(by=("size",))).levels["video"].breakdowns
    assert [group.name for group in found.groups] == ["(none)", "big"]


def test_an_unknown_column_is_refused_with_those_there_are():
    with pytest.raises(ConfigError, match="--by codec: no sample has a codec; the columns are method, dataset"):
        summarise(TABLE, SummaryOptions(by=("codec",)))


def test_what_was_not_scored_is_counted_by_its_reason_and_bounded():
    video = summarise(TABLE).levels["video"]
    assert dict(video.statuses) == {"ok": 108, "no_face": 12}
    as_fake, as_real = (video.auc_if_missing[f"video_auc_missing_as_{name}"].value for name in ("fake", "real"))
    assert as_real < video.figures["video_auc"].value < as_fake  # the missing are all fake here


def test_a_threshold_is_chosen_on_other_samples_at_each_level():
    found = summarise(
        TABLE, SummaryOptions(threshold_from=Other(scores(60, seed=1, prefix="val/", lift=3.0), "val.csv"))
    )
    for level in ("frame", "video"):
        threshold = found.levels[level].threshold
        assert threshold.source == "equal error on val.csv"
        assert f"({threshold.source})" in found.figures[f"{level}_accuracy_at_threshold"].definition
    assert found.levels["frame"].threshold != found.levels["video"].threshold


def test_a_threshold_chosen_on_the_judged_videos_is_said():
    found = summarise(TABLE, SummaryOptions(threshold_from=Other(TABLE, "itself")))
    assert any("among those on which the threshold was chosen" in notice.text for notice in found.warnings)


def test_a_threshold_needs_both_classes_and_the_same_levels():
    one_class = TABLE.take(np.flatnonzero(TABLE.labels == 1))
    with pytest.raises(ConfigError, match=r"fakes\.csv cannot be used: only fake samples"):
        summarise(TABLE, SummaryOptions(threshold_from=Other(one_class, "fakes.csv")))
    with pytest.raises(ConfigError, match=r"images\.csv has scores of frames and none of videos"):
        summarise(TABLE, SummaryOptions(threshold_from=Other(scores(40, frames=1), "images.csv")))


@pytest.mark.parametrize("method", ["temperature", "platt"])
def test_a_monotone_calibration_leaves_auc_and_betters_the_log_loss(method):
    sure, other = overconfident(TABLE), overconfident(scores(200, seed=1, prefix="val/"))
    found = summarise(sure, SummaryOptions(calibrate=method, calibrate_on=Other(other, "val.csv")))
    before, after = found.levels["frame"].calibration.figures["frame_auc"]
    assert before.value == after.value == found.figures["frame_auc"].value
    worse, better = found.levels["frame"].calibration.figures["frame_log_loss"]
    assert better.value < worse.value
    assert found.levels["frame"].calibration.fitted_on == "val.csv"


def test_a_calibration_needs_a_file_and_a_file_a_calibration():
    with pytest.raises(ConfigError, match="go together"):
        SummaryOptions(calibrate="platt")
    with pytest.raises(ConfigError, match="go together"):
        SummaryOptions(calibrate_on=Other(TABLE, "x"))


def test_turned_labels_are_said():
    turned = replace(TABLE, scores=1 - TABLE.scores)
    assert any(notice.kind == "turned_round" for notice in summarise(turned).warnings)
    assert not any(notice.kind == "turned_round" for notice in summarise(TABLE).warnings)


def test_an_untrained_head_is_said_once():
    assert summarise(TABLE, trained=False).warnings[0] == untrained_head()
    said = summarise(TABLE, trained=False, notices=[untrained_head("w.pth", 3)])
    assert untrained_head() not in said.warnings
    assert untrained_head() not in summarise(TABLE, trained=True).warnings


def test_a_warning_of_one_figure_stands_beside_it_alone():
    found = summarise(TABLE)
    assert found.figures["video_tpr_at_fpr_0.001"].warning
    assert not any("tpr_at_fpr" in notice.text for notice in found.warnings)


def test_one_class_and_nothing_are_undefined_with_a_reason():
    fakes = summarise(TABLE.take(np.flatnonzero(TABLE.labels == 1)))
    assert fakes.figures["video_auc"].value is None
    assert "only fake samples" in fakes.figures["video_auc"].reason
    nothing = summarise(TABLE.take(np.empty(0, np.intp)))
    assert nothing.figures["video_auc"].reason.startswith("no samples")


def test_the_order_of_the_rows_changes_no_figure():
    order = np.random.default_rng(0).permutation(len(TABLE))
    how = SummaryOptions(bootstrap=Bootstrap(100))
    straight, mixed = summarise(TABLE, how), summarise(TABLE.take(order), how)
    for name, figure in straight.figures.items():
        other = mixed.figures[name]
        for one, two in ((figure.value, other.value), (figure.low, other.low), (figure.high, other.high)):
            assert (one is None) == (two is None)
            assert one is None or one == pytest.approx(two, abs=1e-12)
