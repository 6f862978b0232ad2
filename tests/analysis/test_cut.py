import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_tracks import GRID, POLICIES, bare, span, track, tracks_of

from deepfakebench_ext.analysis.cut import cut_segments
from deepfakebench_ext.analysis.policy import Policy, with_onset
from deepfakebench_ext.analysis.spans import ScoredSpan, TrackScores
from deepfakebench_ext.metrics.segments.stretches import MICROSECONDS, microseconds

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "segments.json").read_text(encoding="utf-8"))


def ends(*tracks, policy):
    return [(each.start_s, each.end_s) for each in cut_segments(tracks, policy)]


def of_vector(rows):
    spans = [
        ScoredSpan(microseconds(start), microseconds(end), score, microseconds(at))
        for start, end, at, score in rows["spans"]
    ]
    return TrackScores(rows["track"], rows["shot"], tuple(spans))


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])
def test_segments_are_those_of_the_shared_file(case):
    found = cut_segments([of_vector(rows) for rows in case["tracks"]], Policy(**case["policy"]))
    assert [
        {
            "start_s": each.start_s,
            "end_s": each.end_s,
            "score": each.score,
            "peak_s": each.peak_s,
            "peak_score": each.peak_score,
            "track": each.track,
            "shot": each.shot,
            "scored_share": each.scored_share,
        }
        for each in found
    ] == case["segments"]


# By hand: the time of a track in cells of half a second, each with a score or without.


def cells_of(one):
    last = max((each.end_us for each in one.spans), default=0) * 2 // MICROSECONDS
    cells = [None] * last
    for each in one.spans:
        for cell in range(each.start_us * 2 // MICROSECONDS, each.end_us * 2 // MICROSECONDS):
            cells[cell] = each
    return cells


def stretches_of(flags):
    """Starts and ends of the cells that are true."""
    padded = [False, *flags, False]
    changes = [place for place in range(len(padded) - 1) if padded[place] != padded[place + 1]]
    return list(zip(changes[::2], changes[1::2], strict=True))


def filled(flags, at_most):
    """Without the pauses between true cells that are no longer than this."""
    out = list(flags)
    for (_, first), (second, _) in zip(stretches_of(flags), stretches_of(flags)[1:], strict=False):
        if second - first <= at_most:
            out[first:second] = [True] * (second - first)
    return out


def smoothed_by_hand(one, cells, start, end, policy):
    """Smoothed score of each span of a run, by its first cell."""
    width = round(policy.smooth_s * 2)
    scores = {}
    for each in one.spans:
        first, last = each.start_us * 2 // MICROSECONDS, each.end_us * 2 // MICROSECONDS
        if start <= first < end:
            # Twice the middle, so that a window of an odd number of halves is whole.
            window = [
                cell.score
                for place, cell in enumerate(cells[start:end], start)
                if cell is not None
                for half in (2 * place, 2 * place + 1)
                if first + last - width <= half < first + last + width
            ]
            scores[each] = sum(window) / len(window) if window else each.score
    return scores


def cut_by_hand(one, policy):
    cells, marks = cells_of(one), []
    for start, end in stretches_of(filled([each is not None for each in cells], round(policy.max_gap_s * 2))):
        smoothed = smoothed_by_hand(one, cells, start, end, policy)
        on, flags = False, [False] * len(cells)
        for place in range(start, end):
            if cells[place] is not None:
                score = smoothed[cells[place]]
                on = score >= policy.onset or (on and score >= policy.offset)
                flags[place] = on
        # A gap inside a run between two spans that are on is on too.
        for place in range(start, end):
            if cells[place] is None:
                after = next(flags[other] for other in range(place, end) if cells[other] is not None)
                flags[place] = flags[place - 1] and after
        flags = filled(flags, round(policy.min_off_s * 2) - 1)
        kept = [(a, b) for a, b in stretches_of(flags) if b - a >= policy.min_on_s * 2]
        pad = round(policy.pad_s * 2)
        padded = [False] * len(cells)
        for a, b in kept:
            for place in range(max(start, a - pad), min(end, b + pad)):
                padded[place] = True
        marks += stretches_of(padded)
    return [(a / 2, b / 2) for a, b in marks]


@given(tracks_of(), POLICIES)
@settings(max_examples=300, deadline=None)
def test_segments_are_those_found_cell_by_cell(one, policy):
    found = cut_segments([one], policy)
    assert [(each.start_s, each.end_s) for each in found] == cut_by_hand(one, policy)
    cells = cells_of(one)
    for each in found:
        inside = [cell for cell in cells[round(each.start_s * 2) : round(each.end_s * 2)] if cell is not None]
        assert each.score == pytest.approx(sum(cell.score for cell in inside) / len(inside))
        assert each.peak_score == max(cell.score for cell in inside)
        assert each.scored_share == pytest.approx(len(inside) / (each.end_s - each.start_s) / 2)
        assert each.start_us <= each.peak_us < each.end_us


@given(tracks_of(), tracks_of(number=1), POLICIES)
def test_tracks_are_cut_each_for_itself(first, second, policy):
    both = cut_segments([second, first], policy)
    alone = [*cut_segments([first], policy), *cut_segments([second], policy)]
    assert sorted(both, key=repr) == sorted(alone, key=repr)
    assert list(both) == sorted(both, key=lambda each: (each.start_us, each.end_us, each.track))


@given(tracks_of(), POLICIES, GRID)
def test_a_higher_onset_marks_no_moment_more(one, policy, onset):
    low, high = sorted([policy.onset, onset])
    gap = policy.onset - policy.offset
    marked = [cut_segments([one], with_onset(Policy(1.0, 1 - gap, 0, 0, 0, 0, 0), each)) for each in (low, high)]
    wide = [cut_segments([one], with_onset(policy, each)) for each in (low, high)]
    for less, more in (marked[::-1], wide[::-1]):
        assert all(any(a.start_us <= b.start_us and b.end_us <= a.end_us for a in more) for b in less)


def test_on_at_the_onset_and_off_below_the_offset():
    scores = [0.4, 0.6, 0.5, 0.4, 0.3, 0.5]
    assert ends(track(scores), policy=bare(0.6, 0.4)) == [(1, 4)]
    assert ends(track(scores), policy=bare(0.61, 0.4)) == []


def test_pauses_are_closed_before_short_ones_are_dropped():
    scores = [0.9, 0.1, 0.9, 0.1, 0.1, 0.1, 0.9]
    assert ends(track(scores), policy=bare(min_off_s=2, min_on_s=3)) == [(0, 3)]


def test_a_pause_or_a_segment_of_exactly_the_limit_stays():
    scores = [0.9, 0.9, 0.1, 0.1, 0.9]
    assert ends(track(scores), policy=bare(min_off_s=2, min_on_s=2)) == [(0, 2)]
    # 0.9 - 0.3 and 1.2 - 0.6 differ as floats; both are 0.6 s.
    for start in (0.1, 0.3, 0.6):
        one = track([0.9, 0.9, 0.9], step=0.2, start=start)
        assert len(cut_segments([one], bare(min_on_s=0.6))) == 1


def test_pads_end_at_the_run_and_join_what_they_reach():
    scores = [0.1, 0.9, 0.1, 0.1, 0.9, 0.1, 0.1, 0.1]
    assert ends(track(scores), policy=bare(pad_s=1)) == [(0, 6)]
    assert ends(track(scores), policy=bare(pad_s=0.9)) == [(0.1, 2.9), (3.1, 5.9)]
    assert ends(track(scores), policy=bare(pad_s=9)) == [(0, 8)]


def test_a_gap_no_longer_than_allowed_is_run_over_and_not_counted_as_scored():
    one = track([0.9, None, 0.7])
    (only,) = cut_segments([one], bare(max_gap_s=1))
    assert (only.start_s, only.end_s, only.score) == (0, 3, pytest.approx(0.8))
    assert only.scored_share == pytest.approx(2 / 3)
    assert ends(one, policy=bare(max_gap_s=0.999)) == [(0, 1), (2, 3)]


def test_no_pause_is_closed_and_nothing_smoothed_over_a_longer_gap():
    one = track([0.9, None, None, 0.1, 0.9])
    assert ends(one, policy=bare(min_off_s=9, max_gap_s=1)) == [(0, 1), (4, 5)]
    assert ends(one, policy=bare(0.9, smooth_s=8, max_gap_s=1)) == [(0, 1)]


def test_no_shot_or_track_is_crossed():
    first, second = track([0.9, 0.9], number=1, shot=0), track([0.9, 0.9], start=2, number=2, shot=1)
    policy = bare(smooth_s=4, min_off_s=9, pad_s=5, max_gap_s=9)
    assert ends(first, second, policy=policy) == [(0, 2), (2, 4)]


def test_smoothing_weighs_by_time_and_does_not_fill_the_ends():
    one = TrackScores(0, 0, (span(0, 1, 0.0), span(1, 4, 1.0)))
    # Around 0.5 the window reaches from -1.5 to 2.5: 1 s of 0 and 1.5 s of 1.
    assert ends(one, policy=bare(0.6, smooth_s=4)) == [(0, 4)]
    assert ends(one, policy=bare(0.61, smooth_s=4)) == [(1, 4)]


def test_the_score_is_that_of_the_scores_as_they_are_and_the_peak_the_first_of_the_highest():
    one = track([0.5, 1.0, 0.75, 1.0])
    (only,) = cut_segments([one], bare(0.0, smooth_s=4))
    assert (only.score, only.peak_score, only.peak_s) == (0.8125, 1.0, 1.5)


def test_a_peak_outside_its_segment_is_moved_to_its_edge():
    spans = (span(0, 1, 0.0), span(1, 2, 0.9, at=1.1), span(2, 3, 0.8), span(3, 4, 0.8))
    # Smoothed 0.45, 0.65, 0.825 and 0.8: the highest score of all is not on, and half of its span is in the pad.
    (only,) = cut_segments([TrackScores(0, 0, spans)], bare(0.7, smooth_s=2, pad_s=0.5))
    assert (only.start_s, only.end_s, only.peak_score, only.peak_s) == (1.5, 4, 0.9, 1.5)


def test_nothing_scored_is_nothing_marked():
    assert cut_segments([], bare(0)) == ()
    assert cut_segments([track([])], bare(0)) == ()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"onset": 0.3}, "the offset no higher"),
        ({"onset": 1.1}, "scores from 0 to 1"),
        ({"offset": -0.1}, "scores from 0 to 1"),
        ({"min_on_s": -1.0}, "min_on_s is -1.0"),
        ({"smooth_s": float("inf")}, "smooth_s is inf"),
        ({"pad_s": float("nan")}, "pad_s is nan"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        Policy(**wrong)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_another_onset_takes_the_offset_along(first, second, onset):
    policy = Policy(max(first, second), min(first, second))
    moved = with_onset(policy, onset)
    assert moved.onset == onset
    assert moved.offset == pytest.approx(max(0.0, onset - (policy.onset - policy.offset)), abs=1e-6)
    assert replace(moved, onset=policy.onset, offset=policy.offset) == policy


def test_another_onset_of_the_default_has_a_round_offset():
    assert with_onset(Policy(), 0.7).offset == 0.6
