from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_tracks import bare, track, tracks_of

from deepfakebench_ext.analysis.cut import cut_segments
from deepfakebench_ext.analysis.false_alarms import RealVideo, choose_onset
from deepfakebench_ext.analysis.policy import LEAST_OFFSET, Policy, lowest_onset, with_onset
from deepfakebench_ext.metrics.bootstrap import Bootstrap
from deepfakebench_ext.metrics.segments.stretches import total, union


def video(key, *tracks, minutes=1.0):
    return RealVideo(key, round(minutes * 60_000_000), tracks)


def rate(videos, policy):
    marked = sum(total(union(cut_segments(each.tracks, policy))) for each in videos)
    return 60 * marked / sum(each.duration_us for each in videos)


def scored_s(videos):
    return sum(total(union(span for one in each.tracks for span in one.spans)) for each in videos) / 1e6


def keeps(videos, policy, limit):
    marked_s = rate(videos, policy) / 60 * sum(each.duration_us for each in videos) / 1e6
    return rate(videos, policy) <= limit and marked_s <= scored_s(videos) / 2


def some(count, seed=0):
    rng = np.random.default_rng(seed)
    return [video(f"{n:02}", track(np.round(rng.beta(2, 5, 60), 3).tolist())) for n in range(count)]


def test_the_onset_lies_between_the_score_that_is_too_low_and_the_next():
    videos = [video("a", track([0.1, 0.3, 0.1, 0.5, 0.1, 0.7]))]
    chosen = choose_onset(videos, bare(), limit=1)
    # Of one minute, the seconds of 0.5 and 0.7 are 2 s: 0.5 must not be marked, and 0.7 may be.
    assert chosen.policy.onset == pytest.approx(0.6)
    assert chosen.measured.value == 1
    assert (chosen.videos, chosen.seconds) == (1, 60)


def test_a_limit_of_0_marks_no_real_second_and_a_large_one_half_of_what_is_scored():
    videos = some(5)
    silent = choose_onset(videos, bare(), limit=0)
    highest = max(span.score for each in videos for one in each.tracks for span in one.spans)
    assert silent.measured.value == 0
    assert silent.policy.onset == pytest.approx((highest + 1) / 2)
    scores = [span.score for each in videos for one in each.tracks for span in one.spans]
    assert choose_onset(videos, bare(), limit=60).policy.onset == pytest.approx(np.median(scores), abs=0.001)


@pytest.mark.parametrize(("policy", "lowest"), [(bare(), 0.01), (Policy(), 0.11)])
def test_where_real_videos_score_next_to_nothing_an_onset_is_chosen_below_which_a_segment_ends(policy, lowest):
    videos = [video("a", track([1e-4] * 60)), video("b", track([2e-4] * 60))]
    chosen = choose_onset(videos, policy, limit=1)
    assert chosen.policy.onset == pytest.approx(lowest) == lowest_onset(policy)
    assert chosen.policy.offset == pytest.approx(LEAST_OFFSET)
    (marked,) = cut_segments([track([1e-4, 0.9, 1e-4, 1e-4])], chosen.policy)
    assert marked.end_s < 4


def test_an_onset_that_marks_whatever_is_scored_is_not_chosen_where_little_is_scored():
    videos = [video("a", track([0.3, 0.4]), minutes=10), video("b", track([0.5, 0.2]), minutes=10)]
    chosen = choose_onset(videos, bare(), limit=1)
    assert chosen.policy.onset == pytest.approx(0.35)
    assert chosen.measured.value == pytest.approx(0.1)


def test_real_videos_without_a_score_choose_nothing():
    chosen = choose_onset([video("a", track([None] * 3))], bare(), limit=1)
    assert chosen.policy is None
    assert chosen.measured.reason == "nothing of the real videos has a score"
    chosen = choose_onset([video("a", track([1.0, 1.0, 0.2]), minutes=10)], bare(), limit=1)
    assert chosen.measured.reason == "more than half of what is scored of the real videos scores 1"


def test_the_offset_keeps_its_distance():
    chosen = choose_onset(some(5), Policy(), limit=1)
    assert chosen.policy == with_onset(Policy(), chosen.policy.onset)
    assert chosen.policy.onset - chosen.policy.offset == pytest.approx(0.1, abs=1e-6)


@given(st.lists(tracks_of(), min_size=1, max_size=4), st.sampled_from([0.0, 1.0, 3.0, 8.0, 20.0]), st.booleans())
@settings(max_examples=60, deadline=None)
def test_no_lower_onset_keeps_the_limit(tracks, limit, wide):
    policy = Policy(0.5, 0.25, 2.0, 1.0, 1.0, 1.0, 1.0) if wide else bare(0.5, 0.25)
    videos = [video(str(n), one) for n, one in enumerate(tracks)]
    chosen = choose_onset(videos, policy, limit=limit)
    if chosen.policy is None:
        assert not scored_s(videos) or not keeps(videos, with_onset(policy, 1.0), limit)
        return
    assert chosen.measured.value == pytest.approx(rate(videos, chosen.policy))
    assert keeps(videos, chosen.policy, limit)
    for lower in np.linspace(lowest_onset(policy), chosen.policy.onset, 40)[:-1]:
        between = with_onset(policy, float(lower))
        assert not keeps(videos, between, limit) or rate(videos, between) == pytest.approx(chosen.measured.value)


def test_scores_of_exactly_1_leave_no_onset_and_the_reason_says_how_much():
    videos = [video("a", track([1.0] * 6 + [0.2] * 6))]
    chosen = choose_onset(videos, bare(), limit=1)
    assert chosen.policy is None
    assert chosen.measured.reason == (
        "no onset keeps 1 s a minute: at the highest, 1, real videos are still marked for 6 s a minute"
    )
    assert chosen.held_out.value is None


def test_a_video_held_out_is_judged_by_the_onset_of_the_others():
    videos = [video("a", track([0.9] * 6)), video("b", track([0.2] * 6)), video("c", track([0.3] * 6))]
    chosen = choose_onset(videos, bare(), limit=0)
    # `a` alone raises the onset above 0.9; the others' onset, above 0.3, marks all its 6 s.
    assert chosen.measured.value == 0
    assert chosen.held_out.value == 2


def test_held_out_alarms_are_near_the_limit_where_measured_ones_are_below():
    measured, held_out = [], []
    for seed in range(12):
        chosen = choose_onset(some(8, seed), bare(), limit=2)
        measured.append(chosen.measured.value)
        held_out.append(chosen.held_out.value)
    assert np.mean(measured) <= 2 < np.mean(held_out) < 3


def test_intervals_and_warnings_are_of_videos():
    chosen = choose_onset(some(25), bare(), limit=2, bootstrap=Bootstrap(400))
    assert chosen.measured.low < chosen.measured.value < chosen.measured.high
    assert chosen.held_out.low < chosen.held_out.value < chosen.held_out.high
    assert "400 resamples, seed 0) of videos" in chosen.measured.interval
    assert not chosen.measured.warning
    assert "only 5 minutes" in choose_onset(some(5), bare(), limit=2).measured.warning


def test_the_order_of_the_videos_changes_nothing():
    videos = some(6)
    settings_ = Bootstrap(200)
    assert choose_onset(videos, Policy(), limit=1, bootstrap=settings_) == choose_onset(
        videos[::-1], Policy(), limit=1, bootstrap=settings_
    )


def test_one_video_has_no_other_to_choose_for_it():
    assert choose_onset(some(1), bare(), limit=1).held_out.reason.startswith("one video alone")


@pytest.mark.parametrize(
    ("videos", "limit", "message"),
    [([], 1, "no real videos"), (some(1) * 2, 1, "00 is there twice"), (some(1), -1, "from 0 on")],
)
def test_nothing_to_choose_from_is_refused(videos, limit, message):
    with pytest.raises(ValueError, match=message):
        choose_onset(videos, bare(), limit=limit)


def test_two_faces_at_once_are_one_alarm():
    one, two = (track([0.9] * 6 + [0.1] * 6, number=number) for number in (1, 2))
    chosen = choose_onset([video("a", one, two)], replace(bare(0.0)), limit=6)
    assert chosen.measured.value == 6
