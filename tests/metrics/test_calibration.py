import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score

from deepfakebench_ext.common.choices import CALIBRATIONS
from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.metrics.calibration import _shorten, before_and_after, fit_calibration
from deepfakebench_ext.metrics.logits import to_logits, to_scores


def sample(size=2000, sharpness=3.0, shift=0.0, seed=0):
    """Labels true to their chance, and scores made `sharpness` times too sure of it, on the logit scale."""
    rng = np.random.default_rng(seed)
    logits = 1.5 * rng.normal(size=size)
    labels = (rng.random(size) < to_scores(logits)).astype(np.int64)
    return labels, to_scores(sharpness * logits + shift)


# --- what is fitted -------------------------------------------------------------------------------------------------


def test_the_temperature_is_the_one_that_made_the_scores():
    calibration = fit_calibration("temperature", *sample(20_000))
    assert 1 / calibration.slope == pytest.approx(3.0, rel=0.05)
    assert calibration.summary.startswith("temperature 3.0") or calibration.summary.startswith("temperature 2.9")


def test_no_other_temperature_has_a_lower_log_loss():
    labels, scores = sample(300)
    best = fit_calibration("temperature", labels, scores).slope
    logits = to_logits(scores)
    losses = [log_loss(labels, to_scores(best * factor * logits)) for factor in (0.99, 1.0, 1.01)]
    assert min(losses) == losses[1]


def test_platt_undoes_a_shift_that_no_temperature_can():
    labels, scores = sample(20_000, sharpness=2.0, shift=4.0)
    calibration = fit_calibration("platt", labels, scores)
    assert calibration.slope == pytest.approx(0.5, rel=0.05)
    assert calibration.intercept == pytest.approx(-2.0, rel=0.05)


def test_platt_is_logistic_regression_on_its_targets():
    labels, scores = sample(500)
    fakes, reals = labels.sum(), (labels == 0).sum()
    towards = np.where(labels == 1, (fakes + 1) / (fakes + 2), 1 / (reals + 2))
    logits = to_logits(scores)
    twice = LogisticRegression(C=1e12, tol=1e-12, max_iter=1000).fit(
        np.concatenate([logits, logits])[:, None],
        np.repeat([1, 0], len(labels)),
        sample_weight=np.concatenate([towards, 1 - towards]),
    )
    calibration = fit_calibration("platt", labels, scores)
    assert calibration.slope == pytest.approx(twice.coef_[0, 0], rel=1e-5)
    assert calibration.intercept == pytest.approx(twice.intercept_[0], rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("method", CALIBRATIONS)
def test_calibration_on_one_set_helps_on_another(method):
    calibration = fit_calibration(method, *sample(seed=1))
    figures = before_and_after(*sample(seed=2), calibration, level="video")
    assert list(figures) == [f"video_{n}" for n in ("auc", "brier", "log_loss", "ece_equal_width", "ece_equal_mass")]
    for name, (before, after) in figures.items():
        if name != "video_auc":
            assert after.value < before.value, name
    assert figures["video_ece_equal_width"][1].value < 0.04 < figures["video_ece_equal_width"][0].value


def test_frames_of_one_video_are_no_independent_samples_before_or_after():
    labels, scores = (np.repeat(each, 10) for each in sample(60))
    calibration, clusters = fit_calibration("platt", *sample(seed=1)), np.repeat(np.arange(60), 10)
    before, after = before_and_after(labels, scores, calibration, level="frame", clusters=clusters)["frame_auc"]
    alone, _ = before_and_after(labels, scores, calibration, level="frame")["frame_auc"]
    assert before.high - before.low > 2 * (alone.high - alone.low)
    assert (after.low, after.high) == pytest.approx((before.low, before.high))


def test_a_step_that_overshoots_is_shortened_until_the_loss_falls():
    labels, scores = sample(100)
    inputs, start, step = np.stack([to_logits(scores), np.ones(100)]), np.zeros(2), np.array([-800.0, 0.0])
    losses = [log_loss(labels, to_scores(found @ inputs)) for found in (start, start - step)]
    taken = _shorten(start, step, inputs, labels.astype(np.float64))
    assert losses[0] < losses[1]
    assert log_loss(labels, to_scores(taken @ inputs)) < losses[0]
    assert 0 < taken[0] < 800


# --- the ranking ----------------------------------------------------------------------------------------------------

ROWS = st.lists(st.tuples(st.sampled_from([0, 1]), st.sampled_from([0, 0.01, 0.3, 0.5, 0.9, 1])), max_size=20)


@pytest.mark.parametrize("method", ["temperature", "platt"])
@given(rows=ROWS)
@settings(max_examples=50, deadline=None)
def test_rising_maps_leave_auc_as_it_was(method, rows):
    calibration = fit_calibration(method, *sample(200, seed=3))
    labels, scores = (np.array(c) for c in zip((0, 0.2), (1, 0.8), *rows, strict=True))
    calibrated = calibration.apply(scores.astype(np.float64))
    assert roc_auc_score(labels, calibrated) == roc_auc_score(labels, scores)
    assert ((calibrated >= 0) & (calibrated <= 1)).all()
    assert "keeps the ranking" in calibration.summary


def test_isotonic_ties_scores_and_says_that_auc_may_change():
    calibration = fit_calibration("isotonic", *sample(seed=1))
    labels, scores = sample(seed=2)
    calibrated = calibration.apply(scores)
    assert len(np.unique(calibrated)) < len(np.unique(scores))
    order = np.argsort(scores)
    assert (np.diff(calibrated[order]) >= 0).all()
    assert roc_auc_score(labels, calibrated) != roc_auc_score(labels, scores)
    assert "may change AUC" in calibration.summary
    assert ((calibrated >= 0) & (calibrated <= 1)).all()


@pytest.mark.parametrize("method", CALIBRATIONS)
def test_the_order_of_the_samples_does_not_matter(method):
    labels, scores = sample(300)
    order = np.random.default_rng(5).permutation(300)
    ours = fit_calibration(method, labels, scores).apply(scores)
    others = fit_calibration(method, labels[order], scores[order]).apply(scores)
    assert others == pytest.approx(ours, abs=1e-9)


# --- edges ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", CALIBRATIONS)
def test_separated_classes_and_certain_scores_give_finite_maps(method):
    labels, scores = np.array([0, 0, 1, 1]), np.array([0.0, 0.2, 0.8, 1.0])
    calibrated = fit_calibration(method, labels, scores).apply(scores)
    assert np.isfinite(calibrated).all()
    assert roc_auc_score(labels, calibrated) == 1.0


def test_a_temperature_at_its_limit_says_so():
    assert "0.5 parts the classes" in fit_calibration("temperature", np.array([0, 1]), np.array([0.2, 0.8])).summary
    turned = fit_calibration("temperature", np.array([1, 0]), np.array([0.2, 0.8]))
    assert "saying 0.5 always would be as good" in turned.summary


def test_platt_never_turns_the_ranking_round():
    with pytest.raises(ConfigError, match=r"would turn their ranking round; is the label order right"):
        fit_calibration("platt", np.array([1, 1, 0, 0]), np.array([0.1, 0.2, 0.8, 0.9]))


def test_isotonic_never_makes_all_scores_one():
    for scores in ([0.1, 0.2, 0.8, 0.9], [0.3] * 4):
        with pytest.raises(ConfigError, match=r"do not rise with the labels.*is the label order right"):
            fit_calibration("isotonic", np.array([1, 1, 0, 0]), np.array(scores))


def test_scores_of_a_half_fit_no_temperature():
    with pytest.raises(ConfigError, match=r"all scores it is fitted on are 0\.5, which no temperature moves"):
        fit_calibration("temperature", np.array([1, 0, 1, 0]), np.full(4, 0.5))


@pytest.mark.parametrize("method", CALIBRATIONS)
def test_one_class_fits_nothing(method):
    with pytest.raises(ConfigError, match=f"--calibrate {method} cannot be fitted: only real samples"):
        fit_calibration(method, np.array([0, 0]), np.array([0.1, 0.2]))


def test_an_unknown_method_lists_the_known_ones():
    with pytest.raises(ConfigError, match="'beta' is not known; allowed are temperature, platt, isotonic"):
        fit_calibration("beta", np.array([0, 1]), np.array([0.1, 0.2]))


def test_logits_and_scores_are_inverse_and_finite_everywhere():
    scores = np.array([0.0, 1e-300, 1e-12, 0.3, 0.5, 1 - 1e-12, 1.0])
    assert np.isfinite(to_logits(scores)).all()
    assert to_scores(to_logits(scores)) == pytest.approx(scores, rel=1e-9, abs=3e-16)
    assert to_scores(np.array([-1e6, 1e6])).tolist() == [0.0, 1.0]


def test_a_score_of_0_weighs_as_much_as_one_of_1():
    low, high = to_logits(np.array([0.0, 1.0]))
    assert low == -high
    assert -37 < low < -36  # that of 2.2e-16, as in the log loss


@pytest.mark.parametrize("method", ["temperature", "platt"])
def test_a_fit_on_certain_scores_that_mirror_each_other_keeps_a_half(method):
    labels, scores = np.repeat([0, 1], 40), np.repeat([0.0, 1.0], 40)
    fitted = fit_calibration(method, labels, scores)
    assert fitted.apply(np.array([0.5]))[0] == pytest.approx(0.5, abs=1e-9)
    moved = fitted.apply(np.array([0.2, 0.8]))
    assert moved[0] == pytest.approx(1 - moved[1], abs=1e-9)
