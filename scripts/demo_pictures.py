"""The demo's pictures and films: views of one face out of one photograph, real ones and self-blended fakes.

The photograph is scikit-image's astronaut (NASA, public domain). Views are framed as the evaluator cuts faces around
the box that dlib finds, which sits now here and now there on a face: a detector that has only seen exact crops takes
such a shift for a trace of forgery.
"""

from __future__ import annotations

import csv
import math
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import skimage.data

from deepfakebench_ext.analysis.splicing import hull_of
from deepfakebench_ext.faces.detect import Face
from deepfakebench_ext.faces.self_blend import self_blend
from deepfakebench_ext.media.film_writer import FilmWriter

SIDE_PX = 64
SOURCES = {"train": 1500, "val": 100, "test": 300}
# Over small moves of the photograph the face was 0.75 to 0.79 of dlib's crop wide, and off its middle by up to 0.05.
FACE_WIDTH = (0.73, 0.81)  # share of the side
MOVE = 0.05  # share of the side
TURN_DEG = 4
JPEG_QUALITY = (85, 98)

# The face in the photograph, as dlib finds it on average: left, top, right, bottom; and the outline that `splice` gives
# to a face of that box.
FACE_BOX_PX = (178.0, 80.0, 269.0, 171.0)
FACE_HULL_PX = hull_of(Face(FACE_BOX_PX, None, 1.0))

FILM_PX = (384, 288)  # width and height
FILM_SCALE = 1.0  # of the photograph; at others the few sizes of dlib's boxes fit the face now and not a moment later
FILM_FPS, FILM_S = 15, 10

Rgb = npt.NDArray[np.uint8]


def make_dataset(folder: Path, seed: int = 0) -> None:
    """Write `folder/{train,val,test}/frames/{real,fake}/*.jpg` and `folder/sources.csv`, in place of older ones.

    Every source is one augmented view of the photograph. It belongs to one part only and gives one real and one fake
    image, which differ in the blend alone and are compressed alike; the number in the file name is the source's. Beside
    them, where extraction would write landmarks, lies the outline of the face.
    """
    photo = skimage.data.astronaut()
    rows = []
    for part in SOURCES:
        shutil.rmtree(folder / part, ignore_errors=True)
    for part, source in _sources():
        rng = np.random.default_rng([seed, source])
        view, hull_px = augmented_view(photo, rng)
        pair = self_blend(view, hull_px, rng)
        quality = int(rng.integers(JPEG_QUALITY[0], JPEG_QUALITY[1] + 1))
        for kind, rgb in (("real", pair.target), ("fake", pair.fake)):
            path = folder / part / "frames" / kind / f"source_{source:04d}.jpg"
            _write_jpeg(path, rgb, quality)
            _write_outline(folder / part / "landmarks" / kind / f"source_{source:04d}.npy", hull_px)
            rows.append((path.relative_to(folder).as_posix(), kind, part, source, quality))
    with (folder / "sources.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("path", "label", "part", "source", "jpeg_quality"), *rows])


def augmented_view(photo: Rgb, rng: np.random.Generator) -> tuple[Rgb, npt.NDArray[np.float32]]:
    """Return another picture of the face, uint8 (SIDE_PX, SIDE_PX, 3), and the outline of the face in it, (K, 2) xy."""
    matrix = _crop_matrix(rng)
    # Twice the size and then area averaging: shrinking at once would alias.
    large = cv2.warpAffine(photo, 2 * matrix, (2 * SIDE_PX, 2 * SIDE_PX), borderMode=cv2.BORDER_REFLECT_101)
    view = cv2.resize(large, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
    hull_px = FACE_HULL_PX @ matrix[:, :2].T + matrix[:, 2]
    return _Light.drawn(rng).on(view, rng), hull_px.astype(np.float32)


def write_film(path: Path, seed: int) -> None:
    """Write a film of the face, which sways and turns a little before its background, in a light of its own."""
    photo, rng = skimage.data.astronaut(), np.random.default_rng(seed)
    light, phases = _Light.drawn(rng), rng.uniform(0, 2 * math.pi, 4)
    path.parent.mkdir(parents=True, exist_ok=True)
    with FilmWriter(path) as film:
        for number in range(FILM_S * FILM_FPS):
            now = number / FILM_FPS
            grow, turn, aside, down = np.sin(np.array([0.7, 1.1, 0.5, 0.8]) * now + phases)
            centre = (FILM_PX[0] / 2 + 40 * aside, 0.45 * FILM_PX[1] + 10 * down)
            matrix = _matrix(FILM_SCALE * (1 + 0.02 * grow), TURN_DEG * turn, centre)
            frame = cv2.warpAffine(photo, matrix, FILM_PX, borderMode=cv2.BORDER_REFLECT_101)
            film.add(light.on(frame, rng), now)


def _sources() -> Iterator[tuple[str, int]]:
    """Yield (part, source), the sources numbered through all parts."""
    parts = [part for part, count in SOURCES.items() for _ in range(count)]
    for source, part in enumerate(parts):
        yield part, source


def _crop_matrix(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Return the 2x3 matrix from the photograph to a view: scaled, turned, moved, and mirrored half of the time."""
    scale = rng.uniform(*FACE_WIDTH) * SIDE_PX / (FACE_BOX_PX[2] - FACE_BOX_PX[0])
    turn_deg, is_mirrored = rng.uniform(-TURN_DEG, TURN_DEG), rng.random() < 0.5
    centre = SIDE_PX / 2 + rng.uniform(-MOVE, MOVE, 2) * SIDE_PX
    return _matrix(scale, turn_deg, centre, is_mirrored=is_mirrored)


def _matrix(
    scale: float, turn_deg: float, centre: npt.ArrayLike, *, is_mirrored: bool = False
) -> npt.NDArray[np.float64]:
    """Return the 2x3 matrix that scales and turns the photograph and brings the face to a place."""
    left, top, right, bottom = FACE_BOX_PX
    angle = math.radians(turn_deg)
    turn = scale * np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    if is_mirrored:
        turn[:, 0] *= -1
    return np.column_stack([turn, np.asarray(centre) - turn @ ((left + right) / 2, (top + bottom) / 2)])


@dataclass(frozen=True)
class _Light:
    """Exposure, white balance and noise, as of one camera in one place."""

    gamma: float
    gains: npt.NDArray[np.float64]
    offset: float
    noise: float

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> _Light:
        return cls(rng.uniform(0.8, 1.25), rng.uniform(0.9, 1.1, 3), rng.uniform(-12, 12), rng.uniform(0.5, 3))

    def on(self, view: Rgb, rng: np.random.Generator) -> Rgb:
        """Return a picture in this light."""
        image = (view / 255.0) ** self.gamma * 255.0
        image = image * self.gains + self.offset + rng.normal(0, self.noise, view.shape)
        return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def _write_jpeg(path: Path, rgb: Rgb, quality: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    _, coded = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    path.write_bytes(coded.tobytes())


def _write_outline(path: Path, hull_px: npt.NDArray[np.float32]) -> None:
    """Write what extraction writes beside a crop; here the outline of the face in place of a detector's landmarks."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, hull_px)
