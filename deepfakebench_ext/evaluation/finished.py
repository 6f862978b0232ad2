"""A finished run that is asked again: answered from its files, without torch, where nothing has changed since."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from deepfakebench_ext.common.errors import OutputError, WeightsError, damaged
from deepfakebench_ext.common.locked_folder import read_settings
from deepfakebench_ext.common.notices import notice_from_json
from deepfakebench_ext.common.protocol import protocol_from_json
from deepfakebench_ext.common.run_names import JOURNAL, METRICS_JSON, RESULTS_TEXT, SCORES_CSV, SETTINGS
from deepfakebench_ext.common.types import Sample
from deepfakebench_ext.common.version import installed, versions
from deepfakebench_ext.data.readers.frames import files_of
from deepfakebench_ext.engine.run_directory import digest_samples
from deepfakebench_ext.evaluation.inputs import asked_of
from deepfakebench_ext.evaluation.outcome import Evaluation
from deepfakebench_ext.evaluation.request import EvaluationRequest
from deepfakebench_ext.metrics.counts import Counts
from deepfakebench_ext.metrics.figure import Figure
from deepfakebench_ext.metrics.thresholds import Threshold
from deepfakebench_ext.models.config import load_config
from deepfakebench_ext.models.weights.source import resolve_weights


def finished(request: EvaluationRequest) -> Evaluation | None:
    """Return what a finished run came to that was asked the same; None where there is none, or something has changed.

    Asked of are runs of images and films with weights on this machine, without crops or a threshold: for these the
    files that decide are known. Compared are the weights' contents, the config, the versions, and the samples' sizes
    and times.
    """
    weights = None if request.weights is None else Path(request.weights).expanduser()
    crops = any(value is not None for value in request.faces.choices.values())
    if weights is None or not weights.exists() or request.test_dataset or crops or request.threshold is not None:
        return None
    for path in sorted(Path(request.output_dir).glob(f"*/{SETTINGS}")):
        if (found := _ended(path.parent, request)) is None:
            continue
        settings, metrics = found
        takes = "video" if "clip" in metrics["counts"] else "image"
        samples = request.files(takes).samples
        if settings.get("samples") == _samples_record(samples) and _is_same(request, weights, settings, path.parent):
            return evaluation_of(path.parent)
    return None


def _ended(folder: Path, request: EvaluationRequest) -> tuple[Mapping[str, Any], Mapping[str, Any]] | None:
    """The settings and figures of a run that was asked this and ended; None where it was not."""
    try:
        settings = read_settings(folder) or {}
    except OutputError:  # whoever asks for that run is told
        return None
    if settings.get("asked") != asked_of(request) or settings.get("versions") != versions():
        return None
    runtime = settings.get("runtime")
    if runtime is not None and installed(runtime["name"]) != runtime["version"]:
        return None
    needed = [folder / name for name in (JOURNAL, SCORES_CSV, RESULTS_TEXT, METRICS_JSON)]
    is_left = any(path.name.startswith(".") and path.suffix == ".tmp" for path in folder.rglob("*"))
    if is_left or not all(path.is_file() for path in needed):
        return None
    if needed[-1].stat().st_mtime_ns < needed[0].stat().st_mtime_ns:
        return None  # the journal grew since
    metrics = json.loads(needed[-1].read_bytes())
    is_same = metrics.get("aggregation") in (None, request.aggregation) and not metrics.get("thresholds")
    return (settings, metrics) if is_same else None


def _samples_record(samples: Sequence[Sample]) -> dict[str, Any]:
    return {"count": len(samples), "sha256": digest_samples(samples, files_of)}


def _is_same(request: EvaluationRequest, weights: Path, settings: Mapping[str, Any], folder: Path) -> bool:
    made = (folder / METRICS_JSON).stat().st_mtime_ns
    if any(path.stat().st_mtime_ns > made for path in _beside(weights)):
        return False
    if request.detector_config is not None:
        changes = {"use_svd": False} | ({} if request.fake_index is None else {"fake_index": request.fake_index})
        config = load_config(request.detector_config).model_copy(update=changes)
        if config.model_dump(mode="json") != settings.get("detector"):
            return False
    try:
        return bool(resolve_weights(str(weights)).sha256() == settings.get("weights", {}).get("sha256"))
    except WeightsError:  # whoever loads them is told
        return False


def _beside(weights: Path) -> Iterator[Path]:
    yield weights
    yield from weights.iterdir() if weights.is_dir() else ()


def evaluation_of(folder: Path) -> Evaluation:
    """Return what a run that has ended came to, as its files say.

    Raises:
        OutputError: They are damaged.
    """
    path = folder / METRICS_JSON
    try:
        metrics = json.loads(path.read_bytes())
        threshold = metrics.get("thresholds", {}).get(metrics["level"])
        return Evaluation(
            folder,
            metrics["level"],
            {name: Figure(**values) for name, values in metrics["figures"].items()},
            {level: Counts(**values) for level, values in metrics["counts"].items()},
            {level: values["statuses"] for level, values in metrics["coverage"].items()},
            tuple(map(notice_from_json, metrics["notice_records"])),
            metrics["head"] != "untrained",
            threshold=None if threshold is None else Threshold(**threshold),
            protocol=protocol_from_json(metrics.get("protocol")),
        )
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise damaged(path, error) from error
