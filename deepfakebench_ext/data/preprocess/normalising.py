"""What becomes of pixels before a network computes with them, in NumPy; `in_torch` takes the same steps on a device."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from deepfakebench_ext.data.preprocess.spec import PreprocessSpec

Pixels: TypeAlias = npt.NDArray[np.uint8]
"""uint8 (..., 3, h, w), RGB: of an image, a clip or a batch of either, as `resize_and_crop` gives them."""
Floats: TypeAlias = npt.NDArray[np.float32]
Step: TypeAlias = tuple[Literal["multiply", "add", "subtract", "divide"], Floats]


def steps(spec: PreprocessSpec) -> tuple[Step, ...]:
    """Return how pixels are normalised: operations with constants (3, 1, 1) or (1, 1, 1), one by one, in float32.

    The constants are folded into one factor and one bias in float64: within 1e-6 of the same steps taken one by one.
    Only what DeepfakeBench's loader resizes is computed as that loader does, on a CPU bit for bit.

    Source:
        torchvision 0.28 transforms/functional.py: `to_tensor`, `normalize`, as in abstract_dataset.py:392-405.
    """
    std, mean = (np.array(each, np.float64).reshape(3, 1, 1) for each in (spec.std, spec.mean))
    if spec.resample == "opencv_bicubic" and spec.rescale_factor == 1 / 255 and spec.offset == 0:
        return ("divide", _float32(255.0)), ("subtract", _float32(mean)), ("divide", _float32(std))
    return ("multiply", _float32(spec.rescale_factor / std)), ("add", _float32(-(spec.offset + mean) / std))


def normalised(pixels: Pixels, spec: PreprocessSpec) -> Floats:
    """Return (pixels * rescale_factor - offset - mean) / std as float32 of the same shape.

    Args:
        pixels: uint8 (..., 3, h, w). Left unchanged.
        spec: Whose statistics.
    """
    floats = pixels.astype(np.float32, order="C")
    for operation, constant in steps(spec):
        getattr(np, operation)(floats, constant, out=floats)
    return floats


def _float32(value: float | npt.NDArray[np.float64]) -> Floats:
    return np.asarray(value, np.float32).reshape(-1, 1, 1)
