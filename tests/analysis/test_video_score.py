import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_tracks import span, track

from deepfakebench_ext.analysis.spans import TrackScores
from deepfakebench_ext.analysis.video_score import video_score
from deepfakebench_ext.common.errors import ConfigError


def test_the_highest_track_decides_by_the_mean_of_its_top_fifth():
    quiet, loud = track([0.1] * 50, step=0.2, number=1), track([0.9] * 10 + [0.2] * 40, step=0.2, number=2)
    got = video_score([quiet, loud])
    assert (got.score, got.track, got.reason) == (pytest.approx(0.9), 2, "")


def test_the_top_is_at_least_a_second():
    # A fifth of 2 s is 0.4 s; the second holds two spans of 0.9 and three of 0.1.
    got = video_score([track([0.9, 0.9] + [0.1] * 8, step=0.2)])
    assert got.score == pytest.approx((2 * 0.9 + 3 * 0.1) / 5)


def test_the_lowest_of_the_top_counts_for_the_part_that_fits():
    spans = (span(0, 1, 1.0), span(1, 7, 0.5), span(7, 10, 0.0))
    assert video_score([TrackScores(0, 0, spans)]).score == pytest.approx((1 + 0.5) / 2)


def test_a_face_of_two_frames_does_not_speak():
    flash, person = track([1.0, 1.0], step=0.2, number=1), track([0.2] * 10, step=0.2, number=2)
    assert video_score([flash, person]).track == 2
    got = video_score([track([1.0], step=0.2, number=3), flash])
    assert (got.score, got.reason) == (None, "no face is scored for 1 s: the longest for 0.4 s")
    assert video_score([]).reason == "no face is scored"


def test_unscored_time_is_no_score_of_0():
    scored = track([0.8] * 5 + [None] * 95, step=0.2)
    assert video_score([scored]).score == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("rule", "want"), [("mean", 0.4), ("max", 0.9), ("median", 0.2), ("topk:2", 0.75), ("logit_mean", 0.383806)]
)
def test_other_rules_are_those_of_the_evaluator(rule, want):
    # Odds of 9, 1.5, 1/4, 1/4 and 1/9 have a geometric mean of 0.62287.
    got = video_score([track([0.9, 0.6, 0.2, 0.2, 0.1], step=0.5)], rule)
    assert (got.score, got.rule) == (pytest.approx(want, abs=1e-5), rule)


def test_an_unknown_rule_is_refused():
    with pytest.raises(ConfigError, match="'best' is not known"):
        video_score([], "best")


def test_of_equal_tracks_the_longest_then_the_first_is_named():
    tracks = [track([0.5] * 2, number=3), track([0.5] * 3, number=2), track([0.5] * 3, number=1)]
    assert video_score(tracks).track == 1


@given(st.lists(st.floats(0, 1), min_size=5, max_size=60))
def test_a_score_lies_between_the_mean_and_the_highest(scores):
    got = video_score([track(scores, step=0.2)]).score
    assert sum(scores) / len(scores) - 1e-9 <= got <= max(scores) + 1e-9
