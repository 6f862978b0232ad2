"""Frames with the astronaut's face where a test wants it, and landmark models that know it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

FACE = (175, 76, 265, 166)
"""Where dlib sees the astronaut's face: left, top, right, bottom, all inside."""

FIVE = {37: (206, 112), 44: (246, 112), 30: (228, 134), 49: (209, 152), 55: (247, 152)}
"""Her eyes, nose and mouth, by index."""

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


def largest(faces):
    """The face of the largest box."""
    return max(faces, key=lambda face: (face.bbox_px[2] - face.bbox_px[0]) * (face.bbox_px[3] - face.bbox_px[1]))


def head(image: np.ndarray) -> np.ndarray:
    """The astronaut with all below her head grey: in her helmet, too, dlib sees a face."""
    alone = image.copy()
    alone[240:] = GREY
    return alone


def train_landmark_model(path: Path, image: np.ndarray, points: int) -> Path:
    """A shape predictor of so many points that finds `FIVE` on the astronaut, the others anywhere in her face."""
    import dlib

    rng = np.random.default_rng(0)
    shape = rng.uniform((185, 90), (255, 165), (points, 2)).round().astype(int)
    for at, point in FIVE.items():
        if at < points:
            shape[at] = point
    parts = [dlib.point(int(x), int(y)) for x, y in shape]
    moves = rng.integers(-8, 9, (12, 4))
    boxes = [dlib.rectangle(*(int(edge) for edge in np.add(FACE, move))) for move in moves]
    options = dlib.shape_predictor_training_options()
    options.tree_depth, options.cascade_depth, options.num_trees_per_cascade_level = 2, 4, 20
    options.feature_pool_size, options.num_test_splits, options.oversampling_amount = 50, 10, 10
    options.nu, options.num_threads, options.random_seed = 0.3, 1, "7"
    images, objects = [image] * len(boxes), [[dlib.full_object_detection(box, parts)] for box in boxes]
    dlib.train_shape_predictor(images, objects, options).save(str(path))
    return path
