"""Faces and landmarks by dlib, searched as DeepfakeBench does or several times as fast. Needs the extra `faces`."""

from __future__ import annotations

import copy
import importlib
import math
import threading
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from deepfakebench_ext.common.choices import Search
from deepfakebench_ext.common.errors import ConfigError, MissingExtraError
from deepfakebench_ext.faces.detect import MODEL_FILES, WARP_LIMIT_PX, Face, check_model_file
from deepfakebench_ext.media.frame import RGB

MAX_FULL_PIXELS = 2**24
"""Up to 16.8 million pixels (5016 x 3344) dlib's full search enlarges the frame to twice its size, as DeepfakeBench
does: 0.2 s for 1024 x 768, 5 s and 700 MB at this limit. Larger frames are searched as if they had this size."""

# dlib looks for faces in a pyramid whose levels shrink by 5/6. A box is 73 px wide at its level, so that the smallest
# that a search finds are 73 px wide in the searched image, and the next larger ones 87 or 88.
_SHRINK = 5 / 6
_SMALLEST_PX = 73
_NOT_SMALLEST_PX = 80
_COARSE_SIDE_PX = 512
_COARSE_STEP = 4
# Mean variance of a bilinear kernel, f (1 - f), that samples at fifths of a pixel, and at halves.
_BILINEAR_BLUR, _DOUBLING_BLUR = 0.16, 0.125
_LANDMARKS = (68, 81)


class DlibDetector:
    """dlib's frontal face detector and, with a landmark model, its landmarks.

    Finds faces from about 40 px in a full search. `coarse` finds those from about 90 px, in a third of the time or
    less: it searches ever less reduced images until one shows a face, and never the enlarged frame. Boxes refer to the
    frame, and landmarks are found in it. The reduced images are levels of the pyramid that the full search climbs, so
    that nearly always the very same box comes out.
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
        self._prototype = _frontal()
        self._local = threading.local()
        self._up, self._down = self._dlib.pyramid_down(6), self._dlib.pyramid_down(2)

    def detect(self, rgb: RGB) -> list[Face]:
        """The faces in a uint8 (H, W, 3) RGB frame. Other threads run meanwhile."""
        rgb = np.ascontiguousarray(rgb)
        (full,) = search_levels(rgb.shape[0], rgb.shape[1], "full")
        for level in search_levels(rgb.shape[0], rgb.shape[1], self._search):
            found = self._search_at(rgb, level)
            if level == full or max((rect.width() for rect, _ in found), default=0) >= _NOT_SMALLEST_PX:
                return self._faces(rgb, found, level)
        return []

    def _search_at(self, rgb: RGB, level: int) -> list[tuple[Any, float]]:
        """dlib's rectangles and scores in the image of a level, whose coordinates they have; in the frame's at 0."""
        if not hasattr(self._local, "detector"):
            self._local.detector = copy.copy(self._prototype)
        if level == 0:
            rects, scores, _ = self._local.detector.run(rgb, 1, 0.0)
        else:
            rects, scores, _ = self._local.detector.run(reduce_to_level(rgb, level), 0, 0.0)
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

    Those of a coarse search are ever less reduced and four levels apart, so that each costs a quarter of the next, and
    the last a quarter of the full search; the first has a longer side of 250 to 512 px. A frame that is smaller than
    this when doubled is searched in full.

    Args:
        height: Of the frame, in pixels.
        width: Of the frame, in pixels.
        search: `full` gives one.
    """
    full = max(0, math.ceil(math.log(height * width / MAX_FULL_PIXELS, 1 / _SHRINK) / 2))
    if search == "full":
        return (full,)
    reduction = math.log(2 * max(height, width) / _COARSE_SIDE_PX, 1 / _SHRINK)
    steps = max(0, math.ceil((reduction - full) / _COARSE_STEP))
    return tuple(full + _COARSE_STEP * step for step in range(steps, 0, -1)) or (full,)


@cache
def _frontal() -> Any:
    """dlib's detector, to be copied by each thread, as one must not serve two: which takes 1 ms.

    Making it takes 0.2 s during which no other thread runs, and so it is made once for all jobs of a process.
    """
    return _import_dlib().get_frontal_face_detector()


def dlib_version() -> str:
    """The version of the installed dlib.

    Raises:
        MissingExtraError: dlib is not installed.
    """
    return str(_import_dlib().__version__)


def level_size(height: int, width: int, level: int) -> tuple[int, int]:
    """Height and width of a frame at a level of dlib's pyramid: about doubled, then rounded down at every level."""
    sides = [2 * height + 1, 2 * width + 2]  # what dlib's pyramid_up makes of it
    for _ in range(level):
        sides = [5 * side // 6 for side in sides]
    return max(1, sides[0]), max(1, sides[1])


def reduce_to_level(rgb: RGB, level: int) -> RGB:
    """The frame as it looks at a level of dlib's pyramid, made in one go and not by way of all levels before it.

    dlib resamples bilinearly once per level, corner pixel on corner pixel, which blurs. This averages whole pixels,
    blurs by what is then missing, and samples at the same places; a shift by a fraction of a pixel would already let
    dlib prefer the neighbouring box more often.

    Args:
        rgb: uint8 (H, W, 3).
        level: At least 1.
    """
    height, width = rgb.shape[:2]
    rows, columns = level_size(height, width, level)
    steps = (width - 1) / max(1, columns - 1), (height - 1) / max(1, rows - 1)
    whole = max(1, int(min(steps)))
    if whole > 1:
        cut = rgb[: height // whole * whole, : width // whole * whole]
        rgb = cv2.resize(cut, (width // whole, height // whole), interpolation=cv2.INTER_AREA)
    if max(rgb.shape) >= WARP_LIMIT_PX:
        return np.asarray(cv2.resize(rgb, (columns, rows), interpolation=cv2.INTER_AREA))
    missing = _blur_of_chain(level) - (whole**2 - 1) / 12 - _BILINEAR_BLUR * whole**2
    if missing > 0:
        rgb = cv2.GaussianBlur(rgb, (0, 0), math.sqrt(missing) / whole)
    corner = -(whole - 1) / 2 / whole
    matrix = np.array([[steps[0] / whole, 0, corner], [0, steps[1] / whole, corner]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(rgb, matrix, (columns, rows), flags=flags, borderMode=cv2.BORDER_REPLICATE))


def _blur_of_chain(level: int) -> float:
    """Variance, in square pixels of the frame, of the bilinear kernels that double it and shrink it level by level."""
    return _DOUBLING_BLUR + _BILINEAR_BLUR / 4 * sum(_SHRINK ** (-2 * k) for k in range(level))


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
    give = f"give {MODEL_FILES['--landmark_model']}"
    try:
        predictor = dlib.shape_predictor(str(path))
        points = predictor(np.zeros((16, 16, 3), np.uint8), dlib.rectangle(0, 0, 15, 15)).num_parts
    except (RuntimeError, ValueError, MemoryError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ConfigError(f"--landmark_model {path} is not a shape predictor of dlib: {reason}; {give}") from error
    if points not in _LANDMARKS:
        raise ConfigError(f"--landmark_model {path} finds {points} points, and 81 or 68 are needed; {give}")
    return predictor
