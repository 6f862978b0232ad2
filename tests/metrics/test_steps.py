import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from deepfakebench_ext.metrics.steps import (
    alarm_rate_at,
    area,
    average_precision,
    called_fake,
    count_steps,
    equal_error,
    equal_error_cut,
    hit_rate_at,
    ladder,
    partial_area,
    steps_of,
)

GRID = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])
BOTH_CLASSES = st.lists(st.tuples(st.sampled_from([0, 1]), GRID), max_size=30).flatmap(
    lambda rows: st.tuples(GRID, GRID).map(lambda ends: [(0, ends[0]), (1, ends[1]), *rows])
)


def steps_from(labels, scores):
    return steps_of(np.array(labels, dtype=np.int64), np.array(scores, dtype=np.float64))


@given(BOTH_CLASSES, st.sampled_from([0.1, 0.25, 0.5, 1.0]))
@settings(max_examples=100, deadline=None)
def test_areas_are_scikit_learns_under_ties(rows, limit):
    labels, scores = zip(*rows, strict=True)
    steps = steps_from(labels, scores)
    assert area(steps)[0] == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
    assert average_precision(steps)[0] == pytest.approx(average_precision_score(labels, scores), abs=1e-12)
    want = roc_auc_score(labels, scores, max_fpr=None if limit == 1 else limit)
    assert partial_area(steps, limit)[0] == pytest.approx(want, abs=1e-12)


@given(BOTH_CLASSES, st.sampled_from([0.001, 0.05, 0.1, 0.5]))
@settings(max_examples=100, deadline=None)
def test_rates_at_a_rate_are_the_best_of_all_thresholds(rows, rate):
    labels, scores = zip(*rows, strict=True)
    steps = steps_from(labels, scores)
    false_rates, true_rates, _ = roc_curve(labels, scores, drop_intermediate=False)
    assert hit_rate_at(steps, rate)[0] == max(true_rates[false_rates <= rate + 1e-12])
    assert alarm_rate_at(steps, 1 - rate)[0] == min(false_rates[true_rates >= 1 - rate - 1e-12])


def test_a_rate_that_rounding_puts_beside_a_whole_number_means_that_number():
    labels, scores = [0] * 100 + [1] * 100, np.linspace(0, 1, 200)
    assert 0.07 * 100 > 7 and 0.29 * 100 < 29
    for count in range(100):
        # The 100 fakes lie above the reals in the turned scores, so the FPR is exactly count / 100 after `count` reals.
        turned = steps_from(labels, 1 - scores)
        assert hit_rate_at(turned, count / 100)[0] == 0.0
        mixed = steps_from(labels, np.concatenate([np.arange(100), np.arange(100) - 0.5]).clip(0) / 100)
        assert hit_rate_at(mixed, count / 100)[0] == pytest.approx(count / 100)
    assert 0.55 * 100 > 55  # fakes at odd places from the top, reals at even ones: 55 fakes are found after 54 reals
    alternating = steps_from([1, 0] * 100, scores[::-1])
    assert alarm_rate_at(alternating, 0.55)[0] == 0.54


@given(st.lists(BOTH_CLASSES, min_size=1, max_size=1), st.data())
@settings(max_examples=50, deadline=None)
def test_a_weighted_row_is_the_samples_repeated(samples, data):
    rows = samples[0]
    labels, scores = (np.array(column) for column in zip(*rows, strict=True))
    scores = scores.astype(np.float64)
    weights = np.array(data.draw(st.lists(st.integers(0, 3), min_size=len(rows), max_size=len(rows))))
    weights[:2] = np.maximum(weights[:2], 1)
    sorted_ = ladder(labels, scores)
    weighted = count_steps(sorted_, np.stack([weights[sorted_.order], np.ones(len(rows), np.int64)]))
    alone = steps_from(np.repeat(labels, weights), np.repeat(scores, weights))
    for figure in (area, average_precision, lambda s: equal_error(s)[0], lambda s: partial_area(s, 0.1)):
        assert figure(weighted)[0] == pytest.approx(figure(alone)[0], abs=1e-12)
        assert figure(weighted)[1] == figure(steps_from(labels, scores))[0]


@pytest.mark.parametrize(
    ("labels", "scores", "cut"),
    [
        ([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9], 0.5),  # halfway, nothing wrong
        ([1, 0, 1, 0], [0.9, 0.8, 0.7, 0.2], 0.75),  # FPR = FNR = 1/2 between 0.8 and 0.7
        ([0, 1], [0.4, 0.4], 0.4),  # nothing is above
        ([1, 0], [0.0, 1.0], 0.5),
        ([0, 1], [0.5, np.nextafter(0.5, 1)], 0.5),  # no double lies between
        ([0, 1], [np.nextafter(0.5, 0), 0.5], np.nextafter(0.5, 0)),
    ],
)
def test_the_equal_error_cut_lies_halfway_between_the_scores_it_parts(labels, scores, cut):
    assert equal_error_cut(steps_from(labels, scores)) == cut


@given(BOTH_CLASSES)
@settings(max_examples=100, deadline=None)
def test_no_threshold_has_fpr_nearer_to_fnr_than_the_equal_error_cut(rows):
    labels, scores = (np.array(column) for column in zip(*rows, strict=True))
    steps = steps_from(labels, scores)

    def gap(threshold):
        hits, alarms = (counts[0] for counts in called_fake(steps, threshold))
        return abs(alarms / steps.reals[0] - 1 + hits / steps.fakes[0])

    cut = equal_error_cut(steps)
    assert gap(cut) == pytest.approx(min(gap(t) for t in [-1, *scores]), abs=1e-12)
    assert 0 <= cut <= 1


def test_called_fake_is_what_lies_above_the_threshold():
    steps = steps_from([0, 1, 1, 0], [0.1, 0.5, 0.5, 0.9])
    assert [int(c[0]) for c in called_fake(steps, 0.5)] == [0, 1]
    assert [int(c[0]) for c in called_fake(steps, 0.49)] == [2, 1]
    assert [int(c[0]) for c in called_fake(steps, -1)] == [2, 2]
    assert [int(c[0]) for c in called_fake(steps, 2)] == [0, 0]


@given(st.lists(st.tuples(st.integers(0, 1), st.sampled_from([0.0, 5e-324, 0.1, 0.5, 1 - 2**-53, 1.0])), max_size=30))
@settings(max_examples=60, deadline=None)
def test_counting_without_a_ladder_gives_the_same(samples):
    labels = np.array([label for label, _ in samples], np.int64)
    scores = np.array([score for _, score in samples], np.float64)
    every_one_once = np.ones((1, len(labels)), np.int64)
    one, other = steps_of(labels, scores), count_steps(ladder(labels, scores), every_one_once)
    assert one.thresholds.tolist() == other.thresholds.tolist()
    assert (one.hits.tolist(), one.alarms.tolist()) == (other.hits.tolist(), other.alarms.tolist())
