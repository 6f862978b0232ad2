"""Effort (arXiv 2411.15633): attention projections as a frozen main part and a trained SVD residual."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.models.svd import SVDLinear, split_linears

_LEFT, _RIGHT = "left_beside_kept", "right_beside_kept"


@dataclass(frozen=True, slots=True)
class EffortLosses:
    """The two losses that Effort adds to the classification loss, each averaged over the layers.

    The published code computes the orthogonality without squares and has both commented out
    (DeepfakeBench effort_detector.py:63-104, 184-195); these are the paper's.

    Attributes:
        layers: The split layers.
        norms: Squared Frobenius norm of each layer's weight before training.
        orthogonality: Weight of |U^T U - 1|^2 + |V V^T - 1|^2, U and V being all singular vectors, kept and trained.
        singular_value: Weight of ||W|^2 - |W before training|^2|.
    """

    layers: tuple[SVDLinear, ...]
    norms: tuple[float, ...]
    orthogonality: float
    singular_value: float

    def __call__(self) -> Tensor | None:
        """Return the weighted sum, a float32 scalar, also under autocast; None where both weights are 0."""
        if not (self.orthogonality or self.singular_value):
            return None
        losses = []
        with torch.autocast(self.layers[0].weight_main.device.type, enabled=False):
            for layer, norm in zip(self.layers, self.norms, strict=True):
                loss = torch.zeros((), device=layer.weight_main.device)
                if self.orthogonality:
                    loss = loss + self.orthogonality * _orthogonality(layer)
                if self.singular_value:
                    loss = loss + self.singular_value * (layer.weight.float().square().sum() - norm).abs()
                losses.append(loss)
        return torch.stack(losses).mean()


def split(
    backbone: nn.Module, names: list[str], rank: int | None, *, orthogonality: float, singular_value: float
) -> EffortLosses:
    """Replace the linear layers called `names` by split ones and return the losses over them.

    Args:
        backbone: Changed in place.
        names: Dotted names of its attention projections.
        rank: Singular values kept frozen in each; None keeps all but one, as Effort does.
        orthogonality, singular_value: Weights of the losses.

    Raises:
        ConfigError: No such layer, or `rank` leaves nothing to train.
    """
    if not names:
        raise ConfigError("tuning mode svd: this backbone has no attention projection to split; use partial or full")
    weights = [backbone.get_parameter(f"{name}.weight").detach() for name in names]
    norms = tuple(float(weight.double().square().sum()) for weight in weights)
    layers = split_linears(backbone, names, rank)
    if orthogonality:
        for layer in layers:
            _remember_kept(layer)
    return EffortLosses(tuple(layers), norms, orthogonality, singular_value)


def _remember_kept(layer: SVDLinear) -> None:
    """Keep, as buffers that are not saved, orthonormal bases of what is orthogonal to the kept singular vectors.

    Small where the rank is large, unlike the kept vectors themselves: two columns for Effort's own rank.
    """
    main = layer.weight_main.detach()
    layer.register_buffer(_LEFT, _beside_kept(layer.U_residual.detach(), main), persistent=False)
    layer.register_buffer(_RIGHT, _beside_kept(layer.V_residual.detach().T, main.T), persistent=False)


def _beside_kept(residual: Tensor, main: Tensor) -> Tensor:
    """Return an orthonormal basis (rows, rows - kept) of what is orthogonal to the kept left vectors of `main`."""
    kept = min(main.shape) - residual.shape[1]
    if len(main) <= main.shape[1]:  # all left vectors together are a whole basis: those not kept are the rest of it
        return residual.clone(memory_format=torch.contiguous_format)
    left: Tensor = torch.linalg.svd(main.double(), full_matrices=True)[0]
    return left[:, kept:].to(residual.dtype).contiguous()


def _orthogonality(layer: SVDLinear) -> Tensor:
    left, right = layer.get_buffer(_LEFT).float(), layer.get_buffer(_RIGHT).float()
    return _distance(layer.U_residual.float(), left) + _distance(layer.V_residual.float().T, right)


def _distance(trained: Tensor, beside_kept: Tensor) -> Tensor:
    """Return |B^T B - 1|^2 for the basis B = [kept, trained], `kept` being what `beside_kept` is orthogonal to."""
    gram = trained.T @ trained
    own = (gram - torch.eye(len(gram), device=gram.device)).square().sum()
    # |kept^T trained|^2 = |trained|^2 - |beside_kept^T trained|^2
    overlap = (trained - beside_kept @ (beside_kept.T @ trained)).square().sum()
    return own + 2 * overlap
