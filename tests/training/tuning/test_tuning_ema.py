"""The moving average of what is trained."""

from __future__ import annotations

import pytest
import torch
import tunable
from torch import nn

from deepfakebench_ext.training.tuning.apply import apply_tuning
from deepfakebench_ext.training.tuning.ema import Ema


def layer(weight: float = 0.0, bias: float = 0.0) -> nn.Linear:
    module = nn.Linear(1, 1)
    set_to(module, weight, bias)
    return module


def set_to(module: nn.Linear, weight: float, bias: float) -> None:
    with torch.no_grad():
        module.weight.fill_(weight)
        module.bias.fill_(bias)


def test_the_average_follows_the_decay_once_there_are_updates_enough() -> None:
    module, ema = layer(2.0), Ema(0.5)
    ema.update(module)
    expected = 2.0
    for n in range(1, 12):
        set_to(module, float(n), 0.0)
        ema.update(module)
        decay = min(0.5, (1 + n) / (10 + n))
        expected = decay * expected + (1 - decay) * n
    assert ema.state_dict()["weight"].item() == pytest.approx(expected, rel=1e-6)


def test_the_averages_are_swapped_in_and_out_again_also_after_an_error() -> None:
    module, ema = layer(1.0), Ema(0.9)
    ema.update(module)
    set_to(module, 5.0, 5.0)
    with ema.swapped_in(module):
        assert module.weight.item() == 1.0
    assert module.weight.item() == 5.0
    with pytest.raises(KeyError), ema.swapped_in(module):
        raise KeyError
    assert module.weight.item() == module.bias.item() == 5.0


def test_frozen_parameters_are_not_averaged_and_join_when_they_are_unfrozen() -> None:
    module, ema = layer(1.0, 1.0), Ema(0.9)
    module.bias.requires_grad_(False)
    ema.update(module)
    assert "bias" not in ema.state_dict()
    module.bias.requires_grad_(True)
    set_to(module, 1.0, 7.0)
    ema.update(module)
    assert ema.state_dict()["bias"].item() == 7.0


def test_a_saved_average_goes_on_as_if_it_had_never_stopped() -> None:
    module, undisturbed, resumed = layer(), Ema(0.7), Ema(0.7)
    for n in range(6):
        set_to(module, n, -n)
        undisturbed.update(module)
        resumed.update(module)
        saved, resumed = resumed.state_dict(), Ema(0.7)
        resumed.load_state_dict(saved)
    assert all(value.equal(resumed.state_dict()[name]) for name, value in undisturbed.state_dict().items())


def test_a_saved_average_is_a_copy() -> None:
    module, ema = layer(1.0), Ema(0.9)
    ema.update(module)
    saved = ema.state_dict()
    set_to(module, 3.0, 3.0)
    ema.update(module)
    assert saved["weight"].item() == 1.0


def test_of_a_tuned_detector_the_trained_part_alone_is_kept() -> None:
    detector = tunable.detector("clip")
    tuned = apply_tuning(detector, tunable.mode("layernorm"))
    ema = Ema(0.99)
    ema.update(detector)
    first = tunable.logits(detector)
    tunable.step(detector, tuned, lr=0.1)
    assert set(ema.state_dict()) == tunable.trained_names(detector) | {"updates"}
    with ema.swapped_in(detector):
        assert tunable.logits(detector).equal(first)
    assert not tunable.logits(detector).equal(first)
