"""The arithmetic of a recipe: learning rates, losses, optimizers. Without state, so that a resumed run repeats it."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.types import FAKE, REAL
from deepfakebench_ext.training.config import TrainingConfig

BASE_LR = "base_lr"


def rate_factor(step: int, total_steps: int, training: TrainingConfig) -> float:
    """Return the factor of every learning rate at a step, from 0: a line up to 1, then a cosine, or 1 throughout.

    Args:
        step: Optimizer steps taken before.
        total_steps: Of the whole training, as if it were never stopped early.
        training: Its `warmup`, `schedule` and `min_lr_share`.
    """
    warmup_steps = training.warmup * total_steps
    if step < warmup_steps:
        return (step + 1) / (warmup_steps + 1)
    if training.schedule == "constant":
        return 1.0
    share = min(1.0, (step - warmup_steps) / max(1.0, total_steps - warmup_steps))
    return training.min_lr_share + (1 - training.min_lr_share) * 0.5 * (1 + math.cos(math.pi * share))


def sample_losses(cls: Tensor, labels: Tensor, training: TrainingConfig) -> Tensor:
    """Return the loss of each sample (B,), not weighted.

    With label smoothing s the target is 1 - s/2 for the sample's class and s/2 for the other, as torch has it.

    Args:
        cls: Logits (B, 2), 0 real and 1 fake, float32.
        labels: int64 (B,).
        training: Its `loss` and `label_smoothing`.
    """
    smoothing = training.label_smoothing
    if training.loss == "cross_entropy":
        return functional.cross_entropy(cls, labels, reduction="none", label_smoothing=smoothing)
    target = labels.to(cls.dtype) * (1 - smoothing) + smoothing / 2
    return functional.binary_cross_entropy_with_logits(cls[:, FAKE] - cls[:, REAL], target, reduction="none")


def make_optimizer(groups: list[dict[str, Any]], training: TrainingConfig) -> torch.optim.Optimizer:
    """Return the optimizer of parameter groups, each with its own `lr` and `weight_decay`.

    Raises:
        ConfigError: Nothing to train.
    """
    if not any(group["params"] for group in groups):
        raise ConfigError("there is no parameter to train: the tuning mode froze all of them")
    for group in groups:
        group[BASE_LR] = group["lr"]
    cls = torch.optim.AdamW if training.optimizer == "adamw" else torch.optim.Adam
    return cls(groups, lr=training.lr, betas=training.betas, weight_decay=0.0)


def carry_over(old: torch.optim.Optimizer, new: torch.optim.Optimizer) -> None:
    """Give `new` what `old` knows of the parameters that both have."""
    for group in new.param_groups:
        for parameter in group["params"]:
            if parameter in old.state:
                new.state[parameter] = old.state[parameter]


def set_rates(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Set every group's learning rate to `factor` of its own highest."""
    for group in optimizer.param_groups:
        group["lr"] = group[BASE_LR] * factor


def step_seed(seed: int, *numbers: int) -> int:
    """Return the seed of what the network itself draws in a step (dropout): of nothing but these numbers."""
    mixed = torch.Generator().manual_seed(seed)
    for number in numbers:
        mixed.manual_seed(int(torch.randint(2**62, (1,), generator=mixed)) ^ number)
    return int(torch.randint(2**62, (1,), generator=mixed))
