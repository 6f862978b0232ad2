"""Frames with the astronaut's face where a test wants it."""

from __future__ import annotations

import cv2
import numpy as np

FACE_WIDTH_PX, FACE_CENTRE = 91, (220, 121)
GREY = (90, 100, 110)


def scene(
    image: np.ndarray,
    size: tuple[int, int],
    width: float,
    centre: tuple[float, float] | None = None,
    *,
    angle: float = 0.0,
    gain: float = 1.0,
) -> np.ndarray:
    """uint8 frame of (height, width) with the face so many px wide, around `centre` (default: the middle)."""
    scale = width / FACE_WIDTH_PX
    x, y = centre or (size[1] / 2, size[0] / 2)
    source, middle = image, np.array(FACE_CENTRE, dtype=np.float64)
    if scale < 1:  # without aliasing
        source, middle = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), middle * scale
    matrix = cv2.getRotationMatrix2D(tuple(middle), angle, max(scale, 1.0))
    matrix[:, 2] += (x, y) - middle
    frame = cv2.warpAffine(source, matrix, size[::-1], flags=cv2.INTER_CUBIC, borderValue=GREY)
    return np.clip(frame * gain, 0, 255).astype(np.uint8)


def head(image: np.ndarray) -> np.ndarray:
    """The astronaut with all below her head grey: in her helmet, too, dlib sees a face."""
    alone = image.copy()
    alone[240:] = GREY
    return alone
