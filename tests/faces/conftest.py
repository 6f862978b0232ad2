"""A real face, and landmark models that dlib itself trains on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import skimage.data

FACE = (175, 76, 265, 166)
"""Where dlib sees the astronaut's face: left, top, right, bottom, all inside."""

FIVE = {37: (206, 112), 44: (246, 112), 30: (228, 134), 49: (209, 152), 55: (247, 152)}
"""Her eyes, nose and mouth, by index."""


@pytest.fixture(scope="session")
def astronaut() -> np.ndarray:
    """uint8 (512, 512, 3) RGB with one face, about 90 px wide. Not to be written to."""
    image = skimage.data.astronaut()
    image.flags.writeable = False
    return image


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


@pytest.fixture(scope="session")
def landmark_models(tmp_path_factory: pytest.TempPathFactory, astronaut: np.ndarray) -> dict[int, Path]:
    """A landmark model of 68 points and one of 81."""
    pytest.importorskip("dlib", reason="dlib is not installed (extra `faces`)")
    folder = tmp_path_factory.mktemp("landmark_models")
    return {points: train_landmark_model(folder / f"{points}.dat", astronaut, points) for points in (68, 81)}
