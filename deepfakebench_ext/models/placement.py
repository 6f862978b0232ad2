"""On which device and in which floating-point type a detector runs."""

from __future__ import annotations

import torch

from deepfakebench_ext.common.choices import PRECISIONS, Precision
from deepfakebench_ext.common.errors import ConfigError

DTYPES: dict[Precision, torch.dtype] = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


def choose_device(name: str) -> torch.device:
    """Return the device called `name`; `auto` is CUDA, else MPS, else the CPU.

    Raises:
        ConfigError: A name torch does not know, or a device this machine lacks.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"--device {name!r} cannot be used here: {reason}. Try auto, cpu, cuda or mps") from error
    return device


def choose_dtype(name: str, device: torch.device) -> torch.dtype:
    """Return the type called `name`; `auto` is bfloat16 where the hardware computes in it, else float32.

    Raises:
        ConfigError: Not auto, and none of `PRECISIONS`.
    """
    if name == "auto":
        return torch.bfloat16 if _has_bfloat16(device) else torch.float32
    if name.lower() not in PRECISIONS:
        raise ConfigError(f"--dtype {name!r} is not known; allowed are auto, {', '.join(DTYPES)}")
    return DTYPES[PRECISIONS[name.lower()]]


def _has_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)  # Ampere; older cards only emulate it
    if device.type == "cpu":
        # torch has no public question for this; both names have stood since 2.4.
        return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
    return False
