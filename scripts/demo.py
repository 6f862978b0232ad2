"""The demo behind `make demo`: real pixels in, a results file out, no network, about two minutes on two cores.

One public-domain photograph (scikit-image's astronaut, NASA) gives some hundred augmented views; each view is a real
image and, self-blended (`deepfakebench_ext.data.self_blend`), a fake one. A small CLIP is trained on one half of the
views and scored on the other by the evaluator. It checks the pipeline, not detectors: one face, one kind of fake.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import skimage.data

from deepfakebench_ext.data.self_blend import SelfBlend, self_blend

# The data. Blends are complete (ratio 1) or nearly, which is the visible half of the paper's range.
SIDE_PX = 64
SOURCES = {"train": 800, "test": 150}
RATIOS = (0.75, 1.0, 1.0, 1.0)
STRENGTH = 1.0
FACE_HEIGHT = (0.52, 0.6)
TURN_DEG = 5
MOVE = 0.02
# The outline of the face in the photograph, xy pixels, read off by eye.
FACE_HULL_PX = np.array(
    [(181, 112), (183, 135), (192, 155), (210, 170), (228, 178), (244, 176), (256, 165), (266, 145), (269, 120)]
    + [(268, 95), (260, 82), (230, 76), (200, 76), (186, 86)],
    dtype=np.float32,
)

Rgb = npt.NDArray[np.uint8]


def make_dataset(folder: Path, seed: int = 0) -> None:
    """Write `folder/{train,test}/{real,fake}/*.jpg` and `folder/sources.csv`.

    Every source is one augmented view of the photograph. It belongs to one half only and gives one real and one fake
    image, which went through the same chain and JPEG quality; the number in the file name is the source's.
    """
    photo = skimage.data.astronaut()
    rows = []
    for half, source in _sources():
        rng = np.random.default_rng([seed, source])
        view, hull_px = augmented_view(photo, rng)
        pair = self_blend(view, hull_px, rng, ratios=RATIOS, strength=STRENGTH)
        quality = int(rng.integers(85, 99))
        for kind, rgb in (("real", pair.target), ("fake", pair.fake)):
            path = folder / half / kind / f"source_{source:04d}.jpg"
            _write_jpeg(path, rgb, quality)
            rows.append({"path": path.relative_to(folder).as_posix(), "label": kind, "half": half, "source": source,
                         "jpeg_quality": quality})
    with (folder / "sources.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), extrasaction="raise")
        writer.writeheader()
        writer.writerows(rows)


def _sources() -> Iterator[tuple[str, int]]:
    source = 0
    for half, count in SOURCES.items():
        for _ in range(count):
            yield half, source
            source += 1


def augmented_view(photo: Rgb, rng: np.random.Generator) -> tuple[Rgb, npt.NDArray[np.float32]]:
    """Return another picture of the face, uint8 (SIDE_PX, SIDE_PX, 3), and the outline of the face in it, (K, 2) xy."""
    matrix = _crop_matrix(rng)
    # Twice the size and then area averaging: shrinking at once would alias.
    large = cv2.warpAffine(photo, 2 * matrix, (2 * SIDE_PX, 2 * SIDE_PX), borderMode=cv2.BORDER_REFLECT_101)
    view = cv2.resize(large, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
    hull_px = FACE_HULL_PX @ matrix[:, :2].T + matrix[:, 2]
    return _change_light(view, rng), hull_px.astype(np.float32)


def _crop_matrix(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Photograph to view, 2x3: the face fills 45 to 65 % of the height, turned by up to 15 degrees, perhaps mirrored."""
    top_left, bottom_right = FACE_HULL_PX.min(0), FACE_HULL_PX.max(0)
    scale = rng.uniform(*FACE_HEIGHT) * SIDE_PX / float(bottom_right[1] - top_left[1])
    angle = np.deg2rad(rng.uniform(-TURN_DEG, TURN_DEG))
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    if rng.random() < 0.5:
        turn[:, 0] *= -1
    middle = SIDE_PX / 2 + rng.uniform(-MOVE, MOVE, 2) * SIDE_PX
    return np.column_stack([turn, middle - turn @ ((top_left + bottom_right) / 2)])


def _change_light(view: Rgb, rng: np.random.Generator) -> Rgb:
    """Change exposure, white balance and noise of a whole view, as another camera would."""
    image = (view / 255.0) ** rng.uniform(0.8, 1.25) * 255.0
    image = image * rng.uniform(0.9, 1.1, 3) + rng.uniform(-12, 12)
    image += rng.normal(0, rng.uniform(0.5, 3), image.shape)
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def _write_jpeg(path: Path, rgb: Rgb, quality: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    _, coded = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    path.write_bytes(coded.tobytes())
