import math
import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    f1_score,
    precision_score,
    recall_score,
    roc_auc_score,
)

from deepfakebench_ext.metrics.figure import Figure
from deepfakebench_ext.metrics.ranking import DEFINITIONS, binary_figures, pr_points, roc_points


def arrays(labels, scores):
    return np.array(labels, dtype=np.int64), np.array(scores, dtype=np.float64)


def values(labels, scores):
    figures = binary_figures(*arrays(labels, scores), level="frame")
    return {name.removeprefix("frame_"): figure.value for name, figure in figures.items()}


def reasons(labels, scores):
    figures = binary_figures(*arrays(labels, scores), level="frame")
    return {name.removeprefix("frame_"): figure.reason for name, figure in figures.items() if figure.value is None}


# Scores on a grid of quarters have many ties; each class is there at least once.
GRID = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])
BOTH_CLASSES = st.lists(st.tuples(st.sampled_from([0, 1]), GRID), max_size=30).flatmap(
    lambda rows: st.tuples(GRID, GRID).map(lambda ends: [(0, ends[0]), (1, ends[1]), *rows])
)


# --- values known by hand -------------------------------------------------------------------------------------------

HAND = [
    # labels, scores, auc, ap, eer, eer_threshold
    ("separated", [0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9], 1.0, 1.0, 0.0, 0.8),
    ("reversed", [1, 1, 0, 0], [0.1, 0.2, 0.8, 0.9], 0.0, 1 / 2 * 1 / 3 + 1 / 2 * 2 / 4, 1.0, 0.8),
    ("all tied", [0, 1, 1, 1], [0.4] * 4, 0.5, 0.75, 0.5, 0.4),
    # One fake above the tie of all others: the ROC goes (0,0) (0,1/2) (1,1); 1 - TPR = FPR on the last line at 1/3.
    ("ties of the host's example", [0, 0, 1, 1], [0, 0, 1, 0], 0.75, 0.75, 1 / 3, 0.0),
    # Points (0,0) (0,1/2) (1/3,1/2) (1/3,1) ...: FPR = FNR where the upright line at FPR 1/3 passes TPR 2/3.
    ("between points", [1, 0, 1, 0, 0], [0.9, 0.8, 0.7, 0.2, 0.1], 5 / 6, 5 / 6, 1 / 3, 0.7),
    # Points (0,0) (0,1/2) (1/2,1/2): the last is on FPR = FNR itself.
    ("on a point", [1, 0, 1, 0], [0.9, 0.8, 0.7, 0.2], 0.75, 5 / 6, 0.5, 0.8),
    ("one of each", [0, 1], [0.3, 0.6], 1.0, 1.0, 0.0, 0.6),
]


@pytest.mark.parametrize(
    ("labels", "scores", "auc", "ap", "eer", "threshold"), [h[1:] for h in HAND], ids=[h[0] for h in HAND]
)
def test_ranking_figures_are_those_worked_out_by_hand(labels, scores, auc, ap, eer, threshold):
    got = values(labels, scores)
    assert got["auc"] == pytest.approx(auc, abs=1e-12)
    assert got["ap"] == pytest.approx(ap, abs=1e-12)
    assert got["eer"] == pytest.approx(eer, abs=1e-12)
    assert got["eer_threshold"] == threshold


def test_decision_figures_are_those_worked_out_by_hand():
    # Called fake: 0.9 (fake), 0.8 (real), 0.6 (fake). Missed: 0.5 (fake). So TP 2, FP 1, FN 1, TN 2.
    got = values([1, 0, 1, 1, 0, 0], [0.9, 0.8, 0.6, 0.5, 0.4, 0.0])
    assert got["accuracy"] == pytest.approx(4 / 6)
    assert got["precision"] == pytest.approx(2 / 3)
    assert got["recall"] == pytest.approx(2 / 3)
    assert got["f1"] == pytest.approx(2 / 3)


def test_a_score_of_exactly_one_half_is_not_called_fake():
    assert values([0, 1], [0.5, math.nextafter(0.5, 1)])["accuracy"] == 1.0
    assert values([0, 1], [0.5, 0.5])["recall"] == 0.0


def test_missing_every_fake_is_an_f1_of_zero_and_no_precision():
    assert values([0, 1], [0.1, 0.2])["f1"] == 0.0
    assert reasons([0, 1], [0.1, 0.2]) == {"precision": "no predicted fakes: none of 2 scores is above 0.5"}


# --- against references ---------------------------------------------------------------------------------------------


def mann_whitney(rows):
    fakes = [score for label, score in rows if label == 1]
    reals = [score for label, score in rows if label == 0]
    wins = sum((fake > real) + 0.5 * (fake == real) for fake in fakes for real in reals)
    return wins / (len(fakes) * len(reals))


def crossing(rows):
    """EER by bisection on the ROC, with the tied scores of each line called fake with one probability."""
    distinct = sorted({score for _, score in rows}, reverse=True)

    def rates(position):  # position 1.25: all of the highest score and a quarter of the next are called fake
        shares = {score: min(max(position - rank, 0), 1) for rank, score in enumerate(distinct)}
        means = [np.mean([shares[score] for label, score in rows if label == wanted]) for wanted in (0, 1)]
        return means[0], 1 - means[1]

    low, high = 0.0, float(len(distinct))
    for _ in range(60):
        middle = (low + high) / 2
        false_positive, false_negative = rates(middle)
        low, high = (middle, high) if false_positive < false_negative else (low, middle)
    return rates(high)[0]


@given(BOTH_CLASSES)
@settings(max_examples=100, deadline=None)
def test_auc_and_eer_agree_with_brute_force_under_ties(rows):
    got = values(*zip(*rows, strict=True))
    assert got["auc"] == pytest.approx(mann_whitney(rows), abs=1e-12)
    assert got["eer"] == pytest.approx(crossing(rows), abs=1e-9)


def test_figures_agree_with_scikit_learn():
    rng = np.random.default_rng(1)
    for size in (2, 17, 1000):
        labels = np.concatenate([[0, 1], rng.integers(0, 2, size)])
        scores = np.round(rng.random(size + 2), 2)
        scores[:2] = 0.1, 0.9
        decided = (scores > 0.5).astype(int)
        got = values(labels, scores)
        assert got["auc"] == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
        assert got["ap"] == pytest.approx(average_precision_score(labels, scores), abs=1e-12)
        assert got["accuracy"] == pytest.approx(accuracy_score(labels, decided), abs=1e-12)
        assert got["precision"] == pytest.approx(precision_score(labels, decided), abs=1e-12)
        assert got["recall"] == pytest.approx(recall_score(labels, decided), abs=1e-12)
        assert got["f1"] == pytest.approx(f1_score(labels, decided), abs=1e-12)


# --- what must not change the figures -------------------------------------------------------------------------------


@given(BOTH_CLASSES, st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_order_and_duplication_change_nothing(rows, random):
    want = values(*zip(*rows, strict=True))
    shuffled = random.sample(rows, len(rows))
    assert values(*zip(*shuffled, strict=True)) == pytest.approx(want, abs=1e-12)
    assert values(*zip(*(rows * 3), strict=True)) == pytest.approx(want, abs=1e-12)


@given(BOTH_CLASSES)
@settings(max_examples=40, deadline=None)
def test_rising_maps_change_no_ranking_figure(rows):
    labels, scores = zip(*rows, strict=True)
    want, got = values(labels, scores), values(labels, np.array(scores) ** 3 / 2 + 0.1)
    for name in ("auc", "ap", "eer"):
        assert got[name] == want[name]
    assert got["eer_threshold"] == want["eer_threshold"] ** 3 / 2 + 0.1


@given(BOTH_CLASSES)
@settings(max_examples=40, deadline=None)
def test_swapped_labels_turn_auc_and_eer_round(rows):
    labels, scores = zip(*rows, strict=True)
    want, got = values(labels, scores), values(1 - np.array(labels), scores)
    assert got["auc"] == pytest.approx(1 - want["auc"], abs=1e-12)
    mirrored = values(1 - np.array(labels), 1 - np.array(scores))
    assert mirrored["auc"] == pytest.approx(want["auc"], abs=1e-12)
    assert mirrored["eer"] == pytest.approx(want["eer"], abs=1e-12)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.int64])
def test_every_integer_type_of_labels_gives_the_same_figures(dtype):
    labels, scores = arrays([0, 1] * 200, np.linspace(0, 1, 400))
    assert binary_figures(labels.astype(dtype), scores, level="frame") == binary_figures(labels, scores, level="frame")


def test_a_million_rows_take_seconds():
    rng = np.random.default_rng(0)
    labels, noise = rng.integers(0, 2, 1_000_000), rng.random(1_000_000)
    begun = time.perf_counter()
    got = values(labels, (noise + labels) / 2)
    assert time.perf_counter() - begun < 15  # about 1 s on one core
    assert got["auc"] == 1.0  # reals fill [0, 0.5), fakes [0.5, 1)
    assert got["eer"] == 0.0


# --- names and undefined figures ------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", ["frame", "clip", "video"])
def test_every_name_carries_its_level_and_every_figure_its_definition(level):
    figures = binary_figures(*arrays([0, 1], [0.2, 0.8]), level=level)
    assert list(figures) == [f"{level}_{name}" for name in DEFINITIONS]
    assert [figure.definition for figure in figures.values()] == list(DEFINITIONS.values())


def test_an_unknown_level_is_an_error():
    with pytest.raises(ValueError, match="level is 'image'; allowed are frame, clip and video"):
        binary_figures(*arrays([0, 1], [0.2, 0.8]), level="image")


def test_only_reals_leave_accuracy_alone_defined():
    got = values([0, 0, 0, 0], [0.1, 0.2, 0.3, 0.9])
    assert got.pop("accuracy") == 0.75
    assert set(got.values()) == {None}
    why = "only real samples: the figure needs both classes, and none of the 4 samples is fake"
    assert set(reasons([0, 0, 0, 0], [0.1, 0.2, 0.3, 0.9]).values()) == {why}


def test_only_fakes_leave_accuracy_and_recall_defined():
    got = values([1, 1, 1, 1], [0.1, 0.6, 0.7, 0.9])
    assert (got.pop("accuracy"), got.pop("recall")) == (0.75, 0.75)
    assert set(got.values()) == {None}
    assert reasons([1], [0.9])["auc"].startswith("only fake samples: ")


def test_no_samples_leave_everything_undefined():
    got = reasons([], [])
    assert set(got) == set(DEFINITIONS)
    assert set(got.values()) == {"no samples: nothing was scored that has a label"}


# --- refused input --------------------------------------------------------------------------------------------------

GOOD_LABELS, GOOD_SCORES = arrays([0, 1, 1], [0.1, 0.2, 0.3])
REFUSED = [
    (GOOD_LABELS, np.array([0.1, np.nan, 0.3]), r"scores\[1\] is nan; allowed is P\(fake\) from 0 to 1"),
    (GOOD_LABELS, np.array([0.1, 0.2, np.inf]), r"scores\[2\] is inf"),
    (GOOD_LABELS, np.array([-0.1, 0.2, 0.3]), r"scores\[0\] is -0.1"),
    (GOOD_LABELS, np.array([0.1, 1.5, 0.3]), r"scores\[1\] is 1.5"),
    (GOOD_LABELS, GOOD_SCORES.astype(np.float32), r"scores must be float64, got float32; use scores.astype"),
    (GOOD_LABELS, GOOD_SCORES[:2], "3 labels but 2 scores"),
    (GOOD_LABELS, GOOD_SCORES[:, None], r"scores must be a NumPy array of shape \(N,\), got \(3, 1\)"),
    (GOOD_LABELS, [0.1, 0.2, 0.3], r"scores must be a NumPy array of shape \(N,\), got list"),
    (np.array([0, 2, 1]), GOOD_SCORES, r"labels\[1\] is 2; allowed is 0 \(real\) and 1 \(fake\)"),
    (np.array([0, 1, -1]), GOOD_SCORES, r"labels\[2\] is -1"),
    (np.array([0.0, 1.0, 1.0]), GOOD_SCORES, "labels must be integers, 0 real and 1 fake, got dtype float64"),
    (np.array([False, True, True]), GOOD_SCORES, "labels must be integers, 0 real and 1 fake, got dtype bool"),
]


@pytest.mark.parametrize(("labels", "scores", "message"), REFUSED)
def test_anything_but_classes_and_probabilities_is_refused_with_its_place(labels, scores, message):
    with pytest.raises(ValueError, match=message):
        binary_figures(labels, scores, level="frame")


@pytest.mark.parametrize(("value", "reason"), [(None, ""), (0.5, "because"), (math.nan, ""), (math.inf, "")])
def test_a_figure_is_finite_or_has_a_reason_and_never_both(value, reason):
    with pytest.raises(ValueError, match="value is"):
        Figure(value, "a definition", reason)


# --- curves ---------------------------------------------------------------------------------------------------------


def test_roc_runs_from_corner_to_corner_with_one_point_a_distinct_score():
    false_positive, true_positive, thresholds = roc_points(*arrays([0, 0, 1, 1], [0, 0, 1, 0]))
    assert false_positive.tolist() == [0, 0, 1]
    assert true_positive.tolist() == [0, 0.5, 1]
    assert thresholds.tolist() == [np.inf, 1, 0]
    # Points on one straight line are points all the same: a threshold that was left out could not be read off.
    labels, scores = arrays([0, 0, 0, 1, 1, 1], [0.1, 0.2, 0.3, 0.7, 0.8, 0.9])
    false_positive, true_positive, thresholds = roc_points(labels, scores)
    assert thresholds.tolist() == [np.inf, 0.9, 0.8, 0.7, 0.3, 0.2, 0.1]
    assert true_positive.tolist() == pytest.approx([0, 1 / 3, 2 / 3, 1, 1, 1, 1])
    assert false_positive.tolist() == pytest.approx([0, 0, 0, 0, 1 / 3, 2 / 3, 1])


def test_steps_under_the_precision_recall_curve_add_up_to_ap():
    labels, scores = arrays([1, 0, 1, 0, 0], [0.9, 0.8, 0.7, 0.2, 0.2])
    recall, precision, thresholds = pr_points(labels, scores)
    assert len(recall) == len(precision) == len(thresholds) + 1
    assert np.sum(-np.diff(recall) * precision[:-1]) == pytest.approx(values(labels, scores)["ap"])


@pytest.mark.parametrize("curve", [roc_points, pr_points])
@pytest.mark.parametrize(("labels", "reason"), [([0, 0], "only real samples"), ([1, 1], "only fake samples")])
def test_one_class_has_no_curve(curve, labels, reason):
    with pytest.raises(ValueError, match=f"no curve: {reason}"):
        curve(*arrays(labels, [0.1, 0.9]))


def test_figures_are_imported_without_scikit_learn_and_scipy():
    """They take half a second, which whoever scores one photograph would wait for."""
    code = "import sys, deepfakebench_ext.metrics.summary; print({'sklearn', 'scipy'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
