"""Uniformity and alignment against their definitions, pair by pair, and in a step."""

from __future__ import annotations

from itertools import combinations

import made_training
import pytest
import torch
from descent import RATE, batch, stepper
from made_training import tuning, values
from torch.nn import functional

from deepfakebench_ext.training.config import TrainingConfig
from deepfakebench_ext.training.loop.pair_losses import pair_loss

FEATURES = torch.randn(7, 5, generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([0, 1, 1, 0, 1, 0, 0])


def weighted(uniformity: float, alignment: float) -> TrainingConfig:
    return TrainingConfig(uniformity_weight=uniformity, alignment_weight=alignment)


def distances(same: bool) -> torch.Tensor:
    """Squared distances of all pairs, or of those of one label, one by one in float64."""
    unit = FEATURES.double() / FEATURES.double().norm(dim=1, keepdim=True)
    pairs = [(a, b) for a, b in combinations(range(7), 2) if not same or LABELS[a] == LABELS[b]]
    return torch.stack([(unit[a] - unit[b]).square().sum() for a, b in pairs])


def test_both_are_what_their_paper_defines():
    uniformity = torch.exp(-2 * distances(same=False)).mean().log()
    alignment = distances(same=True).mean()
    for weights in ((1.0, 0.0), (0.0, 1.0), (0.5, 0.1)):
        expected = weights[0] * uniformity + weights[1] * alignment
        assert float(pair_loss(FEATURES, LABELS, weighted(*weights))) == pytest.approx(float(expected), rel=1e-5)
    assert float(pair_loss(3 * FEATURES, LABELS, weighted(0.5, 0.1))) == pytest.approx(
        float(pair_loss(FEATURES, LABELS, weighted(0.5, 0.1))), rel=1e-5
    )


@pytest.mark.parametrize("count", [0, 1, 2])
def test_without_a_pair_there_is_no_loss_and_of_equal_features_a_finite_gradient(count):
    features = torch.ones(count, 5, requires_grad=True)
    loss = pair_loss(features, torch.arange(count), weighted(0.5, 0.1))
    assert float(loss.detach()) == pytest.approx(0, abs=1e-6)
    if count == 2:
        loss.backward()
        assert features.grad.isfinite().all()


def test_their_gradient_is_part_of_the_step():
    made = stepper(uniformity_weight=0.5, alignment_weight=0.1, accumulate=2, weights=(0.5, 2.0))
    batches = [batch([0, 1, 1, 0, 1], seed=1), batch([1, 0, 0], seed=2)]
    groups = made.optimizer.param_groups[0]["params"]
    own = [made._weights[each.labels] for each in batches]
    total = torch.zeros(())
    for each, weights in zip(batches, own, strict=True):
        features = made.detector.normed(made.pooled(each.pixels))
        cross = functional.cross_entropy(made.detector.classifier(features), each.labels, reduction="none")
        total = total + (cross * weights).sum() + pair_loss(features, each.labels, made.training) * weights.sum()
    expected = torch.autograd.grad(total / torch.cat(own).sum(), groups, allow_unused=True)
    before = [p.detach().clone() for p in groups]
    made.step(batches, 0, 1.0)
    for parameter, was, gradient in zip(groups, before, expected, strict=True):
        if gradient is not None:
            torch.testing.assert_close((was - parameter.detach()) / RATE, gradient, atol=1e-5, rtol=1e-3)


def test_they_spread_what_is_trained_over_the_sphere(tmp_path):
    made_training.data(tmp_path, train=8, val=4)
    mode = {"mode": "layernorm", "l2_normalise": True}
    spread = {}
    for weight in (0.0, 2.0):
        made = tuning(tmp_path, values(mode, epochs=3, batch_size=8, lr=1e-2, uniformity_weight=weight))
        made.run(tmp_path / f"run{weight}")
        pixels = torch.cat([each.pixels for each in made.data.batches(0, batch_size=8, workers=1)])
        made.detector.eval()
        with torch.no_grad():
            unit = functional.normalize(made.detector.normed(made._stepper.pooled(pixels)), dim=1)
        spread[weight] = float(torch.pdist(unit).mean())
    assert spread[2.0] > 1.2 * spread[0.0]
