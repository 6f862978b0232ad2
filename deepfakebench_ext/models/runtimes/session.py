"""A network that a runtime has opened, whichever it is, and how one is refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from deepfakebench_ext.common.errors import MissingExtraError, WeightsError
from deepfakebench_ext.common.version import installed
from deepfakebench_ext.common.wording import cut, printable
from deepfakebench_ext.models.export.record import INPUT, OUTPUT
from deepfakebench_ext.models.weights.source import EXPORT_AGAIN

RuntimeName = Literal["onnxruntime", "openvino"]
_LONGEST = 300

Array = npt.NDArray[np.float32]


class Session(Protocol):
    """An opened network.

    Attributes:
        runtime: What runs it.
        precision: The type of number it computes in.
    """

    runtime: RuntimeName
    precision: str

    def __call__(self, image: Array) -> Array:
        """Return logits (B, 2) for normalised images (B, 3, H, W) or clips (B, T, 3, H, W)."""


def runtime_module(name: RuntimeName) -> Any:
    """Return the package of a runtime.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise MissingExtraError(
            f"running it needs {name}; type: pip install {name}, or pip install 'deepfakebench-ext[runtime]' for both "
            "runtimes"
        ) from error


def is_installed(name: RuntimeName) -> bool:
    """Whether a runtime is here; it is not imported."""
    return installed(name) is not None


def unreadable(path: Path, runtime: RuntimeName, error: Exception) -> WeightsError:
    """Return the error for a file that a runtime does not take."""
    reason = cut(printable(" ".join(str(error).split())), _LONGEST)
    return WeightsError(f"{path} is no network that {runtime} can open: {reason}; {EXPORT_AGAIN}")


def check_signature(
    path: Path, inputs: Mapping[str, Sequence[Any]], outputs: Mapping[str, Sequence[Any]], expected: Sequence[int]
) -> None:
    """Pass a network of one input of `expected` shape behind the batch's axis, and of two logits.

    Raises:
        WeightsError: Another; says what it takes and gives.
    """
    is_ours = list(inputs) == [INPUT] and list(outputs) == [OUTPUT]
    if is_ours and list(inputs[INPUT][1:]) == list(expected) and list(outputs[OUTPUT][1:]) == [2]:
        return
    said = ", ".join(f"{printable(name)[:40]} {list(shape)}" for name, shape in [*inputs.items(), *outputs.items()])
    raise WeightsError(
        f"{path} is none of this package's exports: it has {cut(said, _LONGEST)}, and its detector.yaml asks for "
        f"{INPUT} {['batch', *expected]} and {OUTPUT} ['batch', 2]; {EXPORT_AGAIN}"
    )
