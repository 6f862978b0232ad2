import math
import time
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from deepfakebench_ext.metrics.delong import (
    PAIRS_METHOD,
    Interval,
    auc_influence,
    auc_interval,
    influence_variance,
    proportion_interval,
    twice_midranks,
    two_sided_p,
)

GRID = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])
TWO_OF_EACH = st.lists(st.tuples(st.sampled_from([0, 1]), GRID, st.integers(0, 5)), max_size=16).flatmap(
    lambda rows: st.tuples(GRID, GRID, GRID, GRID).map(
        lambda ends: [(0, ends[0], 6), (0, ends[1], 7), (1, ends[2], 8), (1, ends[3], 9), *rows]
    )
)


def arrays(labels, scores):
    return np.array(labels, dtype=np.int64), np.array(scores, dtype=np.float64)


def kernel(labels, scores):
    """Every pair of a fake (rows) and a real (columns): 1, 1/2 or 0."""
    fakes, reals = scores[labels == 1], scores[labels == 0]
    return (fakes[:, None] > reals) + 0.5 * (fakes[:, None] == reals)


def brute_covariance(labels, first, second):
    """DeLong's covariance of two AUCs as written in 1988, from all pairs."""
    one, other = kernel(labels, first), kernel(labels, second)
    by_fake = np.cov(one.mean(1), other.mean(1))[0, 1] / one.shape[0]
    return by_fake + np.cov(one.mean(0), other.mean(0))[0, 1] / one.shape[1]


def obuchowski(labels, scores, clusters):
    """Obuchowski's 1997 formulas with their S10, S01 and S11, from all pairs and cluster by cluster."""
    pairs = kernel(labels, scores)
    auc, (fakes, reals) = pairs.mean(), pairs.shape
    fake_clusters, real_clusters = clusters[labels == 1], clusters[labels == 0]
    everyone = np.unique(clusters)
    x = np.array([(pairs.mean(1)[fake_clusters == c] - auc).sum() for c in everyone])
    y = np.array([(pairs.mean(0)[real_clusters == c] - auc).sum() for c in everyone])
    i10, i01, i = len(np.unique(fake_clusters)), len(np.unique(real_clusters)), len(everyone)
    s10, s01 = i10 / ((i10 - 1) * fakes) * (x**2).sum(), i01 / ((i01 - 1) * reals) * (y**2).sum()
    s11 = i / (i - 1) * (x * y).sum()
    return s10 / fakes + s01 / reals + 2 * s11 / (fakes * reals)


# --- the variance ---------------------------------------------------------------------------------------------------


@given(TWO_OF_EACH)
@settings(max_examples=100, deadline=None)
def test_auc_and_variance_are_those_of_all_pairs_under_ties(rows):
    labels, scores, _ = (np.array(column) for column in zip(*rows, strict=True))
    influence = auc_influence(labels, scores.astype(np.float64))
    assert influence.auc == pytest.approx(kernel(labels, scores).mean(), abs=1e-12)
    assert influence_variance(influence.values, labels) == pytest.approx(
        brute_covariance(labels, scores, scores), abs=1e-12
    )


def test_the_influence_of_a_difference_gives_the_paired_variance():
    rng = np.random.default_rng(0)
    labels, first, second = rng.permutation([0] * 13 + [1] * 9), rng.random(22), np.round(rng.random(22), 1)
    one, other = auc_influence(labels, first), auc_influence(labels, second)
    paired = (
        brute_covariance(labels, first, first)
        + brute_covariance(labels, second, second)
        - 2 * brute_covariance(labels, first, second)
    )
    assert influence_variance(one.values - other.values, labels) == pytest.approx(paired, abs=1e-12)


@given(TWO_OF_EACH)
@settings(max_examples=60, deadline=None)
def test_the_clustered_variance_is_that_of_obuchowskis_formulas(rows):
    labels, scores, clusters = (np.array(column) for column in zip(*rows, strict=True))
    got = influence_variance(auc_influence(labels, scores.astype(np.float64)).values, labels, clusters)
    assert got == pytest.approx(max(obuchowski(labels, scores, clusters), 0), abs=1e-12)


def test_a_video_a_sample_gives_delongs_variance():
    rng = np.random.default_rng(1)
    labels, scores = rng.permutation([0] * 13 + [1] * 9), rng.random(22)
    values = auc_influence(labels, scores).values
    assert influence_variance(values, labels, np.arange(22)) == influence_variance(values, labels)


def test_copies_of_the_frames_of_a_video_add_no_certainty():
    rng = np.random.default_rng(2)
    labels, scores = rng.permutation([0] * 13 + [1] * 9), rng.random(22)
    once = influence_variance(auc_influence(labels, scores).values, labels)
    labels, scores, videos = np.repeat(labels, 32), np.repeat(scores, 32), np.repeat(np.arange(22), 32)
    values = auc_influence(labels, scores).values
    assert influence_variance(values, labels, videos) == pytest.approx(once, abs=1e-12)
    assert influence_variance(values, labels) < once / 30  # what taking frames for independent would claim


def test_one_sample_of_a_class_shows_no_spread():
    assert math.isnan(influence_variance(np.zeros(3), np.array([0, 0, 1])))
    assert math.isnan(influence_variance(np.zeros(4), np.array([0, 0, 1, 1]), np.array([1, 2, 3, 3])))


def test_midranks_are_mean_ranks():
    assert twice_midranks(np.array([0.5, 0.1, 0.5, 0.9])).tolist() == [5, 2, 5, 8]
    assert twice_midranks(np.array([])).tolist() == []


def test_auc_equals_scikit_learns():
    rng = np.random.default_rng(3)
    labels, scores = rng.integers(0, 2, 1000), np.round(rng.random(1000), 2)
    assert auc_influence(labels, scores).auc == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)


# --- the interval ---------------------------------------------------------------------------------------------------


def held(truth, sizes, draws):
    """In what share of the draws from two normals, of those with an AUC below 1, the interval holds the true AUC."""
    rng, separation, found = np.random.default_rng(5), math.sqrt(2) * NormalDist().inv_cdf(truth), []
    labels = np.repeat([0, 1], sizes)
    for _ in range(draws):
        raw = rng.normal(size=len(labels)) + separation * labels
        interval = auc_interval(labels, 1 / (1 + np.exp(-raw)))
        if interval.method != PAIRS_METHOD:
            found.append(interval.low <= truth <= interval.high)
    assert len(found) > 0.95 * draws
    return sum(found) / len(found)


@pytest.mark.parametrize(("truth", "sizes"), [(0.8, (60, 60)), (0.95, (140, 300)), (0.7, (30, 200))])
def test_a_95_percent_interval_holds_the_truth_in_93_to_97_percent_of_draws(truth, sizes):
    assert 0.93 <= held(truth, sizes, 2000) <= 0.97


@pytest.mark.parametrize(
    ("truth", "sizes", "least"),
    [
        (0.983, (200, 30), 0.9),
        (0.983, (50, 50), 0.9),
        (0.999, (500, 500), 0.9),
        (0.99, (40, 400), 0.88),
        (0.997, (600, 50), 0.86),
    ],
)
def test_near_1_with_few_of_a_class_it_holds_in_fewer_as_the_warning_beside_the_auc_says(truth, sizes, least):
    assert min(sizes) * (1 - truth) < 1  # where `detailed_figures` warns
    assert least <= held(truth, sizes, 2000) <= 0.94


def test_clustered_intervals_hold_the_truth_where_frames_taken_alone_do_not():
    rng = np.random.default_rng(6)
    labels, videos = np.repeat([0, 1], 400), np.repeat(np.arange(100), 8)
    truth, clustered, alone = NormalDist().cdf(1 / math.sqrt(2 * (1 + 0.25))), 0, 0
    for _ in range(500):
        raw = labels + np.repeat(rng.normal(size=100), 8) + 0.5 * rng.normal(size=800)
        scores = 1 / (1 + np.exp(-raw))
        clustered += _holds(auc_interval(labels, scores, videos), truth)
        alone += _holds(auc_interval(labels, scores), truth)
    assert 0.92 <= clustered / 500 <= 0.98
    assert alone / 500 < 0.7


def _holds(interval, truth):
    return interval.low <= truth <= interval.high


@pytest.mark.parametrize("each", [2, 5, 50])
def test_a_perfect_auc_has_a_lower_bound_that_few_samples_push_down(each):
    labels, scores = np.repeat([0, 1], [each, 2 * each]), np.repeat([0.1, 0.9], [each, 2 * each])
    interval = auc_interval(labels, scores)
    assert interval.high == 1.0
    assert interval.low == pytest.approx(0.025 ** (1 / each))
    assert "Clopper-Pearson" in interval.method
    turned = auc_interval(1 - labels, scores)
    assert (turned.low, turned.high) == (0.0, pytest.approx(1 - interval.low))


def test_the_bound_of_a_perfect_auc_holds_the_truth():
    rng, separation, missed = np.random.default_rng(8), 2.5, 0
    truth, labels = NormalDist().cdf(separation / math.sqrt(2)), np.repeat([0, 1], 6)
    for _ in range(1000):
        interval = auc_interval(labels, 1 / (1 + np.exp(-(rng.normal(size=12) + separation * labels))))
        missed += not _holds(interval, truth)
    assert missed / 1000 < 0.05


def test_videos_and_not_frames_bound_a_perfect_auc():
    labels, scores, videos = np.repeat([0, 1], 100), np.repeat([0.1, 0.9], 100), np.repeat(np.arange(4), 50)
    assert auc_interval(labels, scores, videos).low == pytest.approx(0.025 ** (1 / 2))
    mixed = np.tile([1, 2, 3, 4, 5], 40)  # five videos with real and fake frames form two pairs that share none
    assert auc_interval(labels, scores, mixed).low == pytest.approx(0.025 ** (1 / 2))


@pytest.mark.parametrize(
    ("labels", "scores", "why"),
    [([0, 0, 1], [0.1, 0.2, 0.9], "one sample or video only"), ([0, 0, 1, 1], [0.3] * 4, "all scores")],
)
def test_an_interval_that_cannot_be_known_says_why(labels, scores, why):
    interval = auc_interval(*arrays(labels, scores))
    assert (interval.low, interval.high) == (None, None)
    assert why in interval.method


@pytest.mark.parametrize("labels", [[0, 0], [1, 1], []])
def test_one_class_has_no_interval(labels):
    with pytest.raises(ValueError, match="no AUC: "):
        auc_interval(*arrays(labels, [0.5] * len(labels)))


def test_clusters_are_checked():
    with pytest.raises(ValueError, match="2 labels but 1 clusters"):
        auc_interval(*arrays([0, 1], [0.1, 0.2]), clusters=np.array([1]))
    with pytest.raises(ValueError, match="clusters must be integers, one number a video, got dtype float64"):
        auc_interval(*arrays([0, 1], [0.1, 0.2]), clusters=np.array([1.0, 2.0]))


def test_a_rising_map_changes_no_interval_and_swapped_labels_mirror_it():
    rng = np.random.default_rng(9)
    labels, scores = rng.permutation([0] * 20 + [1] * 20), rng.random(40)
    interval, turned = auc_interval(labels, scores), auc_interval(1 - labels, scores)
    assert auc_interval(labels, scores**3 / 2) == interval
    assert (1 - turned.high, 1 - turned.low) == pytest.approx((interval.low, interval.high), abs=1e-12)


def test_a_million_samples_take_seconds():
    rng = np.random.default_rng(0)
    labels, scores = rng.integers(0, 2, 1_000_000), rng.random(1_000_000)
    begun = time.perf_counter()
    interval = auc_interval(labels, scores)
    assert time.perf_counter() - begun < 10  # about 0.4 s on one core
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * math.sqrt(1 / 12 * 2 / 5e5), rel=0.01)


# --- shares and p-values --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    # Brown, Cai and DasGupta 2001 give the formula; these are its exact values with z = 1.959963984540054.
    [(0, 10, 0.0, 0.2775327998628892), (10, 10, 0.7224672001371108, 1.0), (5, 10, 0.2365931, 0.7634069)],
)
def test_shares_have_wilsons_interval(successes, trials, low, high):
    assert proportion_interval(successes, trials) == Interval(pytest.approx(low), pytest.approx(high), "Wilson")


@pytest.mark.parametrize(("successes", "trials"), [(0, 0), (3, 2), (-1, 2)])
def test_shares_of_nothing_are_refused(successes, trials):
    with pytest.raises(ValueError, match=f"{successes} successes of {trials} trials"):
        proportion_interval(successes, trials)


def test_p_values_are_those_of_the_normal_distribution():
    assert two_sided_p(1.959963984540054, 1.0) == pytest.approx(0.05, abs=1e-12)
    assert two_sided_p(-3.0, 1.0) == pytest.approx(0.0026997960632601866, abs=1e-15)
    assert two_sided_p(0.0, 0.0) == 1.0
    assert two_sided_p(0.1, 0.0) is None
    assert two_sided_p(0.1, math.nan) is None
