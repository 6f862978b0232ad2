"""What a face detector is, whichever finds the faces: dlib (`dlib_detector`) or YuNet (`yunet_detector`)."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.media.frame import RGB

T = TypeVar("T")
Box = tuple[float, float, float, float]

WARP_LIMIT_PX = 32767
"""OpenCV 4 refuses to warp an image with a side of this length or more."""

_TIED = 0.9  # of the largest area

MODEL_FILES = {
    "--landmark_model": "dlib's shape_predictor_81_face_landmarks.dat or shape_predictor_68_face_landmarks.dat",
    "--face_model": "YuNet's face_detection_yunet_2023mar.onnx of OpenCV's model zoo",
}
_PACKED = {
    "bzip2": b"BZh",
    "gzip": b"\x1f\x8b",
    "xz": b"\xfd7zXZ",
    "zip": b"PK\x03\x04",
    "7-Zip": b"7z\xbc\xaf\x27\x1c",
    "zstd": b"\x28\xb5\x2f\xfd",
}


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """One face in a frame.

    Attributes:
        bbox_px: x0, y0, x1, y1, half-open; may reach beyond the frame.
        landmarks_px: (K, 2) float64 x, y with K 68, 81 or 5 (the order of `align.FIVE_POINTS_68`), or None.
        score: The detector's own confidence; comparable within one detector only.
    """

    bbox_px: Box
    landmarks_px: npt.NDArray[np.float64] | None
    score: float

    @property
    def centre(self) -> tuple[float, float]:
        """Of the box: x, y."""
        x0, y0, x1, y1 = self.bbox_px
        return (x0 + x1) / 2, (y0 + y1) / 2


class FaceDetector(Protocol):
    """What finds faces. Safe in several threads."""

    def detect(self, rgb: RGB) -> list[Face]:
        """The faces in a uint8 (H, W, 3) RGB frame, in no promised order; empty where there are none."""


def confident(faces: Sequence[Face], least: float | None) -> list[Face]:
    """Return the faces whose score is at least `least`; all where that is None."""
    return [face for face in faces if least is None or face.score >= least]


def foremost(candidates: Sequence[tuple[Sequence[Face], T]], size_px: tuple[int, int]) -> T | None:
    """What stands beside the faces with the largest area together; None where there are none.

    Of areas within 10 % of the largest, that of the highest score, and of equal scores the nearest to the middle of the
    frame: dlib's boxes have few sizes, so that between two people its rounding would decide.

    Args:
        candidates: Each the faces of one person, at least one, and what is returned for them.
        size_px: Height and width of the frame.

    Source:
        DeepfakeBench preprocess.py:188, which takes the first of the largest boxes.
    """
    middle = (size_px[1] / 2, size_px[0] / 2)
    areas = [sum(map(_area, faces)) for faces, _ in candidates]
    tied = [candidate for candidate, area in zip(candidates, areas, strict=True) if area >= _TIED * max(areas)]

    def rank(candidate: tuple[Sequence[Face], T]) -> tuple[float, float]:
        faces = candidate[0]
        score, way = sum(face.score for face in faces), sum(math.dist(face.centre, middle) for face in faces)
        return score / len(faces), -way / len(faces)

    return max(tied, key=rank)[1] if tied else None


def check_model_file(path: Path, option: str) -> None:
    """Pass a regular file.

    Args:
        path: Of the model.
        option: Under which it was named: `--landmark_model` or `--face_model`.

    Raises:
        ConfigError: There is none, or it is still packed as it was downloaded; says what to give or to do.
    """
    if not os.path.isfile(path):  # noqa: PTH113 - Path.is_file raises for a name too long to exist
        state = "is not a file" if os.path.exists(path) else "does not exist"  # noqa: PTH110
        raise ConfigError(f"{option} {path} {state}; give the path of {MODEL_FILES[option]}")
    if packed := _packed(path):
        raise ConfigError(
            f"{option} {path} is still compressed by {packed}, as it was downloaded; unpack it, and give the file that "
            f"comes out"
        )


def _packed(path: Path) -> str:
    """By which program a file is compressed, by its first bytes; empty where by none."""
    with path.open("rb") as file:
        head = file.read(6)
    return next((name for name, magic in _PACKED.items() if head.startswith(magic)), "")


def _area(face: Face) -> float:
    x0, y0, x1, y1 = face.bbox_px
    return (x1 - x0) * (y1 - y0)
