"""Smoothing: noise goes, steady motion stays, nothing crosses from one track to another."""

from __future__ import annotations

import numpy as np
import pytest

from deepfakebench_ext.faces.detect import Face
from deepfakebench_ext.faces.smooth import Smoother, TrackedFrame, smoothed
from deepfakebench_ext.faces.track import TrackedFace


def tracked(track, x, y=0.0, *, landmarks=True):
    points = np.array([[x, y], [x + 10, y + 2]]) if landmarks else None
    return TrackedFace(track, Face((x, y, x + 20, y + 20), points, 0.5), is_found=True)


def through(frames, reach=2):
    smoother = Smoother(reach)
    out = [frame for index, faces in frames for frame in smoother.add(TrackedFrame(index, faces))]
    return out + smoother.finish()


def places(out, track=0):
    return {frame.index: face.face.landmarks_px for frame in out for face in frame.faces if face.track == track}


def test_steady_motion_stays_as_it_is():
    out = through([(index, [tracked(0, 3.0 * index, 2.0 * index)]) for index in range(12)])
    assert [frame.index for frame in out] == list(range(12))
    for index, points in places(out).items():
        np.testing.assert_allclose(points, tracked(0, 3.0 * index, 2.0 * index).face.landmarks_px, atol=1e-9)
    np.testing.assert_allclose(out[5].faces[0].face.bbox_px, (15, 10, 35, 30))


def test_jitter_is_halved():
    noise = np.random.default_rng(0).normal(0, 1, (500, 2))
    out = through([(index, [tracked(0, 2.0 * index + dx, dy)]) for index, (dx, dy) in enumerate(noise)])
    left = np.array([points[0] - (2.0 * index, 0) for index, points in places(out).items()])
    assert left[2:-2].std() < 0.55 * noise.std()
    assert np.diff(left, 2, axis=0).std() < 0.25 * np.diff(noise, 2, axis=0).std()


def test_each_track_is_smoothed_by_itself():
    frames = [(index, [tracked(1, 1000.0 - index), tracked(0, 5.0 * index)]) for index in range(8)]
    out = through(frames)
    for index in range(8):
        assert places(out, 0)[index][0, 0] == pytest.approx(5 * index)
        assert places(out, 1)[index][0, 0] == pytest.approx(1000 - index)
        assert [face.track for face in out[index].faces] == [1, 0]


def test_gaps_in_a_track_do_no_harm():
    out = through([(index, [tracked(0, 4.0 * index)] if index not in (3, 4, 8) else []) for index in range(11)])
    assert len(out) == 11
    for index, points in places(out).items():
        assert points[0, 0] == pytest.approx(4 * index)


def test_a_face_alone_is_left_as_it_is():
    face = tracked(0, 7.0, 9.0)
    (out,) = through([(4, [face])])
    np.testing.assert_array_equal(out.faces[0].face.landmarks_px, face.face.landmarks_px)
    assert out.faces[0].face.bbox_px == face.face.bbox_px
    assert out.faces[0].face.score == 0.5


def test_a_frame_comes_out_when_those_after_it_are_in_and_few_are_held():
    smoother = Smoother(2)
    for index in range(100):
        ready = smoother.add(TrackedFrame(index, [tracked(0, float(index))]))
        assert [frame.index for frame in ready] == ([index - 2] if index >= 2 else [])
        assert len(smoother._held) <= 5
    assert [frame.index for frame in smoother.finish()] == [98, 99]
    assert smoother.finish() == []


def test_after_a_finish_nothing_of_before_is_smoothed_over():
    smoother = Smoother(2)
    for index in range(4):
        smoother.add(TrackedFrame(index, [tracked(0, 0.0)]))
    smoother.finish()
    assert smoother.add(TrackedFrame(4, [tracked(0, 90.0)])) == []
    (out,) = smoother.finish()
    assert out.faces[0].face.landmarks_px[0, 0] == 90


def test_where_landmarks_are_missing_boxes_are_smoothed_alone():
    out = through([(index, [tracked(0, float(index), landmarks=index != 2)]) for index in range(5)])
    assert out[2].faces[0].face.landmarks_px is None
    assert out[2].faces[0].face.bbox_px[0] == pytest.approx(2)


def test_a_reach_of_nought_leaves_all_as_it_is():
    frames = [(index, [tracked(0, float(index**2))]) for index in range(5)]
    assert [points[0, 0] for points in places(through(frames, 0)).values()] == [0, 1, 4, 9, 16]


def test_a_negative_reach_is_an_error():
    with pytest.raises(ValueError, match="must not be negative"):
        Smoother(-1)


def test_the_line_is_that_of_weighted_least_squares():
    rng = np.random.default_rng(1)
    at, values = np.array([-2.0, -1.0, 0.0, 2.0]), rng.normal(size=(4, 3))
    weights = (1 - (np.abs(at) / 3) ** 3) ** 3
    expected = [np.polyfit(at, column, 1, w=np.sqrt(weights))[1] for column in values.T]
    np.testing.assert_allclose(smoothed(at, values, 2), expected)
