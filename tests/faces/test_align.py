"""The five points, the similarity that brings them to the template, and the square around a box."""

from __future__ import annotations

import subprocess
import sys
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.transform import SimilarityTransform

from deepfakebench_ext.faces.align import five_points, similarity, square_box, template, transform_points

PUBLISHED_112 = [(38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041)]
EYES_NOSE_MOUTH = np.array([(206, 112), (246, 112), (228, 134), (209, 152), (247, 152)], dtype=np.float64)


def of_skimage(src, dst):
    transform = SimilarityTransform()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # newer versions want another spelling, which older ones lack
        assert transform.estimate(src, dst)
    return transform.params[:2]


def turned(points, angle, scale, shift):
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return scale * points @ turn.T + shift


def test_geometry_needs_no_image_library_and_no_torch():
    code = "import sys, deepfakebench_ext.faces.align; sys.exit(bool({'cv2', 'torch', 'dlib'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_template_of_112_px_at_scale_1_is_the_published_one_moved_by_8():
    np.testing.assert_allclose(template((112, 112), scale=1.0), PUBLISHED_112, atol=1e-5)


@pytest.mark.parametrize("side", [1, 96, 224, 256, 299])
@pytest.mark.parametrize("scale", [1.0, 1.3, 2.0])
def test_a_larger_scale_draws_the_points_together_around_the_middle(side, scale):
    expected = 0.5 + (np.array(PUBLISHED_112) / 112 - 0.5) / scale
    np.testing.assert_allclose(template((side, side), scale) / side, expected, atol=1e-6)


@pytest.mark.parametrize("size_px", [(224, 320), (320, 224)])
def test_a_crop_that_is_not_square_has_the_face_in_its_middle(size_px):
    shift = [(size_px[1] - 224) / 2, (size_px[0] - 224) / 2]
    np.testing.assert_allclose(template(size_px), template((224, 224)) + shift, atol=1e-4)


@given(seed=st.integers(0, 2**32 - 1), kind=st.sampled_from(["float32", "float64"]), count=st.integers(3, 81))
@settings(max_examples=60, deadline=None)
def test_similarity_is_that_of_scikit_image_to_the_last_bit(seed, kind, count):
    rng = np.random.default_rng(seed)
    src = rng.uniform(0, 2000, (count, 2)).astype(kind)
    dst = rng.uniform(0, 256, (count, 2)).astype(kind)
    matrix = similarity(src, dst)
    assert matrix.dtype == np.float64
    np.testing.assert_array_equal(matrix, of_skimage(src, dst))


@given(
    angle=st.floats(-3.1, 3.1),
    scale=st.floats(0.05, 20),
    x=st.floats(-1e4, 1e4),
    y=st.floats(-1e4, 1e4),
)
def test_similarity_finds_the_turn_scale_and_shift_again(angle, scale, x, y):
    moved = turned(EYES_NOSE_MOUTH, angle, scale, [x, y])
    matrix = similarity(EYES_NOSE_MOUTH, moved)
    np.testing.assert_allclose(transform_points(EYES_NOSE_MOUTH, matrix), moved, atol=1e-6)


def test_no_nearby_similarity_comes_closer():
    rng = np.random.default_rng(3)
    dst = template((224, 224)).astype(np.float64) + rng.normal(0, 4, (5, 2))
    best = similarity(EYES_NOSE_MOUTH, dst)
    error = np.square(transform_points(EYES_NOSE_MOUTH, best) - dst).sum()
    middle = EYES_NOSE_MOUTH.mean(axis=0)
    for angle, scale, x, y in np.vstack([np.eye(4), -np.eye(4)]) * [0.01, 0.01, 0.1, 0.1]:
        moved = transform_points(turned(EYES_NOSE_MOUTH - middle, angle, 1 + scale, np.add(middle, (x, y))), best)
        assert np.square(moved - dst).sum() > error


def test_a_mirrored_face_is_turned_not_mirrored():
    mirrored = EYES_NOSE_MOUTH * [-1, 1]
    assert np.linalg.det(similarity(mirrored, EYES_NOSE_MOUTH)[:, :2]) > 0


def test_two_points_are_enough():
    src, dst = np.array([(0.0, 0.0), (1.0, 0.0)]), np.array([(5.0, 5.0), (5.0, 7.0)])
    np.testing.assert_allclose(similarity(src, dst), [[0, -2, 5], [2, 0, 5]], atol=1e-12)


@pytest.mark.parametrize(
    ("src", "dst", "message"),
    [
        (np.ones((5, 2)), EYES_NOSE_MOUTH, "all of them coincide"),
        (EYES_NOSE_MOUTH, np.ones((5, 2)), "all of them coincide"),
        (EYES_NOSE_MOUTH[:4], EYES_NOSE_MOUTH, r"\(4, 2\) and \(5, 2\)"),
        (np.ones((1, 2)), np.ones((1, 2)), "at least 2"),
        (np.ones((5, 3)), np.ones((5, 3)), r"\(K, 2\)"),
        (EYES_NOSE_MOUTH * np.nan, EYES_NOSE_MOUTH, "finite"),
        (EYES_NOSE_MOUTH, EYES_NOSE_MOUTH * np.inf, "finite"),
    ],
)
def test_points_that_fix_no_similarity_are_an_error(src, dst, message):
    with pytest.raises(ValueError, match=message):
        similarity(src, dst)


@pytest.mark.parametrize("count", [68, 81])
def test_the_five_points_are_those_that_deepfakebench_takes(count):
    landmarks = np.column_stack([np.arange(count), -np.arange(count)]).astype(np.float64)
    assert five_points(landmarks)[:, 0].tolist() == [37, 44, 30, 49, 55]


def test_five_points_stay_as_they_are():
    np.testing.assert_array_equal(five_points(EYES_NOSE_MOUTH), EYES_NOSE_MOUTH)


@pytest.mark.parametrize("shape", [(4, 2), (6, 2), (194, 2), (68, 3), (10,)])
def test_other_landmarks_are_an_error(shape):
    with pytest.raises(ValueError, match="one of 5, 68, 81"):
        five_points(np.zeros(shape))


@pytest.mark.parametrize(
    ("bbox", "size", "scale", "expected"),
    [
        ((10, 20, 20, 30), (1, 1), 1.0, (10, 20, 20, 30)),
        ((10, 20, 20, 30), (224, 224), 2.0, (5, 15, 25, 35)),
        ((10, 20, 30, 30), (1, 1), 1.0, (10, 15, 30, 35)),  # the longer side decides
        ((0, 0, 10, 10), (1, 1), 1.3, (-2, -2, 11, 11)),  # beyond the frame
        ((10.2, 10.2, 20.4, 20.4), (1, 1), 1.0, (10, 10, 20, 20)),
        ((0, 0, 10, 10), (224, 448), 1.0, (-5, 0, 15, 10)),  # wide crop, wide region
        ((0, 0, 10, 10), (448, 224), 1.0, (0, -5, 10, 15)),
        ((5, 5, 5.2, 5.2), (1, 1), 1.0, (5, 5, 6, 6)),  # never empty
    ],
)
def test_the_square_around_a_box(bbox, size, scale, expected):
    assert square_box(bbox, size, scale) == expected


@pytest.mark.parametrize(
    "bbox", [(5, 5, 5, 9), (5, 9, 9, 5), (0, 0, float("nan"), 1), (0, 0, float("inf"), 1), (9, 0, 5, 5)]
)
def test_a_box_without_area_is_an_error(bbox):
    with pytest.raises(ValueError, match="empty or not finite"):
        square_box(bbox)
