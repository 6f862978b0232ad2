"""A detector written into a folder that others run, and proven equal to torch before the folder appears."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from deepfakebench_ext.common.atomic_files import atomic_writer, new_folder
from deepfakebench_ext.common.digests import sha256_of
from deepfakebench_ext.common.run_names import CARD
from deepfakebench_ext.common.version import versions
from deepfakebench_ext.common.yaml_files import read_mapping
from deepfakebench_ext.models.base import Detector
from deepfakebench_ext.models.config import HOST_KEYS
from deepfakebench_ext.models.export.export_card import export_card
from deepfakebench_ext.models.export.formats import OPSET, run_of, write_network
from deepfakebench_ext.models.export.hub_folder import write_pth, write_settings, write_weights
from deepfakebench_ext.models.export.parity import check, measure
from deepfakebench_ext.models.export.record import (
    ARTEFACTS,
    BATCH,
    INPUT,
    LABELS,
    OUTPUT,
    WRITERS,
    ExportRecord,
    Format,
    Gate,
    Parity,
)
from deepfakebench_ext.models.export.tracing import ScoringNetwork, failures_of, input_shape
from deepfakebench_ext.models.runtimes.openvino_session import OpenVinoSession, has_bfloat16
from deepfakebench_ext.models.runtimes.session import RUNTIMES
from deepfakebench_ext.models.weights.source import DETECTOR_YAML

_TORCH = "torch"
# What a training says of itself, which is no part of what others run.
_NOT_OF_AN_EXPORT = ("export", "fake_index", "training", "tuning", "weights")


def export_detector(detector: Detector, folder: Path, format_: Format) -> ExportRecord:
    """Write a detector into a new folder, which appears when its network is proven equal to torch.

    Args:
        detector: From `load_detector`, in float32 on the CPU.
        folder: Absent or empty.
        format_: How.

    Raises:
        ConfigError: The folder holds something.
        ModelError: The network cannot be expressed in that format, or is not equal.
        MissingExtraError: A package that writes the format is not installed.
        OutputError: It cannot be written.
    """
    network = ScoringNetwork(detector).eval()
    with new_folder(folder) as unfinished:
        if format_ == "state_dict":
            parity = _write_state(detector, network, unfinished)
        else:
            run = write_network(network, format_, unfinished)
            parity = measure(network, run, runtime=RUNTIMES.get(format_, _TORCH))
        check(parity, detector.report.source)
        lower = [_in_bfloat16(network, unfinished)] if format_ == "openvino" else []
        return write_description(detector, unfinished, format_, [parity, *filter(None, lower)])


def write_description(
    detector: Detector,
    folder: Path,
    format_: Format,
    parity: Sequence[Parity],
    *,
    is_int8: bool = False,
    gate: Gate | None = None,
) -> ExportRecord:
    """Write `detector.yaml`, what transformers reads, and the card beside a network; return what the first says."""
    shape = input_shape(detector)
    record = ExportRecord(
        format=format_,
        precision="int8" if is_int8 else "float32",
        files={name: sha256_of(folder / name) for name in ARTEFACTS[format_] if (folder / name).exists()},
        inputs={INPUT: (BATCH, *shape)},
        outputs={OUTPUT: LABELS},
        clip_len=detector.clip_len,
        opset=OPSET if format_ == "onnx" else None,
        versions=versions(*WRITERS.get(format_, ()), *(["nncf"] if is_int8 else [])),
        weights=detector.report,
        parity=tuple(parity),
        gate=gate,
    )
    write_settings(folder, detector, _values(detector), detector.stored_thresholds, export=record)
    with atomic_writer(folder / CARD) as stream:
        stream.write(export_card(detector, record))
    return record


def _in_bfloat16(network: ScoringNetwork, folder: Path) -> Parity | None:
    """Return how equal it is in bfloat16, in which it is scored where the CPU has it; None where it has not."""
    if not has_bfloat16():
        return None
    path = folder / ARTEFACTS["openvino"][0]
    session = OpenVinoSession(path, input_shape(network.detector), dtype="bfloat16")
    return measure(network, session, runtime=session.runtime, precision=session.precision)


def _write_state(detector: Detector, network: ScoringNetwork, folder: Path) -> Parity:
    """Write plain weights, and return how equal what is loaded of them is."""
    from deepfakebench_ext.models.loading import load_torch_detector

    _, pth = ARTEFACTS["state_dict"]
    write_settings(folder, detector, _values(detector), detector.stored_thresholds)
    write_weights(folder, detector, detector.state_dict())
    write_pth(folder / pth, detector, detector.stored_thresholds)
    again = ScoringNetwork(load_torch_detector(folder / DETECTOR_YAML, str(folder), device="cpu", dtype="float32"))
    with failures_of("state_dict", network):
        return measure(network, run_of(again), runtime=_TORCH)


def _values(detector: Detector) -> dict[str, Any]:
    """Return the YAML of a detector, with what its weights settled."""
    settings = detector.settings
    if settings.file is not None:
        values = read_mapping(settings.file, "a detector config", unread=HOST_KEYS)
    else:
        values = settings.model_dump(mode="json", exclude_unset=True, exclude_none=True)
    left = {key: value for key, value in values.items() if key not in _NOT_OF_AN_EXPORT}
    return {**left, "model_name": settings.model_name, "l2_normalise": settings.l2_normalise}
