"""Faces by OpenCV's FaceDetectorYN, with a network of YuNet's form that finds red squares. YuNet's own is not here."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from yunet_stub import write_red_square_finder

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.faces.yunet_detector import YuNetDetector, yunet_face


@pytest.fixture(scope="session")
def yunet(tmp_path_factory):
    return YuNetDetector(write_red_square_finder(tmp_path_factory.mktemp("yunet") / "red.onnx"))


def red_square(size, x, y, side):
    frame = np.zeros((*size, 3), np.uint8)
    frame[y : y + side, x : x + side, 0] = 255
    return frame


def test_yunet_gives_box_and_points_in_the_frame(yunet):
    (face,) = yunet.detect(red_square((96, 128), 64, 32, 8))
    assert face.bbox_px == pytest.approx((52, 20, 84, 52))
    np.testing.assert_allclose(face.landmarks_px, [(56, 24), (72, 24), (64, 32), (60, 40), (68, 40)], atol=1e-4)
    assert face.landmarks_px.dtype == np.float64
    assert face.score == pytest.approx(1.0)


def test_yunet_searches_large_frames_at_640_px_and_scales_back(yunet):
    (face,) = yunet.detect(red_square((1440, 2560), 256, 128, 32))  # a cell of 8 px when reduced to a quarter
    assert face.bbox_px == pytest.approx((208, 80, 336, 208))
    np.testing.assert_allclose(face.landmarks_px[2], (256, 128), atol=1e-3)


def test_yunet_hands_the_network_bgr(yunet):
    assert yunet.detect(red_square((96, 128), 64, 32, 8)[..., ::-1]) == []


@pytest.mark.parametrize("size", [(1, 1), (3, 2000), (33, 47)])
def test_yunet_takes_frames_of_any_size(yunet, size):
    assert yunet.detect(np.zeros((*size, 3), np.uint8)) == []


def test_one_yunet_serves_several_threads(yunet):
    frames = [red_square((96 + 32 * (i % 3), 128), 8 * (i % 12), 32, 8) for i in range(24)]
    with ThreadPoolExecutor(4) as pool:
        for i, faces in enumerate(pool.map(yunet.detect, frames)):
            assert [face.landmarks_px[2].tolist() for face in faces] == [[8 * (i % 12), 32]]


def test_the_right_eye_of_the_person_is_the_left_one_of_the_picture():
    row = np.array([1, 2, 3, 4, *range(10, 20), 0.95], dtype=np.float32)
    face = yunet_face(row, (2.0, 10.0))
    assert face.bbox_px == (2, 20, 8, 60)
    assert face.landmarks_px.tolist() == [[20, 110], [24, 130], [28, 150], [32, 170], [36, 190]]
    assert face.score == pytest.approx(0.95)


@pytest.mark.parametrize("content", [b"", b"hello"])
def test_a_file_that_is_no_network_is_an_error(tmp_path, content):
    (tmp_path / "x.onnx").write_bytes(content)
    with pytest.raises(ConfigError, match=r"x\.onnx is not a YuNet that OpenCV .* reads: .*; give YuNet's"):
        YuNetDetector(tmp_path / "x.onnx")


def test_another_network_is_an_error_before_anything_runs(tmp_path):
    path = write_red_square_finder(tmp_path / "other.onnx", outputs=("cls", "obj"))
    with pytest.raises(ConfigError, match=r"other\.onnx is not a YuNet"):
        YuNetDetector(path)


def test_a_network_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(ConfigError, match=r"--face_model .*nowhere\.onnx does not exist; give .*face_detection_yunet"):
        YuNetDetector(tmp_path / "nowhere.onnx")
