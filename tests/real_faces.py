"""Films of one real face, each a folder of frames with landmarks: cut, lit, turned and moving otherwise in each."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import skimage.data

FRAMES, SIDE = 6, 48
# Outline, eyes, nose and mouth of the astronaut, in pixels of the whole picture.
_FACE = np.array(
    [
        *([185, 85], [186, 118], [194, 150], [214, 173], [236, 172], [257, 147], [265, 115], [264, 84], [225, 68]),
        *([206, 103], [245, 103], [226, 128], [212, 148], [240, 148]),
    ],
    np.float64,
)
_MIDDLE, _WIDTH = np.array([225.0, 122.0]), 130.0


def real_films(folder: Path, count: int, *, seed: int) -> Path:
    """`real/frames/<film>/NNN.png` and `real/landmarks/<film>/NNN.npy`, as extraction writes them."""
    rng = np.random.default_rng(seed)
    picture = skimage.data.astronaut()
    for film in range(count):
        frames, landmarks = (folder / "real" / kind / f"film_{seed}_{film:03d}" for kind in ("frames", "landmarks"))
        frames.mkdir(parents=True)
        landmarks.mkdir(parents=True)
        for number, (rgb, points) in enumerate(_film(picture, rng)):
            cv2.imwrite(str(frames / f"{number:03d}.png"), rgb[..., ::-1])
            np.save(landmarks / f"{number:03d}.npy", points)
    return folder


def _film(picture: np.ndarray, rng: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray]]:
    scale, angle = SIDE / (_WIDTH * rng.uniform(1.0, 1.1)), np.deg2rad(rng.uniform(-4, 4))
    shift, drift = rng.uniform(-1.5, 1.5, 2), rng.uniform(-0.4, 0.4, 2)
    gain, offset, mirrored = rng.uniform(0.9, 1.05), rng.uniform(-8, 8), rng.random() < 0.5
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    film = []
    for number in range(FRAMES):
        place = SIDE / 2 + shift + (number - FRAMES / 2) * drift - turn @ _MIDDLE
        cut = cv2.warpAffine(
            picture, np.column_stack([turn, place]), (SIDE, SIDE), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REFLECT
        )
        points = _FACE @ turn.T + place
        if mirrored:
            cut, points = cut[:, ::-1], np.column_stack([SIDE - 1 - points[:, 0], points[:, 1]])
        noise = rng.normal(0, 2, cut.shape)
        film.append((np.clip(cut * gain + offset + noise, 0, 255).astype(np.uint8), points))
    return film
