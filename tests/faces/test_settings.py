"""What decides a crop: checked against each other, recorded by content and not by place."""

from __future__ import annotations

import json
from dataclasses import replace

import cv2
import pytest
from yunet_stub import write_red_square_finder

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.faces.dlib_detector import DlibDetector
from deepfakebench_ext.faces.settings import FaceSettings, face_settings, open_detector
from deepfakebench_ext.faces.yunet_detector import YuNetDetector

SIZE = (224, 224)


def test_settings_are_recorded_as_json_with_the_versions_that_decide_pixels(landmark_models):
    import dlib

    recorded = face_settings("dlib", SIZE, landmark_model=landmark_models[68], search="coarse").to_dict()
    assert json.loads(json.dumps(recorded)) == recorded
    assert recorded["search"] == "coarse"
    assert recorded["versions"] == {"opencv": cv2.__version__, "dlib": dlib.__version__}
    assert face_settings("none", SIZE).to_dict()["versions"] == {"opencv": cv2.__version__}


def test_a_model_is_recorded_by_its_content_wherever_it_lies(landmark_models, tmp_path):
    copy = tmp_path / "copy.dat"
    copy.write_bytes(landmark_models[68].read_bytes())
    here, there, other = (
        face_settings("dlib", SIZE, landmark_model=path).to_dict()
        for path in (copy, landmark_models[68], landmark_models[81])
    )
    assert here == there
    assert here["landmark_model_sha256"] != other["landmark_model_sha256"]


@pytest.mark.parametrize(
    "change",
    [
        {"size_px": (256, 256)},
        {"scale": 1.2},
        {"no_face": "full_frame"},
        {"per": "clip"},
        {"search": "coarse"},
        {"min_face_score": 0.5},
        {"detector": "yunet"},
        {"landmark_model_sha256": "ab"},
        {"face_model_sha256": "ab"},
    ],
)
def test_every_setting_that_changes_crops_changes_the_record(change):
    settings = FaceSettings("none", SIZE)
    as_json = {key: list(value) if isinstance(value, tuple) else value for key, value in change.items()}
    assert replace(settings, **change).to_dict() == settings.to_dict() | as_json


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"detector": "mtcnn"}, "--face_detector 'mtcnn' is not allowed; give none, dlib, yunet"),
        ({"search": "fast"}, "--face_search 'fast' is not allowed; give full, coarse"),
        ({"no_face": "drop"}, "--no_face 'drop' is not allowed; give skip, full_frame"),
        ({"per": "video"}, "--crop 'video' is not allowed; give frame, clip"),
        ({"size_px": (0, 224)}, "sizes from 1"),
        ({"scale": 0.9}, "scale from 1 to 10"),
        ({"scale": float("nan")}, "scale from 1 to 10"),
        (
            {"detector": "none", "landmark_model": "MODEL"},
            "--landmark_model is read by --face_detector dlib, not by none",
        ),
        ({"detector": "none", "min_face_score": 0.5}, "--min_face_score 0.5 needs a --face_detector"),
        ({"min_face_score": float("nan")}, "--min_face_score nan needs a --face_detector, and must be a number"),
        ({"detector": "none", "search": "coarse"}, "--face_search coarse is for --face_detector dlib"),
        ({"detector": "yunet"}, "yunet needs its network: --face_model FILE"),
        ({"detector": "dlib", "face_model": "MODEL"}, "--face_model is read by --face_detector yunet, not by dlib"),
        ({"landmark_model": "NOWHERE"}, "--landmark_model .*nowhere.dat does not exist"),
        ({"detector": "yunet", "face_model": "NOWHERE"}, "--face_model .*nowhere.dat does not exist"),
    ],
)
def test_settings_that_do_not_go_together_are_an_error(tmp_path, arguments, message):
    (tmp_path / "model.dat").write_bytes(b"x")
    places = {"MODEL": tmp_path / "model.dat", "NOWHERE": tmp_path / "nowhere.dat"}
    filled = {key: places.get(value, value) if isinstance(value, str) else value for key, value in arguments.items()}
    with pytest.raises(ConfigError, match=message):
        face_settings(**{"detector": "dlib", "size_px": SIZE} | filled)


def test_each_detector_is_opened_by_its_name(landmark_models, tmp_path):
    network = write_red_square_finder(tmp_path / "red.onnx")
    assert open_detector(face_settings("none", SIZE)) is None
    assert isinstance(open_detector(face_settings("dlib", SIZE)), DlibDetector)
    assert isinstance(open_detector(face_settings("yunet", SIZE, face_model=network)), YuNetDetector)


def test_a_wrong_landmark_model_is_an_error_before_anything_runs(tmp_path, landmark_models):
    (tmp_path / "wrong.dat").write_bytes(b"not a model")
    with pytest.raises(ConfigError, match=r"wrong\.dat is not a shape predictor of dlib"):
        open_detector(face_settings("dlib", SIZE, landmark_model=tmp_path / "wrong.dat"))
