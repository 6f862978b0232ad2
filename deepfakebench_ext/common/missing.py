"""What is said where torch is not installed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from deepfakebench_ext.common.errors import MissingExtraError

_TORCHS = ("torch", "transformers", "safetensors")


@contextmanager
def torch_needed() -> Iterator[None]:
    """Turn an import of torch, or of what comes with it, that fails into one sentence.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _TORCHS:
            raise
        raise MissingExtraError(
            f"{error.name} is not installed; without it only networks that dfb-ext export wrote as ONNX or OpenVINO "
            f"are scored. Type: pip install {' '.join(_TORCHS)}"
        ) from error
