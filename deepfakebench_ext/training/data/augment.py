"""How training frames are changed, in DeepfakeBench's terms: one draw for all frames of a clip.

By OpenCV alone, and PyAV for H.264, which is ours. The pixels of flip, rotation, blur, brightness, contrast, hue and
saturation are those of albumentations 1.3.1, which DeepfakeBench uses; that version draws from Python's global state
and is no longer kept. All draws come from the caller's generator, so that workers, processes and resuming change
nothing.

Source:
    DeepfakeBench training/dataset/abstract_dataset.py:113-132. Its loader resizes before it augments (:314, :509), so
    that its `IsotropicResize` to that same size does nothing; it has no counterpart here. It compresses RGB as if it
    were BGR (albumentations functional.py:498), and its PCA transposes the eigenvectors (:1130); neither is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.faces.self_blend import jpeg
from deepfakebench_ext.media.film_writer import check_films_can_be_written
from deepfakebench_ext.media.h264 import h264
from deepfakebench_ext.training.config import AugmentationConfig

Frames: TypeAlias = npt.NDArray[np.uint8]
_Table: TypeAlias = npt.NDArray[np.uint8]

# Of albumentations 1.3.1, which DeepfakeBench takes as they are: HueSaturationValue and FancyPCA.
_HUE, _SATURATION, _VALUE = 20.0, 30.0, 20.0
_PCA_STD = 0.1
_LEVELS = np.arange(256, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class BrightnessContrast:
    """Levels times `contrast`, plus `brightness` of the full range."""

    contrast: float
    brightness: float

    def __call__(self, frames: Frames) -> Frames:
        """Return the frames, changed."""
        levels = _LEVELS.astype(np.float32) * np.float32(self.contrast) + np.float32(self.brightness * 255)
        return _looked_up(frames, _clipped(levels))


@dataclass(frozen=True, slots=True)
class HueSaturation:
    """Shifts in OpenCV's 8-bit HSV: hue of 180, saturation and value of 255."""

    hue: float
    saturation: float
    value: float

    def __call__(self, frames: Frames) -> Frames:
        """Return the frames, changed."""
        hue = np.mod(_LEVELS + self.hue, 180).astype(np.uint8)
        table = np.stack([hue, _clipped(_LEVELS + self.saturation), _clipped(_LEVELS + self.value)], axis=-1)
        hsv = cv2.cvtColor(_one_image(frames), cv2.COLOR_RGB2HSV)
        return np.asarray(cv2.cvtColor(cv2.LUT(hsv, table[None]), cv2.COLOR_HSV2RGB)).reshape(frames.shape)


@dataclass(frozen=True, slots=True)
class Pca:
    """A shift along the principal axes of all the clip's colours, `strength` times the variance along each.

    Source:
        Krizhevsky et al., "ImageNet Classification with Deep Convolutional Neural Networks", 2012, section 4.1.
    """

    strength: float

    def __call__(self, frames: Frames) -> Frames:
        """Return the frames, all shifted by the same three levels."""
        shift = self.strength * _principal_shift(frames)
        return _looked_up(frames, _clipped(_LEVELS[:, None] + shift))


@dataclass(frozen=True, slots=True)
class Augmentation:
    """One draw. Applied to any number of frames, it does the same to each.

    Attributes:
        mirrored: Left to right.
        angle_deg: Turn about the middle, what comes in from outside mirrored at the border; None for none.
        blur_px: Odd size of a Gaussian kernel; None for no blur.
        colour: A change of brightness, contrast or colour; None for none.
        quality: Of JPEG, 1 to 100; None for no such compression.
        crf: Of H.264, 0 to 51; None for no such compression.
    """

    mirrored: bool = False
    angle_deg: float | None = None
    blur_px: int | None = None
    colour: BrightnessContrast | HueSaturation | Pca | None = None
    quality: int | None = None
    crf: int | None = None

    def __call__(self, frames: Frames, clips: int = 1) -> Frames:
        """Return the frames, changed; the same shape, sharing no memory with what was given.

        Args:
            frames: uint8 (T, H, W, 3) RGB; one image is T = 1. Left unchanged.
            clips: How many clips of equal length they are, one after the other; H.264 predicts none from another.

        Raises:
            ValueError: Another dtype or shape.
        """
        if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[3] != 3 or 0 in frames.shape:
            raise ValueError(f"frames are {frames.dtype} of shape {frames.shape}; they must be uint8 (T, H, W, 3)")
        changed = np.array(frames[:, :, ::-1] if self.mirrored else frames, order="C")
        if self.angle_deg is not None:
            changed = _each(changed, _rotation(self.angle_deg, changed.shape[1:3]))
        if (size := self.blur_px) is not None:
            changed = _each(changed, lambda rgb: cv2.GaussianBlur(rgb, (size, size), 0))
        if self.colour is not None:
            changed = self.colour(changed)
        if (quality := self.quality) is not None:
            changed = _each(changed, lambda rgb: jpeg(rgb, quality))
        if (crf := self.crf) is not None:
            changed = np.concatenate([h264(clip, crf) for clip in np.split(changed, clips)])
        return changed


class Augmenter:
    """Draws augmentations as a config says."""

    def __init__(self, config: AugmentationConfig) -> None:
        """Check the ranges.

        Raises:
            ConfigError: A range whose lower end is above its upper end, or a blur that is not of odd size.
            MissingExtraError: H.264 without PyAV.
        """
        _check(config)
        if config.h264_prob:
            check_films_can_be_written("training.augmentation.h264_prob")
        self._config = config

    def draw(self, rng: np.random.Generator) -> Augmentation:
        """Return the next augmentation of a generator; the same state gives the same one."""
        config = self._config
        drawn = Augmentation(mirrored=bool(rng.random() < config.flip_prob))
        if rng.random() < config.rotate_prob:
            drawn = replace(drawn, angle_deg=float(rng.uniform(*config.rotate_limit)))
        if rng.random() < config.blur_prob:
            drawn = replace(drawn, blur_px=_odd(int(rng.integers(config.blur_limit[0], config.blur_limit[1] + 1))))
        if rng.random() < config.brightness_prob:
            drawn = replace(drawn, colour=self._colour(rng))
        if rng.random() < config.quality_prob:
            drawn = replace(drawn, quality=int(rng.integers(config.quality_lower, config.quality_upper + 1)))
        if config.h264_prob and rng.random() < config.h264_prob:
            low, high = config.h264_crf
            drawn = replace(drawn, quality=None, crf=int(rng.integers(low, high + 1)))
        return drawn

    def _colour(self, rng: np.random.Generator) -> BrightnessContrast | HueSaturation | Pca:
        """One of the three, all equally likely."""
        kind = int(rng.integers(3))
        if kind == 0:
            contrast, brightness = (
                float(rng.uniform(*limits)) for limits in (self._config.contrast_limit, self._config.brightness_limit)
            )
            return BrightnessContrast(1 + contrast, brightness)
        if kind == 1:
            return Pca(float(rng.normal(0, _PCA_STD)))
        return HueSaturation(*(float(rng.uniform(-limit, limit)) for limit in (_HUE, _SATURATION, _VALUE)))


def _check(config: AugmentationConfig) -> None:
    ranges = {
        "rotate_limit": config.rotate_limit,
        "blur_limit": config.blur_limit,
        "brightness_limit": config.brightness_limit,
        "contrast_limit": config.contrast_limit,
        "quality_lower, quality_upper": (config.quality_lower, config.quality_upper),
    }
    for name, (low, high) in ranges.items():
        if not low <= high:
            raise ConfigError(f"augmentation: {name} is {low}, {high}; the first must not exceed the second")
    if config.blur_limit[0] < 1 or not all(size % 2 for size in config.blur_limit):
        raise ConfigError(f"augmentation: blur_limit is {list(config.blur_limit)}; give odd sizes in pixels, as [3, 7]")


def _odd(size: int) -> int:
    """The size, or the next above it: of [3, 7], 3 comes with 1/5 and 5 and 7 with 2/5, as in albumentations."""
    return size if size % 2 else size + 1


def _each(frames: Frames, change: Callable[[Frames], Frames]) -> Frames:
    return np.stack([change(rgb) for rgb in frames])


def _rotation(angle_deg: float, size: tuple[int, ...]) -> Callable[[Frames], Frames]:
    height, width = size
    matrix = cv2.getRotationMatrix2D((width / 2 - 0.5, height / 2 - 0.5), angle_deg, 1.0)

    def rotate(rgb: Frames) -> Frames:
        return np.asarray(
            cv2.warpAffine(rgb, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
        )

    return rotate


def _one_image(frames: Frames) -> Frames:
    """All frames under one another, for what changes each pixel by itself."""
    return frames.reshape(-1, *frames.shape[2:])


def _looked_up(frames: Frames, table: _Table) -> Frames:
    """Levels by a table of (256,) for all channels, or (256, 3)."""
    return np.asarray(cv2.LUT(_one_image(frames), table if table.ndim == 1 else table[None])).reshape(frames.shape)


def _clipped(levels: npt.NDArray[np.floating]) -> _Table:
    return np.asarray(np.clip(levels, 0, 255), np.uint8)


def _principal_shift(frames: Frames) -> npt.NDArray[np.float64]:
    """The sum of the principal axes of the colours, each times its variance, in levels (3,).

    The sums are of integers, exact in float64 in whatever order they are taken, so that no number of threads shows.
    """
    colours = frames.reshape(-1, 3).astype(np.float64)
    count, total = len(colours), colours.sum(axis=0)
    covariance = (colours.T @ colours - np.outer(total, total) / count) / max(1, count - 1) / 255**2
    variances, axes = np.linalg.eigh(covariance)
    # Which way an axis points is the solver's whim.
    axes *= np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(3)])
    shift: npt.NDArray[np.float64] = axes @ variances * 255
    return shift
