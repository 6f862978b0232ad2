"""Faces followed by their flow: where they went, when that is doubted, and how seldom a search is needed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scenes import FACE_WIDTH_PX, head, scene

from deepfakebench_ext.faces.detect import Face
from deepfakebench_ext.faces.follow import FaceFollower, moved_face

SIZE = (360, 640)


def place(index):
    """Where her face is: x, y, width and the picture's tilt in degrees."""
    return (
        250 + 25 * np.sin(index / 2),
        180 + 12 * np.cos(index / 3),
        100 * (1 + 0.05 * np.sin(index / 4)),
        4 * np.sin(index),
    )


def true_face(x, y, width, angle=0.0, score=1.0):
    half = width / 2
    turned, around = np.radians(-angle), width / FACE_WIDTH_PX * np.array([[-14.0, -9.0], [26.0, -9.0]])
    turn = np.array([[np.cos(turned), -np.sin(turned)], [np.sin(turned), np.cos(turned)]])
    return Face((x - half, y - half, x + half, y + half), around @ turn.T + (x, y), score)


@pytest.fixture(scope="module")
def film(astronaut):
    alone = head(astronaut)
    return [scene(alone, SIZE, width, (x, y), angle=angle) for x, y, width, angle in map(place, range(12))]


class Truth:
    """A detector that knows where she is, and counts how often it is asked."""

    def __init__(self, film):
        self._known = {id(rgb): true_face(*place(index)) for index, rgb in enumerate(film)}
        self.asked = []

    def detect(self, rgb):
        self.asked.append(list(self._known).index(id(rgb)))
        return [self._known[id(rgb)]]


def test_a_face_is_followed_within_3_percent_of_its_width(film):
    detector = Truth(film)
    follower = FaceFollower(detector)
    for index, rgb in enumerate(film):
        (tracked,) = follower.faces(index, rgb)
        expected = true_face(*place(index))
        width = place(index)[2]
        assert np.abs(np.subtract(tracked.face.bbox_px, expected.bbox_px)).max() < 0.03 * width
        assert np.abs(tracked.face.landmarks_px - expected.landmarks_px).max() < 0.03 * width
        assert tracked.track == 0
        assert tracked.is_found == (index in detector.asked)
    assert detector.asked == [0, 5, 10]


def test_a_detector_that_jumps_about_a_face_is_steadied_by_following_it(film):
    rng = np.random.default_rng(1)

    class Jumping(Truth):
        def detect(self, rgb):
            (found,) = super().detect(rgb)
            width = found.bbox_px[2] - found.bbox_px[0]
            jump = np.tile(rng.normal(0, 0.05 * width, 2), 2)
            return [replace(found, bbox_px=tuple(found.bbox_px + jump))]

    follower, off = FaceFollower(Jumping(film), search_every=1), []
    for index, rgb in enumerate(film):
        (tracked,) = follower.faces(index, rgb)
        off.append(np.subtract(tracked.face.bbox_px, true_face(*place(index)).bbox_px) / place(index)[2])
    assert np.std(off[3:]) < 0.03, "of 5 % that the detector jumps"


def test_a_cut_is_searched_and_begins_new_tracks(film):
    detector = Truth(film)
    follower = FaceFollower(detector)
    tracks = [follower.faces(index, rgb, is_cut=index == 3)[0].track for index, rgb in enumerate(film[:6])]
    assert tracks == [0, 0, 0, 1, 1, 1]
    assert detector.asked == [0, 3]


def test_a_face_that_is_gone_is_searched_for_at_once(film):
    empty = np.full((*SIZE, 3), 90, np.uint8)
    frames = [film[0], empty, empty]
    found = {id(film[0]): [true_face(*place(0))]}

    class Seeing:
        asked = 0

        def detect(self, rgb):
            self.asked += 1
            return found.get(id(rgb), [])

    detector = Seeing()
    follower = FaceFollower(detector)
    assert [len(follower.faces(index, rgb)) for index, rgb in enumerate(frames)] == [1, 0, 0]
    assert detector.asked == 3


def test_a_frame_of_another_size_is_searched(film):
    detector = Truth([*film[:1], film[1][:-20]])
    follower = FaceFollower(detector)
    frames = [film[0], film[1][:-20]]
    detector._known = {id(rgb): true_face(*place(index)) for index, rgb in enumerate(frames)}
    for index, rgb in enumerate(frames):
        assert follower.faces(index, rgb)[0].is_found


def test_a_face_still_in_its_place_stays_there(film):
    face = true_face(*place(0))
    still = moved_face(film[0], film[0].copy(), face)
    np.testing.assert_allclose(still.bbox_px, face.bbox_px, atol=0.01)
    np.testing.assert_allclose(still.landmarks_px, face.landmarks_px, atol=0.01)


@pytest.mark.parametrize("bbox", [(-200.0, 10.0, -100.0, 110.0), (639.0, 359.0, 680.0, 400.0)])
def test_a_face_off_the_frame_is_lost(film, bbox):
    assert moved_face(film[0], film[1], Face(bbox, None, 1.0)) is None


def test_a_wall_without_features_is_not_followed():
    wall = np.full((200, 200, 3), 128, np.uint8)
    assert moved_face(wall, wall, Face((50.0, 50.0, 150.0, 150.0), None, 1.0)) is None


@pytest.mark.parametrize("width", [24, 40, 150, 300])
def test_faces_of_any_size_are_followed(astronaut, width):
    before, after = (scene(head(astronaut), SIZE, width, (320 + step, 180)) for step in (0, width / 5))
    there = moved_face(before, after, true_face(320, 180, width))
    expected = true_face(320 + width / 5, 180, width).bbox_px
    assert np.abs(np.subtract(there.bbox_px, expected)).max() < 0.03 * width


def test_without_landmarks_there_are_none_after(film):
    face = true_face(*place(0))
    assert moved_face(film[0], film[1], Face(face.bbox_px, None, 1.0)).landmarks_px is None
