"""Networks in int8 made of networks in float32, by nncf: try by try, the milder ones last."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from deepfakebench_ext.common.errors import MissingExtraError
from deepfakebench_ext.models.export.formats import quiet
from deepfakebench_ext.models.export.record import ARTEFACTS, INPUT, Format
from deepfakebench_ext.models.export.tracing import ScoringNetwork, failures_of
from deepfakebench_ext.models.runtimes.session import Array

_MATMUL, _CONVOLUTION = ("MatMul", "Gemm"), ("Convolution", "Conv")


@dataclass(frozen=True, slots=True)
class Try:
    """One way to quantise.

    Attributes:
        name: For people.
        alpha: How strongly SmoothQuant moves outliers from activations to weights; None is nncf's own.
        keeps_ends: Whether the first and the last layer stay in float.
    """

    name: str
    alpha: float | None
    keeps_ends: bool


TRIES: Final = (
    Try("SmoothQuant", None, False),
    Try("SmoothQuant 0.5", 0.5, False),
    Try("SmoothQuant 0.5, ends in float", 0.5, True),
)
"""What is tried, in this order, until one passes."""


def quantised(
    network: ScoringNetwork, format_: Format, path: Path, inputs: Sequence[Array]
) -> Iterator[tuple[str, Any]]:
    """Yield what a network is called when it is quantised, and it, as `save` takes it.

    Args:
        network: In float32.
        format_: In which it was written: `onnx` or `openvino`.
        path: Where.
        inputs: Of calibration, each a batch of one.

    Raises:
        ModelError: nncf cannot quantise it.
        MissingExtraError: A package that it takes is not installed.
    """
    # It tells its makers how it is used, but for this.
    os.environ.setdefault("NNCF_CI", "1")
    nncf = _needed("nncf")
    given = [{INPUT: each} for each in inputs] if format_ == "onnx" else list(inputs)
    for each in TRIES:
        model = _read(format_, path)
        advanced = nncf.AdvancedQuantizationParameters()
        if each.alpha is not None:
            advanced.smooth_quant_alphas = nncf.AdvancedSmoothQuantParameters(matmul=each.alpha)
        with failures_of(format_, network), quiet():
            made = nncf.quantize(
                model,
                nncf.Dataset(given),
                model_type=nncf.ModelType.TRANSFORMER,
                subset_size=len(given),
                ignored_scope=nncf.IgnoredScope(names=_ends(format_, model)) if each.keeps_ends else None,
                advanced_parameters=advanced,
            )
        yield each.name, made


def save(format_: Format, model: Any, folder: Path) -> None:
    """Write a network anew: what stood there may still be mapped by whoever opened it."""
    for name in ARTEFACTS[format_]:
        (folder / name).unlink(missing_ok=True)
    path = folder / ARTEFACTS[format_][0]
    if format_ == "onnx":
        _needed("onnx").save_model(model, str(path))
    else:
        _needed("openvino").save_model(model, str(path), compress_to_fp16=False)


def _read(format_: Format, path: Path) -> Any:
    return _needed("onnx").load(path) if format_ == "onnx" else _needed("openvino").Core().read_model(path)


def _ends(format_: Format, model: Any) -> list[str]:
    """Return the names of the first convolution and of the last matrix product."""
    if format_ == "onnx":
        operators = [(node.op_type, node.name) for node in model.graph.node]
    else:
        operators = [(each.get_type_name(), each.get_friendly_name()) for each in model.get_ordered_ops()]
    first = [name for kind, name in operators if kind in _CONVOLUTION][:1]
    last = [name for kind, name in operators if kind in _MATMUL][-1:]
    return first + last


def _needed(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise MissingExtraError(f"--int8 needs {name}; type: pip install 'deepfakebench-ext[export]'") from error
