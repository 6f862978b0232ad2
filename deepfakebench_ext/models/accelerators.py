"""Whether a network would be computed by something else than the CPU, as far as it shows without torch."""

from __future__ import annotations

import sys
from pathlib import Path

# What the drivers of NVIDIA, of AMD, and of either under WSL put where torch then finds a device.
_DEVICES = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")


def device_type(asked: str, runtime: str | None) -> str:
    """Return the kind of device that is meant where a runtime may compute; torch is asked where it may have another.

    Args:
        asked: As `load_detector`.
        runtime: As `load_detector`; one that is named means the CPU where no device is.

    Raises:
        ConfigError: No such device.
    """
    if asked == "cpu" or (asked == "auto" and (runtime != "auto" or _has_cpu_alone())):
        return "cpu"
    from deepfakebench_ext.models.placement import choose_device

    return choose_device(asked).type


def _has_cpu_alone() -> bool:
    return sys.platform == "linux" and not any(map(_is_there, _DEVICES))


def _is_there(path: str) -> bool:
    return Path(path).exists()
