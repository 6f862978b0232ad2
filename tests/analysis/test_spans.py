import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_tracks import span

from deepfakebench_ext.analysis.spans import (
    ClipScore,
    FrameScore,
    ScoredSpan,
    TrackScores,
    spans_of_clips,
    spans_of_frames,
)


def ends(spans):
    return [(each.start_us, each.end_us) for each in spans]


def test_a_frame_stands_for_the_time_nearest_to_it():
    frames = [FrameScore(at, 0.5) for at in (0, 200, 400)]
    spans = spans_of_frames(frames, reach_us=100, start_us=0, end_us=600)
    assert ends(spans) == [(0, 100), (100, 300), (300, 500)]
    assert [each.at_us for each in spans] == [0, 200, 400]


def test_a_frame_reaches_no_farther_than_half_a_step_and_not_out_of_its_track():
    frames = [FrameScore(50, 0.5), FrameScore(1000, 0.5)]
    assert ends(spans_of_frames(frames, reach_us=100, start_us=20, end_us=1010)) == [(20, 150), (900, 1010)]


def test_a_frame_without_a_score_keeps_its_time_unscored():
    frames = [FrameScore(0, 0.5), FrameScore(200, None), FrameScore(400, 0.25)]
    spans = spans_of_frames(frames, reach_us=100, start_us=0, end_us=500)
    assert ends(spans) == [(0, 100), (300, 500)]
    assert [each.score for each in spans] == [0.5, 0.25]


@pytest.mark.parametrize(
    ("times", "message"), [((0, 0), "do not rise"), ((200, 100), "do not rise"), ((0, 900), "lie outside the track")]
)
def test_frames_out_of_order_or_outside_are_refused(times, message):
    with pytest.raises(ValueError, match=message):
        spans_of_frames([FrameScore(at, 0.5) for at in times], reach_us=100, start_us=0, end_us=500)


def test_no_frames_give_no_spans():
    assert spans_of_frames([], reach_us=100, start_us=0, end_us=500) == ()
    assert spans_of_clips([]) == ()


def test_time_under_two_clips_has_their_mean_and_says_so():
    spans = spans_of_clips([ClipScore(100, 300, 1.0), ClipScore(0, 200, 0.5), ClipScore(400, 500, 0.0)])
    assert ends(spans) == [(0, 100), (100, 200), (200, 300), (400, 500)]
    assert [(each.score, each.units) for each in spans] == [(0.5, 1), (0.75, 2), (1.0, 1), (0.0, 1)]
    assert [each.at_us for each in spans] == [50, 150, 250, 450]


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 5), st.sampled_from([0.0, 0.25, 1.0])), max_size=6))
def test_clips_are_averaged_moment_by_moment(rows):
    clips = [ClipScore(start, start + length, score) for start, length, score in rows]
    spans = spans_of_clips(clips)
    for moment in range(15):
        covering = [clip.score for clip in clips if clip.start_us <= moment < clip.end_us]
        found = [(each.score, each.units) for each in spans if each.start_us <= moment < each.end_us]
        assert found == ([(pytest.approx(sum(covering) / len(covering)), len(covering))] if covering else [])


def test_spans_that_overlap_are_refused():
    with pytest.raises(ValueError, match="track 3: a span starts at 1 s, before the one that ends at 2 s"):
        TrackScores(3, 0, (span(0, 2, 0.5), span(1, 3, 0.5)))


def test_a_span_holds_its_moment_and_is_of_something():
    with pytest.raises(ValueError, match="outside its span"):
        ScoredSpan(0, 10, 0.5, 10)
    with pytest.raises(ValueError, match="at least one frame or clip"):
        ScoredSpan(0, 10, 0.5, 5, 0)
    with pytest.raises(ValueError, match="P\\(fake\\)"):
        ScoredSpan(0, 10, 1.5, 5)
