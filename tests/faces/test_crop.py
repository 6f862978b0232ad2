"""Crops: aligned as DeepfakeBench aligns, cut around a box, one place for a clip; and frames without a face."""

from __future__ import annotations

import importlib.util
import os
import sys
import types
import warnings
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from scenes import FIVE, head, scene

from deepfakebench_ext.faces.align import similarity, template, transform_points
from deepfakebench_ext.faces.crop import NO_FACE, FaceCrop, Miss, crop_clip, crop_frame, crop_frames
from deepfakebench_ext.faces.detect import WARP_LIMIT_PX, Face
from deepfakebench_ext.faces.settings import FaceSettings, face_settings, open_detector
from deepfakebench_ext.host.checkout import find_checkout

ALIGNED = FaceSettings("dlib", (224, 224))
EYES_NOSE_MOUTH = np.array(list(FIVE.values()), dtype=np.float64)

GOLDEN_MEAN = (154.15, 133.905, 112.34)
GOLDEN = np.array(
    [
        [[198, 189, 181], [91, 76, 41], [138, 117, 75], [128, 109, 66], [211, 203, 204]],
        [[106, 84, 36], [221, 191, 163], [185, 150, 118], [47, 24, 3], [56, 40, 9]],
        [[202, 194, 193], [239, 207, 188], [209, 174, 142], [186, 158, 129], [205, 192, 187]],
        [[137, 126, 140], [222, 194, 159], [213, 164, 153], [140, 115, 78], [220, 210, 204]],
        [[35, 32, 23], [165, 147, 117], [138, 121, 91], [135, 127, 142], [220, 209, 206]],
    ]
)
"""Every 48th pixel of her crop, by OpenCV 5.0."""


class Given:
    """A face detector that finds what it was given: for each frame, in turn, its faces."""

    def __init__(self, *found: list[Face]) -> None:
        self._found = list(found)

    def detect(self, rgb: np.ndarray) -> list[Face]:
        return self._found.pop(0) if len(self._found) > 1 else self._found[0]


def face(points=None, bbox=(100.0, 100.0, 200.0, 200.0)):
    return Face(tuple(map(float, bbox)), None if points is None else np.asarray(points, dtype=np.float64), 1.0)


def real_face(shift=(0, 0)):
    return face(EYES_NOSE_MOUTH + shift)


@pytest.fixture
def grid():
    """uint8 (120, 160, 3) whose pixels say where they are."""
    rows, columns = np.mgrid[0:120, 0:160]
    return np.stack([rows, columns, np.full_like(rows, 255)], axis=-1).astype(np.uint8)


# Aligned by landmarks


def test_the_crop_of_the_astronaut_is_the_recorded_one(astronaut):
    """OpenCV 4 samples on a grid of 1/32 px, OpenCV 5 where the point is: up to 3 levels apart on her face."""
    crop = crop_frame(astronaut, Given([real_face()]), ALIGNED)
    assert crop.rgb.dtype == np.uint8
    assert crop.rgb.shape == (224, 224, 3)
    assert crop.face_found
    assert not crop.is_full_frame
    sampled = crop.rgb[16:224:48, 16:224:48].astype(int)
    assert np.abs(sampled - GOLDEN).max() <= (1 if int(cv2.__version__.split(".")[0]) >= 5 else 4)
    assert crop.rgb.mean(axis=(0, 1)) == pytest.approx(GOLDEN_MEAN, abs=0.1)


def test_the_five_points_land_on_the_template(astronaut):
    moved = transform_points(template((256, 256)), np.array([[0.5, 0, 100], [0, 0.5, 30]]))
    crop = crop_frame(astronaut, Given([face(moved)]), replace(ALIGNED, size_px=(256, 256)))
    np.testing.assert_allclose(crop.landmarks_px, template((256, 256)), atol=1e-3)


@pytest.mark.parametrize("points", [68, 81])
def test_the_landmarks_of_a_crop_are_those_of_the_frame_moved_by_its_matrix(astronaut, landmark_models, points):
    settings = face_settings("dlib", (224, 224), landmark_model=landmark_models[points])
    detector = open_detector(settings)
    crop = crop_frame(astronaut, detector, settings)
    landmarks = max(detector.detect(astronaut), key=lambda found: found.score).landmarks_px
    five = landmarks[[37, 44, 30, 49, 55]].astype(np.float32)
    expected = transform_points(landmarks, similarity(five, template((224, 224))))
    assert crop.landmarks_px.shape == (points, 2)
    np.testing.assert_array_equal(crop.landmarks_px, expected)
    assert np.abs(crop.landmarks_px[[37, 44, 30, 49, 55]] - template((224, 224))).max() < 10


def test_what_the_frame_does_not_show_is_black(astronaut):
    crop = crop_frame(np.full((60, 60, 3), 200, np.uint8), Given([face(EYES_NOSE_MOUTH - (200, 100))]), ALIGNED)
    assert (crop.rgb[:, 0] == 0).all()
    assert crop.rgb.max() == 200


@pytest.mark.parametrize("size_px", [(224, 320), (320, 224)])
def test_a_crop_that_is_not_square_shows_more_on_two_sides(astronaut, size_px):
    whole = crop_frame(astronaut, Given([real_face()]), replace(ALIGNED, size_px=size_px))
    square = crop_frame(astronaut, Given([real_face()]), ALIGNED)
    assert whole.rgb.shape[:2] == size_px
    middle = whole.rgb[:, 48:272] if size_px[1] > 224 else whole.rgb[48:272]
    assert np.abs(middle.astype(int) - square.rgb).max() <= 4


def test_a_frame_too_wide_for_opencv_4_gives_the_same_crop(astronaut):
    wide = np.zeros((512, 40000, 3), np.uint8)
    wide[:, 30000:30512] = astronaut
    crop = crop_frame(wide, Given([real_face((30000, 0))]), ALIGNED)
    expected = crop_frame(astronaut, Given([real_face()]), ALIGNED)
    assert np.abs(crop.rgb.astype(int) - expected.rgb).mean() < 0.05
    np.testing.assert_allclose(crop.landmarks_px, expected.landmarks_px, atol=0.01)


def test_the_frame_is_left_as_it_is(astronaut):
    before = astronaut.copy()
    crop = crop_frame(astronaut, Given([real_face()]), ALIGNED)
    crop.rgb[:] = 0
    np.testing.assert_array_equal(astronaut, before)


# Around a box


def test_without_landmarks_the_square_around_the_box_is_cut(grid):
    settings = replace(ALIGNED, size_px=(26, 26))
    crop = crop_frame(grid, Given([face(bbox=(50, 40, 70, 56))]), settings)
    np.testing.assert_array_equal(crop.rgb, grid[35:61, 47:73])
    assert crop.landmarks_px is None


def test_a_box_at_the_border_is_filled_up_with_black(grid):
    crop = crop_frame(grid, Given([face(bbox=(-5, 105, 15, 125))]), replace(ALIGNED, size_px=(26, 26)))
    np.testing.assert_array_equal(crop.rgb[:18, 8:], grid[102:120, 0:18])
    assert (crop.rgb[18:] == 0).all()
    assert (crop.rgb[:, :8] == 0).all()


@pytest.mark.parametrize("bbox", [(500, 500, 520, 520), (-520, -520, -500, -500)])
def test_a_box_outside_of_the_frame_is_black(grid, bbox):
    assert not crop_frame(grid, Given([face(bbox=bbox)]), ALIGNED).rgb.any()


def test_a_large_box_is_averaged_and_not_thinned_out():
    stripes = np.full((104, 104, 3), 200, np.uint8)
    stripes[:, 1::4] = stripes[:, 2::4] = 0
    crop = crop_frame(stripes, Given([face(bbox=(12, 12, 92, 92))]), replace(ALIGNED, size_px=(26, 26)))
    assert (crop.rgb == 100).all()


def test_the_scale_is_the_share_of_the_box_that_is_shown(grid):
    settings = replace(ALIGNED, size_px=(40, 40), scale=2.0)
    crop = crop_frame(grid, Given([face(bbox=(50, 40, 70, 60))]), settings)
    np.testing.assert_array_equal(crop.rgb, grid[30:70, 40:80])


# Which face, and none


def test_the_largest_face_is_cut(grid):
    small, large = face(bbox=(10, 10, 20, 20)), face(bbox=(50, 40, 70, 60))
    crop = crop_frame(grid, Given([small, large, small]), replace(ALIGNED, size_px=(26, 26)))
    np.testing.assert_array_equal(crop.rgb, grid[37:63, 47:73])


def test_no_face_is_a_miss_with_its_reason(grid):
    miss = crop_frame(grid, Given([]), ALIGNED)
    assert miss == Miss(NO_FACE)


def test_the_full_frame_instead_of_a_face_says_that_it_is_one(grid):
    crop = crop_frame(grid, Given([]), replace(ALIGNED, no_face="full_frame"))
    np.testing.assert_array_equal(crop.rgb, grid)
    assert crop.is_full_frame
    assert not crop.face_found
    assert crop.reason == NO_FACE


@pytest.mark.parametrize("points", [np.full((5, 2), 50.0), np.full((5, 2), np.nan)])
def test_landmarks_that_fix_no_crop_are_a_miss_with_the_reason(grid, points):
    assert "no usable face: " in crop_frame(grid, Given([face(points)]), ALIGNED).reason
    crop = crop_frame(grid, Given([face(points)]), replace(ALIGNED, no_face="full_frame"))
    assert crop.is_full_frame
    assert "no usable face: " in crop.reason


@pytest.mark.parametrize("frame", [np.zeros((9, 9), np.uint8), np.zeros((9, 9, 3)), np.zeros((0, 9, 3), np.uint8)])
def test_what_is_no_rgb_frame_is_an_error(frame):
    with pytest.raises(ValueError, match=r"must be uint8 of shape \(H, W, 3\)"):
        crop_frame(frame, Given([]), ALIGNED)


# Clips


def test_all_frames_of_a_clip_are_cut_at_the_median_of_the_landmarks(astronaut):
    jitter = [(0, 0), (1, 0), (0, 1), (-1, 0), (40, -30)]
    crops = crop_clip([astronaut] * 5, Given(*([real_face(move)] for move in jitter)), ALIGNED)
    expected = crop_frame(astronaut, Given([real_face()]), ALIGNED)
    for crop in crops:
        np.testing.assert_array_equal(crop.rgb, expected.rgb)
    enlarged = np.ptp(expected.landmarks_px[:2], axis=0) @ [1, 0] / 40  # her eyes are 40 px apart, at one height
    moved = [np.linalg.norm((crop.landmarks_px - expected.landmarks_px)[0]) / enlarged for crop in crops]
    np.testing.assert_allclose(moved, [0, 1, 1, 1, 50], rtol=0.01)


def test_boxes_of_a_clip_have_a_median_too(grid):
    boxes = [(50, 40, 70, 60), (52, 42, 72, 62), (54, 44, 74, 64)]
    crops = crop_clip([grid] * 3, Given(*([face(bbox=box)] for box in boxes)), replace(ALIGNED, size_px=(26, 26)))
    for crop in crops:
        np.testing.assert_array_equal(crop.rgb, grid[39:65, 49:75])


def test_a_frame_of_a_clip_without_a_face_is_cut_where_the_others_are(astronaut):
    crops = crop_clip([astronaut, astronaut[:, ::-1], astronaut], Given([real_face()], [], [real_face()]), ALIGNED)
    assert [crop.face_found for crop in crops] == [True, False, True]
    assert crops[1].landmarks_px is None
    assert not crops[1].is_full_frame
    mirrored = crop_frame(astronaut[:, ::-1], Given([real_face()]), ALIGNED)
    np.testing.assert_array_equal(crops[1].rgb, mirrored.rgb)


def test_a_clip_without_any_face_is_all_misses_or_all_full_frames(grid):
    assert crop_clip([grid] * 3, Given([]), ALIGNED) == [Miss(NO_FACE)] * 3
    crops = crop_clip([grid] * 3, Given([]), replace(ALIGNED, no_face="full_frame"))
    assert [crop.is_full_frame for crop in crops] == [True] * 3


def test_frames_of_different_sizes_have_no_common_place(grid):
    miss, _ = crop_clip([grid, grid[1:]], Given([face()]), ALIGNED)
    assert "differ in size: 160x119, 160x120; use --crop frame" in miss.reason


def test_no_frames_are_no_crops():
    assert crop_clip([], Given([]), ALIGNED) == []


def test_per_frame_each_has_its_own_place_and_per_clip_they_share_one(astronaut):
    faces = [real_face()], [real_face((30, 0))], []
    each = crop_frames([astronaut] * 3, Given(*faces), replace(ALIGNED, per="frame"))
    assert [type(crop) for crop in each] == [FaceCrop, FaceCrop, Miss]
    assert np.abs(each[0].rgb.astype(int) - each[1].rgb).mean() > 5
    shared = crop_frames([astronaut] * 3, Given(*faces), replace(ALIGNED, per="clip"))
    np.testing.assert_array_equal(shared[0].rgb, shared[1].rgb)
    np.testing.assert_array_equal(shared[0].rgb, shared[2].rgb)


# Several people


SQUARE = replace(ALIGNED, size_px=(26, 26))


def shown(grid, bbox):
    """What the crop around a 20-px box shows."""
    x0, y0 = round(bbox[0] - 3), round(bbox[1] - 3)
    return grid[y0 : y0 + 26, x0 : x0 + 26]


LEFT, RIGHT = (20, 40, 40, 60), (100, 40, 120, 60)


def test_a_clip_follows_one_person_though_the_other_is_larger_now_and_then(grid):
    """In a mean or median over both there would be the wall between them."""
    larger_right = (99, 39, 121, 61)
    faces = [[face(bbox=LEFT), face(bbox=RIGHT if at % 2 else larger_right)] for at in range(6)]
    crops = crop_clip([grid] * 6, Given(*(found if at % 3 else found[::-1] for at, found in enumerate(faces))), SQUARE)
    for crop in crops:
        np.testing.assert_array_equal(crop.rgb, crops[0].rgb)
        assert crop.face_found
        assert not crop.is_off
        assert crop.num_faces == 2
        assert crop.face.centre == (110, 50)


def test_of_faces_of_one_size_the_surer_and_then_the_nearer_to_the_middle_is_cut(grid):
    sure, unsure = replace(face(bbox=LEFT), score=1.5), replace(face(bbox=(99, 39, 120, 60)), score=0.4)
    np.testing.assert_array_equal(crop_frame(grid, Given([unsure, sure]), SQUARE).rgb, shown(grid, LEFT))
    far, near = face(bbox=(0, 40, 20, 60)), face(bbox=RIGHT)
    for order in ([far, near], [near, far]):
        np.testing.assert_array_equal(crop_frame(grid, Given(order), SQUARE).rgb, shown(grid, RIGHT))


def test_a_face_that_is_a_tenth_larger_is_cut_though_it_is_less_sure(grid):
    large, sure = replace(face(bbox=(98, 38, 122, 62)), score=0.2), replace(face(bbox=LEFT), score=2.0)
    assert crop_frame(grid, Given([sure, large]), SQUARE).face.score == 0.2


def test_faces_below_the_least_score_are_none(grid):
    bystander, speaker = replace(face(bbox=(90, 30, 130, 70)), score=0.3), replace(face(bbox=LEFT), score=1.4)
    crop = crop_frame(grid, Given([bystander, speaker]), replace(SQUARE, min_face_score=0.8))
    np.testing.assert_array_equal(crop.rgb, shown(grid, LEFT))
    assert crop.num_faces == 1
    assert crop_frame(grid, Given([bystander]), replace(SQUARE, min_face_score=0.8)) == Miss(NO_FACE)


def test_a_crop_says_which_face_it_shows(astronaut, grid):
    crop = crop_frame(astronaut, Given([real_face()]), ALIGNED)
    assert crop.face.bbox_px == (100, 100, 200, 200)
    assert crop.face.landmarks_px is None
    assert crop.face.score == 1
    assert crop.num_faces == 1
    missing = crop_clip([astronaut] * 2, Given([real_face()], []), ALIGNED)[1]
    assert (missing.face, missing.num_faces, missing.is_off) == (None, 0, False)


def two_shots(astronaut, first, second):
    """Frames of two shots, so many of each."""
    return [astronaut] * first + [np.ascontiguousarray(255 - astronaut[::-1])] * second


def test_frames_of_another_shot_are_off_whoever_they_show(astronaut):
    frames = two_shots(astronaut, 6, 3)
    crops = crop_clip(frames, Given(*[[real_face()]] * 9), ALIGNED)
    assert [crop.is_off for crop in crops] == [False] * 6 + [True] * 3
    assert [crop.face_found for crop in crops] == [True] * 6 + [False] * 3
    np.testing.assert_array_equal(crops[0].rgb, crop_frame(astronaut, Given([real_face()]), ALIGNED).rgb)


@pytest.mark.parametrize(("first", "second", "status"), [(6, 3, "ok"), (2, 4, "off")])
def test_frames_of_another_shot_are_off_where_no_face_is_found_in_them_too(astronaut, first, second, status):
    frames = two_shots(astronaut, first, second)
    crops = crop_clip(frames, Given(*[[real_face()]] * first, *[[]] * second), ALIGNED)
    if status == "ok":
        assert [crop.is_off for crop in crops] == [False] * first + [True] * second
    else:
        assert {miss.reason for miss in crops} == {
            f"the face that is followed lies off the crop or is another's in {second} of {first + second} frames"
        }
    unseen = crop_clip([astronaut] * 6, Given(*[[real_face()]] * 2, *[[]] * 4), ALIGNED)
    assert not any(crop.is_off for crop in unseen), "of one shot, a face that is not found may be there"


def test_the_crop_is_of_the_shot_that_shows_most_of_a_face(astronaut):
    frames = two_shots(astronaut, 3, 6)
    crops = crop_clip(frames, Given(*[[real_face()]] * 3, *[[real_face((60, 90))]] * 6), ALIGNED)
    assert [crop.is_off for crop in crops] == [True] * 3 + [False] * 6


def test_a_clip_whose_crop_misses_the_face_in_most_frames_is_not_scored(astronaut):
    frames = [*two_shots(astronaut, 4, 4), astronaut, astronaut, astronaut, astronaut]
    found = Given(*[[real_face()]] * 12)
    misses = crop_clip(frames, found, ALIGNED)
    assert {miss.reason for miss in misses} == {
        "the face that is followed lies off the crop or is another's in 8 of 12 frames"
    }
    assert all(miss.is_off and miss.num_faces == 1 for miss in misses)
    whole = crop_clip(frames, Given(*[[real_face()]] * 12), replace(ALIGNED, no_face="full_frame"))
    assert all(crop.is_full_frame and crop.is_off for crop in whole)


def test_who_walks_out_of_the_crop_is_off_it(grid):
    steps = [(10 + 10 * at, 40, 30 + 10 * at, 60) for at in range(11)]
    crops = crop_clip(
        [grid] * 11, Given(*([face(bbox=bbox)] for bbox in steps)), replace(ALIGNED, size_px=(60, 60), scale=3)
    )
    assert [crop.is_off for crop in crops] == [True] * 2 + [False] * 6 + [True] * 3


# With dlib, end to end, and against DeepfakeBench itself


def test_a_face_is_aligned_wherever_and_however_large_it_is(astronaut, landmark_models):
    settings = face_settings("dlib", (112, 112), landmark_model=landmark_models[81])
    detector = open_detector(settings)
    frames = [scene(head(astronaut), (400, 500), 120, (200, 150)), scene(head(astronaut), (400, 500), 200, (260, 200))]
    crops = [crop_frame(frame, detector, settings).rgb.astype(float) for frame in frames]
    assert np.corrcoef(crops[0].ravel(), crops[1].ravel())[0, 1] > 0.85  # the landmark model knows one size


@pytest.fixture(scope="session")
def host_crop():
    """DeepfakeBench's own `extract_aligned_face_dlib`, from its checkout, or a skip."""
    pytest.importorskip("dlib", reason="dlib is not installed (extra `faces`)")
    here = Path(__file__).parents[2] / "vendors/DeepfakeBench"
    root = find_checkout(None if os.environ.get("DEEPFAKEBENCH_ROOT") or not here.is_dir() else here)
    if root is None:
        pytest.skip("no DeepfakeBench checkout: set DEEPFAKEBENCH_ROOT or put one at vendors/DeepfakeBench")
    imutils = types.ModuleType("imutils")
    imutils.face_utils = types.SimpleNamespace(shape_to_np=lambda shape: [(p.x, p.y) for p in shape.parts()])
    spec = importlib.util.spec_from_file_location("host_preprocess", root / "preprocessing/preprocess.py")
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "imutils", imutils)
        spec.loader.exec_module(module)
    return module.extract_aligned_face_dlib


@pytest.mark.host
@pytest.mark.parametrize("points", [68, 81])
@pytest.mark.parametrize("side", [224, 256])
def test_the_crop_is_that_of_deepfakebench_to_the_pixel(host_crop, astronaut, landmark_models, points, side):
    import dlib

    settings = face_settings("dlib", (side, side), landmark_model=landmark_models[points])
    detector, own = open_detector(settings), dlib.get_frontal_face_detector()
    predictor = dlib.shape_predictor(str(landmark_models[points]))
    compared = 0
    for width, angle in ((91, 0), (70, -8), (150, 5), (230, 10)):
        frame = scene(astronaut, (360, 480), width, angle=angle)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it calls scikit-image under names of before
            theirs, _, _ = host_crop(own, predictor, np.ascontiguousarray(frame[..., ::-1]), res=side)
        if theirs is not None:  # it drops what it does not find again in the crop
            np.testing.assert_array_equal(crop_frame(frame, detector, settings).rgb, theirs[..., ::-1])
            compared += 1
    assert compared >= 3


@pytest.mark.parametrize("side", [WARP_LIMIT_PX - 1, WARP_LIMIT_PX, WARP_LIMIT_PX + 1])
@pytest.mark.parametrize("turned", [False, True])
def test_of_a_frame_as_long_as_opencv_does_not_warp_only_a_part_is_warped(side, turned, monkeypatch):
    lengths, warp = [], cv2.warpAffine
    monkeypatch.setattr(cv2, "warpAffine", lambda rgb, *how: lengths.append(max(rgb.shape)) or warp(rgb, *how))
    rgb = np.zeros((40, side, 3), np.uint8)
    rgb[:, side - 60 :] = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    points = np.array([(side - 40, 10), (side - 20, 10), (side - 30, 20), (side - 38, 30), (side - 22, 30)], np.float64)
    if turned:
        rgb, points = np.ascontiguousarray(rgb.transpose(1, 0, 2)), points[:, ::-1]
    seen = Face((0.0, 0.0, 40.0, 40.0), points, 1.0)
    crop = crop_frame(rgb, Given([seen]), replace(ALIGNED, size_px=(32, 32)))
    assert crop.rgb.std() > 10
    assert max(lengths) < WARP_LIMIT_PX
