"""Self-blended images: a fake made from one real image, with the blending traces of a face swap and nothing else.

The method is that of Shiohara and Yamasaki, "Detecting Deepfakes with Self-Blended Images", CVPR 2022
(arXiv 2204.08376), written from the paper. Two views of one image, one of them changed in colour and sharpness, are
blended through a soft mask over the face. Real and fake share everything but the blend, so a detector that tells them
apart has seen the blend. Compression is left to the caller, who must give both the same (`jpeg`).

PURE: NumPy and OpenCV on arrays, no files. Every random draw comes from the caller's generator.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

Rgb: TypeAlias = npt.NDArray[np.uint8]
Floats: TypeAlias = npt.NDArray[np.float32]

# Share of the source view in the middle of the mask, as the paper draws it: half of all blends are complete.
PAPER_RATIOS = (0.25, 0.5, 0.75, 1.0, 1.0, 1.0)
MIN_RADIUS_PX = 2.0


@dataclass(frozen=True, slots=True)
class SelfBlend:
    """A real image and the fake made of it.

    Attributes:
        target: uint8 (H, W, 3): the real one of the pair; equal to `fake` wherever `mask` is 0.
        fake: uint8 (H, W, 3).
        mask: float32 (H, W), from 0 to the blending ratio: the share of the source view in `fake`.
    """

    target: Rgb
    fake: Rgb
    mask: Floats


def self_blend(
    rgb: Rgb,
    hull_px: npt.ArrayLike,
    rng: np.random.Generator,
    *,
    ratios: Sequence[float] = PAPER_RATIOS,
    strength: float = 1.0,
    target_share: float = 0.5,
) -> SelfBlend:
    """Blend two views of one real image into a fake.

    Args:
        rgb: The real image, uint8 (H, W, 3). Not modified.
        hull_px: (K, 2) xy, K >= 3: landmarks or outline of the face. Their convex hull is the region that is blended.
        rng: Where every random draw comes from: the same state gives the same pair.
        ratios: Blending ratios in (0, 1] to draw from, all equally likely.
        strength: How far the two views differ in colour, 1 being about the paper's range.
        target_share: How often the changed view is the target, in [0, 1]; half of the time in the paper. Such a
            `target` differs from `rgb` all over, so that a change alone gives no fake away: train and score on
            `target`, not on `rgb`. At 0, `target` always equals `rgb`.

    Returns:
        The pair and its mask.

    Raises:
        ValueError: On another shape or dtype, a hull of less than three finite points, a hull that covers no disc of
            more than 2 pixels radius of the image, or a number out of range.
    """
    _check_image(rgb)
    _check_numbers(ratios, strength, target_share)
    region, radius_px = _face_region(rgb, hull_px)
    source, target = rgb, rgb.copy()
    if rng.random() < target_share:
        target = _change_view(target, rng, strength)
    else:
        source = _change_view(source, rng, strength)
    source, region = _misalign(source, region, rng)
    mask = _soften(_deform(region, radius_px, rng), radius_px, rng)
    mask *= np.float32(ratios[int(rng.integers(len(ratios)))])
    return SelfBlend(target, _blend(source, target, mask), mask)


def jpeg(rgb: Rgb, quality: int) -> Rgb:
    """What is left of an image, uint8 (H, W, 3), after JPEG compression at `quality`, 1 to 100."""
    _check_image(rgb)
    if not 1 <= quality <= 100:
        raise ValueError(f"quality ({quality}) must be from 1 to 100")
    _, coded = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return _uint8(cv2.cvtColor(cv2.imdecode(coded, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB))


def _check_image(rgb: Rgb) -> None:
    if not isinstance(rgb, np.ndarray) or rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3:
        what = f"{rgb.dtype} {rgb.shape}" if isinstance(rgb, np.ndarray) else type(rgb).__name__
        raise ValueError(f"the image is {what}; it must be a uint8 array of shape (H, W, 3) in RGB order")


def _check_numbers(ratios: Sequence[float], strength: float, target_share: float) -> None:
    if not ratios or not all(0 < ratio <= 1 for ratio in ratios):
        raise ValueError(f"ratios ({tuple(ratios)}) must be one or more numbers in (0, 1], such as {PAPER_RATIOS}")
    if not 0 <= strength < np.inf:
        raise ValueError(f"strength ({strength}) must be 0 or more; 1 is about the paper's range")
    if not 0 <= target_share <= 1:
        raise ValueError(f"target_share ({target_share}) must be in [0, 1]; the paper's is 0.5")


def _face_region(rgb: Rgb, hull_px: npt.ArrayLike) -> tuple[Floats, float]:
    """Return the filled convex hull, float32 (H, W) of 0 and 1, and the radius in pixels of its largest disc."""
    points = np.asarray(hull_px, dtype=np.float32)
    if points.ndim != 2 or points.shape[1] != 2 or len(points) < 3 or not np.isfinite(points).all():
        raise ValueError(f"hull_px of shape {points.shape} must be (K, 2) finite xy points, K at least 3")
    height, width = rgb.shape[:2]
    region = np.zeros((height, width), np.uint8)
    corners = cv2.convexHull(np.clip(points, -4 * width - 4 * height, 4 * width + 4 * height))
    cv2.fillConvexPoly(region, np.rint(corners).astype(np.int32), 1)
    # The padding makes the border of the image a border of the region.
    radius_px = float(cv2.distanceTransform(np.pad(region, 1), cv2.DIST_L2, 5).max())
    if radius_px <= MIN_RADIUS_PX:
        raise ValueError(
            f"hull_px spans x {points[:, 0].min():g} to {points[:, 0].max():g} and y {points[:, 1].min():g} to "
            f"{points[:, 1].max():g}, which covers no face in an image of width {width} and height {height}; "
            "give xy pixels of this image"
        )
    return region.astype(np.float32), radius_px


def _change_view(rgb: Rgb, rng: np.random.Generator, strength: float) -> Rgb:
    """Shift colours, then brightness and contrast, then either lose or exaggerate fine detail."""
    image = rgb.astype(np.float32) + np.float32(strength) * rng.uniform(-20, 20, 3).astype(np.float32)
    image = _shift_hsv(image, strength * rng.uniform(-1, 1, 3))
    contrast, brightness = 1 + strength * rng.uniform(-0.1, 0.1), strength * rng.uniform(-25, 25)
    image = (image - 128) * np.float32(contrast) + np.float32(128 + brightness)
    return _uint8(_downscale(image, rng) if rng.random() < 0.5 else _sharpen(image, rng))


def _shift_hsv(image: Floats, shift: npt.NDArray[np.float64]) -> Floats:
    """Shift hue by up to 8 degrees, saturation and value by up to 10 %; `shift` holds the three shares in [-1, 1]."""
    hsv = cv2.cvtColor(np.clip(image, 0, 255) / np.float32(255), cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0] + np.float32(8 * shift[0])) % 360
    hsv[..., 1:] = np.clip(hsv[..., 1:] * (1 + 0.1 * shift[1:]).astype(np.float32), 0, 1)
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB) * np.float32(255), np.float32)


def _downscale(image: Floats, rng: np.random.Generator) -> Floats:
    height, width = image.shape[:2]
    factor = rng.uniform(2, 4)
    small = (max(1, round(width / factor)), max(1, round(height / factor)))
    return np.asarray(
        cv2.resize(cv2.resize(image, small, interpolation=cv2.INTER_AREA), (width, height)), dtype=np.float32
    )


def _sharpen(image: Floats, rng: np.random.Generator) -> Floats:
    return np.asarray(image + np.float32(rng.uniform(0.5, 1.5)) * (image - cv2.GaussianBlur(image, (0, 0), 1.5)))


def _misalign(source: Rgb, region: Floats, rng: np.random.Generator) -> tuple[Rgb, Floats]:
    """Resize both axes by up to 5 % and move by up to 3 %, source and region alike: landmarks that do not quite fit."""
    height, width = source.shape[:2]
    scale, move = rng.uniform(0.95, 1.05, 2), rng.uniform(-0.03, 0.03, 2) * (width, height)
    middle = np.array([width - 1, height - 1]) / 2
    matrix = np.column_stack([np.diag(scale), middle + move - scale * middle])
    moved = cv2.warpAffine(source, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
    return moved, cv2.warpAffine(region, matrix, (width, height))


def _deform(region: Floats, radius_px: float, rng: np.random.Generator) -> Floats:
    """Bend the outline elastically, by a smooth field of shifts of up to 15 % of the radius."""
    height, width = region.shape
    knots = rng.uniform(-0.15, 0.15, (5, 5, 2)).astype(np.float32) * np.float32(radius_px)
    shift = cv2.resize(knots, (width, height), interpolation=cv2.INTER_CUBIC)
    grid_x, grid_y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return np.asarray(cv2.remap(region, grid_x + shift[..., 0], grid_y + shift[..., 1], cv2.INTER_LINEAR))


def _soften(region: Floats, radius_px: float, rng: np.random.Generator) -> Floats:
    """Blur, keep what the blur left whole, blur again: eroded or dilated, as the two widths fall."""
    first, second = rng.uniform(0.03, 0.12, 2) * radius_px
    core = (cv2.GaussianBlur(region, (0, 0), first) > 0.99).astype(np.float32)
    return np.asarray(np.clip(cv2.GaussianBlur(core, (0, 0), second), 0, 1), np.float32)


def _blend(source: Rgb, target: Rgb, mask: Floats) -> Rgb:
    weight = mask[..., None]
    return _uint8(weight * source + (1 - weight) * target)


def _uint8(image: npt.NDArray[np.float32] | npt.NDArray[np.uint8]) -> Rgb:
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)
