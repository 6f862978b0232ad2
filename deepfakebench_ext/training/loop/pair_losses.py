"""Losses over all pairs of a batch's features on the unit sphere: fakes near fakes, and the whole spread out."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from deepfakebench_ext.training.config import TrainingConfig

_TEMPERATURE = 2.0


def pair_loss(features: Tensor, labels: Tensor, training: TrainingConfig) -> Tensor:
    """Return the weighted sum of uniformity and alignment, a scalar; 0 where there is no pair.

    Alignment is the mean squared distance of two features of one label; uniformity the logarithm of the mean over all
    pairs of exp(-2 d^2), d being their distance.

    Args:
        features: float32 (N, D), of any length: it is their directions that count.
        labels: int64 (N,).
        training: Its `uniformity_weight` and `alignment_weight`.

    Source:
        Wang and Isola (arXiv 2005.10242), equations 4 and 5; within one label as GenD (arXiv 2508.06248) has it.
    """
    unit = functional.normalize(features, dim=1)
    first, second = torch.triu_indices(len(unit), len(unit), offset=1, device=unit.device)
    squared = 2 - 2 * (unit @ unit.T)[first, second]
    same = labels[first] == labels[second]
    loss = features.new_zeros(())
    if training.uniformity_weight and len(squared):
        loss = loss + training.uniformity_weight * torch.exp(-_TEMPERATURE * squared).mean().log()
    if training.alignment_weight and bool(same.any()):
        loss = loss + training.alignment_weight * squared[same].mean()
    return loss
