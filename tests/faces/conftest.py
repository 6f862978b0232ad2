"""A real face, and landmark models that dlib itself trains on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import skimage.data
from scenes import train_landmark_model


@pytest.fixture(scope="session")
def astronaut() -> np.ndarray:
    """uint8 (512, 512, 3) RGB with one face, about 90 px wide. Not to be written to."""
    image = skimage.data.astronaut()
    image.flags.writeable = False
    return image


@pytest.fixture(scope="session")
def landmark_models(tmp_path_factory: pytest.TempPathFactory, astronaut: np.ndarray) -> dict[int, Path]:
    """A landmark model of 68 points and one of 81."""
    pytest.importorskip("dlib", reason="dlib is not installed (extra `faces`)")
    folder = tmp_path_factory.mktemp("landmark_models")
    return {points: train_landmark_model(folder / f"{points}.dat", astronaut, points) for points in (68, 81)}
