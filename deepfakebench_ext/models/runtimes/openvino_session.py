"""An OpenVINO IR, or an ONNX file, in OpenVINO, on the CPU."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from deepfakebench_ext.common.cpus import computing_threads
from deepfakebench_ext.common.errors import ConfigError, WeightsError
from deepfakebench_ext.common.regular_files import regular
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
from deepfakebench_ext.models.weights.source import EXPORT_AGAIN

_HINTS = {"float32": "f32", "bfloat16": "bf16"}
_CAPABILITY = "BF16"
_IR, _XML, _BOM, _BEGINNING = ".xml", (b"<?xml", b"<net"), b"\xef\xbb\xbf", 64
# Batches side by side on few threads each, not one on all of them, which wait for each other at every layer and for
# whoever reads meanwhile. Tied to no core: of several processes each would tie its first thread to the first one.
_SHARING = {"PERFORMANCE_HINT": "THROUGHPUT", "ENABLE_CPU_PINNING": False}


class OpenVinoSession:
    """A network that OpenVINO has compiled."""

    runtime: RuntimeName = "openvino"

    def __init__(self, path: Path, expected: Sequence[int], *, dtype: str, is_int8: bool = False) -> None:
        """Compile a file that was looked at before.

        Args:
            path: Of the `.xml` or `.onnx`.
            expected: Shape of one input.
            dtype: `auto` is bfloat16 where the CPU computes in it, else float32.
            is_int8: Whether it is quantised, so that `dtype` is what the rest of it computes in.

        Raises:
            ConfigError: A `dtype` that the CPU does not compute in.
            MissingExtraError: openvino is not installed.
            WeightsError: It cannot be opened, or is none of ours.
        """
        core, number = runtime_module(self.runtime).Core(), openvino_number(dtype)
        self.precision = f"int8 and {number}" if is_int8 else number
        self._path = path
        if path.suffix == _IR:
            _check_ir(path)
        try:
            model = core.read_model(path)
            check_signature(path, _ports(model.inputs), _ports(model.outputs), expected)
            how = {**_SHARING, "INFERENCE_PRECISION_HINT": _HINTS[number], "INFERENCE_NUM_THREADS": computing_threads()}
            compiled: Any = core.compile_model(model, "CPU", how)
        except RuntimeError as error:
            raise unreadable(path, self.runtime, error) from error
        except UnicodeDecodeError as error:  # of its own sentence, in which it quotes the file
            raise unreadable(path, self.runtime, RuntimeError(error.object.decode(errors="replace"))) from error
        self.at_a_time: int = compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")
        self._free = SimpleQueue[Any]()
        for _ in range(self.at_a_time):
            self._free.put(compiled.create_infer_request())

    def __call__(self, image: Array) -> Array:
        """Return logits (B, 2). Waits while as many batches as it takes at a time are computed for other threads.

        Raises:
            ModelError: As `Session`.
        """
        request = self._free.get()
        try:
            logits: Array = request.infer([image], share_inputs=True)[0].copy()  # its memory is used again
        except RuntimeError as error:
            raise refused(self._path, self.runtime, error) from error
        finally:
            self._free.put(request)
        check_rows(self._path, self.runtime, logits, len(image))
        return logits


def openvino_number(dtype: str) -> str:
    """Return the type of number that is meant by `dtype`, as `OpenVinoSession` takes it.

    Raises:
        ConfigError: One that OpenVINO does not compute in on this CPU.
        MissingExtraError: openvino is not installed.
    """
    has_it = has_bfloat16()
    number = ("bfloat16" if has_it else "float32") if dtype == "auto" else dtype
    if number not in _HINTS or (number == "bfloat16" and not has_it):
        allowed = "auto, float32, bfloat16" if has_it else "auto and float32 on this CPU"
        raise ConfigError(f"--dtype {dtype} is not for OpenVINO here; allowed are {allowed}")
    return number


def has_bfloat16() -> bool:
    """Whether OpenVINO computes in bfloat16 on this CPU.

    Raises:
        MissingExtraError: openvino is not installed.
    """
    core = runtime_module("openvino").Core()
    return _CAPABILITY in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def _ports(found: Sequence[Any]) -> list[Port]:
    return [
        Port(
            port.get_any_name() if port.get_names() else f"port {number}",
            port.get_element_type().get_type_name(),
            tuple(each.get_length() if each.is_static else "?" for each in port.get_partial_shape()),
        )
        for number, port in enumerate(found)
    ]


def _check_ir(path: Path) -> None:
    """Pass an IR, which is XML: OpenVINO goes by content, and would open an ONNX of that name with files it names.

    Raises:
        WeightsError: It is none.
    """
    with regular(path).open("rb") as stream:
        beginning = stream.read(_BEGINNING).lstrip(_BOM).lstrip()
    if not beginning.startswith(_XML):
        raise WeightsError(f"{path} is no OpenVINO network, which begins with <?xml; {EXPORT_AGAIN}")
