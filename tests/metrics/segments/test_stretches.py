from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judged_videos import BOXES, STRETCHES, scored, stretch

from deepfakebench_ext.metrics.segments.stretches import (
    ScoredStretch,
    Stretch,
    common,
    highest,
    intersection_over_union,
    microseconds,
    total,
    union,
)

SECONDS = range(10)


def covers(stretches, second):
    return any(each.start_us <= second * 1_000_000 < each.end_us for each in stretches)


@pytest.mark.parametrize(
    ("seconds", "want"),
    [(0.0, 0), (0.1, 100_000), (7199.999999, 7_199_999_999), (0.0000005, 1), (-0.0000005, 0), (-1.0, -1_000_000)],
)
def test_seconds_become_the_nearest_microsecond_and_the_later_of_two(seconds, want):
    assert microseconds(seconds) == want


@pytest.mark.parametrize("seconds", [float("nan"), float("inf")])
def test_a_time_that_is_no_number_is_refused(seconds):
    with pytest.raises(ValueError, match="finite number of seconds"):
        microseconds(seconds)


@pytest.mark.parametrize("ends", [(1.0, 1.0), (2.0, 1.0), (1.0, 1.0000004)])
def test_a_stretch_has_a_length(ends):
    with pytest.raises(ValueError, match="it must end later"):
        Stretch.of_seconds(*ends)


@pytest.mark.parametrize("score", [-0.1, 1.1, float("nan")])
def test_a_score_is_a_probability(score):
    with pytest.raises(ValueError, match="P\\(fake\\) from 0 to 1"):
        ScoredStretch(0, 1, score)
    with pytest.raises(ValueError, match="it must end later"):
        ScoredStretch(1, 1, 0.5)


def test_overlap_at_a_threshold_is_exactly_the_threshold():
    assert intersection_over_union(Stretch.of_seconds(0.3, 1.25), Stretch.of_seconds(0.3, 1.3)) == 0.95
    assert intersection_over_union(stretch(0, 1), stretch(1, 2)) == 0.0


@given(BOXES)
def test_a_union_covers_the_same_time_in_rising_stretches_that_do_not_touch(stretches):
    merged = union(stretches)
    assert all(covers(merged, second) == covers(stretches, second) for second in SECONDS)
    assert all(first.end_us < second.start_us for first, second in pairwise(merged))
    assert total(merged) == 1_000_000 * sum(covers(stretches, second) for second in SECONDS)


@given(STRETCHES, STRETCHES)
def test_common_time_is_counted_second_by_second(first, second):
    want = sum(covers(first, each) and covers(second, each) for each in SECONDS)
    assert common(first, second) == 1_000_000 * want


@given(st.lists(BOXES, max_size=3))
@settings(max_examples=100)
def test_the_highest_score_is_looked_up_second_by_second(lanes):
    found = highest(lanes)
    for second in SECONDS:
        scores = [each.score for lane in lanes for each in lane if covers([each], second)]
        assert [each.score for each in found if covers([each], second)] == ([max(scores)] if scores else [])
    for first, after in pairwise(found):
        assert first.end_us < after.start_us or (first.end_us == after.start_us and first.score != after.score)


def test_a_long_low_stretch_shows_again_after_a_short_high_one():
    lanes = [[scored(0, 10, 0.2)], [scored(2, 3, 0.9), scored(5, 6, 0.1)]]
    assert highest(lanes) == (scored(0, 2, 0.2), scored(2, 3, 0.9), scored(3, 10, 0.2))
