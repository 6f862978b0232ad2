from functools import partial

import numpy as np
import pytest
from scipy.stats import t

from deepfakebench_ext.metrics import bootstrap
from deepfakebench_ext.metrics.bootstrap import (
    Bootstrap,
    logit_interval,
    percentile_interval,
    resampled,
    squared_interval,
)
from deepfakebench_ext.metrics.delong import auc_influence, influence_variance
from deepfakebench_ext.metrics.logits import to_scores
from deepfakebench_ext.metrics.steps import area

LABELS = np.repeat([0, 1], [30, 20])
SCORES = np.round(np.random.default_rng(0).random(50) * 0.7 + 0.3 * LABELS, 2)


def aucs(labels, scores, clusters=None, **settings):
    values = lambda steps: {"auc": area(steps), "reals": steps.reals, "fakes": steps.fakes}  # noqa: E731
    return resampled(labels, scores, clusters, settings=Bootstrap(**settings), values=values)


def test_resamples_keep_the_number_of_each_class():
    drawn = aucs(LABELS, SCORES, resamples=200)
    assert set(drawn["reals"]) == {30}
    assert set(drawn["fakes"]) == {20}


def test_resamples_spread_as_delong_says():
    spread = aucs(LABELS, SCORES, resamples=4000)["auc"].var()
    assert spread == pytest.approx(influence_variance(auc_influence(LABELS, SCORES).values, LABELS), rel=0.1)


def test_resamples_of_videos_spread_as_obuchowski_says():
    rng = np.random.default_rng(1)
    labels, videos = np.repeat([0, 1], 200), np.repeat(np.arange(80), 5)
    scores = np.clip(0.2 * labels + np.repeat(rng.random(80), 5) * 0.6 + 0.2 * rng.random(400), 0, 1)
    spread = aucs(labels, scores, videos, resamples=4000)["auc"].var()
    values = auc_influence(labels, scores).values
    assert spread == pytest.approx(influence_variance(values, labels, videos), rel=0.1)
    assert spread > 3 * influence_variance(values, labels)


def test_a_video_comes_with_all_its_frames():
    labels, videos = np.repeat([0, 1], 6), np.repeat(np.arange(4), 3)
    drawn = aucs(labels, np.repeat([0.1, 0.4, 0.3, 0.9], 3), videos, resamples=200)
    # Reals at 0.1, 0.4 and fakes at 0.3, 0.9, two of each with replacement: no other AUC can come.
    assert set(drawn["auc"]) <= {0.0, 0.25, 0.5, 0.75, 1.0}
    assert set(drawn["reals"]) == {6}


def test_the_same_seed_gives_the_same_draws_in_any_order_of_the_samples():
    order = np.random.default_rng(2).permutation(50)
    videos = np.repeat(np.arange(10), 5)
    for clusters in (None, videos):
        want = aucs(LABELS, SCORES, clusters, resamples=100)["auc"]
        moved = None if clusters is None else (clusters[order] * 7) % 11
        assert np.array_equal(aucs(LABELS[order], SCORES[order], moved, resamples=100)["auc"], want)
        assert not np.array_equal(aucs(LABELS, SCORES, clusters, resamples=100, seed=1)["auc"], want)


def test_drawing_in_batches_changes_nothing(monkeypatch):
    want = aucs(LABELS, SCORES, resamples=100)["auc"]
    for cells in (350, 1):  # the latter less than one resample takes
        monkeypatch.setattr(bootstrap, "CELLS", cells)
        assert np.array_equal(aucs(LABELS, SCORES, resamples=100)["auc"], want)


@pytest.mark.parametrize("resamples", [1, 99, -5])
def test_too_few_resamples_for_an_interval_are_refused(resamples):
    with pytest.raises(ValueError, match="allowed are 0"):
        Bootstrap(resamples)


def test_the_percentile_interval_is_the_middle_of_the_draws_and_holds_the_value():
    draws = np.linspace(0, 1, 1001)
    interval = percentile_interval(0.5, draws, "drawn")
    assert (interval.low, interval.high) == pytest.approx((0.025, 0.975))
    assert percentile_interval(0.99, draws, "drawn").high == 0.99


def test_the_squared_interval_takes_back_what_chance_adds():
    draws = np.sqrt(np.linspace(0.05, 0.09, 1001))  # the squares of resamples lie above that of the value, 0.04
    interval = squared_interval(0.2, draws, "drawn")
    assert (interval.low, interval.high) == (0.0, 0.2)
    assert squared_interval(0.1, draws, "drawn").low == 0.0
    even = squared_interval(0.5, np.sqrt(np.linspace(0.2, 0.3, 1001)), "drawn")
    assert (even.low**2, even.high**2) == pytest.approx((0.2025, 0.2975))


@pytest.mark.parametrize(
    ("draws", "why"), [([0.5] * 200, "all bootstrap resamples give one value"), ([0.5, np.nan], "1 of 2 bootstrap")]
)
def test_draws_that_show_no_spread_give_no_interval(draws, why):
    leaning = partial(logit_interval, smaller=60, nearest=1e-4)
    for interval in (percentile_interval, squared_interval, leaning):
        got = interval(0.5, np.array(draws), "drawn")
        assert (got.low, got.high) == (None, None)
        assert why in got.method


def test_the_logit_interval_is_as_wide_as_the_draws_are_on_that_scale_on_both_sides_of_the_value():
    logits = np.random.default_rng(0).normal(2.0, 0.5, 4000)
    interval = logit_interval(to_scores(np.array(1.8)), to_scores(logits), "drawn", smaller=60, nearest=1e-6)
    reach = t.ppf(0.975, 59) * logits.std(ddof=1) * np.sqrt(60 / 59)
    assert (interval.low, interval.high) == pytest.approx(to_scores(1.8 + np.array([-reach, reach])), abs=1e-12)
    assert interval.method == "drawn, logit scale"


def test_draws_of_1_count_as_near_1_and_the_interval_holds_the_value():
    draws = np.concatenate([np.full(100, 0.9), np.full(100, 1.0)])
    near, nearer = (logit_interval(0.97, draws, "drawn", smaller=20, nearest=nearest) for nearest in (1e-2, 1e-4))
    assert 0 < nearer.low < near.low < 0.97 < near.high < nearer.high < 1
    beyond = logit_interval(0.9999, np.linspace(0.98, 0.981, 100), "drawn", smaller=20, nearest=1e-2)
    assert beyond.high == 0.9999


def test_one_video_of_a_class_gives_no_interval_on_the_logit_scale():
    interval = logit_interval(0.7, np.linspace(0.5, 0.9, 100), "drawn", smaller=1, nearest=1e-3)
    assert (interval.low, interval.high) == (None, None)
    assert "shows no spread" in interval.method
