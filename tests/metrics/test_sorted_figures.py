"""Figures from scores that go by in order are those of all scores at once."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepfakebench_ext.metrics.detailed import detailed_figures
from deepfakebench_ext.metrics.missing_scores import auc_with_missing
from deepfakebench_ext.metrics.sorted_figures import SortedFigures, unpacked
from deepfakebench_ext.metrics.steps import packed

SUMMED = ("ap", "partial_auc_mcclish_fpr_0.1", "brier", "log_loss", "ece_equal_width", "ece_equal_mass")
SAMPLES = st.lists(st.tuples(st.integers(0, 1), st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0])), max_size=40)


def figures_of(labels, scores, size):
    found = SortedFigures(int((labels == 0).sum()), int((labels == 1).sum()))
    numbers, counts = np.unique(packed(labels.astype(np.int8), scores), return_counts=True)
    values = unpacked(numbers, counts)
    for first in range(0, len(values[0]), size):
        found.add(*(each[first : first + size] for each in values))
    return found


def check(labels, scores, size):
    expected = detailed_figures(labels, scores, level="frame")
    found = figures_of(labels, scores, size)
    for name, figure in found.figures("frame", is_clustered=False).items():
        want = expected[name]
        assert (figure.definition, figure.reason, figure.interval) == (want.definition, want.reason, want.interval)
        exact = name.removeprefix("frame_") not in SUMMED
        assert figure.value == (want.value if exact else pytest.approx(want.value, abs=1e-12))
        assert (figure.low, figure.high) == pytest.approx((want.low, want.high), abs=1e-12)
    for missing in ([], [0], [0, 1, 1]):
        gone = np.array(missing, np.int64)
        reals, fakes = int((gone == 0).sum()), int((gone == 1).sum())
        assert found.auc_if_missing("frame", reals, fakes) == auc_with_missing(labels, scores, gone, level="frame")


@given(SAMPLES, st.integers(1, 4))
@settings(max_examples=60, deadline=None)
def test_ties_one_class_and_no_sample_are_as_of_all_at_once(samples, size):
    check(np.array([s[0] for s in samples], np.int64), np.array([s[1] for s in samples], np.float64), size)


@pytest.mark.parametrize("digits", [2, 17])
def test_many_scores_are_as_of_all_at_once(digits):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 3000)
    check(labels, np.round(rng.beta(2 + labels, 3), digits), 100)
