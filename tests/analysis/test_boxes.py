from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from made_tracks import span, track, tracks_of

from deepfakebench_ext.analysis.boxes import LEAST_STEP, REACH_S, _Density, scored_boxes
from deepfakebench_ext.analysis.cut import runs
from deepfakebench_ext.analysis.spans import TrackScores

LOW, HIGH = 0.1, 0.9


def boxes(scores, step=0.2):
    """Places of spans where each box starts and ends, and its score."""
    found = scored_boxes([track(scores, step=step)])
    return [(round(each.start_s / step), round(each.end_s / step), round(each.score, 6)) for each in found]


@pytest.mark.parametrize(
    ("scores", "want"),
    [
        ([LOW] * 20, [(0, 20, LOW)]),
        ([0.7], [(0, 1, 0.7)]),
        ([LOW] * 9 + [HIGH] + [LOW] * 9, [(9, 10, HIGH)]),
        ([LOW] * 9 + [HIGH] * 6 + [LOW] * 9, [(9, 15, HIGH)]),
        ([HIGH] * 6 + [LOW] * 9, [(0, 6, HIGH)]),
        ([LOW] * 9 + [HIGH] * 6, [(9, 15, HIGH)]),
        ([LOW] * 9 + [HIGH] * 3 + [0.8] + [HIGH] * 3 + [LOW] * 9, [(9, 16, 6.2 / 7)]),
        ([LOW] * 9 + [HIGH] * 4 + [0.3] * 3 + [HIGH] * 4 + [LOW] * 9, [(9, 13, HIGH), (16, 20, HIGH)]),
        ([LOW] * 9 + [HIGH] * 4 + [LOW] * 4 + [0.5] * 4 + [LOW] * 9, [(9, 13, HIGH), (17, 21, 0.5)]),
    ],
)
def test_boxes_are_where_scores_rise_and_fall(scores, want):
    assert boxes(scores) == [(start, end, pytest.approx(score, abs=1e-6)) for start, end, score in want]


def test_a_box_runs_over_a_short_unscored_stretch_and_not_over_a_long_one():
    head, tail = [LOW] * 9 + [HIGH] * 4, [HIGH] * 4 + [LOW] * 9
    (whole,) = scored_boxes([track([*head, None, None, *tail], step=0.2)])
    assert (whole.start_s, whole.end_s, whole.scored_share) == (1.8, 3.8, pytest.approx(0.8))
    assert boxes([*head, None, None, None, *tail]) == [(9, 13, HIGH), (16, 20, HIGH)]


def test_boxes_are_the_same_for_the_film_run_backwards():
    scores = [LOW] * 9 + [0.5] * 3 + [HIGH] * 4 + [LOW] * 5 + [0.4] * 3 + [LOW] * 9
    backwards = [(len(scores) - end, len(scores) - start, score) for start, end, score in boxes(scores[::-1])]
    assert boxes(scores) == backwards


def test_a_low_bump_beside_a_fake_does_not_drag_it_down():
    scores = [LOW] * 9 + [0.35] * 4 + [LOW] * 4 + [HIGH] * 6 + [LOW] * 9
    assert boxes(scores) == [(17, 23, HIGH), (9, 13, 0.35)]


def test_boxes_of_a_noisy_film_find_the_fake_first():
    rng = np.random.default_rng(0)
    scores = rng.normal(0.15, 0.07, 300)
    scores[100:130] = rng.normal(0.8, 0.07, 30)
    start, end, score = boxes(np.clip(scores, 0, 1).tolist())[0]
    assert (start, end) == (100, 130)
    assert score == pytest.approx(0.8, abs=0.05)


def test_every_stretch_of_scores_has_a_box_of_its_own_shot():
    first, second = track([LOW] * 5, number=1), track([HIGH] * 5, start=5, number=2, shot=1)
    found = scored_boxes([first, second])
    assert [(each.track, each.shot, each.start_s, each.end_s) for each in found] == [(2, 1, 5, 10), (1, 0, 0, 5)]


def steps_by_hand(run, edge):
    """The filter at one edge, by small slices of time."""
    means = []
    for side in (-1, 1):
        added = weights = 0.0
        for distance in (np.arange(2000) + 0.5) / 2000 * REACH_S:
            at = edge + side * distance
            for each in run:
                if each.start_s <= at < each.end_s:
                    added += (REACH_S - distance) * each.score
                    weights += REACH_S - distance
        means.append(added / weights if weights else None)
    return means


def test_the_step_filter_is_the_weighted_mean_after_less_the_one_before():
    run = (span(10, 10.3, 0.2), span(10.3, 11, 0.9), span(11.4, 11.5, 0.5), span(11.5, 13, 0.1))
    density = _Density.of(run)
    steps = density.steps()
    assert (steps[0], steps[-1]) == (0, 0)
    for edge, step in list(zip(density.edges / 1e6, steps, strict=True))[1:-1]:
        before, after = steps_by_hand(run, edge)
        assert step == pytest.approx(after - before, abs=2e-3)


@given(tracks_of())
@settings(max_examples=200, deadline=None)
def test_boxes_lie_apart_inside_their_runs_and_each_run_has_one(one):
    found = sorted(scored_boxes([one]), key=lambda each: each.start_us)
    assert all(first.end_us <= second.start_us for first, second in pairwise(found))
    for run in runs(one.spans, 500_000):
        inside = [each for each in found if run[0].start_us <= each.start_us and each.end_us <= run[-1].end_us]
        assert inside
        edges = {edge for each in run for edge in (each.start_us, each.end_us)}
        assert all(each.start_us in edges and each.end_us in edges for each in inside)
    assert [each.score for each in scored_boxes([one])] == sorted((each.score for each in found), reverse=True)


@given(tracks_of())
@settings(max_examples=100, deadline=None)
def test_moving_a_film_in_time_moves_its_boxes(one):
    later = TrackScores(0, 0, tuple(span(each.start_s + 100, each.end_s + 100, each.score) for each in one.spans))
    got = [(each.start_us - 100_000_000, each.end_us - 100_000_000, each.score) for each in scored_boxes([later])]
    assert got == [(each.start_us, each.end_us, each.score) for each in scored_boxes([one])]


def test_a_step_of_less_than_the_least_is_none():
    assert boxes([0.5] * 9 + [0.5 + LEAST_STEP - 0.01] * 9) == [(0, 18, pytest.approx(0.5 + (LEAST_STEP - 0.01) / 2))]
    assert boxes([0.5] * 9 + [0.5 + LEAST_STEP + 0.01] * 9) == [(9, 18, pytest.approx(0.5 + LEAST_STEP + 0.01))]
