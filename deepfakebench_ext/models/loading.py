"""`load_detector`: the one way from a config and weights to a detector that is ready to score.

torch is imported where it computes, or has to make what a runtime then computes, and not before.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args

from deepfakebench_ext.common.choices import RuntimeChoice
from deepfakebench_ext.common.errors import ConfigError, HostError, WeightsError
from deepfakebench_ext.common.missing import torch_needed
from deepfakebench_ext.common.notices import untrained_head
from deepfakebench_ext.host.checkout import find_checkout
from deepfakebench_ext.host.packages import detectors
from deepfakebench_ext.host.registry import DETECTOR, OUR_TAKES
from deepfakebench_ext.models.accelerators import device_type
from deepfakebench_ext.models.built_from import default_source
from deepfakebench_ext.models.config import NO_CHECKOUT, DetectorConfig, find_config, load_config
from deepfakebench_ext.models.export.record import RUN_HERE
from deepfakebench_ext.models.runtimes.compiled import CompiledDetector, compiled, runtime_or_torch
from deepfakebench_ext.models.runtimes.exported import ExportedDetector
from deepfakebench_ext.models.runtimes.session import RuntimeName
from deepfakebench_ext.models.scoring import ScoringDetector, Takes
from deepfakebench_ext.models.weights.source import DETECTOR_YAML, EXPORT_AGAIN, Source, resolve_weights

if TYPE_CHECKING:
    from deepfakebench_ext.models.base import Detector

Scoring = TypeVar("Scoring", bound=ScoringDetector)


def load_detector(
    config: str | Path | Mapping[str, Any] | DetectorConfig = "huggingface_clip",
    weights: str | Path | None = None,
    *,
    device: str = "auto",
    dtype: str = "auto",
    fake_index: tuple[int, ...] | None = None,
    require_trained_head: bool = False,
    runtime: str | None = None,
) -> Detector | ExportedDetector:
    """Return a detector in inference mode, filled, placed and with its `report`.

    What torch computes is a `Detector`, an `nn.Module`; what a runtime computes scores alone.

    Example:
        >>> detector = load_detector("huggingface_image", "org/deepfake-vit")
        >>> detector.report.head_trained, detector.report.label_order.fake
        (True, (1,))

    Args:
        config: Name of a shipped config or of one of DeepfakeBench's, path of a detector YAML, or its mapping.
        weights: Path or hub id `org/name[@revision]`; None takes the config's own.
        device: `auto` (CUDA, MPS, CPU), or a torch device.
        dtype: `auto` (bfloat16 where the hardware computes in it; float32 for DeepfakeBench's own detectors),
            `float32`, `bfloat16`, `float16`.
        fake_index: Indices of the logits that mean fake, where the checkpoint's names do not say.
        require_trained_head: Make a head that did not come from the weights an error.
        runtime: What computes: `torch`, `onnxruntime`, `openvino`, or `auto`, which is OpenVINO on a CPU where it is
            installed. None is torch, and of an exported folder the runtime of its format.

    Raises:
        ConfigError: A wrong config, device, dtype or runtime, or label names that leave open which is fake.
        WeightsError: Weights that cannot be had, trusted or fitted, or an untrained head where one is required.
        HostError: One of DeepfakeBench's detectors without a checkout, or one that fails here.
        MissingExtraError: A package that DeepfakeBench's detector imports is not installed; or torch, or a runtime.
    """
    if runtime is not None and runtime not in get_args(RuntimeChoice):
        raise ConfigError(f"runtime {runtime!r} is not known; allowed are {', '.join(get_args(RuntimeChoice))}")
    settings, source = _asked(config, weights)
    if source is not None and source.is_exported:
        return _checked(
            _exported(settings, source, device=device, dtype=dtype, runtime=runtime, fake_index=fake_index),
            require_trained_head,
        )
    settings = _in_torch(settings, fake_index)

    def build(device: str, number: str) -> Detector:
        with torch_needed():
            return _built(settings, source, device=device, dtype=number)

    def compile_for(name: RuntimeName) -> CompiledDetector:
        found = source or default_source(settings)
        return compiled(settings, found, name, lambda: build("cpu", "float32"), dtype=dtype)

    ready = None
    if runtime is not None and runtime != "torch":
        ready = runtime_or_torch(runtime, settings, device_type(device, runtime), compile_for)
    return _checked(build(device, dtype) if ready is None else ready, require_trained_head)


def load_torch_detector(
    config: str | Path | Mapping[str, Any] | DetectorConfig,
    weights: str | Path | None = None,
    *,
    device: str = "auto",
    dtype: str = "auto",
    fake_index: tuple[int, ...] | None = None,
    require_trained_head: bool = False,
) -> Detector:
    """Return a detector as `load_detector` does, which torch computes.

    Raises:
        ConfigError: One that is exported; or as `load_detector`.
        WeightsError, HostError, MissingExtraError: As `load_detector`.
    """
    settings, source = _asked(config, weights)
    if source is not None and source.is_exported:
        raise ConfigError(f"{source.spec} is exported already; give --weights it was exported from")
    detector = _built(_in_torch(settings, fake_index), source, device=device, dtype=dtype)
    return _checked(detector, require_trained_head)


def _asked(
    config: str | Path | Mapping[str, Any] | DetectorConfig, weights: str | Path | None
) -> tuple[DetectorConfig, Source | None]:
    settings = load_config(config)
    _check_export_is_whole(settings, weights)
    return settings, resolve_weights(str(weights)) if weights is not None else _beside_its_yaml(settings)


def _check_export_is_whole(settings: DetectorConfig, weights: str | Path | None) -> None:
    """Pass settings of whose export all files are there, where the weights are their own folder.

    Raises:
        WeightsError: Files are missing.
    """
    if settings.export is None or settings.file is None or weights is None:
        return
    folder = settings.file.parent
    absent = [name for name in settings.export.files if not (folder / name).is_file()]
    if absent and os.path.realpath(os.path.expanduser(weights)) == os.path.realpath(folder):  # noqa: PTH111
        raise WeightsError(
            f"{folder} has no {' and no '.join(absent)}, which its {DETECTOR_YAML} names; copy the folder again, or "
            f"{EXPORT_AGAIN}"
        )


def _in_torch(settings: DetectorConfig, fake_index: tuple[int, ...] | None) -> DetectorConfig:
    """Return the config of a detector that is not exported, to score."""
    # Inference needs one matrix a layer: Effort's factors are folded as they are read.
    changes: dict[str, Any] = {"use_svd": False, "export": None}
    if fake_index is not None:
        changes["fake_index"] = fake_index
    return settings.model_copy(update=changes)


def _built(settings: DetectorConfig, source: Source | None, *, device: str, dtype: str) -> Detector:
    from deepfakebench_ext.models.placement import choose_device, choose_dtype

    cls, place = detector_class(settings), choose_device(device)
    detector = cls(settings, source=source)
    detector.place(place, choose_dtype("float32" if settings.host is not None and dtype == "auto" else dtype, place))
    return detector


def _beside_its_yaml(settings: DetectorConfig) -> Source | None:
    """Return the network that an exported folder's own YAML lies beside; None for any other config."""
    return resolve_weights(str(settings.file.parent)) if _is_run_here(settings) and settings.file is not None else None


def _is_run_here(settings: DetectorConfig) -> bool:
    """Whether a config is that of a network that a runtime computes."""
    return settings.export is not None and settings.export.format in RUN_HERE


def _checked(detector: Scoring, require_trained_head: bool) -> Scoring:
    if require_trained_head and not detector.report.head_trained:
        raise WeightsError(untrained_head(detector.report.source, detector.settings.seed).text)
    return detector


def _exported(
    settings: DetectorConfig,
    source: Source,
    *,
    device: str,
    dtype: str,
    runtime: str | None,
    fake_index: tuple[int, ...] | None,
) -> ExportedDetector:
    """Return the detector of an exported folder, which is run on the CPU."""
    if device not in ("auto", "cpu"):
        raise ConfigError(f"--device {device} is not for an exported network, which the CPU runs; leave it out")
    own = _own_config(settings, source)
    if fake_index is not None or own.fake_index is not None:
        raise ConfigError(
            "fake_index, in a detector.yaml or by --fake_index, is not for an exported network, whose second logit is "
            "fake; give it to export"
        )
    if not _is_run_here(own):
        raise WeightsError(f"{source.files[0]}: the {DETECTOR_YAML} beside it has no `export` block; {EXPORT_AGAIN}")
    return ExportedDetector(own, source=source, runtime=runtime or "auto", dtype=dtype)


def _own_config(given: DetectorConfig, source: Source) -> DetectorConfig:
    """Return the config of an exported folder: no other fits it.

    Raises:
        ConfigError: Another was asked for.
    """
    own = load_config(source.files[0].parent / DETECTOR_YAML)
    is_its_name = given.model_name == own.model_name and given.file in (None, own.file, find_config(own.model_name))
    if not is_its_name:
        raise ConfigError(
            f"{source.spec} brings the {DETECTOR_YAML} that it was exported with, a {own.model_name}; leave "
            f"--detector_config out (in Python: load_detector({str(own.file)!r}))"
        )
    return own


def takes_of(settings: DetectorConfig) -> Takes:
    """Return what a config's detector takes; of those of this package without torch.

    Raises:
        ConfigError, HostError, MissingExtraError: As `detector_class`; or torch is not installed, which it needs.
    """
    if settings.export is not None and _is_run_here(settings):
        return settings.export.takes
    if settings.host is None and settings.model_name in OUR_TAKES:
        return OUR_TAKES[settings.model_name]
    with torch_needed():
        return detector_class(settings).takes


def detector_class(settings: DetectorConfig) -> type[Detector]:
    """Return the class of torch that a config names: ours, or DeepfakeBench's under our surface. Builds nothing.

    Raises:
        ConfigError: Neither we nor the checkout have a detector of that name.
        HostError: It is not one of ours, and there is no checkout.
    """
    name = settings.model_name
    if settings.host is None or name in DETECTOR:
        cls: type[Detector] = DETECTOR[name]
        return cls
    from deepfakebench_ext.models.host_detector import HostImageDetector, HostVideoDetector

    checkout = settings.checkout or find_checkout()
    known = detectors(checkout) if checkout is not None else {}
    if name not in known:
        near = difflib.get_close_matches(name, [*DETECTOR.names(), *known], n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        ours = f"no detector is called {name!r}.{hint} Ours are {', '.join(DETECTOR.names())}"
        if checkout is None:
            raise HostError(f"{ours}. {NO_CHECKOUT}")
        raise ConfigError(f"{ours}; those of {checkout} are {', '.join(sorted(known))}")
    return HostVideoDetector if settings.video_mode else HostImageDetector
