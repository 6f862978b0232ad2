import numpy as np
import pytest

from deepfakebench_ext.metrics.pairs import compare_pairs, holm


def two_alike(size=300, seed=0):
    """Labels, and three detectors: two that see the same thing and hardly differ, and a worse one."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat([0, 1], size // 2))
    seen = rng.normal(size=size) + 1.5 * labels
    raw = {"a": seen, "b": seen + 0.1 * rng.normal(size=size), "c": rng.normal(size=size) + 0.3 * labels}
    return labels, {name: 1 / (1 + np.exp(-value)) for name, value in raw.items()}


# --- pairs ----------------------------------------------------------------------------------------------------------


def test_the_paired_test_is_that_of_all_pairs():
    labels, scores = two_alike(60)
    kernels = {n: (s[labels == 1][:, None] > s[labels == 0]).astype(float) for n, s in scores.items()}
    for pair in compare_pairs(labels, scores):
        gap = kernels[pair.first] - kernels[pair.second]
        variance = gap.mean(1).var(ddof=1) / 30 + gap.mean(0).var(ddof=1) / 30
        assert pair.difference == pytest.approx(gap.mean(), abs=1e-12)
        assert pair.high - pair.low == pytest.approx(2 * 1.959963984540054 * np.sqrt(variance), abs=1e-12)


def test_detectors_that_see_the_same_are_told_apart_from_one_that_does_not():
    pairs = {(p.first, p.second): p for p in compare_pairs(*two_alike())}
    assert list(pairs) == [("a", "b"), ("a", "c"), ("b", "c")]
    assert [pair.differ for pair in pairs.values()] == [False, True, True]
    narrow, wide = pairs["a", "b"], pairs["a", "c"]
    assert narrow.high - narrow.low < (wide.high - wide.low) / 3  # they err together, so the difference is known well
    assert all(pair.p_value <= pair.p_holm for pair in pairs.values())


def test_a_detector_equals_itself_under_any_rising_map():
    labels, scores = two_alike()
    (pair,) = compare_pairs(labels, {"a": scores["a"], "again": scores["a"] ** 3})
    assert (pair.difference, pair.p_value, pair.p_holm, pair.differ) == (0.0, 1.0, 1.0, False)
    assert (pair.low, pair.high) == (None, None)  # no spread says how far the truth may be


def test_turning_the_pair_round_turns_the_difference():
    labels, scores = two_alike()
    (one,) = compare_pairs(labels, {"a": scores["a"], "c": scores["c"]})
    (other,) = compare_pairs(labels, {"c": scores["c"], "a": scores["a"]})
    assert (other.difference, other.low, other.high) == (-one.difference, -one.high, -one.low)
    assert other.p_value == one.p_value


def test_a_difference_without_variance_has_no_p_value():
    labels = np.array([0, 0, 1, 1])
    right, wrong = np.array([0.1, 0.2, 0.8, 0.9]), np.array([0.9, 0.8, 0.2, 0.1])
    (pair,) = compare_pairs(labels, {"right": right, "wrong": wrong})
    assert (pair.difference, pair.low, pair.p_value, pair.p_holm, pair.differ) == (1.0, None, None, None, False)


def test_copies_of_frames_make_no_difference_significant():
    labels, scores = two_alike(40, seed=6)
    pair = compare_pairs(labels, {name: scores[name] for name in "ab"})[0]
    many = {name: np.repeat(scores[name], 50) for name in "ab"}
    labels, videos = np.repeat(labels, 50), np.repeat(np.arange(40), 50)
    assert compare_pairs(labels, many, clusters=videos)[0].p_value == pytest.approx(pair.p_value, abs=1e-9)
    assert compare_pairs(labels, many)[0].p_value < pair.p_value


def test_detectors_that_do_not_differ_are_said_to_once_in_twenty_times():
    rng, labels, found = np.random.default_rng(1), np.repeat([0, 1], 80), 0
    for _ in range(1000):
        common = rng.normal(size=160) + labels
        scores = {name: 1 / (1 + np.exp(-common - rng.normal(size=160))) for name in "ab"}
        found += compare_pairs(labels, scores)[0].differ
    assert 30 <= found <= 70


def test_a_pair_that_luck_explains_among_many_does_not_differ():
    rng, labels, spared = np.random.default_rng(2), np.repeat([0, 1], 80), 0
    for _ in range(50):
        scores = {name: 1 / (1 + np.exp(-labels - rng.normal(size=160))) for name in "abcd"}
        pairs = compare_pairs(labels, scores)
        assert all(pair.differ == (pair.p_holm < 0.05) for pair in pairs)
        spared += any(pair.p_value < 0.05 and not pair.differ for pair in pairs)
    assert spared > 0


def test_one_class_cannot_be_compared():
    with pytest.raises(ValueError, match="no AUC: only real samples"):
        compare_pairs(np.array([0, 0]), {"a": np.array([0.1, 0.2]), "b": np.array([0.1, 0.2])})


# --- Holm -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("p_values", "corrected"),
    [
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),  # R: p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm")
        ([0.04], [0.04]),
        ([0.5, 0.9], [1.0, 1.0]),
        ([None, 0.01], [None, 0.02]),
        ([], []),
    ],
)
def test_holms_correction_is_that_of_r(p_values, corrected):
    assert holm(p_values) == [None if p is None else pytest.approx(p, abs=1e-12) for p in corrected]
