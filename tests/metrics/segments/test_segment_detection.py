import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judged_videos import judged_videos, video

from deepfakebench_ext.metrics.segments.detection import (
    AR_THRESHOLDS,
    Overlaps,
    average_precision_rows,
    average_recall_rows,
)
from deepfakebench_ext.metrics.segments.matching import match, overlaps
from deepfakebench_ext.metrics.segments.stretches import intersection_over_union


def found_by_hand(boxes, truth, threshold):
    """Which boxes hit, looked up pair by pair."""
    free, hits = list(truth), []
    for box in boxes:
        best = max(free, key=lambda true: intersection_over_union(box, true), default=None)
        hit = best is not None and intersection_over_union(box, best) >= threshold
        hits.append(hit)
        if hit:
            free.remove(best)
    return hits


def precision_by_hand(videos, threshold):
    """The area under the falling hull, one distinct score after another."""
    flagged = [
        (box.score, hit)
        for each in videos
        for box, hit in zip(each.boxes, found_by_hand(each.boxes, each.truth, threshold), strict=True)
    ]
    true = sum(len(each.truth) for each in videos)
    if not true:
        return None
    points = []
    for score in sorted({score for score, _ in flagged}, reverse=True):
        called = [hit for other, hit in flagged if other >= score]
        points.append((sum(called) / true, sum(called) / len(called)))
    area, before = 0.0, 0.0
    for place, (recall, _) in enumerate(points):
        area += (recall - before) * max(precision for _, precision in points[place:])
        before = recall
    return area


def recall_by_hand(videos, boxes):
    true = sum(len(each.truth) for each in videos)
    if not true:
        return None
    hits = [
        sum(sum(found_by_hand(each.boxes[:boxes], each.truth, threshold)) for each in videos)
        for threshold in AR_THRESHOLDS
    ]
    return sum(hits) / true / len(AR_THRESHOLDS)


def value(rows, videos):
    figure = rows(np.ones((1, len(videos)), np.int64))[0]
    return None if np.isnan(figure) else figure


def test_a_perfect_list_has_an_ap_of_one_however_short():
    videos = [video(truth=[(1, 2)], boxes=[(1, 2, 0.3)]), video("b", boxes=[(4, 5, 0.1)])]
    assert value(average_precision_rows(Overlaps.of(videos), 0.95), videos) == 1.0


def test_a_second_box_on_a_stretch_is_a_false_alarm():
    # The higher box hits; the copy below it and the box on nothing come before the second hit: 1/2 + 1/2 * 2/4.
    boxes = [(1, 3, 0.9), (1, 3, 0.8), (8, 9, 0.7), (5, 7, 0.6)]
    videos = [video(truth=[(1, 3), (5, 7)], boxes=boxes)]
    assert value(average_precision_rows(Overlaps.of(videos), 0.5), videos) == 0.75


def test_a_false_alarm_in_a_real_video_counts():
    videos = [video(truth=[(1, 3)], boxes=[(1, 3, 0.5)]), video("b", boxes=[(0, 1, 0.9)])]
    assert value(average_precision_rows(Overlaps.of(videos), 0.5), videos) == 0.5


def test_an_overlap_of_exactly_the_threshold_is_a_hit():
    videos = [video(truth=[(0, 1)], boxes=[(0, 2, 0.9)])]
    assert value(average_precision_rows(Overlaps.of(videos), 0.5), videos) == 1.0
    assert value(average_precision_rows(Overlaps.of(videos), 0.51), videos) == 0.0


def test_equal_scores_are_one_step_in_whatever_order_the_videos_come():
    videos = [video(truth=[(1, 3)], boxes=[(1, 3, 0.5)]), video("b", boxes=[(0, 1, 0.5)])]
    for order in (videos, videos[::-1]):
        assert value(average_precision_rows(Overlaps.of(order), 0.5), order) == 0.5


def test_a_box_takes_the_free_stretch_that_it_overlaps_most():
    boxes, truth = video(boxes=[(0, 4, 0.9), (0, 3, 0.8)]).boxes, video(truth=[(0, 3), (3.5, 7.5)]).truth
    assert match(overlaps(boxes, truth), 0.1).tolist() == [0, -1]
    boxes = video(boxes=[(2, 6, 0.9), (0, 3, 0.8)]).boxes
    assert match(overlaps(boxes, truth), 0.1).tolist() == [1, 0]


def test_recall_is_of_the_highest_boxes_and_one_box_finds_one_stretch():
    truth, boxes = [(0, 2), (4, 6)], [(0, 2, 0.9), (8, 9, 0.8), (4, 6, 0.7)]
    videos = [video(truth=truth, boxes=boxes)]
    found = Overlaps.of(videos)
    assert [value(average_recall_rows(found, count), videos) for count in (1, 2, 3)] == [0.5, 0.5, 1.0]
    wide = [video(truth=[(0, 2), (2.1, 4)], boxes=[(0, 4, 0.9)])]
    # The box overlaps the first by exactly 0.5, which one of ten thresholds asks for, and finds one of two.
    assert value(average_recall_rows(Overlaps.of(wide), 5), wide) == pytest.approx(0.05)


def test_a_video_without_a_timeline_has_missed_its_stretches():
    videos = [video(truth=[(0, 2)], boxes=[(0, 2, 0.9)]), video("b", truth=[(0, 2)], analysed=False)]
    assert value(average_recall_rows(Overlaps.of(videos), 5), videos) == 0.5
    assert value(average_precision_rows(Overlaps.of(videos), 0.5), videos) == 0.5


@given(judged_videos(), st.sampled_from([0.1, 0.25, 0.5, 0.75]))
@settings(max_examples=80, deadline=None)
def test_ap_is_the_one_added_up_by_hand(videos, threshold):
    want = precision_by_hand(videos, threshold)
    got = value(average_precision_rows(Overlaps.of(videos), threshold), videos)
    assert got == (want if want is None else pytest.approx(want, abs=1e-12))


@given(judged_videos(), st.sampled_from([1, 2, 5]))
@settings(max_examples=50, deadline=None)
def test_ar_is_the_one_added_up_by_hand(videos, boxes):
    want = recall_by_hand(videos, boxes)
    got = value(average_recall_rows(Overlaps.of(videos), boxes), videos)
    assert got == (want if want is None else pytest.approx(want, abs=1e-12))
