"""`apply_tuning`: from a detector and the `tuning:` block to a detector that is ready to be trained."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch.utils.checkpoint import checkpoint

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.models.base import Detector
from deepfakebench_ext.models.host_detector import HostDetector
from deepfakebench_ext.models.svd import SVDLinear
from deepfakebench_ext.training.config import TuningConfig
from deepfakebench_ext.training.tuning import effort, lora
from deepfakebench_ext.training.tuning.layers import Layers, find_layers, projections, queries_and_values
from deepfakebench_ext.training.tuning.reach import reached
from deepfakebench_ext.training.tuning.tuned import Tuned


def apply_tuning(
    detector: Detector, tuning: TuningConfig, *, dropout: float = 0.0, gradient_checkpointing: bool = False
) -> Tuned:
    """Prepare a detector for training: split layers or adapters put in, everything else frozen.

    Example:
        >>> tuned = apply_tuning(detector, TuningConfig(mode="layernorm", l2_normalise=True))
        >>> tuned.summary
        'trained 104,450 of 303,181,826 parameters (0.03 %)'

    Args:
        detector: Filled, in float32, without split layers. Changed in place, its `settings` too: they then say
            `l2_normalise` and `dropout`, and belong beside the weights that come out.
        tuning: Which parameters are trained.
        dropout: Before the head.
        gradient_checkpointing: Compute a layer's activations anew for its gradient; less memory for more time.

    Raises:
        ConfigError: The mode does not suit this detector, or would train nothing.
        MissingExtraError: `lora` without peft.
    """
    _check(detector)
    changes = {"l2_normalise": tuning.l2_normalise or detector.settings.l2_normalise, "dropout": dropout}
    detector.settings = detector.settings.model_copy(update=changes)
    detector.keeps_statistics = tuning.batch_norm == "frozen"
    layers = find_layers(detector.backbone)
    losses = _put_in(detector, tuning, layers)
    tuned = Tuned(detector, tuning, layers, reached(detector), losses)
    if gradient_checkpointing:
        _checkpoint(detector)
    return tuned


def _check(detector: Detector) -> None:
    if isinstance(detector, HostDetector):
        raise ConfigError(
            f"{detector.settings.model_name} is one of DeepfakeBench's detectors; train it with its training/train.py"
        )
    if any(isinstance(module, SVDLinear) for module in detector.modules()):
        raise ConfigError("the detector's layers are split already: leave `use_svd` out and set tuning mode svd")
    types = {parameter.dtype for parameter in detector.parameters()}
    if types != {torch.float32}:
        raise ConfigError(f"parameters are trained in float32, got {types}; load the detector with dtype float32")


def _put_in(detector: Detector, tuning: TuningConfig, layers: Layers) -> effort.EffortLosses | None:
    backbone = detector.backbone
    if tuning.mode == "svd":
        return effort.split(
            backbone,
            projections(backbone, layers),
            tuning.svd_rank,
            orthogonality=tuning.orthogonality_weight,
            singular_value=tuning.singular_value_weight,
        )
    if tuning.mode == "lora":
        lora.inject(backbone, queries_and_values(backbone, layers), tuning, detector.settings.seed)
    return None


def _checkpoint(detector: Detector) -> None:
    """Switch on the checkpointing that transformers' layers have, also where the backbone is no model of its own.

    Source:
        transformers 4.57 to 5.23 modeling_utils.py, `_set_gradient_checkpointing`, which sets these two attributes.
    """
    function: Any = partial(checkpoint, use_reentrant=False)
    able = [module for module in detector.backbone.modules() if hasattr(module, "gradient_checkpointing")]
    if not able:
        name = type(detector.backbone).__name__
        raise ConfigError(f"{name} has no gradient checkpointing; set gradient_checkpointing: false")
    for module in able:
        module._gradient_checkpointing_func = function
        module.gradient_checkpointing = True  # type: ignore[assignment]
