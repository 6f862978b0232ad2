"""What is trained of a detector: its parameters by learning rate, its phases, its extra losses."""

from __future__ import annotations

import math
import re
from typing import Any

from torch import Tensor, nn

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.models.base import HEAD, Detector
from deepfakebench_ext.models.freezing import train_only
from deepfakebench_ext.models.svd import FACTORS, fold_svd
from deepfakebench_ext.training.config import TuningConfig
from deepfakebench_ext.training.tuning import lora
from deepfakebench_ext.training.tuning.effort import EffortLosses
from deepfakebench_ext.training.tuning.layers import Layers

_BACKBONE = "backbone."
# Tables of positions and single tokens are vectors, one per place, whatever their shape.
_TABLE = re.compile(r"_token\b|position|class_embedding")
_ROUNDING = 1e-9


class Tuned:
    """A detector of which a part is trained; made by `apply_tuning`.

    Attributes:
        tuning: What was asked for.
        phase: For `gradual`, how many steps down from the head training has come; 0 for every other mode. It follows
            from the epoch alone, so `start_epoch` restores it.
        passed_by: Parameters that the mode asks for and the logits do not depend on; they stay frozen.
    """

    def __init__(
        self, detector: Detector, tuning: TuningConfig, layers: Layers, reached: set[str], losses: EffortLosses | None
    ) -> None:
        """Freeze what is not trained in the first epoch.

        Args:
            detector: With the split layers or adapters of its mode already in place.
            tuning: Which parameters are trained.
            layers: Of the backbone.
            reached: Names of the parameters that the logits depend on.
            losses: For `svd`.

        Raises:
            ConfigError: The mode finds nothing to train in this detector.
        """
        self.tuning = tuning
        self.phase = 0
        self._detector, self._layers, self._losses = detector, layers, losses
        depths = layers.depths(detector.backbone)
        self._depths = {f"{_BACKBONE}{name}": depth for name, depth in depths.items()}
        self._reached = reached
        wanted = self._wanted(self._last_phase)
        self._check(wanted)
        self.passed_by = tuple(sorted(wanted - reached))
        train_only(detector, self._wanted(0) & reached)
        if not self.trainable:
            raise ConfigError(f"tuning mode {tuning.mode} trains nothing: {type(detector).__name__} has no head here")

    @property
    def trainable(self) -> int:
        """How many numbers are trained now."""
        return sum(p.numel() for p in self._detector.parameters() if p.requires_grad)

    @property
    def total(self) -> int:
        """How many numbers the detector has."""
        return sum(p.numel() for p in self._detector.parameters())

    @property
    def summary(self) -> str:
        """One line such as `trained 104,450 of 303,181,826 parameters (0.03 %)`."""
        share = 100 * self.trainable / self.total
        return f"trained {self.trainable:,} of {self.total:,} parameters ({share:.2f} %)"

    def start_epoch(self, epoch: int) -> bool:
        """Train what this epoch trains; also on resuming, before the optimizer is made.

        Args:
            epoch: From 0.

        Returns:
            Whether other parameters are trained than before: then the optimizer (and a distributed wrapper) must be
            made anew.
        """
        if self.tuning.mode != "gradual":
            return False
        self.phase = min(epoch // self.tuning.unfreeze_every, self._last_phase)
        changed = train_only(self._detector, self._wanted(self.phase) & self._reached)
        self._detector.train(self._detector.training)
        return changed

    def parameter_groups(self, lr: float, head_lr: float | None, weight_decay: float) -> list[dict[str, Any]]:
        """Return the trained parameters as an optimizer takes them, always in the same order.

        Args:
            lr: Of the backbone's top; lower layers have `layer_decay` of it for each layer further down.
            head_lr: Of `head` and `fc_norm`; None is `lr`.
            weight_decay: Of matrices; vectors, norms, biases and position tables have none.

        Returns:
            Groups with `params`, `lr`, `weight_decay` and a `name` for people.
        """
        groups: dict[str, dict[str, Any]] = {}
        for name, parameter in self._detector.named_parameters():
            if not parameter.requires_grad:
                continue
            depth = self._depths.get(name)
            decays = _decays(name, parameter)
            label = f"{'head' if depth is None else f'layer {depth}'}, {'matrices' if decays else 'vectors'}"
            rate = (lr if head_lr is None else head_lr) if depth is None else lr * self._scale(depth)
            new = {"params": [], "lr": rate, "weight_decay": weight_decay if decays else 0.0, "name": label}
            groups.setdefault(label, new)["params"].append(parameter)
        return list(groups.values())

    def extra_loss(self) -> Tensor | None:
        """Return what is added to the classification loss of a step, a scalar, or None where nothing is."""
        return self._losses() if self._losses else None

    def merged_state(self) -> dict[str, Tensor]:
        """Return the state of a plain detector that computes what this one does, split layers and adapters folded in.

        Detached copies on the CPU; the detector stays as it is. Loaded by `load_detector` beside its `settings`.
        """
        state = {name: tensor.detach() for name, tensor in self._detector.state_dict().items()}
        if self.tuning.mode == "lora":
            state = lora.merged(self._detector, state)
        return {name: tensor.to("cpu", copy=True).contiguous() for name, tensor in fold_svd(state)[0].items()}

    @property
    def _last_phase(self) -> int:
        return self._layers.top if self.tuning.mode == "gradual" else 0

    def _scale(self, depth: int) -> float:
        return float(self.tuning.layer_decay ** (self._layers.top - depth))

    def _wanted(self, phase: int) -> set[str]:
        """Return the names of what the mode trains in a phase."""
        mode, everything = self.tuning.mode, {name for name, _ in self._detector.named_parameters()}
        head = {name for name in everything if name.startswith(HEAD)}
        if mode == "full":
            return everything
        if mode == "head":
            return {name for name in head if name.startswith("head.")}
        if mode == "layernorm":
            return head | _layer_norms(self._detector)
        if mode == "svd":
            return head | {name for name in everything if name.endswith(FACTORS)}
        if mode == "lora":
            return head | {name for name in everything if lora.MARK in name}
        count = self._trained_layers if mode == "partial" else phase
        return head | {
            name for name, depth in self._depths.items() if count and depth > len(self._layers.names) - count
        }

    @property
    def _trained_layers(self) -> int:
        return math.ceil(self.tuning.share * len(self._layers.names) - _ROUNDING)

    def _check(self, wanted: set[str]) -> None:
        mode, name = self.tuning.mode, type(self._detector.backbone).__name__
        if mode in ("partial", "gradual") and not self._layers.names:
            raise ConfigError(f"tuning mode {mode}: {name} has no list of layers to take the last of; use full or head")
        if mode == "layernorm" and not any(key.startswith(_BACKBONE) for key in wanted):
            raise ConfigError(f"tuning mode layernorm: {name} has no layer norm; use partial, full or head")
        adapters = {key for key in wanted if key.endswith(FACTORS) or lora.MARK in key}
        if idle := sorted(adapters - self._reached):
            raise ConfigError(
                f"tuning mode {mode}: {name} reads its weights past the adapters ({len(idle)} of {len(adapters)}, such "
                f"as {idle[0]}), so they would train nothing (VideoMAE before transformers 5.5.1 does); use another "
                f"mode, or a newer transformers"
            )


def _layer_norms(detector: Detector) -> set[str]:
    """Return the parameters of every layer norm of the backbone; transformers' own classes derive from torch's."""
    return {
        f"{_BACKBONE}{name}.{key}"
        for name, module in detector.backbone.named_modules()
        if isinstance(module, nn.LayerNorm)
        for key, _ in module.named_parameters(recurse=False)
    }


def _decays(name: str, parameter: Tensor) -> bool:
    return parameter.ndim >= 2 and not _TABLE.search(name)
