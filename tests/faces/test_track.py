"""Tracks of made scenes whose people are known: moving, crossing, leaving, returning, cut; and the assignment."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepfakebench_ext.faces.detect import Face
from deepfakebench_ext.faces.track import Expected, Tracker, _cost, matches, overlap, tracks_of


def box(x, y, width):
    return (x - width / 2, y - width / 2, x + width / 2, y + width / 2)


def face(x, y=300.0, width=100.0, score=1.0):
    return Face(box(x, y, width), None, score)


def seen(people, frames, rng=None):
    """What a detector sees of people, each a function of the frame to x, y and width, or to None: shuffled, and noisy.

    dlib's boxes come in sizes a fifth apart and are that much off now and then; so are these.
    """
    for index in range(frames):
        there = [(who, person(index)) for who, person in enumerate(people)]
        there = [(who, place) for who, place in there if place is not None]
        if rng is not None:
            rng.shuffle(there)
        found = []
        for who, (x, y, width) in there:
            noise = (0, 0, 1) if rng is None else (*rng.normal(0, 0.03 * width, 2), rng.choice([1 / 1.2, 1, 1, 1, 1.2]))
            found.append((who, face(x + noise[0], y + noise[1], width * noise[2])))
        yield found


def truth(people, frames, rng=None, *, every=1, cuts=(), **options):
    """For each person the tracks that her faces went to, in order, when every `every`-th frame is searched."""
    tracker = Tracker(search_every=every, **options)
    went = {who: [] for who in range(len(people))}
    for index, found in enumerate(seen(people, frames, rng)):
        if index in cuts:
            tracker.cut()
        if index % every:
            continue
        for (who, _), tracked in zip(found, tracker.search(index, [one for _, one in found]), strict=True):
            went[who].append(tracked.track)
    return went


def steps(tracks):
    return [number for number, _ in itertools.groupby(tracks)]


# One person and several


def test_one_person_is_one_track():
    went = truth([lambda at: (200 + 5 * at, 300 + 20 * math.sin(at / 5), 100)], 60)
    assert went == {0: [0] * 60}


@pytest.mark.parametrize("number", range(1, 9))
@pytest.mark.parametrize("every", [1, 5])
def test_up_to_eight_people_who_sway_keep_their_tracks(number, every):
    rng = np.random.default_rng(number)
    people = [
        lambda at, who=who: (150 + 140 * who + 15 * math.sin(at / 7 + who), 300 + 10 * math.cos(at / 9), 90 + 5 * who)
        for who in range(number)
    ]
    went = truth(people, 100, rng, every=every)
    assert all(len(set(tracks)) == 1 for tracks in went.values())
    assert len({tracks[0] for tracks in went.values()}) == number


@pytest.mark.parametrize("every", [1, 3])
@pytest.mark.parametrize("hidden_px", [0, 60])
@pytest.mark.parametrize("seed", range(5))
def test_people_who_cross_keep_their_tracks(every, hidden_px, seed):
    """Two walk past each other, of one size; the one behind is not seen where the other covers her."""

    def left(at):
        return (200 + 8 * at, 300, 100)

    def right(at):
        x = 1000 - 8 * at
        return None if abs(x - left(at)[0]) < hidden_px else (x, 320, 100)

    went = truth([left, right], 100, np.random.default_rng(seed), every=every)
    first, second = went[0][0], went[1][0]
    assert first != second
    # Where one covers the other, a noisy box may be taken for hers in passing.
    assert np.mean([track == first for track in went[0]]) > 0.9
    assert np.mean([track == second for track in went[1]]) > 0.9
    assert (went[0][-1], went[1][-1]) == (first, second)


def test_who_leaves_and_comes_back_soon_is_the_same_and_later_another():
    def away(first, last):
        return lambda at: None if first <= at <= last else (300, 300, 100)

    assert steps(truth([away(10, 18)], 40, patience=10)[0]) == [0]
    assert steps(truth([away(10, 19)], 40, patience=10)[0]) == [0, 1]


def test_who_comes_back_elsewhere_is_another():
    went = truth([lambda at: None if 10 <= at < 13 else (200 if at < 10 else 700, 300, 100)], 30)
    assert steps(went[0]) == [0, 1]


def test_a_face_that_is_much_larger_is_another():
    went = truth([lambda at: (300, 300, 100 if at < 10 else 180)], 20)
    assert steps(went[0]) == [0, 1]


def test_all_tracks_end_at_a_cut_and_numbers_are_not_used_again():
    people = [lambda at: (300, 300, 100), lambda at: (700, 300, 100)]
    went = truth(people, 30, cuts=(10, 20))
    assert [steps(tracks) for tracks in went.values()] == [[0, 2, 4], [1, 3, 5]]


def test_a_face_seen_for_the_first_time_beside_another_is_a_new_track():
    people = [lambda at: (300, 300, 100), lambda at: None if at < 10 else (430, 300, 100)]
    assert [steps(tracks) for tracks in truth(people, 20).values()] == [[0], [1]]


def test_memory_does_not_grow_with_the_film():
    tracker = Tracker(search_every=1)
    for index in range(3000):
        # Every frame shows one who stays and one whom it has never shown.
        tracker.search(index, [face(100), face(400 + 300 * (index % 20))])
    assert len(tracker._living) <= 25
    assert all(len(path._places) <= 8 for path in tracker._living)


# When to search


def test_a_search_is_due_at_first_every_so_often_and_after_a_cut():
    tracker = Tracker(search_every=5)
    due = []
    for index in range(12):
        if index == 7:
            tracker.cut()
        due.append(tracker.is_due(index))
        if due[-1]:
            tracker.search(index, [face(300)])
        else:
            tracker.follow(index, tracker.in_sight())
    assert [index for index, is_due in enumerate(due) if is_due] == [0, 5, 7]


def test_a_search_is_due_while_a_face_is_missed_and_where_two_cross():
    tracker = Tracker()
    tracker.search(0, [face(300), face(600)])
    assert not tracker.is_due(1)
    tracker.search(1, [face(300)])
    assert tracker.is_due(2)
    tracker.search(2, [face(300), face(600)])
    assert not tracker.is_due(3)
    tracker.follow(3, {0: face(300), 1: face(370)})
    assert tracker.is_due(4)


def test_who_was_missed_is_not_followed_until_found_again():
    tracker = Tracker()
    tracker.search(0, [face(300), face(600)])
    tracker.search(1, [face(300)])
    assert set(tracker.in_sight()) == {0}
    assert [tracked.track for tracked in tracker.follow(2, tracker.in_sight())] == [0]
    assert [tracked.track for tracked in tracker.search(3, [face(600)])] == [1]


def test_a_followed_face_is_where_it_was_followed_to():
    tracker = Tracker()
    tracker.search(0, [face(300)])
    for index in range(1, 5):
        (tracked,) = tracker.follow(index, {0: face(300 + 60 * index)})
        assert (tracked.track, tracked.is_found) == (0, False)
    (tracked,) = tracker.search(5, [face(600)])
    assert (tracked.track, tracked.is_found) == (0, True)


@pytest.mark.parametrize(("every", "patience"), [(0, 1), (1, -1)])
def test_numbers_out_of_range_are_errors(every, patience):
    with pytest.raises(ValueError, match="must be at least 1"):
        Tracker(search_every=every, patience=patience)


def test_what_jumps_about_a_steady_face_is_steadied_by_where_it_was():
    rng, tracker, off = np.random.default_rng(0), Tracker(search_every=1), []
    shown = face(300)
    for index in range(200):
        x, y = 300 + rng.normal(0, 4), 300 + rng.normal(0, 4)
        found = face(x, y, rng.choice([91, 100, 109]), score=index)
        ((shown, number, is_found),) = (
            (each.face, each.track, each.is_found)
            for each in tracker.search(index, [found], {0: shown} if index else None)
        )
        assert (number, is_found, shown.score) == (0, True, index)
        off.append([*np.subtract(shown.bbox_px, face(300).bbox_px), *np.subtract(found.bbox_px, face(300).bbox_px)])
    steady, jumping = np.std(off[10:], axis=0).reshape(2, 4)
    assert (steady < 0.5 * jumping).all()


def test_a_face_that_is_found_elsewhere_than_it_was_expected_is_where_it_was_found():
    tracker = Tracker(search_every=1)
    tracker.search(0, [face(300)])
    (tracked,) = tracker.search(1, [face(350)], {0: face(300)})
    assert (tracked.track, tracked.face.bbox_px) == (0, face(350).bbox_px)
    (unknown,) = tracker.search(2, [face(352)], {7: face(300)})
    assert unknown.face.bbox_px == face(352).bbox_px


def test_landmarks_are_steadied_as_the_box_is_where_both_faces_have_them():
    points = np.arange(10, dtype=np.float64).reshape(5, 2)
    tracker = Tracker(search_every=1)
    tracker.search(0, [replace(face(300), landmarks_px=points)])
    moved = {0: replace(face(300), landmarks_px=points)}
    (tracked,) = tracker.search(1, [replace(face(304), landmarks_px=points + 4)], moved)
    np.testing.assert_allclose(tracked.face.landmarks_px, points + 2)
    np.testing.assert_allclose(tracked.face.bbox_px, face(302).bbox_px)
    (bare,) = tracker.search(2, [replace(face(306), landmarks_px=points)], {0: face(303)})
    np.testing.assert_allclose(bare.face.landmarks_px, points)
    np.testing.assert_allclose(bare.face.bbox_px, face(304).bbox_px)


def test_frames_must_ascend():
    tracker = Tracker()
    tracker.search(3, [])
    with pytest.raises(ValueError, match="frames must ascend"):
        tracker.search(3, [])


# Clips


def test_the_tracks_of_a_clip_break_at_its_cuts():
    left, right = face(300), face(800)
    tracks = tracks_of([[left, right], [right, left], [], [left], [right]], cuts={4})
    assert [(track.number, dict(track.faces)) for track in tracks] == [
        (0, {0: left, 1: left, 3: left}),
        (1, {0: right, 1: right}),
        (2, {4: right}),
    ]


def test_a_clip_without_faces_has_no_tracks():
    assert tracks_of([[], [], []]) == ()
    assert tracks_of([]) == ()


# The assignment


coordinates = st.floats(0, 500)
boxes = st.builds(box, coordinates, coordinates, st.floats(20, 200))


@settings(max_examples=200, deadline=None)
@given(st.lists(boxes, max_size=4), st.lists(boxes, max_size=4), st.floats(0.2, 2))
def test_the_assignment_is_the_largest_and_of_these_the_cheapest(before, after, reach):
    expected = [Expected(one, one, reach) for one in before]
    pairs = matches(expected, after)

    def price(some):
        return sum(_cost(expected[row], after[column]) for row, column in some)

    possible = [
        [(row, column) for row, column in zip(rows, columns, strict=True) if math.isfinite(price([(row, column)]))]
        for size in range(min(len(before), len(after)) + 1)
        for rows in itertools.combinations(range(len(before)), size)
        for columns in itertools.permutations(range(len(after)), size)
    ]
    most = max(map(len, possible))
    assert len(pairs) == most
    assert price(pairs) == pytest.approx(min(price(some) for some in possible if len(some) == most))


@settings(max_examples=100, deadline=None)
@given(st.lists(boxes, min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_the_order_of_faces_changes_no_track(faces, random):
    order = list(range(len(faces)))
    random.shuffle(order)
    tracks = []
    for second in (order, sorted(order)):
        tracker = Tracker()
        tracker.search(0, [Face(one, None, 1.0) for one in faces])
        found = tracker.search(1, [Face(faces[place], None, 1.0) for place in second])
        tracks.append(sorted((tracked.face.bbox_px, tracked.track) for tracked in found))
    assert [one for one, _ in tracks[0]] == [one for one, _ in tracks[1]]
    if len(set(faces)) == len(faces):
        assert tracks[0] == tracks[1]


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (box(0, 0, 10), box(0, 0, 10), 1),
        (box(0, 0, 10), box(5, 0, 10), 1 / 3),
        (box(0, 0, 10), box(10, 0, 10), 0),
        (box(0, 0, 10), box(50, 50, 10), 0),
        (box(0, 0, 10), box(0, 0, 20), 1 / 4),
    ],
)
def test_overlap_is_the_shared_part_of_the_union(one, other, expected):
    assert overlap(one, other) == pytest.approx(expected)
    assert overlap(other, one) == pytest.approx(expected)


@pytest.mark.parametrize("bad", [(5.0, 5.0, 5.0, 5.0), (5.0, 5.0, 4.0, 9.0)])
def test_an_empty_box_matches_nothing(bad):
    assert matches([Expected(bad, bad, 1.0)], [bad]) == []
