import math

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, precision_score, recall_score

from deepfakebench_ext.metrics.steps import steps_of
from deepfakebench_ext.metrics.thresholds import (
    Threshold,
    decision_counts,
    decision_rates,
    decision_values,
    equal_error_threshold,
)


def steps_from(labels, scores):
    return steps_of(np.array(labels, dtype=np.int64), np.array(scores, dtype=np.float64))


@pytest.mark.parametrize("threshold", [0.05, 0.3, 0.5, 0.93])
def test_decisions_at_any_threshold_are_scikit_learns(threshold):
    rng = np.random.default_rng(0)
    labels, scores = rng.integers(0, 2, 500), np.round(rng.random(500), 2)
    called = (scores > threshold).astype(int)
    steps = steps_from(labels, scores)
    got = decision_values(steps, threshold, "")
    assert got == pytest.approx(
        {
            "accuracy": accuracy_score(labels, called),
            "balanced_accuracy": balanced_accuracy_score(labels, called),
            "precision": precision_score(labels, called),
            "recall": recall_score(labels, called),
            "f1": f1_score(labels, called),
        },
        abs=1e-12,
    )
    for name, (successes, trials) in decision_counts(steps, threshold).items():
        assert got[name] == successes / trials


def test_a_row_without_calls_leaves_its_precision_alone_undefined():
    rates = decision_rates(steps_from([0, 1], [0.1, 0.2]), 0.5)
    assert [name for name, values in rates.items() if np.isnan(values[0])] == ["precision"]


def test_a_threshold_chosen_on_one_set_divides_another():
    threshold = equal_error_threshold(np.array([0, 0, 1, 1]), np.array([0.1, 0.2, 0.3, 0.9]))
    assert threshold == 0.25
    others = steps_from([0, 1], [0.24, 0.26])
    assert decision_values(others, threshold, "")["accuracy"] == 1.0
    assert decision_values(others, 0.5, "")["accuracy"] == 0.5


def test_no_threshold_is_chosen_without_both_classes():
    with pytest.raises(ValueError, match="no threshold can be chosen: only fake samples"):
        equal_error_threshold(np.array([1, 1]), np.array([0.1, 0.2]))


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_threshold_is_a_number(value):
    with pytest.raises(ValueError, match="threshold is"):
        Threshold(value, "by hand")
