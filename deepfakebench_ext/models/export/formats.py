"""A detector's network written in each of the formats that others run."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from deepfakebench_ext.common.errors import MissingExtraError
from deepfakebench_ext.models.export.record import ARTEFACTS, INPUT, OUTPUT, Format
from deepfakebench_ext.models.export.tracing import ScoringNetwork, failures_of, input_shape, scripted, traced
from deepfakebench_ext.models.runtimes.onnx_session import OnnxSession
from deepfakebench_ext.models.runtimes.openvino_session import OpenVinoSession
from deepfakebench_ext.models.runtimes.session import Array

OPSET = 20
"""Of ONNX: the first with Gelu, read by onnxruntime 1.17 and newer."""

EXTERNAL_ABOVE = 1_500_000_000
"""Bytes of weights above which an ONNX keeps them in a file beside it: protobuf ends at 2 GiB."""
_TALKATIVE = ("torch.onnx", "onnxscript", "onnx_ir", "openvino", "nncf")

Run = Callable[[Array], Array]


def write_network(network: ScoringNetwork, format_: Format, folder: Path) -> Run:
    """Write a network, and return what runs the files.

    Args:
        network: In float32, on the CPU.
        format_: Not `state_dict`, which is no network.
        folder: Exists.

    Raises:
        ModelError: It cannot be expressed in that format.
        MissingExtraError: A package that writes it is not installed.
    """
    path = folder / ARTEFACTS[format_][0]
    shape = input_shape(network.detector)
    if format_ == "onnx":
        _write_onnx(network, path)
        return OnnxSession(path, shape, dtype="float32")
    if format_ == "openvino":
        _write_openvino(network, path)
        return OpenVinoSession(path, shape, dtype="float32")
    buffer = io.BytesIO()  # torch's own writer of files ends the process where a disk is full
    if format_ == "torch_export":
        with failures_of(format_, network, folder):
            torch.export.save(traced(network), buffer)
            path.write_bytes(buffer.getbuffer())
            return run_of(torch.export.load(path).module())  # a file that was written a moment ago
    with failures_of(format_, network, folder):
        jit: Any = torch.jit  # untyped
        jit.save(scripted(network), buffer)
        path.write_bytes(buffer.getbuffer())
        return run_of(jit.load(str(path)))


def run_of(module: Any) -> Run:
    """Return what runs a module of torch."""

    def run(image: Array) -> Array:
        with torch.inference_mode():
            logits: Array = module(torch.from_numpy(np.ascontiguousarray(image))).numpy()
        return logits

    return run


def _write_onnx(network: ScoringNetwork, path: Path) -> None:
    _need("onnxscript")
    size = sum(weight.nbytes for weight in network.state_dict().values())
    with failures_of("onnx", network, path.parent), quiet():
        program: Any = torch.onnx.export(
            traced(network), opset_version=OPSET, dynamo=True, input_names=[INPUT], output_names=[OUTPUT], verbose=False
        )
        for node in program.model.graph:  # torch writes into each where in whose folders its code lies
            node.metadata_props.clear()
        program.save(str(path), external_data=size > EXTERNAL_ABOVE)


def _write_openvino(network: ScoringNetwork, path: Path) -> None:
    """Write an OpenVINO IR by way of ONNX.

    OpenVINO's own `convert_model` sends what it converted to its makers without asking; its reader of ONNX does not.
    """
    package = _need("openvino")
    with TemporaryDirectory(dir=path.parent, prefix=".onnx.") as folder:
        between = Path(folder) / ARTEFACTS["onnx"][0]
        _write_onnx(network, between)
        with failures_of("openvino", network, path.parent):
            package.save_model(package.Core().read_model(between), str(path), compress_to_fp16=False)


def _need(name: str) -> Any:
    from importlib import import_module

    try:
        return import_module(name)
    except ImportError as error:
        raise MissingExtraError(f"exporting needs {name}; type: pip install 'deepfakebench-ext[export]'") from error


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what exporters print for their own developers off the terminal."""
    levels = {name: logging.getLogger(name).level for name in _TALKATIVE}
    for name in levels:
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
