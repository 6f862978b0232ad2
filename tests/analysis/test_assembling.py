import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepfakebench_ext.analysis.assembling import BETWEEN, LOST, UNDECODABLE, tracks_of, unscored_of, without
from deepfakebench_ext.analysis.film import Clip, Film, Followed, Lapse, Sighting, film_json, film_of
from deepfakebench_ext.metrics.segments.stretches import Stretch, common, total, union

BOX = (0.0, 0.0, 9.0, 9.0)
TENTH = 100_000


def film(**changed):
    sightings = [Sighting(at * TENTH, at, BOX, at // 2 if at != 6 else None) for at in range(0, 10, 2)]
    values = {
        "takes": "image",
        "end_us": 10 * TENTH,
        "promised_end_us": 10 * TENTH,
        "frames": 10,
        "moments_us": [at * TENTH for at in range(0, 10, 2)],
        "tracks": [Followed(1, 1, 0, 10 * TENTH, sightings)],
    }
    return Film(**{**values, **changed})


def test_the_record_is_the_same_after_a_file():
    whole = film(
        lapses=[Lapse(0, 5, "why", None)],
        cuts_us=[7],
        damage="some",
        tracks=[Followed(1, 1, 0, 9, [], [Clip(0, 9, 0)])],
    )
    assert film_of(json.loads(json.dumps(film_json(whole)))) == whole


def test_a_moment_without_a_score_is_not_covered_by_its_neighbours():
    scores = [0.1, 0.2, 0.3, None, 0.5]
    (track,) = tracks_of(film(), scores)
    assert [(s.start_us // TENTH, s.end_us // TENTH, s.score) for s in track.scores.spans] == [
        (0, 1, 0.1),
        (1, 3, 0.2),
        (3, 5, 0.3),
        (7, 10, 0.5),
    ]
    (gap,) = unscored_of(film(), [track])
    assert (gap.where, gap.reason, gap.track) == (Stretch(5 * TENTH, 7 * TENTH), LOST, 1)


def test_the_rest_of_a_film_that_breaks_off_cannot_be_decoded():
    broken = film(promised_end_us=30 * TENTH)
    found = unscored_of(broken, tracks_of(broken, [0.5] * 5))
    assert (found[-1].where, found[-1].reason) == (Stretch(10 * TENTH, 30 * TENTH), UNDECODABLE)


def test_a_lapse_takes_nothing_of_what_is_scored():
    lapsed = film(lapses=[Lapse(0, 40 * TENTH, "no face found", None)], end_us=40 * TENTH)
    found = [each for each in unscored_of(lapsed, tracks_of(lapsed, [0.5] * 5)) if each.track is None]
    assert [each.where for each in found] == [Stretch(5 * TENTH, 7 * TENTH), Stretch(10 * TENTH, 40 * TENTH)]


STRETCHES = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 10)).map(lambda p: Stretch(p[0], p[0] + p[1])))


@given(STRETCHES, STRETCHES)
def test_what_is_left_outside_holes_is_all_that_no_hole_covers(stretches, holes):
    left, taken = without(stretches, union(holes)), union(holes)
    assert common(left, taken) == 0
    assert total(left) + common(union(stretches), taken) == total(union(stretches))


@pytest.mark.parametrize("cuts", [[], [4 * TENTH], [4 * TENTH, 9 * TENTH]])
def test_shots_cover_the_film_without_a_gap(cuts):
    shots = film(cuts_us=cuts).shots()
    assert union(shots) == (Stretch(0, 10 * TENTH),)
    assert len(shots) == len(cuts) + 1


def test_a_face_in_sight_between_two_moments_is_said_to_be_so():
    brief = Followed(2, 1, 3 * TENTH, 4 * TENTH, [Sighting(3 * TENTH, 3, BOX)])
    seen = film(tracks=[*film().tracks, brief])
    found = [each for each in unscored_of(seen, tracks_of(seen, [0.5] * 5)) if each.track == 2]
    assert [(each.where, each.reason) for each in found] == [(Stretch(3 * TENTH, 4 * TENTH), BETWEEN)]
