"""Films of one real face, each a folder of frames with landmarks: cut, lit, turned and moving otherwise in each."""

from __future__ import annotations

from pathlib import Path
from shutil import copyfile

import cv2
import numpy as np
import skimage.data

from deepfakebench_ext.faces.self_blend import self_blend
from deepfakebench_ext.media.image import read_rgb

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


def real_films(folder: Path, count: int, *, seed: int, speed: float | None = None) -> Path:
    """`real/frames/<film>/NNN.png` and `real/landmarks/<film>/NNN.npy`, as extraction writes them.

    The face drifts a little, or by `speed` pixels a frame.
    """
    rng = np.random.default_rng(seed)
    picture = skimage.data.astronaut()
    for film in range(count):
        frames, landmarks = (folder / "real" / kind / f"film_{seed}_{film:03d}" for kind in ("frames", "landmarks"))
        frames.mkdir(parents=True)
        landmarks.mkdir(parents=True)
        for number, (rgb, points) in enumerate(_film(picture, rng, speed)):
            cv2.imwrite(str(frames / f"{number:03d}.png"), rgb[..., ::-1])
            np.save(landmarks / f"{number:03d}.npy", points)
    return folder


def blended_films(folder: Path, count: int, *, seed: int) -> Path:
    """`real_films`, and in `fake/` a film of each that one strong self-blend was made of, frame after frame alike."""
    real_films(folder, count, seed=seed)
    for film in sorted((folder / "real/frames").iterdir()):
        blend = int(np.random.default_rng([seed, *film.name.encode()]).integers(2**31))
        target = folder / "fake/frames" / f"{film.name}_blended"
        target.mkdir(parents=True)
        for frame in sorted(film.iterdir()):
            points = np.load(folder / "real/landmarks" / film.name / f"{frame.stem}.npy")
            rgb, rng = read_rgb(frame), np.random.default_rng(blend)
            fake = self_blend(rgb, points, rng, ratios=(1.0,), strength=3.0, target_share=0.0).fake
            cv2.imwrite(str(target / frame.name), fake[..., ::-1])
    return folder


def shuffled_films(folder: Path, count: int, *, seed: int) -> Path:
    """`real_films` of a face that moves further, and in `fake/` the same frames out of order: only time tells them."""
    real_films(folder, count, seed=seed, speed=2.0)
    rng = np.random.default_rng([seed, 1])
    for film in sorted((folder / "real/frames").iterdir()):
        target = folder / "fake/frames" / film.name
        target.mkdir(parents=True)
        for number, place in enumerate(_no_neighbours(rng)):
            copyfile(film / f"{place:03d}.png", target / f"{number:03d}.png")
    return folder


def _no_neighbours(rng: np.random.Generator) -> list[int]:
    """An order in which no frame follows its own neighbour or keeps its place."""
    while True:
        order = rng.permutation(FRAMES)
        if (np.abs(np.diff(order)) > 1).all() and (order != np.arange(FRAMES)).all():
            return [int(number) for number in order]


def _film(picture: np.ndarray, rng: np.random.Generator, speed: float | None) -> list[tuple[np.ndarray, np.ndarray]]:
    scale, angle = SIDE / (_WIDTH * rng.uniform(1.0, 1.1)), np.deg2rad(rng.uniform(-4, 4))
    shift, drift = rng.uniform(-1.5, 1.5, 2), rng.uniform(-0.4, 0.4, 2)
    if speed is not None:
        way = rng.uniform(0, 2 * np.pi)
        drift = speed * np.array([np.cos(way), np.sin(way)])
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
