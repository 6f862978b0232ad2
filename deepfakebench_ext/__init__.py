"""Hugging Face detectors for DeepfakeBench, and an evaluator whose numbers can be trusted.

The public names are imported when they are first used: `import deepfakebench_ext` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from deepfakebench_ext.common.version import __version__ as __version__

if TYPE_CHECKING:
    from deepfakebench_ext.analysis.analyze import analyze
    from deepfakebench_ext.engine.file_inputs import gather_samples, make_face_reader, make_reader
    from deepfakebench_ext.engine.own.detector import OwnDetector
    from deepfakebench_ext.evaluation.evaluate import evaluate
    from deepfakebench_ext.evaluation.outcome import Evaluation
    from deepfakebench_ext.evaluation.spark import predict_udf
    from deepfakebench_ext.exporting.request import export
    from deepfakebench_ext.host.registry import DETECTOR, register
    from deepfakebench_ext.models.loading import load_detector

__all__ = [
    "DETECTOR",
    "Evaluation",
    "OwnDetector",
    "analyze",
    "evaluate",
    "export",
    "gather_samples",
    "load_detector",
    "make_face_reader",
    "make_reader",
    "predict_udf",
    "register",
]

_PUBLIC = {
    "DETECTOR": "deepfakebench_ext.host.registry",
    "Evaluation": "deepfakebench_ext.evaluation.outcome",
    "OwnDetector": "deepfakebench_ext.engine.own.detector",
    "analyze": "deepfakebench_ext.analysis.analyze",
    "evaluate": "deepfakebench_ext.evaluation.evaluate",
    "export": "deepfakebench_ext.exporting.request",
    "gather_samples": "deepfakebench_ext.engine.file_inputs",
    "load_detector": "deepfakebench_ext.models.loading",
    "make_face_reader": "deepfakebench_ext.engine.file_inputs",
    "make_reader": "deepfakebench_ext.engine.file_inputs",
    "predict_udf": "deepfakebench_ext.evaluation.spark",
    "register": "deepfakebench_ext.host.registry",
}


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_PUBLIC])
