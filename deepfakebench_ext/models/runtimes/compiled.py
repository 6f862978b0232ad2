"""Ordinary weights in a runtime's form: made once, proven equal, kept by what they are, and run from there."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from deepfakebench_ext.common.digests import sha256_of
from deepfakebench_ext.common.errors import ConfigError, MissingExtraError, ModelError, OutputError, WeightsError
from deepfakebench_ext.common.version import versions
from deepfakebench_ext.models.built_from import decide_architecture, decide_preprocess, processor_folder
from deepfakebench_ext.models.config import DetectorConfig, load_config
from deepfakebench_ext.models.export.record import WRITERS, Format
from deepfakebench_ext.models.runtimes.exported import ExportedDetector
from deepfakebench_ext.models.runtimes.network_cache import held, make_room, networks_folder
from deepfakebench_ext.models.runtimes.onnx_session import check_onnx_number
from deepfakebench_ext.models.runtimes.openvino_session import openvino_number
from deepfakebench_ext.models.runtimes.session import RUNTIMES, RuntimeName, is_installed
from deepfakebench_ext.models.stored_thresholds import stored_as_json
from deepfakebench_ext.models.weights.source import DETECTOR_YAML, Source, resolve_weights

if TYPE_CHECKING:
    from deepfakebench_ext.models.base import Detector

logger = logging.getLogger(__name__)

_FORMATS = {runtime: format_ for format_, runtime in RUNTIMES.items()}
_MIB, _DIGITS = 2**20, 32


class CompiledDetector(ExportedDetector):
    """Weights of any kind, run by a runtime: the report, the name and the preprocessing are their own."""

    def __init__(self, config: DetectorConfig, *, made_of: Source, kept: Path, dtype: str) -> None:
        """Open what is kept of `made_of`.

        Args:
            config: Of the weights.
            made_of: The weights.
            kept: The folder of their network.
            dtype: As `ExportedDetector`.

        Raises:
            ConfigError, WeightsError, MissingExtraError: As `ExportedDetector`.
        """
        own = _own_config(kept)
        super().__init__(
            config.model_copy(update={"export": own.export}), source=resolve_weights(str(kept)), dtype=dtype
        )
        self.report = replace(self._record.weights, source=made_of.spec)
        self.source = made_of
        self.preprocess = decide_preprocess(config, processor_folder(made_of), self.input_size)
        self.stored_thresholds = own.thresholds


def compiled(
    settings: DetectorConfig,
    source: Source,
    runtime: RuntimeName,
    build: Callable[[], Detector],
    *,
    dtype: str,
) -> CompiledDetector:
    """Return a detector that a runtime runs, compiled now where it was not before.

    Args:
        settings: Of it, as it is loaded.
        source: Its weights.
        runtime: Which.
        build: Makes it in float32 on the CPU, for what is not kept yet.
        dtype: What the runtime computes in; `auto` as `ExportedDetector`.

    Raises:
        ModelError: The network cannot be expressed for the runtime, or is not equal to torch.
        MissingExtraError: A package that makes or runs it is not installed.
        OutputError: It cannot be kept.
        ConfigError: A `dtype` that the runtime does not compute in.
    """
    (openvino_number if runtime == "openvino" else check_onnx_number)(dtype)  # not after minutes of compiling
    format_ = _FORMATS[runtime]
    kept = networks_folder() / f"{runtime}-{_key(settings, source, format_)}"
    try:
        with held(kept):
            detector = _kept(settings, source, kept, dtype)
            if detector is None:
                _export(build(), kept, format_)
                size = sum(path.stat().st_size for path in kept.iterdir()) / _MIB
                logger.info("compiled for %s, and kept in %s (%.0f MiB; delete it at will)", runtime, kept, size)
                make_room(kept)
                detector = CompiledDetector(settings, made_of=source, kept=kept, dtype=dtype)
    except (OSError, OutputError) as error:
        raise OutputError(
            f"networks for {runtime} are kept in {kept.parent}, which cannot be written: {error}; set XDG_CACHE_HOME "
            "to a folder that can, or give --runtime torch"
        ) from error
    return detector


def _own_config(kept: Path) -> DetectorConfig:
    """Return what is said of a network that is kept.

    Raises:
        WeightsError: It is not to be read.
    """
    try:
        return load_config(kept / DETECTOR_YAML)
    except ConfigError as error:
        raise WeightsError(f"{kept / DETECTOR_YAML} is not there or damaged") from error


def _kept(settings: DetectorConfig, source: Source, kept: Path, dtype: str) -> CompiledDetector | None:
    """Return what was compiled before; None where nothing was, or it is damaged, and so removed."""
    if not kept.exists():
        return None
    try:
        return CompiledDetector(settings, made_of=source, kept=kept, dtype=dtype)
    except WeightsError as error:
        logger.warning("what is kept of this network is made anew: %s", error)
        shutil.rmtree(kept)
        return None


def runtime_or_torch(
    asked: str, settings: DetectorConfig, device: str, compile_for: Callable[[RuntimeName], CompiledDetector]
) -> CompiledDetector | None:
    """Return what `compile_for` makes for the runtime that is asked for; None is torch.

    `auto` is OpenVINO on a CPU, where it is installed and takes the network; a line says where it does not.

    Raises:
        ConfigError: A runtime for a detector or a device that it does not run.
        ExtError: As `compiled`, where the runtime was asked for by its name.
    """
    if settings.host is not None or device != "cpu":
        what = "one of DeepfakeBench's own detectors" if settings.host is not None else f"--device {device}"
        if asked != "auto":
            raise ConfigError(f"--runtime {asked} is not for {what}, which torch runs; leave one of both out")
        logger.info("--runtime auto: torch, for %s", what)
        return None
    if asked != "auto":
        return compile_for("onnxruntime" if asked == "onnxruntime" else "openvino")
    if not is_installed("openvino"):
        logger.info("--runtime auto: torch; OpenVINO is not installed: pip install 'deepfakebench-ext[export]'")
        return None
    try:
        return compile_for("openvino")
    except (ConfigError, ModelError, OutputError, MissingExtraError) as error:  # a wrong config torch will not take too
        logger.warning("--runtime auto: torch; %s", error)
        return None


def _export(detector: Detector, folder: Path, format_: Format) -> None:
    """Write a network where none is kept; with one that is, torch is not needed."""
    from deepfakebench_ext.models.export.export import export_detector

    export_detector(detector, folder, format_)


def _key(settings: DetectorConfig, source: Source, format_: Format) -> str:
    """Return what tells a network apart: all that decides it."""
    spec = decide_preprocess(settings, processor_folder(source), None)
    beside = source.folder / DETECTOR_YAML if source.folder is not None else None
    said = {
        "weights": source.sha256(),
        # A head is left aside, and thresholds are read, otherwise of a folder than of a lone file.
        "kind": source.kind,
        "beside": sha256_of(beside) if beside is not None and beside.is_file() else None,
        "config": settings.model_dump(mode="json"),
        "thresholds": stored_as_json(settings.thresholds),
        "architecture": decide_architecture(settings, source).values,
        "preprocess": spec.to_dict(),
        "versions": versions(*WRITERS[format_]),
    }
    return sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()[:_DIGITS]
