"""Made videos whose classes differ only in time: folders of the same frames, in their order or shuffled."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

FRAMES, SIDE = 8, 32
_PALE, _RADIUS = 235, 7


def shuffled_pairs(folder: Path, sources: int, *, seed: int) -> Path:
    """`real/` and `fake/` with one video of each source: a disc that drifts, and the same frames out of order.

    Each source gives both classes the very same frames, so that a single frame says nothing of its class.
    """
    rng = np.random.default_rng(seed)
    for source in range(sources):
        frames = _drifting_disc(rng)
        for label, order in (("real", range(FRAMES)), ("fake", _no_neighbours(rng))):
            target = folder / label / f"source_{source:03d}"
            target.mkdir(parents=True)
            for place, number in enumerate(order):
                Image.fromarray(frames[number]).save(target / f"{place:03d}.png", compress_level=1)
    return folder


def _drifting_disc(rng: np.random.Generator) -> list[np.ndarray]:
    """A pale disc that crosses a dark, noisy background at a steady speed, in any direction."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    angle, speed = rng.uniform(0, 2 * np.pi), rng.uniform(2.2, 2.8)
    step = speed * np.array([np.sin(angle), np.cos(angle)])
    middle = SIDE / 2 + rng.uniform(-2, 2, 2)
    background = rng.integers(10, 60, (SIDE, SIDE, 3))
    frames = []
    for time in range(FRAMES):
        row, column = middle + (time - (FRAMES - 1) / 2) * step
        disc = (rows - row) ** 2 + (columns - column) ** 2 < _RADIUS**2
        frames.append(np.where(disc[..., None], _PALE, background).astype(np.uint8))
    return frames


def _no_neighbours(rng: np.random.Generator) -> list[int]:
    """An order in which no frame follows its own neighbour or keeps its place."""
    while True:
        order = rng.permutation(FRAMES)
        if (np.abs(np.diff(order)) > 1).all() and (order != np.arange(FRAMES)).all():
            return [int(number) for number in order]
