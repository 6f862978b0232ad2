from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.training.config import TrainingConfig
from deepfakebench_ext.training.loop.optimizing import (
    carry_over,
    make_optimizer,
    rate_factor,
    sample_losses,
    set_rates,
    step_seed,
)


def recipe(**values) -> TrainingConfig:
    return TrainingConfig(**values)


def test_learning_rate_rises_over_the_warmup_and_ends_near_zero():
    factors = [rate_factor(step, 100, recipe(warmup=0.1)) for step in range(101)]
    assert factors[:11] == sorted(factors[:11])
    assert 0 < factors[0] < 0.1
    assert factors[10] == max(factors) == 1
    assert factors[10:] == sorted(factors[10:], reverse=True)
    assert factors[55] == pytest.approx(0.5)
    assert factors[100] == pytest.approx(0)


def test_without_warmup_the_first_step_has_the_full_rate():
    assert rate_factor(0, 10, recipe(warmup=0)) == 1


def test_a_cosine_can_end_above_zero():
    assert rate_factor(100, 100, recipe(min_lr_share=0.25)) == pytest.approx(0.25)


def test_a_constant_schedule_stays_at_one_after_the_warmup():
    assert {rate_factor(step, 100, recipe(schedule="constant", warmup=0.1)) for step in range(10, 100)} == {1.0}


LOGITS = torch.tensor([[2.0, -1.0], [0.3, 0.4], [-3.0, 5.0]])
LABELS = torch.tensor([0, 0, 1])


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_both_losses_are_those_of_torch(smoothing):
    entropy = sample_losses(LOGITS, LABELS, recipe(label_smoothing=smoothing))
    expected = functional.cross_entropy(LOGITS, LABELS, reduction="none", label_smoothing=smoothing)
    assert torch.equal(entropy, expected)
    bce = sample_losses(LOGITS, LABELS, recipe(label_smoothing=smoothing, loss="bce"))
    # Of two classes they are one loss, by another road.
    torch.testing.assert_close(bce, expected)


def layers() -> list[nn.Parameter]:
    return [nn.Parameter(torch.ones(2, 2)), nn.Parameter(torch.ones(2))]


def groups(parameters, **options):
    return [{"params": [p], "lr": rate, "weight_decay": 0.0} for p, rate in zip(parameters, (0.1, 0.01), strict=True)]


def test_every_group_keeps_its_share_of_the_rate():
    optimizer = make_optimizer(groups(layers()), recipe())
    set_rates(optimizer, 0.5)
    assert [group["lr"] for group in optimizer.param_groups] == [0.05, 0.005]
    set_rates(optimizer, 1.0)
    assert [group["lr"] for group in optimizer.param_groups] == [0.1, 0.01]


def test_the_optimizer_is_the_one_that_was_asked_for():
    assert type(make_optimizer(groups(layers()), recipe())) is torch.optim.AdamW
    adam = make_optimizer(groups(layers()), recipe(optimizer="adam", betas=(0.8, 0.9)))
    assert type(adam) is torch.optim.Adam
    assert adam.param_groups[0]["betas"] == (0.8, 0.9)


def test_nothing_to_train_is_refused():
    with pytest.raises(ConfigError, match="no parameter to train"):
        make_optimizer([{"params": [], "lr": 0.1, "weight_decay": 0.0}], recipe())


def test_a_new_optimizer_goes_on_with_what_is_known_of_each_parameter():
    first, second = layers()
    old = make_optimizer([{"params": [first], "lr": 0.1, "weight_decay": 0.0}], recipe())
    first.grad = torch.ones(2, 2)
    old.step()
    new = make_optimizer(groups([first, second]), recipe())
    carry_over(old, new)
    assert torch.equal(new.state[first]["exp_avg"], old.state[first]["exp_avg"])
    assert second not in new.state


def test_a_step_seed_depends_on_seed_step_and_process():
    seeds = {step_seed(seed, step, rank) for seed in (1, 2) for step in range(50) for rank in range(4)}
    assert len(seeds) == 2 * 50 * 4
    assert step_seed(1, 2, 3) == step_seed(1, 2, 3)
