"""Effort's residual layers (arXiv 2411.15633): a linear layer as a frozen main part plus a trainable SVD residual."""

from __future__ import annotations

import re

import torch
from torch import nn
from torch.nn import functional

from deepfakebench_ext.common.errors import ConfigError

# The four attention projections of CLIP's layers, as DeepfakeBench's effort_detector.py picks them by `self_attn`.
CLIP_ATTENTION = re.compile(r"\.self_attn\.(q|k|v|out)_proj$")


class SVDLinear(nn.Module):
    """A linear layer whose weight is `weight_main + U_residual diag(S_residual) V_residual`.

    The main part holds the `rank` largest singular values and is frozen; the residual and nothing else is trained.
    Parameter names are those of DeepfakeBench's effort_detector.py (SVDResidualLinear), so its checkpoints load.
    """

    def __init__(self, linear: nn.Linear, rank: int) -> None:
        """Split `linear` at `rank`; its output stays the same up to float rounding."""
        super().__init__()
        u, s, v = torch.linalg.svd(linear.weight.detach().double(), full_matrices=False)
        main = (u[:, :rank] * s[:rank]) @ v[:rank]
        dtype = linear.weight.dtype
        self.weight_main = nn.Parameter(main.to(dtype), requires_grad=False)
        self.bias = None if linear.bias is None else nn.Parameter(linear.bias.detach().clone(), requires_grad=False)
        self.U_residual = nn.Parameter(u[:, rank:].to(dtype).clone(memory_format=torch.contiguous_format))
        self.S_residual = nn.Parameter(s[rank:].to(dtype).contiguous())
        self.V_residual = nn.Parameter(v[rank:].to(dtype).clone(memory_format=torch.contiguous_format))

    @property
    def weight(self) -> torch.Tensor:
        """The whole matrix (out_features, in_features)."""
        return self.weight_main + (self.U_residual * self.S_residual) @ self.V_residual

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Map (..., in_features) to (..., out_features)."""
        return functional.linear(inputs, self.weight, self.bias)


def apply_svd(backbone: nn.Module, rank: int | None, pattern: re.Pattern[str] = CLIP_ATTENTION) -> int:
    """Replace the linear layers whose name matches `pattern`, freeze all but their residuals, return how many.

    Args:
        backbone: Changed in place.
        rank: Singular values kept frozen; None keeps all but one, as Effort does.
        pattern: Searched for in each module's dotted name, with a leading dot.

    Raises:
        ConfigError: No layer matches, or `rank` leaves nothing to train.
    """
    layers = [(n, m) for n, m in backbone.named_modules() if isinstance(m, nn.Linear) and pattern.search(f".{n}")]
    if not layers:
        raise ConfigError(f"use_svd found no attention projection to split (looked for {pattern.pattern})")
    width = min(min(layer.weight.shape) for _, layer in layers)
    rank = width - 1 if rank is None else rank
    if rank >= width:
        raise ConfigError(f"svd_rank {rank} leaves nothing to train: this backbone allows 0 to {width - 1}")
    backbone.requires_grad_(False)
    for name, layer in layers:
        parent, _, attribute = name.rpartition(".")
        setattr(backbone.get_submodule(parent), attribute, SVDLinear(layer, rank))
    return len(layers)
