"""An ONNX file in onnxruntime, on the CPU, in float32 or, as it was quantised, in int8."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from deepfakebench_ext.common.cpus import computing_threads
from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.models.export.record import INPUT, OUTPUT
from deepfakebench_ext.models.runtimes.session import (
    Array,
    Port,
    RuntimeName,
    check_rows,
    check_signature,
    refused,
    runtime_module,
    unreadable,
)

_ONLY_ERRORS, _FLOAT = 3, "float32"


class OnnxSession:
    """An ONNX file that onnxruntime has opened."""

    runtime: RuntimeName = "onnxruntime"
    at_a_time = 1

    def __init__(self, path: Path, expected: Sequence[int], *, dtype: str, is_int8: bool = False) -> None:
        """Open a file that was looked at before.

        Args:
            path: Of the ONNX.
            expected: Shape of one input.
            dtype: `auto` or `float32`.
            is_int8: Whether it is quantised, so that only the rest of it computes in `dtype`.

        Raises:
            ConfigError: Another `dtype`.
            MissingExtraError: onnxruntime is not installed.
            WeightsError: It cannot be opened, or is none of ours.
        """
        self.precision = f"int8 and {_FLOAT}" if is_int8 else _FLOAT
        check_onnx_number(dtype)
        package = runtime_module(self.runtime)
        options = package.SessionOptions()
        options.log_severity_level = _ONLY_ERRORS
        options.intra_op_num_threads = computing_threads()
        try:
            self._session: Any = package.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # its errors have no common base but Exception
            raise unreadable(path, self.runtime, error) from error
        self._path = path
        check_signature(path, _ports(self._session.get_inputs()), _ports(self._session.get_outputs()), expected)

    def __call__(self, image: Array) -> Array:
        """Return logits (B, 2).

        Raises:
            ModelError: As `Session`.
        """
        try:
            logits: Array = self._session.run([OUTPUT], {INPUT: image})[0]
        except Exception as error:  # its errors have no common base but Exception
            raise refused(self._path, self.runtime, error) from error
        check_rows(self._path, self.runtime, logits, len(image))
        return logits


def check_onnx_number(dtype: str) -> None:
    """Pass a `dtype` that onnxruntime computes in.

    Raises:
        ConfigError: Another.
    """
    if dtype not in ("auto", _FLOAT):
        raise ConfigError(
            f"--dtype {dtype} is not for onnxruntime, which computes as the file says, in float32; leave it out, "
            "or give --runtime openvino"
        )


def _ports(found: Sequence[Any]) -> list[Port]:
    return [Port(each.name, each.type, tuple(each.shape)) for each in found]
