import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, log_loss

from deepfakebench_ext.metrics.probability_errors import BINS, bins, probability_errors, reliability
from deepfakebench_ext.metrics.steps import steps_of

SAMPLES = st.lists(
    st.tuples(st.sampled_from([0, 1]), st.one_of(st.floats(0, 1), st.sampled_from([0, 0.5, 1]))),
    min_size=1,
    max_size=60,
)


def errors(labels, scores):
    steps = steps_of(np.array(labels, dtype=np.int64), np.array(scores, dtype=np.float64))
    return {name: float(value[0]) for name, value in probability_errors(steps, bins(steps)).items()}


def brute_ece(labels, scores, numbers):
    labels, scores, numbers = np.array(labels), np.array(scores, dtype=float), np.array(numbers)
    return sum(
        abs(scores[numbers == b].mean() - labels[numbers == b].mean()) * (numbers == b).mean() for b in set(numbers)
    )


@given(SAMPLES)
@settings(max_examples=100, deadline=None)
def test_ece_is_that_of_bins_taken_one_by_one(rows):
    labels, scores = zip(*rows, strict=True)
    got = errors(labels, scores)
    by_width = [min(int(score * BINS), BINS - 1) for score in scores]
    assert got["ece_equal_width"] == pytest.approx(brute_ece(labels, scores, by_width), abs=1e-12)
    below = [sum(other < score for other in scores) for score in scores]
    tied = [sum(other == score for other in scores) for score in scores]
    # From the highest rank down, as `bins` counts; a middle on an edge belongs to the lower bin.
    middles = [(len(scores) - b - t) + t / 2 for b, t in zip(below, tied, strict=True)]
    by_mass = [BINS - 1 - int(middle * BINS / len(scores)) for middle in middles]
    assert got["ece_equal_mass"] == pytest.approx(brute_ece(labels, scores, by_mass), abs=1e-12)


def test_brier_and_log_loss_are_scikit_learns():
    rng = np.random.default_rng(0)
    labels, scores = rng.integers(0, 2, 500), rng.random(500)
    scores[:4] = 0, 1, 0, 1
    got = errors(labels, scores)
    assert got["brier"] == pytest.approx(brier_score_loss(labels, scores), abs=1e-12)
    assert got["log_loss"] == pytest.approx(log_loss(labels, scores), abs=1e-12)


def test_a_certain_miss_costs_36_nats_and_not_infinity():
    assert errors([0], [1.0])["log_loss"] == pytest.approx(-np.log(np.finfo(np.float64).eps))


@given(SAMPLES, st.randoms(use_true_random=False))
@settings(max_examples=50, deadline=None)
def test_order_and_duplication_change_nothing(rows, random):
    want = errors(*zip(*rows, strict=True))
    assert errors(*zip(*random.sample(rows, len(rows)), strict=True)) == want
    assert errors(*zip(*(rows * 3), strict=True)) == pytest.approx(want, abs=1e-12)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_a_constant_score_is_off_by_its_distance_from_the_share_of_fakes(share):
    labels = np.arange(10) < 10 * share
    got = errors(labels.astype(int), np.full(10, 0.8))
    assert got["ece_equal_width"] == got["ece_equal_mass"] == pytest.approx(abs(0.8 - share))


def test_bins_of_equal_mass_hold_equal_numbers_and_the_curve_rises():
    rng = np.random.default_rng(1)
    scores = rng.random(150) ** 3
    steps = steps_of((rng.random(150) < scores).astype(np.int64), scores)
    mean, share, count = reliability(steps, bins(steps).equal_mass)
    assert count.tolist() == [10] * BINS
    assert (np.diff(mean) > 0).all()
    assert ((share >= 0) & (share <= 1)).all()
    width = reliability(steps, bins(steps).equal_width)
    off = (np.abs(width[0] - width[1]) * width[2]).sum() / 150
    assert off == pytest.approx(probability_errors(steps, bins(steps))["ece_equal_width"][0], abs=1e-12)
