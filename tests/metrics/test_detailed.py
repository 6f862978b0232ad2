import math
import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from deepfakebench_ext.metrics.bootstrap import Bootstrap
from deepfakebench_ext.metrics.detailed import definitions, detailed_figures, higher_is_better
from deepfakebench_ext.metrics.ranking import binary_figures
from deepfakebench_ext.metrics.thresholds import Threshold

QUICK = Bootstrap(200)
GRID = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])
BOTH_CLASSES = st.lists(st.tuples(st.sampled_from([0, 1]), GRID), max_size=20).flatmap(
    lambda rows: st.tuples(GRID, GRID).map(lambda ends: [(0, ends[0]), (1, ends[1]), *rows])
)
RANKING = ("auc", "ap", "eer", "tpr_at_fpr_0.01", "tpr_at_fpr_0.05", "fpr_at_tpr_0.95", "partial_auc_mcclish_fpr_0.1")


def detailed(labels, scores, **options):
    arrays = np.array(labels, dtype=np.int64), np.array(scores, dtype=np.float64)
    figures = detailed_figures(*arrays, level="video", **options)
    return {name.removeprefix("video_"): figure for name, figure in figures.items()}


def values(labels, scores, **options):
    return {name: figure.value for name, figure in detailed(labels, scores, **options).items()}


def sample(size=200, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.concatenate([[0, 1], rng.integers(0, 2, size - 2)])
    return labels, np.round(np.clip(rng.normal(0.4 + 0.2 * labels, 0.2), 0, 1), 3)


# --- an AUC near 1 --------------------------------------------------------------------------------------------------


def test_an_auc_near_1_with_few_of_a_class_has_an_interval_that_is_too_narrow():
    labels = np.repeat([0, 1], [200, 30])
    scores = np.where(labels, 0.8, 0.2) + np.linspace(0, 0.1, 230)
    scores[-1] = 0.25  # one fake of 30, below half of the reals: 30 * (1 - AUC) is about a half
    warning = detailed(labels, scores)["auc"].warning
    assert warning.startswith("the interval is somewhat too narrow: with 30 samples of a class and an AUC so near 1,")
    assert "near 0" in detailed(1 - labels, scores)["auc"].warning
    scores[-4:] = 0.21  # 4 of 30 lost: far enough from 1
    assert detailed(labels, scores)["auc"].warning == ""


@pytest.mark.parametrize("name", ["ap", "partial_auc_mcclish_fpr_0.1"])
def test_draws_without_a_wrong_pair_count_as_near_1_as_half_of_one(name):
    labels, scores = np.repeat([0, 1], 100), np.linspace(0, 1, 200)
    scores[[99, 100]] = scores[[100, 99]]  # one wrong pair of 10,000: every third draw has none, and a figure of 1
    figure = detailed(labels, scores, bootstrap=QUICK)[name]
    low, high = ((1 - end) / (1 - figure.value) for end in (figure.low, figure.high))
    assert 3 < low < 7  # wrong pairs
    assert 0.1 < high < 0.4


def test_an_auc_between_them_is_not_called_near_1_however_few_the_samples_are():
    assert detailed(np.array([0, 0, 1, 1]), np.array([0.1, 0.5, 0.5, 0.4]))["auc"].value == 0.625
    assert detailed(np.array([0, 0, 1, 1]), np.array([0.1, 0.5, 0.5, 0.4]))["auc"].warning == ""


def test_a_tpr_says_where_equal_scores_keep_it_from_its_fpr():
    labels = np.repeat([0, 1], 1000)
    scores = np.concatenate([np.linspace(0, 0.9, 843), np.ones(157), np.linspace(0.5, 1, 1000)])
    said = {name: figure.warning for name, figure in detailed(labels, scores).items() if name.startswith("tpr")}
    assert set(said.values()) == {
        "157 reals share a score, so that no threshold has an FPR between 0 % and 15.7 %: the figure is that at 0 %"
    }
    scores[labels == 0] = np.linspace(0, 0.9, 1000)
    assert {figure.warning for name, figure in detailed(labels, scores).items() if name.startswith("tpr")} == {""}


def test_an_auc_of_1_has_an_interval_of_another_kind_and_no_such_warning():
    assert detailed(np.repeat([0, 1], 30), np.linspace(0, 1, 60))["auc"].warning == ""


def test_videos_and_not_frames_are_counted_for_it():
    labels = np.repeat([0, 1], [400, 400])
    scores = np.where(labels, 0.8, 0.2) + np.linspace(0, 0.1, 800)
    scores[-20:] = 0.2  # 20 of 400 frames: enough to tell, of the 20 videos one
    assert detailed(labels, scores)["auc"].warning == ""
    by_video = detailed(labels, scores, clusters=np.arange(800) // 20)["auc"]
    assert "with 20 videos of a class" in by_video.warning


# --- what is there --------------------------------------------------------------------------------------------------


def test_the_core_figures_have_their_names_and_values():
    labels, scores = sample()
    core = binary_figures(labels, scores, level="frame")
    every = detailed_figures(labels, scores, level="frame")
    for name, figure in core.items():
        assert (every[name].value, every[name].definition) == (figure.value, figure.definition)
        assert every[name].higher_is_better == figure.higher_is_better


def test_every_figure_says_what_it_is_and_which_way_is_good():
    figures = detailed(*sample(), threshold=Threshold(0.4, "equal error on val.csv"), bootstrap=QUICK)
    assert list(figures) == list(definitions(Threshold(0.4, "equal error on val.csv")))
    lower = {name for name, figure in figures.items() if figure.higher_is_better is False}
    assert lower == {"eer", "fpr_at_tpr_0.95", "brier", "log_loss", "ece_equal_width", "ece_equal_mass"}
    assert [name for name, figure in figures.items() if figure.higher_is_better is None] == ["eer_threshold"]
    assert higher_is_better("auc") is True
    text = figures["balanced_accuracy_at_threshold"].definition
    assert text.endswith("where a score > 0.4 (equal error on val.csv) is fake")


def test_every_defined_figure_but_a_threshold_has_an_interval_that_holds_it():
    figures = detailed(*sample(), threshold=Threshold(0.4, "by hand"), bootstrap=QUICK)
    assert {name for name, figure in figures.items() if figure.low is None} == {"eer_threshold"}
    for figure in figures.values():
        if figure.low is not None:
            assert 0 <= figure.low <= figure.value <= figure.high
            assert figure.low < figure.high
    methods = {name: figure.interval.split(" (")[0] for name, figure in figures.items()}
    assert methods["auc"] == "DeLong, logit scale"
    assert methods["accuracy"] == methods["recall"] == methods["precision_at_threshold"] == "Wilson"
    assert methods["ap"] == methods["eer"] == methods["f1"] == methods["brier"] == "bootstrap"
    assert figures["ap"].interval == "bootstrap (200 resamples, seed 0), stratified by class, logit scale"
    assert figures["eer"].interval == "bootstrap (200 resamples, seed 0), stratified by class, percentile"


def test_without_a_bootstrap_only_closed_formulas_give_intervals():
    figures = detailed(*sample())
    assert {name for name, f in figures.items() if f.low is not None} == {"auc", "accuracy", "precision", "recall"}
    assert figures["ap"].interval == "none: it takes a bootstrap, and no resamples were asked for"


def test_no_interval_of_clustered_frames_takes_them_for_independent():
    labels, scores = sample(40)
    videos = np.repeat(np.arange(40), 25)
    labels, scores = np.repeat(labels, 25), np.repeat(scores, 25)
    clustered = detailed(labels, scores, clusters=videos, bootstrap=Bootstrap(1000))
    alone = detailed(labels, scores, bootstrap=Bootstrap(1000))
    assert clustered["auc"].interval == "DeLong clustered by video (Obuchowski), logit scale"
    assert "clustered by video" in clustered["accuracy"].interval
    for name, figure in clustered.items():
        if figure.low is not None and not name.startswith("tpr_at"):
            assert figure.high - figure.low > 2.5 * (alone[name].high - alone[name].low), name
    unasked = detailed(labels, scores, clusters=videos)
    assert {name for name, figure in unasked.items() if figure.low is not None} == {"auc"}


def test_clusters_of_one_are_no_clusters():
    labels, scores = sample()
    assert detailed(labels, scores, clusters=np.arange(200), bootstrap=QUICK) == detailed(
        labels, scores, bootstrap=QUICK
    )


# --- values ---------------------------------------------------------------------------------------------------------


def test_figures_are_those_of_scikit_learn():
    labels, scores = sample(1000)
    got = values(labels, scores, threshold=Threshold(0.4, "by hand"))
    assert got["partial_auc_mcclish_fpr_0.1"] == pytest.approx(roc_auc_score(labels, scores, max_fpr=0.1), abs=1e-12)
    assert got["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(labels, scores > 0.5), abs=1e-12)
    assert got["balanced_accuracy_at_threshold"] == pytest.approx(
        balanced_accuracy_score(labels, scores > 0.4), abs=1e-12
    )


@given(BOTH_CLASSES, st.randoms(use_true_random=False))
@settings(max_examples=30, deadline=None)
def test_order_and_duplication_change_nothing(rows, random):
    want = detailed(*zip(*rows, strict=True), bootstrap=Bootstrap(100))
    shuffled = detailed(*zip(*random.sample(rows, len(rows)), strict=True), bootstrap=Bootstrap(100))
    ends, others = ([figures["auc"].low, figures["auc"].high] for figures in (want, shuffled))
    assert others == ends or others == pytest.approx(ends, abs=1e-12)  # sums in another order
    assert {**shuffled, "auc": want["auc"]} == want
    assert shuffled["auc"].value == want["auc"].value
    tripled = values(*zip(*(rows * 3), strict=True))
    assert tripled == pytest.approx({name: figure.value for name, figure in want.items()}, abs=1e-12)


@given(BOTH_CLASSES)
@settings(max_examples=30, deadline=None)
def test_rising_maps_change_no_ranking_figure_nor_its_interval(rows):
    labels, scores = zip(*rows, strict=True)
    want = detailed(labels, scores, bootstrap=Bootstrap(100))
    got = detailed(labels, np.array(scores) ** 3 / 2 + 0.1, bootstrap=Bootstrap(100))
    for name in RANKING:
        assert got[name] == want[name]


@given(BOTH_CLASSES)
@settings(max_examples=30, deadline=None)
def test_swapped_labels_and_scores_mirror_what_treats_the_classes_alike(rows):
    labels, scores = (np.array(column) for column in zip(*rows, strict=True))
    want, got = values(labels, scores), values(1 - labels, 1 - scores)
    for name in ("auc", "eer", "brier", "log_loss"):
        assert got[name] == pytest.approx(want[name], abs=1e-12)
    off = [np.count_nonzero(scores == 0.5)]
    if off == [0]:  # exactly 0.5 is called real either way
        for name in ("accuracy", "balanced_accuracy"):
            assert got[name] == pytest.approx(want[name], abs=1e-12)


def test_ties_of_coarse_scores_move_auc_no_further_than_they_tie():
    labels, scores = sample(2000)
    coarse = np.round(scores * 64) / 64  # what bfloat16 leaves between 0.25 and 0.5
    fine, rough = values(labels, scores), values(labels, coarse)
    assert fine["auc"] != rough["auc"]
    assert fine["auc"] == pytest.approx(rough["auc"], abs=1 / 64)
    assert fine["eer"] == pytest.approx(rough["eer"], abs=1 / 64)


# --- undefined and doubtful -----------------------------------------------------------------------------------------


def test_one_class_leaves_what_needs_one():
    figures = detailed([1, 1, 1], [0.1, 0.6, 0.8], bootstrap=QUICK)
    defined = {name for name, figure in figures.items() if figure.value is not None}
    assert defined == {"accuracy", "recall", "brier", "log_loss", "ece_equal_width", "ece_equal_mass"}
    assert figures["brier"].value == pytest.approx((0.81 + 0.16 + 0.04) / 3)
    assert figures["brier"].low < figures["brier"].high
    assert figures["tpr_at_fpr_0.01"].reason.startswith("only fake samples: ")
    only_real = {name for name, figure in detailed([0], [0.2]).items() if figure.value is not None}
    assert only_real == defined - {"recall"}


@pytest.mark.parametrize("bootstrap", [None, QUICK])
def test_no_samples_leave_everything_undefined(bootstrap):
    figures = detailed([], [], bootstrap=bootstrap)
    assert {figure.reason for figure in figures.values()} == {"no samples: nothing was scored that has a label"}


def test_one_sample_of_each_class_has_values_and_no_certainty():
    figures = detailed([0, 1], [0.2, 0.9], bootstrap=QUICK)
    assert figures["auc"].value == 1.0
    assert figures["auc"].low is None
    assert figures["ap"].low is None
    assert figures["accuracy"].low == pytest.approx(0.342, abs=1e-3)  # Wilson, 2 of 2


def test_nothing_called_fake_leaves_precision_undefined():
    figures = detailed([0, 1], [0.1, 0.2], threshold=Threshold(0.15, "by hand"), bootstrap=QUICK)
    assert figures["precision"].reason == "no predicted fakes: none of 2 scores is above 0.5"
    assert figures["precision_at_threshold"].value == 1.0


@pytest.mark.parametrize(
    ("reals", "warned"),
    [(1000, []), (999, ["0.001"]), (99, ["0.001", "0.01"]), (19, ["0.001", "0.01", "0.05"])],
)
def test_a_rate_that_so_few_reals_cannot_show_is_given_with_a_warning(reals, warned):
    labels, scores = np.repeat([0, 1], [reals, 20]), np.linspace(0, 1, reals + 20)
    figures = detailed(labels, scores)
    for rate in ("0.001", "0.01", "0.05"):
        figure = figures[f"tpr_at_fpr_{rate}"]
        assert figure.value == 1.0
        assert bool(figure.warning) == (rate in warned)
    assert figures["fpr_at_tpr_0.95"].warning == ""
    assert "it takes 20" in detailed(labels[:-1], scores[:-1])["fpr_at_tpr_0.95"].warning


def test_not_a_number_is_refused():
    with pytest.raises(ValueError, match=r"scores\[1\] is nan"):
        detailed([0, 1], [0.1, math.nan])


# --- intervals hold the truth ---------------------------------------------------------------------------------------


def test_bootstrap_intervals_hold_the_truth_about_as_often_as_they_say():
    rng = np.random.default_rng(4)
    held, draws = {"brier": 0, "recall": 0, "ece_equal_width": 0, "balanced_accuracy": 0}, 200
    # Scores are uniform and a sample is fake with the chance that its score says: Brier 1/6, recall 3/4, no ECE.
    truth = {"brier": 1 / 6, "recall": 0.75, "ece_equal_width": 0.0, "balanced_accuracy": 0.75}
    for _ in range(draws):
        scores = rng.random(300)
        figures = detailed(rng.random(300) < scores, scores, bootstrap=QUICK)
        for name in held:
            held[name] += figures[name].low <= truth[name] <= figures[name].high
    assert all(count / draws >= 0.9 for count in held.values())


# --- size -----------------------------------------------------------------------------------------------------------


def test_a_million_rows_take_seconds_and_little_memory():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 1_000_000)
    scores, videos = (rng.random(1_000_000) + labels) / 2, np.arange(1_000_000) // 32 * 2 + labels
    tracemalloc.start()
    begun = time.perf_counter()
    figures = detailed_figures(labels, scores, level="frame", clusters=videos)
    assert time.perf_counter() - begun < 10  # about 1 s on one core
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert figures["frame_auc"].value == 1.0  # reals fill [0, 0.5), fakes [0.5, 1)
    assert peak < 400e6
