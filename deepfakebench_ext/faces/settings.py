"""What decides the pixels of a crop, checked before anything runs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import cv2

from deepfakebench_ext.common.choices import DetectorName, NoFace, Per, Search, Whose
from deepfakebench_ext.common.digests import sha256_of
from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.faces.detect import FaceDetector, check_model_file
from deepfakebench_ext.faces.dlib_detector import DlibDetector, dlib_version
from deepfakebench_ext.faces.yunet_detector import YuNetDetector

# To be raised by whoever changes what the same settings cut, so that caches and runs of before are not taken for it.
_RULES = 6


@dataclass(frozen=True, slots=True)
class FaceSettings:
    """All that decides the pixels of a crop. Made by `face_settings`.

    Attributes:
        detector: `none` leaves frames whole.
        size_px: Height and width of a crop.
        landmark_model: dlib's shape predictor; None cuts around the box, unaligned.
        landmark_model_sha256: Of its bytes.
        face_model: YuNet's network.
        face_model_sha256: Of its bytes.
        search: How dlib looks for faces.
        min_face_score: Faces of which the detector is less sure are none; None takes all that it finds.
        scale: How much more than the face a crop shows.
        no_face: What becomes of a frame without a face: a miss, or the whole frame, which says that it is one.
        per: `clip` cuts all frames of a clip at one place, so that alignment jitter does not become motion; `frame`
            each at its own, as DeepfakeBench does.
        face: `largest` is one person's, `all` each one's, so that the largest hides no forged one.
    """

    detector: DetectorName
    size_px: tuple[int, int]
    landmark_model: Path | None = None
    landmark_model_sha256: str | None = None
    face_model: Path | None = None
    face_model_sha256: str | None = None
    search: Search = "full"
    min_face_score: float | None = None
    scale: float = 1.3
    no_face: NoFace = "skip"
    per: Per = "frame"
    face: Whose = "largest"

    def to_dict(self) -> dict[str, Any]:
        """The settings for `run.json` and for the crop cache: models by content, not by place; versions of libraries.

        Raises:
            MissingExtraError: dlib is needed and not installed.
        """
        return {
            "detector": self.detector,
            "size_px": list(self.size_px),
            "landmark_model_sha256": self.landmark_model_sha256,
            "face_model_sha256": self.face_model_sha256,
            "search": self.search,
            "min_face_score": self.min_face_score,
            "scale": self.scale,
            "no_face": self.no_face,
            "per": self.per,
            "rules": _RULES,
            "versions": _versions(self.detector),
            **({} if self.face == "largest" else {"face": self.face}),
        }


def face_settings(
    detector: DetectorName,
    size_px: tuple[int, int],
    *,
    landmark_model: Path | None = None,
    face_model: Path | None = None,
    search: Search = "full",
    min_face_score: float | None = None,
    scale: float = 1.3,
    no_face: NoFace = "skip",
    per: Per = "frame",
    face: Whose = "largest",
) -> FaceSettings:
    """The settings, checked against each other, with the digests of the models' files.

    Raises:
        ConfigError: Values that are not allowed, a model that the detector does not use or lacks, or cannot be read.
    """
    _check_choice("--face_detector", detector, DetectorName)
    _check_choice("--face_search", search, Search)
    _check_choice("--no_face", no_face, NoFace)
    _check_choice("--crop", per, Per)
    _check_choice("--face", face, Whose)
    if min(size_px) < 1 or not 1.0 <= scale <= 10.0:
        raise ConfigError(f"a crop of {size_px} px at scale {scale} is not allowed: sizes from 1, scale from 1 to 10")
    if landmark_model is not None and detector != "dlib":
        raise ConfigError(f"--landmark_model is read by --face_detector dlib, not by {detector}; leave one of them out")
    if search == "coarse" and detector != "dlib":
        raise ConfigError(f"--face_search coarse is for --face_detector dlib, not for {detector}; leave it out")
    if min_face_score is not None and (detector == "none" or not math.isfinite(min_face_score)):
        raise ConfigError(f"--min_face_score {min_face_score} needs a --face_detector, and must be a number")
    if detector == "yunet" and face_model is None:
        raise ConfigError("--face_detector yunet needs its network: --face_model FILE.onnx")
    if detector != "yunet" and face_model is not None:
        raise ConfigError(f"--face_model is read by --face_detector yunet, not by {detector}; leave one of them out")
    return FaceSettings(
        detector=detector,
        size_px=size_px,
        landmark_model=landmark_model,
        landmark_model_sha256=_sha256(landmark_model, "--landmark_model"),
        face_model=face_model,
        face_model_sha256=_sha256(face_model, "--face_model"),
        search=search,
        min_face_score=min_face_score,
        scale=scale,
        no_face=no_face,
        per=per,
        face=face,
    )


def open_detector(settings: FaceSettings) -> FaceDetector | None:
    """The face detector of the settings, or None for `none`. One serves all threads.

    Raises:
        MissingExtraError: dlib is not installed.
        ConfigError: A model's file is not the model it should be.
    """
    if settings.detector == "dlib":
        return DlibDetector(settings.landmark_model, search=settings.search)
    if settings.face_model is not None:
        return YuNetDetector(settings.face_model)
    return None


def _check_choice(option: str, value: str, allowed: Any) -> None:
    if value not in get_args(allowed):
        raise ConfigError(f"{option} {value!r} is not allowed; give {', '.join(get_args(allowed))}")


def _sha256(path: Path | None, option: str) -> str | None:
    if path is None:
        return None
    check_model_file(path, option)
    try:
        return sha256_of(path)
    except OSError as error:
        raise ConfigError(f"{option} {path} cannot be read: {error.strerror}") from error


def _versions(detector: DetectorName) -> dict[str, str]:
    return {"opencv": cv2.__version__} | ({"dlib": dlib_version()} if detector == "dlib" else {})
