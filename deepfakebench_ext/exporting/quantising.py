"""Networks in int8 made of networks in float32, by nncf: try by try, the milder ones last."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Literal

from deepfakebench_ext.common.errors import MissingExtraError
from deepfakebench_ext.models.export.formats import quiet
from deepfakebench_ext.models.export.record import ARTEFACTS, INPUT, Format
from deepfakebench_ext.models.export.tracing import ScoringNetwork, failures_of
from deepfakebench_ext.models.runtimes.session import Array

_MATMUL, _CONVOLUTION = ("MatMul", "Gemm"), ("Convolution", "Conv")
_PRODUCTS = (*_MATMUL, "ScaledDotProductAttention")

_Operator = tuple[str, str, bool]
"""Its kind, its name, and whether it has weights."""


@dataclass(frozen=True, slots=True)
class Try:
    """One way to quantise.

    Attributes:
        alpha: How strongly SmoothQuant moves outliers from activations to weights; None is nncf's own.
        in_float: What is not quantised: `ends`, the first and the last layer; `attention`, products of activations.
    """

    alpha: float | None = None
    in_float: tuple[Literal["ends", "attention"], ...] = ()

    @property
    def name(self) -> str:
        """Return what it is called."""
        alpha = "" if self.alpha is None else f" {self.alpha:g}"
        kept = f", {' and '.join(self.in_float)} in float" if self.in_float else ""
        return f"SmoothQuant{alpha}{kept}"


TRIES: Final = (Try(), Try(alpha=0.5), Try(in_float=("ends",)), Try(in_float=("ends", "attention")))
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
                ignored_scope=nncf.IgnoredScope(names=_in_float(each, format_, model)),
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


def _in_float(each: Try, format_: Format, model: Any) -> list[str]:
    """Return the names of the operators that a try leaves in float."""
    operators = _of_onnx(model) if format_ == "onnx" else _of_openvino(model)
    found = []
    if "ends" in each.in_float:
        found += [name for kind, name, _ in operators if kind in _CONVOLUTION][:1]
        found += [name for kind, name, _ in operators if kind in _MATMUL][-1:]
    if "attention" in each.in_float:
        found += [name for kind, name, has_weights in operators if kind in _PRODUCTS and not has_weights]
    return found


def _of_onnx(model: Any) -> list[_Operator]:
    weights = {tensor.name for tensor in model.graph.initializer}
    return [(node.op_type, node.name, not weights.isdisjoint(node.input)) for node in model.graph.node]


def _of_openvino(model: Any) -> list[_Operator]:
    return [
        (
            each.get_type_name(),
            each.get_friendly_name(),
            any(port.get_source_output().get_node().get_type_name() == "Constant" for port in each.inputs()),
        )
        for each in model.get_ordered_ops()
    ]


def _needed(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise MissingExtraError(f"--int8 needs {name}; type: pip install 'deepfakebench-ext[export]'") from error
