"""Faces in a frame, by dlib or by YuNet, behind one Protocol. Both detectors serve several threads at once."""

from __future__ import annotations

import copy
import importlib
import math
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import cv2
import numpy as np
import numpy.typing as npt

from deepfakebench_ext.errors import ConfigError, MissingExtraError

RGB = npt.NDArray[np.uint8]
Search = Literal["full", "coarse"]

MAX_FULL_PIXELS = 2**24
"""Up to 16.8 million pixels (5016 x 3344) dlib's full search enlarges the frame to twice its size, as DeepfakeBench
does: 0.2 s for 1024 x 768, 9 s and 700 MB at this limit. Larger frames are searched as if they had this size."""

# dlib looks for faces in a pyramid whose levels shrink by 5/6. A box is 73 px wide at its level, so that the smallest
# that a search finds are 73 px wide in the searched image, and the next larger ones 87 or 88.
_SHRINK = 5 / 6
_SMALLEST_PX = 73
_NOT_SMALLEST_PX = 80
_COARSE_SIDE_PX = 512
_COARSE_STEP = 4
_LANDMARKS = (68, 81)

_MODELS = {
    "--landmark_model": "dlib's shape_predictor_81_face_landmarks.dat or shape_predictor_68_face_landmarks.dat",
    "--face_model": "YuNet's face_detection_yunet_2023mar.onnx of OpenCV's model zoo",
}

# What OpenCV itself takes for defaults of FaceDetectorYN.
_YUNET_SCORE, _YUNET_OVERLAP, _YUNET_CANDIDATES = 0.9, 0.3, 5000
_YUNET_SIDE_PX = 640  # it was trained for faces of 10 to 300 px


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """One face in a frame.

    Attributes:
        bbox_px: x0, y0, x1, y1, half-open; may reach beyond the frame.
        landmarks_px: (K, 2) float64 x, y with K 68, 81 or 5 (the order of `align.FIVE_POINTS_68`), or None.
        score: The detector's own confidence; comparable within one detector only.
    """

    bbox_px: tuple[float, float, float, float]
    landmarks_px: npt.NDArray[np.float64] | None
    score: float


class FaceDetector(Protocol):
    """What finds faces. Safe in several threads."""

    def detect(self, rgb: RGB) -> list[Face]:
        """The faces in a uint8 (H, W, 3) RGB frame, in no promised order; empty where there are none."""


def largest(faces: Sequence[Face]) -> Face | None:
    """The face of the largest box, the first of equals, or None. Source: DeepfakeBench preprocess.py:188."""
    return max(faces, key=_area, default=None)


def check_model_file(path: Path, option: str) -> None:
    """Pass a regular file.

    Args:
        path: Of the model.
        option: Under which it was named: `--landmark_model` or `--face_model`.

    Raises:
        ConfigError: There is none; says what to give.
    """
    if not os.path.isfile(path):  # noqa: PTH113 - Path.is_file raises for a name too long to exist
        state = "is not a file" if os.path.exists(path) else "does not exist"  # noqa: PTH110
        raise ConfigError(f"{option} {path} {state}; give the path of {_MODELS[option]}")


def dlib_version() -> str:
    """The version of the installed dlib.

    Raises:
        MissingExtraError: dlib is not installed.
    """
    return str(_import_dlib().__version__)


class DlibDetector:
    """dlib's frontal face detector and, with a landmark model, its landmarks.

    Finds faces from about 40 px in a full search. `coarse` searches a reduced image first and the full one only where
    that shows no face; boxes and landmarks refer to the frame at full size, and landmarks are found in it. Its images
    are reduced by powers of 5/6 of what the full search begins with, hence are levels of its pyramid, so that nearly
    always the same box comes out.
    """

    def __init__(self, landmark_model: Path | None = None, *, search: Search = "full") -> None:
        """Load dlib and the landmark model.

        Args:
            landmark_model: A shape predictor of 68 or 81 points. None finds boxes only.
            search: `full`, as DeepfakeBench searches, or `coarse`.

        Raises:
            MissingExtraError: dlib is not installed.
            ConfigError: The landmark model is missing, not one, or has another number of points.
        """
        self._dlib = _import_dlib()
        self._search = search
        self._predictor = None if landmark_model is None else _load_predictor(self._dlib, landmark_model)
        # Making one takes 0.3 s during which no other thread runs; copying it, 1 ms. One must not serve two threads.
        self._prototype = self._dlib.get_frontal_face_detector()
        self._local = threading.local()
        self._up, self._down = self._dlib.pyramid_down(6), self._dlib.pyramid_down(2)

    def detect(self, rgb: RGB) -> list[Face]:
        """The faces in a uint8 (H, W, 3) RGB frame. Other threads run meanwhile."""
        rgb = np.ascontiguousarray(rgb)
        *coarse, last = search_levels(rgb.shape[0], rgb.shape[1], self._search)
        for level in coarse:
            found = self._search_at(rgb, level)
            if max((rect.width() for rect, _ in found), default=0) >= _NOT_SMALLEST_PX:
                return self._faces(rgb, found, level)
        return self._faces(rgb, self._search_at(rgb, last), last)

    def _search_at(self, rgb: RGB, level: int) -> list[tuple[Any, float]]:
        """dlib's rectangles and scores in the image of a level, whose coordinates they have; in the frame's at 0."""
        if not hasattr(self._local, "detector"):
            self._local.detector = copy.copy(self._prototype)
        if level == 0:
            rects, scores, _ = self._local.detector.run(rgb, 1, 0.0)
        else:
            size = (_side_at(rgb.shape[1], level), _side_at(rgb.shape[0], level))
            rects, scores, _ = self._local.detector.run(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), 0, 0.0)
        return list(zip(rects, scores, strict=True))

    def _faces(self, rgb: RGB, found: Sequence[tuple[Any, float]], level: int) -> list[Face]:
        rects = [rect if level == 0 else self._in_frame(rect, level) for rect, _ in found]
        return [
            Face(
                # dlib's right and bottom belong to the box.
                (float(rect.left()), float(rect.top()), float(rect.right() + 1), float(rect.bottom() + 1)),
                None if self._predictor is None else _landmarks(self._predictor(rgb, rect)),
                score,
            )
            for rect, (_, score) in zip(rects, found, strict=True)
        ]

    def _in_frame(self, rect: Any, level: int) -> Any:
        """The rectangle that the full search gives where it fires at the same place of the same level.

        Found in whole pixels of its own level, where dlib has it before rounding, and rounded as dlib rounds it on its
        way up from there. Without that, faces of equal size would change places by a pixel.
        """
        own_level = round(math.log(rect.width() / _SMALLEST_PX, 1 / _SHRINK))
        window = self._dlib.rectangle(self._up.rect_down(self._dlib.drectangle(rect), own_level))
        doubled = self._dlib.rectangle(self._up.rect_up(self._dlib.drectangle(window), level + own_level))
        return self._dlib.rectangle(self._down.rect_down(self._dlib.drectangle(doubled)))


def search_levels(height: int, width: int, search: Search) -> tuple[int, ...]:
    """The images that a search for faces looks at, in turn: level k is the frame, doubled, times (5/6)**k.

    The last is the full search; those before it are ever less reduced and four levels apart, so that each costs a
    quarter of the next. The first has a longer side of 250 to 512 px.

    Args:
        height: Of the frame, in pixels.
        width: Of the frame, in pixels.
        search: `full` gives the last one only.
    """
    full = max(0, math.ceil(math.log(height * width / MAX_FULL_PIXELS, 1 / _SHRINK) / 2))
    if search == "full":
        return (full,)
    reduction = math.log(2 * max(height, width) / _COARSE_SIDE_PX, 1 / _SHRINK)
    steps = max(0, math.ceil((reduction - full) / _COARSE_STEP))
    return tuple(full + _COARSE_STEP * step for step in range(steps, -1, -1))


class YuNetDetector:
    """OpenCV's FaceDetectorYN: boxes and five points. Frames are searched at 640 px, whatever their size."""

    def __init__(self, face_model: Path) -> None:
        """Load the network once, to see that it is one.

        Raises:
            ConfigError: The file is missing or not a YuNet of the kind that OpenCV reads.
        """
        check_model_file(face_model, "--face_model")
        self._path = face_model
        self._local = threading.local()
        try:
            self.detect(np.zeros((64, 64, 3), np.uint8))
        except cv2.error as error:
            raise ConfigError(
                f"--face_model {face_model} is not a YuNet that OpenCV {cv2.__version__} reads: {error}; "
                f"give {_MODELS['--face_model']}"
            ) from error

    def detect(self, rgb: RGB) -> list[Face]:
        """The faces in a uint8 (H, W, 3) RGB frame. Other threads run meanwhile."""
        height, width = rgb.shape[:2]
        shrink = min(1.0, _YUNET_SIDE_PX / max(height, width))
        size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
        small = rgb if shrink == 1.0 else cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
        network = self._own_network()
        network.setInputSize(size)
        _, rows = network.detect(cv2.cvtColor(small, cv2.COLOR_RGB2BGR))
        return [] if rows is None else [yunet_face(row, (width / size[0], height / size[1])) for row in rows]

    def _own_network(self) -> Any:
        if not hasattr(self._local, "network"):
            self._local.network = cv2.FaceDetectorYN.create(
                str(self._path), "", (64, 64), _YUNET_SCORE, _YUNET_OVERLAP, _YUNET_CANDIDATES
            )
        return self._local.network


def yunet_face(row: npt.NDArray[np.float32], enlarge: tuple[float, float]) -> Face:
    """The face that a row of FaceDetectorYN describes.

    Its points are the person's right eye, left eye, nose tip, right and left corner of the mouth. The person's right is
    the picture's left, so that this is the order of `align.FIVE_POINTS_68`.

    Args:
        row: (15,): x, y, width, height, five times x, y, and the score.
        enlarge: Frame size over searched size, for x and for y.

    Source:
        OpenCV objdetect.hpp, FaceDetectorYN::detect.
    """
    values = row.astype(np.float64)
    x0, y0, width, height = values[:4]
    bbox = (x0 * enlarge[0], y0 * enlarge[1], (x0 + width) * enlarge[0], (y0 + height) * enlarge[1])
    landmarks = values[4:14].reshape(5, 2) * enlarge
    return Face((float(bbox[0]), float(bbox[1]), float(bbox[2]), float(bbox[3])), landmarks, float(values[14]))


def _area(face: Face) -> float:
    x0, y0, x1, y1 = face.bbox_px
    return (x1 - x0) * (y1 - y0)


def _side_at(side: int, level: int) -> int:
    """The length of a side at a level, rounded down at every level as dlib's pyramid_down does."""
    side *= 2
    for _ in range(level):
        side = 5 * side // 6
    return max(1, side)


def _landmarks(shape: Any) -> npt.NDArray[np.float64]:
    return np.array([(part.x, part.y) for part in shape.parts()], dtype=np.float64)


def _import_dlib() -> Any:
    try:
        return importlib.import_module("dlib")
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            "--face_detector dlib needs dlib, which is not installed; pip install 'deepfakebench-ext[faces]', "
            "or use --face_detector yunet or none"
        ) from error


def _load_predictor(dlib: Any, path: Path) -> Any:
    check_model_file(path, "--landmark_model")
    give = f"give {_MODELS['--landmark_model']}"
    try:
        predictor = dlib.shape_predictor(str(path))
        points = predictor(np.zeros((16, 16, 3), np.uint8), dlib.rectangle(0, 0, 15, 15)).num_parts
    except (RuntimeError, ValueError, MemoryError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ConfigError(f"--landmark_model {path} is not a shape predictor of dlib: {reason}; {give}") from error
    if points not in _LANDMARKS:
        raise ConfigError(f"--landmark_model {path} finds {points} points, and 81 or 68 are needed; {give}")
    return predictor
