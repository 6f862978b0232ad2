"""Faces and landmarks by the real dlib on a real face, and what the coarse search may change of them."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from scenes import FACE, head, largest, scene, train_landmark_model

from deepfakebench_ext.common.errors import ConfigError, MissingExtraError
from deepfakebench_ext.faces import dlib_detector
from deepfakebench_ext.faces.align import template
from deepfakebench_ext.faces.dlib_detector import DlibDetector, dlib_version, level_size, reduce_to_level, search_levels


@pytest.fixture(scope="session")
def dlib():
    return pytest.importorskip("dlib", reason="dlib is not installed (extra `faces`)")


@pytest.fixture(scope="session")
def full(dlib, landmark_models):
    return DlibDetector(landmark_models[81])


class Recording(DlibDetector):
    """Notes at which levels it searches."""

    def _search_at(self, rgb, level):
        self.levels = [*getattr(self, "levels", []), level]
        return super()._search_at(rgb, level)


@pytest.fixture
def coarse(dlib, landmark_models):
    return Recording(landmark_models[81], search="coarse")


def width(face):
    return face.bbox_px[2] - face.bbox_px[0]


def as_box(rect):
    return (rect.left(), rect.top(), rect.right() + 1, rect.bottom() + 1)


# dlib, the full search


def test_the_box_is_half_open(full, astronaut):
    left, top, right, bottom = FACE
    assert largest(full.detect(astronaut)).bbox_px == (left, top, right + 1, bottom + 1)


def test_the_faces_are_those_of_dlib_on_the_frame_enlarged_once(dlib, full, astronaut):
    own = dlib.get_frontal_face_detector()
    for frame in (astronaut, scene(astronaut, (240, 320), 60, angle=8, gain=0.6), scene(astronaut, (300, 300), 140)):
        faces = full.detect(frame)
        assert faces
        assert [face.bbox_px for face in faces] == [as_box(rect) for rect in own(frame, 1)]


@pytest.mark.parametrize("points", [68, 81])
def test_the_landmarks_are_those_of_the_model_in_the_frame(dlib, landmark_models, astronaut, points):
    face = largest(DlibDetector(landmark_models[points]).detect(astronaut))
    shape = dlib.shape_predictor(str(landmark_models[points]))(astronaut, dlib.rectangle(*FACE))
    assert face.landmarks_px.dtype == np.float64
    assert face.landmarks_px.tolist() == [[part.x, part.y] for part in shape.parts()]
    assert len(face.landmarks_px) == points


def test_without_a_landmark_model_there_are_boxes_only(dlib, astronaut):
    face = largest(DlibDetector().detect(astronaut))
    assert face.landmarks_px is None
    assert face.score > 1


def test_the_largest_of_two_faces_wins_on_either_side(full, astronaut):
    small, large = scene(head(astronaut), (260, 200), 70), scene(head(astronaut), (260, 260), 130)
    for frame in (np.hstack([small, large]), np.hstack([large, small])):
        faces = full.detect(frame)
        assert len(faces) == 2
        assert width(largest(faces)) > 100


@pytest.mark.parametrize("shape", [(200, 200, 3), (1, 1, 3), (1, 400, 3)])
def test_a_frame_without_a_face_has_none(full, coarse, shape):
    frame = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    assert full.detect(frame) == []
    assert coarse.detect(frame) == []


def test_faces_below_40_px_are_not_seen(full, astronaut):
    assert full.detect(scene(head(astronaut), (120, 120), 24)) == []


def test_views_and_read_only_frames_are_taken(full, astronaut):
    mirrored = np.repeat(astronaut[:, ::-1], 2, axis=1)[:, ::2]
    assert not mirrored.flags.c_contiguous
    expected = full.detect(np.ascontiguousarray(mirrored))
    assert [face.bbox_px for face in full.detect(mirrored)] == [face.bbox_px for face in expected]
    assert expected


def test_one_detector_serves_several_threads(full, astronaut):
    frames = [scene(astronaut, (160, 200), 60 + 5 * i) for i in range(8)]
    alone = [full.detect(frame) for frame in frames]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(full.detect, frames * 3))
    for faces, expected in zip(together, alone * 3, strict=True):
        assert [face.bbox_px for face in faces] == [face.bbox_px for face in expected]
        for face, other in zip(faces, expected, strict=True):
            np.testing.assert_array_equal(face.landmarks_px, other.landmarks_px)


# dlib, the coarse search


@pytest.mark.parametrize("height", [1, 48, 300, 768, 1080, 2160, 4320])
@pytest.mark.parametrize("aspect", [0.3, 1.0, 16 / 9])
def test_a_coarse_search_costs_a_third_of_the_full_one_at_most_unless_the_frame_is_small(height, aspect):
    side = max(1, round(height * aspect))
    (full_level,), levels = search_levels(height, side, "full"), search_levels(height, side, "coarse")
    assert set(np.diff(levels)) <= {-4}
    first = 2 * max(height, side) * (5 / 6) ** levels[0]
    assert first <= 512
    if levels != (full_level,):
        assert first > 240
        assert levels[-1] == full_level + 4
        pixels = [(5 / 6) ** (2 * (level - full_level)) for level in levels]
        assert sum(pixels) < 1 / 3


def test_only_frames_of_more_than_16_million_pixels_are_reduced_in_a_full_search():
    assert search_levels(4096, 4096, "full") == (0,)
    assert search_levels(4096, 4097, "full") == (1,)
    assert search_levels(4320, 7680, "full") == (2,)


def test_a_large_face_is_found_in_the_first_reduced_image_and_at_the_very_place_of_the_full_search(
    full, coarse, astronaut
):
    frame = scene(head(astronaut), (600, 800), 250, angle=4)
    found, expected = largest(coarse.detect(frame)), largest(full.detect(frame))
    assert coarse.levels == [8]
    assert found.bbox_px == expected.bbox_px
    np.testing.assert_array_equal(found.landmarks_px, expected.landmarks_px)


def test_a_face_below_90_px_is_not_seen_by_a_coarse_search_of_a_large_frame(full, coarse, astronaut):
    frame = scene(head(astronaut), (400, 400), 60)
    assert full.detect(frame)
    assert coarse.detect(frame) == []
    assert coarse.levels == [4]


def test_a_small_frame_is_searched_in_full(full, coarse, astronaut):
    frame = scene(head(astronaut), (240, 240), 60)
    found, expected = coarse.detect(frame), full.detect(frame)
    assert coarse.levels == [0]
    assert [face.bbox_px for face in found] == [face.bbox_px for face in expected]
    assert found


def test_a_face_of_the_smallest_size_of_an_image_is_looked_at_more_closely(full, coarse, astronaut):
    """dlib calls faces that are too small for an image as large as the smallest that it knows."""
    frame = scene(head(astronaut), (1024, 1024), 165)
    assert max(rect.width() for rect, _ in DlibDetector._search_at(coarse, frame, 8)) < 80
    assert largest(coarse.detect(frame)).bbox_px == largest(full.detect(frame)).bbox_px
    assert coarse.levels == [8, 4]


def test_a_coarse_search_moves_the_face_by_less_than_2_percent_of_its_width(full, coarse, astronaut):
    """On average, and of points that lie fixed in the box: real landmarks hold on to the face and move less."""
    rng = np.random.default_rng(11)
    fixed = template((1, 1), scale=1.0)
    moves = []
    for _ in range(14):
        wide, gain, angle = np.exp(rng.uniform(np.log(110), np.log(300))), rng.choice([0.5, 1.0, 1.3]), rng.normal(0, 6)
        centre = tuple(rng.uniform(0.3, 0.7, 2) * (640, 480))
        frame = scene(head(astronaut), (480, 640), wide, centre, angle=angle, gain=gain)
        found, expected = largest(coarse.detect(frame)), largest(full.detect(frame))
        boxes = [np.array(face.bbox_px[:2]) + fixed * width(face) for face in (found, expected)]
        moves.append(np.linalg.norm(boxes[0] - boxes[1], axis=1).mean() / width(expected))
    assert np.mean(moves) < 0.02
    assert 0 not in coarse.levels


def test_a_frame_above_the_limit_is_searched_reduced_and_its_face_lies_where_it_is(dlib, full, astronaut, monkeypatch):
    frame = scene(head(astronaut), (400, 400), 160)
    expected = largest(full.detect(frame))
    monkeypatch.setattr(dlib_detector, "MAX_FULL_PIXELS", 200 * 200)
    detector = Recording()
    found = largest(detector.detect(frame))
    assert detector.levels == [4]
    assert np.abs(np.subtract(found.bbox_px, expected.bbox_px)).max() <= 0.05 * width(expected)


def test_a_face_in_a_4k_frame_is_found_at_once(coarse, astronaut):
    frame = scene(head(astronaut), (2160, 3840), 1000, (1500, 1000))
    found = largest(coarse.detect(frame))
    assert coarse.levels == [16]
    middle = np.add(found.bbox_px[:2], found.bbox_px[2:]) / 2
    assert np.abs(middle - (1500, 1000)).max() < 60
    assert 900 < width(found) < 1150


@pytest.mark.parametrize("level", [1, 4, 8, 12])
def test_a_reduced_image_lies_pixel_on_pixel_on_that_of_the_pyramid_of_dlib(dlib, astronaut, level):
    """But for brightness, of which dlib cuts off half a level at each step, and for patterns that sharp edges make."""
    smooth = cv2.GaussianBlur(astronaut, (0, 0), 1.2**level)
    pyramid, image = dlib.pyramid_down(6), dlib.resize_image(smooth, 2 * 512 + 1, 2 * 512 + 2)
    for _ in range(level):
        image = pyramid(image)
    reduced = reduce_to_level(smooth, level)
    assert reduced.shape == image.shape == (*level_size(512, 512, level), 3)
    difference = reduced.astype(np.float64) - image
    by_one_pixel = np.abs(np.roll(image, 1, axis=1).astype(np.float64) - image).mean()
    assert np.abs(difference - difference.mean()).mean() < 0.24 * by_one_pixel


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1), (60, 40000)])
def test_frames_of_any_shape_can_be_reduced(size):
    frame = np.full((*size, 3), 77, np.uint8)
    reduced = reduce_to_level(frame, 4)
    assert reduced.shape == (*level_size(*size, 4), 3)
    assert (reduced == 77).all()


# Models that are none


def test_a_landmark_model_of_other_points_is_an_error(dlib, tmp_path, astronaut):
    model = train_landmark_model(tmp_path / "five.dat", astronaut, 5)
    with pytest.raises(ConfigError, match=r"--landmark_model .*five\.dat finds 5 points, and 81 or 68 are needed"):
        DlibDetector(model)


@pytest.mark.parametrize("content", ["", "hello", "<html>", "cut"])
def test_a_file_that_is_no_landmark_model_is_an_error(dlib, tmp_path, landmark_models, content):
    path = tmp_path / "shape.dat"
    path.write_bytes(landmark_models[68].read_bytes()[:-5000] if content == "cut" else content.encode())
    with pytest.raises(ConfigError, match=r"shape\.dat is not a shape predictor of dlib: .*; give dlib's"):
        DlibDetector(path)


def test_a_landmark_model_that_is_not_there_is_an_error(dlib, tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere\.dat does not exist; .*shape_predictor_81_face_landmarks\.dat"):
        DlibDetector(tmp_path / "nowhere.dat")


def test_without_dlib_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "dlib", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'deepfakebench-ext\[faces\]'"):
        DlibDetector()
    with pytest.raises(MissingExtraError, match="--face_detector yunet or none"):
        dlib_version()
