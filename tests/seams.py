"""Made pictures whose classes differ in a seam: smooth textures, and the same with a patch set in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 32


def seam_pictures(folder: Path, count: int, *, seed: int, horizontal: bool = True) -> Path:
    """`real/` and `fake/` with `count` pictures each, of other textures.

    A fake has a patch of its own pixels set in elsewhere, brighter or darker; where it goes and how large it is differ.
    """
    rng = np.random.default_rng(seed)
    for label in ("real", "fake"):
        (folder / label).mkdir(parents=True)
        for number in range(count):
            picture = _texture(rng)
            if label == "fake":
                _set_in(picture, rng, horizontal=horizontal)
            Image.fromarray(picture.clip(0, 255).astype(np.uint8)).save(
                folder / label / f"{number:04d}.png", compress_level=1
            )
    return folder


def _texture(rng: np.random.Generator) -> np.ndarray:
    """(SIDE, SIDE, 3) float: three blurred colours into one another."""
    coarse = Image.fromarray(rng.integers(60, 190, (3, 3, 3), dtype=np.uint8))
    return np.asarray(coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC)).astype(float) + rng.normal(
        0, 2, (SIDE, SIDE, 1)
    )


def _set_in(picture: np.ndarray, rng: np.random.Generator, *, horizontal: bool) -> None:
    height, width = rng.integers(9, 15), rng.integers(12, 20)
    if not horizontal:
        height, width = width, height
    top, left = rng.integers(2, SIDE - height - 2), rng.integers(2, SIDE - width - 2)
    picture[top : top + height, left : left + width] += rng.choice([-1, 1]) * rng.uniform(40, 60)
