import numpy as np
import pytest

from deepfakebench_ext.analysis.decision import Bands, Evidence, choose_bands, decide

BANDS = Bands(0.8, 0.3, 0.05, 0.1, "40 known videos")


def said(score=0.5, share=1.0, trained=True, reason="", bands=BANDS):
    return decide(Evidence(score, reason, share, trained), bands)


@pytest.mark.parametrize(
    ("score", "word"),
    [(0.81, "fake"), (0.8, "no decision"), (0.5, "no decision"), (0.3, "no decision"), (0.29, "real")],
)
def test_a_word_is_said_outside_the_bands_only(score, word):
    assert said(score).word == word


def test_a_word_comes_with_its_risk():
    assert said(0.9).reason == (
        "the score 0.900 is above 0.800: of real videos, at most 5.0% score so high (40 known videos)"
    )
    assert said(0.1).reason == (
        "the score 0.100 is below 0.300: of fakes, at most 10.0% score so low (40 known videos)"
    )


@pytest.mark.parametrize(
    ("evidence", "words"),
    [
        ({"score": 0.99, "trained": False}, "head is untrained"),
        ({"score": None, "reason": "no face is scored"}, "no face is scored"),
        ({"score": 0.99, "bands": None}, "not calibrated"),
        ({"score": 0.99, "bands": Bands(None, None, 0.05, 0.1, "3 videos")}, "too few known videos"),
        ({"score": 0.99, "bands": Bands(None, 0.3, 0.05, 0.1, "3 videos")}, "allows neither word"),
        ({"score": 0.01, "bands": Bands(0.8, None, 0.05, 0.1, "3 videos")}, "allows neither word"),
        ({"score": 0.01, "share": 0.19}, "only 19% of the video is scored"),
    ],
)
def test_no_decision_says_why(evidence, words):
    decision = said(**evidence)
    assert decision.word == "no decision"
    assert words in decision.reason


def test_little_scored_still_allows_fake():
    assert said(0.9, share=0.01).word == "fake"


def test_bands_hold_as_many_known_videos_as_the_risk_allows():
    scores = [n / 100 for n in range(1, 20)]
    bands = choose_bands(scores, [], false_alarms=0.05, misses=0.1, source="test")
    assert (bands.fake_above, bands.real_below) == (0.19, None)
    assert choose_bands(scores[:18], [], false_alarms=0.05, misses=0.1, source="").fake_above is None
    fakes = [0.9 + n / 100 for n in range(9)]
    assert choose_bands([], fakes, false_alarms=0.05, misses=0.1, source="").real_below == 0.9


def test_bands_that_cross_leave_what_lies_between_undecided():
    reals, fakes = [n / 100 for n in range(40)], [0.6 + n / 100 for n in range(40)]
    bands = choose_bands(reals, fakes, false_alarms=0.05, misses=0.05, source="")
    assert bands.real_below < bands.fake_above
    assert bands.real_below == pytest.approx(0.38)
    assert bands.fake_above == pytest.approx(0.61)


def test_the_promised_share_of_new_real_videos_is_kept():
    rng = np.random.default_rng(0)
    wrong = [
        rng.beta(2, 5)
        > choose_bands(rng.beta(2, 5, 30).tolist(), [], false_alarms=0.1, misses=0.1, source="").fake_above
        for _ in range(4000)
    ]
    assert np.mean(wrong) == pytest.approx(0.1 * 30 / 31, abs=0.015)


@pytest.mark.parametrize("share", [0.0, 1.0, -1.0])
def test_a_share_of_nothing_or_everything_is_refused(share):
    with pytest.raises(ValueError, match="above 0 and below 1"):
        choose_bands([], [], false_alarms=share, misses=0.1, source="")
    with pytest.raises(ValueError, match="above 0 and below 1"):
        choose_bands([], [], false_alarms=0.1, misses=share, source="")
