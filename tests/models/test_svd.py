"""Split layers: what is split and made whole again is rounded once, from float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from deepfakebench_ext.common.errors import WeightsError
from deepfakebench_ext.models.svd import SVDLinear, fold_svd


def split_state(dtype: torch.dtype = torch.float32) -> dict[str, torch.Tensor]:
    """A layer of 48 x 40 with 20 residual singular values, drawn at random."""
    generator = torch.Generator().manual_seed(0)
    shapes = {"weight_main": (48, 40), "U_residual": (48, 20), "S_residual": (20,), "V_residual": (20, 40)}
    return {f"q.{name}": torch.randn(shape, generator=generator).to(dtype) for name, shape in shapes.items()}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_folded_matrix_is_the_float64_one_rounded_once(dtype: torch.dtype) -> None:
    state = split_state(dtype)
    folded, layers = fold_svd(state)
    assert layers == 1
    main, u, s, v = (tensor.double().numpy() for tensor in state.values())
    exact = main + (u * s) @ v
    assert folded["q.weight"].dtype == dtype
    assert folded["q.weight"].equal(torch.from_numpy(exact).to(dtype))


def test_a_layer_is_split_in_float64() -> None:
    torch.manual_seed(0)
    linear = nn.Linear(40, 48)
    layer = SVDLinear(linear, 20)
    u, s, v = np.linalg.svd(linear.weight.detach().double().numpy(), full_matrices=False)
    exact = (u[:, :20] * s[:20]) @ v[:20]
    main = layer.weight_main.detach().numpy()
    # Rounded once: half of the last place, beside the rounding of float64 itself.
    assert (np.abs(main - exact) / np.spacing(np.abs(main))).max() < 0.501
    residuals = layer.S_residual.detach().numpy()
    np.testing.assert_array_equal(residuals, s[20:].astype(np.float32))


def test_a_layer_that_lacks_a_factor_or_has_one_of_another_rank_is_an_error() -> None:
    state = split_state()
    del state["q.S_residual"]
    with pytest.raises(WeightsError, match="the SVD layer q lacks S_residual"):
        fold_svd(state)
    with pytest.raises(WeightsError, match="do not fit together"):
        fold_svd({**split_state(), "q.S_residual": torch.ones(19)})
