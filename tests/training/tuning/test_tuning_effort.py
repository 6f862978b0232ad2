"""Effort: the split changes nothing, its two losses are the paper's."""

from __future__ import annotations

import pytest
import torch
import tunable
from torch import nn

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.models.svd import SVDLinear
from deepfakebench_ext.training.tuning import effort
from deepfakebench_ext.training.tuning.apply import apply_tuning


def split_layers(detector: nn.Module) -> list[SVDLinear]:
    return [module for module in detector.modules() if isinstance(module, SVDLinear)]


@pytest.mark.parametrize("kind", [*tunable.STRUCTURES, "siglip", "beit", "swin"])
def test_all_four_projections_of_every_layer_are_split_and_the_logits_stay(kind: str) -> None:
    detector = tunable.detector(kind)
    before = tunable.logits(detector)
    apply_tuning(detector, tunable.mode("svd", svd_rank=5))
    assert len(split_layers(detector)) == 4 * tunable.LAYERS
    torch.testing.assert_close(tunable.logits(detector), before, atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", ["clip", "videomae"])
def test_the_residuals_reach_the_logits_in_every_version_of_the_network(kind: str) -> None:
    detector = tunable.detector(kind)
    apply_tuning(detector, tunable.mode("svd", svd_rank=0))
    before = tunable.logits(detector)
    for layer in split_layers(detector):
        rotated = tunable.logits(detector)
        with torch.no_grad():
            layer.S_residual.mul_(torch.linspace(0.5, 2.0, len(layer.S_residual)))
        assert not tunable.logits(detector).equal(rotated)
    assert (tunable.logits(detector) - before).abs().max() > 1e-3


def test_without_a_rank_all_singular_values_but_one_are_kept_in_layers_of_any_width() -> None:
    for kind in ("clip", "swin"):
        detector = tunable.detector(kind)
        apply_tuning(detector, tunable.mode("svd"))
        assert {len(layer.S_residual) for layer in split_layers(detector)} == {1}


def test_a_rank_that_leaves_nothing_to_train_is_an_error() -> None:
    with pytest.raises(ConfigError, match="svd_rank 32 leaves nothing to train: this backbone allows 0 to 31"):
        apply_tuning(tunable.detector("clip"), tunable.mode("svd", svd_rank=32))


def test_without_weights_there_is_no_extra_loss() -> None:
    for mode in tunable.MODES:
        assert apply_tuning(tunable.detector("clip"), tunable.mode(mode)).extra_loss() is None


def orthogonality(layer: SVDLinear, u: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """|U^T U - 1|^2 + |V V^T - 1|^2 with the kept singular vectors `u` and `v`, as the paper writes it."""
    left = torch.cat((u, layer.U_residual.double()), dim=1)
    right = torch.cat((v, layer.V_residual.double()), dim=0)
    one = torch.eye(left.shape[1], dtype=torch.float64)
    return (left.T @ left - one).square().sum() + (right @ right.T - one).square().sum()


@pytest.mark.parametrize("shape", [(12, 12), (36, 12), (12, 36)])
@pytest.mark.parametrize("rank", [0, 5, 11])
def test_the_losses_are_the_papers_on_the_whole_bases(shape: tuple[int, int], rank: int) -> None:
    torch.manual_seed(0)
    backbone = nn.Sequential(nn.Linear(shape[1], shape[0]))
    weight = backbone[0].weight.detach().double()
    u, _, v = torch.linalg.svd(weight, full_matrices=False)
    losses = effort.split(backbone, ["0"], rank, orthogonality=2.0, singular_value=3.0)
    layer = backbone[0]
    assert losses().item() < 1e-5
    with torch.no_grad():
        for factor in (layer.U_residual, layer.S_residual, layer.V_residual):
            factor.add_(torch.randn_like(factor) * 0.3)
    norm = (layer.weight.double().square().sum() - weight.square().sum()).abs()
    expected = 2 * orthogonality(layer, u[:, :rank], v[:rank]) + 3 * norm
    torch.testing.assert_close(losses().double(), expected.detach(), atol=1e-3, rtol=1e-4)


def test_each_loss_is_the_mean_over_the_layers_and_stands_alone() -> None:
    both, alone = {}, {}
    for weights in ((1.0, 0.0), (0.0, 1.0), (1.0, 1.0)):
        detector = tunable.detector("clip")
        config = tunable.mode("svd", svd_rank=4, orthogonality_weight=weights[0], singular_value_weight=weights[1])
        tuned = apply_tuning(detector, config)
        with torch.no_grad():
            for layer in split_layers(detector):
                layer.U_residual.mul_(1.1)
        (both if weights == (1.0, 1.0) else alone)[weights] = tuned.extra_loss().item()
    assert both[1.0, 1.0] == pytest.approx(sum(alone.values()))
    own = 28 * (1.1**2 - 1) ** 2
    assert alone[1.0, 0.0] == pytest.approx(own, rel=1e-3)


def test_the_orthogonality_loss_pulls_the_residuals_back() -> None:
    detector = tunable.detector("videomae")
    tuned = apply_tuning(detector, tunable.mode("svd", svd_rank=8, orthogonality_weight=1.0))
    with torch.no_grad():
        for layer in split_layers(detector):
            layer.U_residual.add_(torch.randn_like(layer.U_residual) * 0.1)
    optimizer = torch.optim.Adam(tuned.parameter_groups(1e-2, None, 0.0))
    start = tuned.extra_loss().item()
    for _ in range(20):
        optimizer.zero_grad()
        tuned.extra_loss().backward()
        optimizer.step()
    assert tuned.extra_loss().item() < 0.2 * start


def test_autocast_leaves_the_extra_loss_in_float32() -> None:
    tuned = apply_tuning(tunable.detector("clip"), tunable.mode("svd", orthogonality_weight=1.0))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = tuned.extra_loss()
    assert loss.dtype == torch.float32
    assert loss.item() == tuned.extra_loss().item()


def test_what_the_losses_remember_is_not_saved() -> None:
    plain, with_losses = tunable.detector("clip"), tunable.detector("clip")
    apply_tuning(plain, tunable.mode("svd"))
    apply_tuning(with_losses, tunable.mode("svd", orthogonality_weight=1.0, singular_value_weight=1.0))
    assert with_losses.state_dict().keys() == plain.state_dict().keys()
