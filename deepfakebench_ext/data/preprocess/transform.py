"""The one preprocessing transform: an RGB frame in, pixels of the detector's size out. Every command goes through here.

What it does to a frame is a `PreprocessSpec`; where specs come from is re-exported here.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from deepfakebench_ext.common.errors import MediaError
from deepfakebench_ext.data.preprocess.normalising import Pixels
from deepfakebench_ext.data.preprocess.processor_json import spec_from_checkpoint
from deepfakebench_ext.data.preprocess.spec import (
    RESAMPLES,
    PreprocessSpec,
    Resample,
    Rounding,
    output_size,
    override,
    spec_from_block,
    spec_from_host_keys,
)

__all__ = [
    "PreprocessSpec",
    "output_size",
    "override",
    "resize_and_crop",
    "spec_from_block",
    "spec_from_checkpoint",
    "spec_from_host_keys",
]

# 268 MB in Pillow. With a shortest edge of 224, an aspect ratio of 1300 to 1: no photograph comes near.
_MAX_RESIZED_PIXELS = 2**26


def resize_and_crop(rgb: npt.NDArray[np.uint8], spec: PreprocessSpec) -> Pixels:
    """Return the frame at the detector's size: (3, h, w) uint8, contiguous, sharing no memory with `rgb`.

    Equal to what transformers' PIL processors compute with the same Pillow, value for value, and with `opencv_bicubic`
    to what DeepfakeBench's loader does. A frame that has the size already is copied, not resampled.

    Args:
        rgb: (H, W, 3) uint8, any strides, read-only allowed. Left unchanged.
        spec: Where `output_size(spec)` is None, h and w depend on the frame.

    Raises:
        ValueError: `rgb` is not an RGB frame.
        MediaError: An aspect ratio so extreme that the resized frame would take gigabytes.

    Source:
        transformers 5.23 image_transforms.py: `resize`, `get_resize_output_image_size`, `center_crop`.
        DeepfakeBench training/dataset/abstract_dataset.py:314.
    """
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or 0 in rgb.shape:
        raise ValueError(f"frame is {rgb.dtype} of shape {rgb.shape}; it must be uint8 of shape (H, W, 3)")
    size = _resized_size((rgb.shape[0], rgb.shape[1]), spec)
    if size != rgb.shape[:2]:
        rgb = _resized(rgb, size, spec.resample)
    if spec.crop is not None and spec.crop != rgb.shape[:2]:
        rgb = _centre_crop(rgb, spec.crop, spec.crop_rounding)
    if spec.channels == "bgr":
        rgb = rgb[..., ::-1]
    pixels: Pixels = rgb.transpose(2, 0, 1).copy(order="C")
    return pixels


def _resized_size(current: tuple[int, int], spec: PreprocessSpec) -> tuple[int, int]:
    """Return the (height, width) after resizing; the long edge is truncated, as transformers does."""
    if spec.size is None:
        return current
    if spec.resize == "exact":
        return spec.size
    height, width = current
    edge = spec.size[0]
    other = int(edge * max(current) / min(current))
    if edge * other > _MAX_RESIZED_PIXELS:
        raise MediaError(
            f"{width}x{height} pixels, resized to a shortest edge of {edge}, would be {other} long; "
            f"crop the image, or set `preprocess: {{resize: exact}}` in the detector YAML"
        )
    return (other, edge) if width <= height else (edge, other)


def _resized(rgb: npt.NDArray[np.uint8], size: tuple[int, int], resample: Resample) -> npt.NDArray[np.uint8]:
    # Pillow, although torch's uint8 antialiasing is up to ten times as fast: torch has 16-bit weights and always makes
    # the horizontal pass first; Pillow has 22-bit weights and, since 13.0, makes the vertical one first where that is
    # cheaper. On photographs the two differ by up to 8 levels (tall ones), by 2 when enlarging, and on several percent
    # of the values at ratios such as 6:1. No rule on sizes keeps them within one level on one percent.
    height, width = size
    if resample == "opencv_bicubic":
        resized: npt.NDArray[np.uint8] = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_CUBIC)
        return resized
    filter_ = Image.Resampling(RESAMPLES.index(resample))
    return np.array(Image.fromarray(rgb).resize((width, height), filter_))


def _centre_crop(rgb: npt.NDArray[np.uint8], crop: tuple[int, int], rounding: Rounding) -> npt.NDArray[np.uint8]:
    """Cut (crop height, crop width, 3) out of the middle; what the frame does not cover is zero."""
    cropped = np.zeros((*crop, 3), np.uint8)
    rows_to, rows_from = _overlap(rgb.shape[0], crop[0], rounding)
    columns_to, columns_from = _overlap(rgb.shape[1], crop[1], rounding)
    cropped[rows_to, columns_to] = rgb[rows_from, columns_from]
    return cropped


def _overlap(have: int, want: int, rounding: Rounding) -> tuple[slice, slice]:
    """Return where, along one axis, the pixels go to and come from. Of an odd margin, padding puts more in front."""
    if have >= want:
        start = (have - want) // 2 if rounding == "down" else round((have - want) / 2)
        return slice(0, want), slice(start, start + want)
    start = (want - have + 1) // 2 if rounding == "down" else (want - have) // 2
    return slice(start, start + have), slice(0, have)
