"""A network that a runtime has opened, whichever it is, and how one is refused."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from deepfakebench_ext.common.errors import MissingExtraError, ModelError, WeightsError
from deepfakebench_ext.common.version import installed
from deepfakebench_ext.common.wording import cut, printable, reason_of
from deepfakebench_ext.models.export.record import INPUT, OUTPUT, Format
from deepfakebench_ext.models.weights.source import EXPORT_AGAIN

RuntimeName = Literal["onnxruntime", "openvino"]
RUNTIMES: Final[dict[Format, RuntimeName]] = {"onnx": "onnxruntime", "openvino": "openvino"}
"""What a format is proven equal in, and run by where nothing else is asked for."""
_LONGEST = 300
_FLOAT32 = ("f32", "tensor(float)")

Array = npt.NDArray[np.float32]


class Port(NamedTuple):
    """An input or output of a network.

    Attributes:
        name: Its name.
        kind: The type of number, as the runtime calls it.
        shape: Its axes; a word, or None, is one of any length.
    """

    name: str
    kind: str
    shape: tuple[Any, ...]


class Session(Protocol):
    """An opened network.

    Attributes:
        runtime: What runs it.
        precision: The type of number it computes in.
        at_a_time: Batches it computes at a time, when as many threads ask.
    """

    runtime: RuntimeName
    precision: str
    at_a_time: int

    def __call__(self, image: Array) -> Array:
        """Return logits (B, 2) for normalised images (B, 3, H, W) or clips (B, T, 3, H, W).

        Raises:
            ModelError: The runtime cannot compute them.
        """


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
    return WeightsError(f"{path} is no network that {runtime} can open: {reason_of(error, _LONGEST)}; {EXPORT_AGAIN}")


def refused(path: Path, runtime: RuntimeName, error: Exception) -> ModelError:
    """Return the error for a batch that a runtime ends in."""
    return ModelError(f"{path}: {runtime} cannot compute it: {reason_of(error, _LONGEST)}")


def check_rows(path: Path, runtime: RuntimeName, logits: Array, number: int) -> None:
    """Pass two logits for each of `number` inputs.

    Raises:
        ModelError: Others.
    """
    if logits.shape != (number, 2):
        raise ModelError(f"{path}: {runtime} gives {list(logits.shape)} logits for {number} inputs, not two for each")


def check_signature(path: Path, inputs: Sequence[Port], outputs: Sequence[Port], expected: Sequence[int]) -> None:
    """Pass a network of one input of `expected` shape behind the batch's axis, and of two logits, in float32.

    Raises:
        WeightsError: Another; says what it takes and gives.
    """
    ours = [(INPUT, tuple(expected)), (OUTPUT, (2,))]
    are_floats = all(port.kind in _FLOAT32 for port in (*inputs, *outputs))
    if are_floats and len(inputs) == 1 and [(port.name, port.shape[1:]) for port in (*inputs, *outputs)] == ours:
        return
    said = ", ".join(f"{printable(port.name)[:40]} {port.kind} {list(port.shape)}" for port in (*inputs, *outputs))
    raise WeightsError(
        f"{path} is none of this package's exports: it has {cut(said, _LONGEST)}, and its detector.yaml asks for "
        f"{INPUT} float32 {['batch', *expected]} and {OUTPUT} float32 ['batch', 2]; {EXPORT_AGAIN}"
    )
