"""LoRA (arXiv 2106.09685) by peft: low-rank adapters beside frozen linear layers."""

from __future__ import annotations

import importlib
from typing import Any

from torch import Tensor, nn

from deepfakebench_ext.common.errors import ConfigError, MissingExtraError
from deepfakebench_ext.models.initialising import seeded
from deepfakebench_ext.training.config import TuningConfig

MARK = ".lora_"  # in the name of every parameter of an adapter
_ADAPTER = "default"
_BASE = "base_layer"


def inject(backbone: nn.Module, names: list[str], tuning: TuningConfig, seed: int) -> None:
    """Put an adapter beside each linear layer called `names`; the output stays the same until it is trained.

    Args:
        backbone: Changed in place.
        names: Dotted names of its query and value projections.
        tuning: Its `lora_rank`, `lora_alpha` and `lora_dropout`.
        seed: Of the adapters' first parameters.

    Raises:
        ConfigError: No such layer.
        MissingExtraError: peft is not installed.
    """
    if not names:
        raise ConfigError("tuning mode lora: this backbone has no query or value projection; use partial or full")
    try:
        peft: Any = importlib.import_module("peft")
    except ImportError as error:
        raise MissingExtraError(
            "tuning mode lora needs peft; type: pip install 'deepfakebench-ext[train]', or use another mode"
        ) from error
    config = peft.LoraConfig(
        r=tuning.lora_rank,
        lora_alpha=tuning.lora_alpha,
        lora_dropout=tuning.lora_dropout,
        target_modules=names,
    )
    with seeded(seed):
        peft.inject_adapter_in_model(config, backbone, adapter_name=_ADAPTER)


def merged(module: nn.Module, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the `state` of `module` with every adapter folded into its layer, under the layer's own names.

    Computed in float64, and rounded once.
    """
    state = dict(state)
    for name, layer in module.named_modules():
        base = getattr(layer, _BASE, None)
        if base is None:
            continue
        up, down = (factors[_ADAPTER].weight.double() for factors in (layer.lora_B, layer.lora_A))
        weight = (base.weight.double() + layer.scaling[_ADAPTER] * (up @ down)).to(base.weight.dtype)
        inside = f"{name}.{_BASE}."
        state = {key.replace(inside, f"{name}."): value for key, value in state.items() if f"{name}{MARK}" not in key}
        state[f"{name}.weight"] = weight
    return state
