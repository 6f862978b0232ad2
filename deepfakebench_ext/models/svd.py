"""Effort's residual layers (arXiv 2411.15633): a linear layer as a frozen main part plus a trainable SVD residual."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import cast

import torch
from torch import nn
from torch.nn import functional

from deepfakebench_ext.common.errors import ConfigError, WeightsError
from deepfakebench_ext.models.weights.state_files import StateDict

# The four attention projections of CLIP's layers, as DeepfakeBench's effort_detector.py picks them by `self_attn`.
_CLIP_ATTENTION = re.compile(r"\.self_attn\.(q|k|v|out)_proj$")
FACTORS = ("U_residual", "S_residual", "V_residual")
_KEPT = ("U_r", "S_r", "V_r")  # a copy of the frozen part's factors that some versions of Effort also save


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


def split_linears(backbone: nn.Module, names: Sequence[str], rank: int | None) -> list[SVDLinear]:
    """Replace the linear layers called `names` by split ones and return these, in that order.

    Args:
        backbone: Changed in place.
        names: Dotted names, at least one.
        rank: Singular values kept frozen in each; None keeps all but one, as Effort does.

    Raises:
        ConfigError: `rank` leaves nothing to train.
    """
    linears = [backbone.get_submodule(name) for name in names]
    widths = [min(linear.weight.shape) for linear in linears if isinstance(linear, nn.Linear)]
    if rank is not None and rank >= min(widths):
        raise ConfigError(f"svd_rank {rank} leaves nothing to train: this backbone allows 0 to {min(widths) - 1}")
    layers = []
    for name, linear, width in zip(names, linears, widths, strict=True):
        layers.append(SVDLinear(cast(nn.Linear, linear), width - 1 if rank is None else rank))
        parent, _, attribute = name.rpartition(".")
        setattr(backbone.get_submodule(parent), attribute, layers[-1])
    return layers


def apply_svd(backbone: nn.Module, rank: int | None) -> None:
    """Split CLIP's attention projections and freeze all but their residuals.

    Args:
        backbone: Changed in place.
        rank: As for `split_linears`.

    Raises:
        ConfigError: No attention projection, or `rank` leaves nothing to train.
    """
    names = [n for n, m in backbone.named_modules() if isinstance(m, nn.Linear) and _CLIP_ATTENTION.search(f".{n}")]
    if not names:
        raise ConfigError(f"use_svd found no attention projection to split (looked for {_CLIP_ATTENTION.pattern})")
    backbone.requires_grad_(False)
    split_linears(backbone, names, rank)


def fold_svd(state: Mapping[str, torch.Tensor]) -> tuple[StateDict, int]:
    """Return `state` with every split layer as one plain matrix, and how many there were.

    The rank is read off the factors. Computed in float64.

    Raises:
        WeightsError: A layer lacks a factor, or factors do not fit together.
    """
    layers = [key.removesuffix("weight_main") for key in state if key.endswith(".weight_main")]
    parts = {layer + name for layer in layers for name in (*FACTORS, *_KEPT, "weight_main")}
    folded = {key: tensor for key, tensor in state.items() if key not in parts}
    folded.update({f"{layer}weight": _folded(state, layer) for layer in layers})
    return folded, len(layers)


def _folded(state: Mapping[str, torch.Tensor], layer: str) -> torch.Tensor:
    main = state[f"{layer}weight_main"]
    factors = [state.get(layer + name) for name in FACTORS]
    present = [factor for factor in factors if factor is not None]
    if not present:
        return main  # rank kept in full: nothing is left over
    if len(present) < len(factors):
        absent = [name for name, factor in zip(FACTORS, factors, strict=True) if factor is None]
        raise WeightsError(f"the SVD layer {layer.rstrip('.')} lacks {', '.join(absent)}")
    u, s, v = (factor.double() for factor in present)
    rank = s.shape[0] if s.ndim == 1 else -1
    if main.ndim != 2 or u.shape != (len(main), rank) or v.shape != (rank, main.shape[1]):
        shapes = ", ".join(str(tuple(t.shape)) for t in (main, u, s, v))
        raise WeightsError(f"the SVD factors of {layer.rstrip('.')} do not fit together (main, U, S, V): {shapes}")
    return (main.double() + (u * s) @ v).to(main.dtype)
