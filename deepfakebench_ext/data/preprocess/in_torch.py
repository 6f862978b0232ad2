"""The steps of `normalising` in torch, on whatever device the pixels are."""

from __future__ import annotations

import torch

from deepfakebench_ext.data.preprocess.normalising import steps
from deepfakebench_ext.data.preprocess.spec import PreprocessSpec


def normalise(pixels: torch.Tensor, spec: PreprocessSpec) -> torch.Tensor:
    """Return what `normalised` does, on the device that `pixels` is on; on a CPU bit for bit.

    Args:
        pixels: uint8 (..., 3, h, w). Left unchanged.
        spec: Whose statistics.
    """
    floats = pixels.to(torch.float32, copy=True)
    for operation, constant in steps(spec):
        # A tensor on the device, not a plain number, which CUDA would divide by as a product with its reciprocal.
        getattr(floats, f"{operation}_")(torch.from_numpy(constant).to(floats.device))
    return floats
