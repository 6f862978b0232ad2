"""What the journal says of each step, and that what the network itself draws is drawn again after a cut."""

from __future__ import annotations

import math
from importlib.util import find_spec

import made_training
import pytest
import tiny
import torch
from made_training import Stop, StopAt, lines, same, tuning, values, weights

from deepfakebench_ext.common.errors import ModelError
from deepfakebench_ext.training.loop.stepping import Stepper


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("training")
    made_training.data(folder, train=6, val=2)
    return folder


def steps(run) -> list[dict]:
    return [line for line in lines(run) if "loss" in line]


def rates_by_hand(total: int, lr: float, warmup: float, end: float) -> list[float]:
    """A line from near 0 to `lr` over the warm-up, then half a wave of a cosine down to a share of it."""
    rising = warmup * total
    line = [lr * (step + 1) / (rising + 1) for step in range(math.ceil(rising))]
    waves = [(step - rising) / (total - rising) for step in range(len(line), total)]
    return [*line, *(lr * (end + (1 - end) * (1 + math.cos(math.pi * share)) / 2) for share in waves)]


@pytest.mark.parametrize("stop", [None, 5])
def test_the_rate_of_each_step_is_the_schedules_and_the_one_that_is_noted(folder, tmp_path, monkeypatch, stop):
    taken: list[list[float]] = []
    update = Stepper._update

    def watched(self, *args):
        taken.append([group["lr"] for group in self.optimizer.param_groups])
        update(self, *args)

    monkeypatch.setattr(Stepper, "_update", watched)
    # 12 pictures in batches of 2, two of them a step: 3 steps an epoch.
    recipe = values(epochs=4, batch_size=2, accumulate=2, lr=1e-3, head_lr=4e-3, warmup=0.25, min_lr_share=0.1)
    if stop is not None:
        with pytest.raises(Stop):
            tuning(folder, recipe).run(tmp_path / "run", watchers=[StopAt(stop)], checkpoint_minutes=1000)
        del taken[3:]  # from the end of the first epoch on it is taken again
    tuning(folder, recipe).run(tmp_path / "run")
    expected = rates_by_hand(12, 1e-3, 0.25, 0.1)
    assert [line["lr"] for line in steps(tmp_path / "run")] == pytest.approx(expected, rel=1e-9)
    assert [line["step"] for line in steps(tmp_path / "run")] == list(range(1, 13))
    assert {len(groups) for groups in taken} == {2}
    assert [groups[0] for groups in taken] == pytest.approx([4 * rate for rate in expected], rel=1e-9)
    assert [groups[1] for groups in taken] == [groups[0] for groups in taken]


DRAWN = {
    "dropout of the backbone": ({"mode": "full"}, {**tiny.CLIP_YAML["architecture"], "attention_dropout": 0.3}),
    "dropout of the adapters": ({"mode": "lora", "lora_dropout": 0.3}, tiny.CLIP_YAML["architecture"]),
}


@pytest.mark.parametrize("what", DRAWN)
def test_what_the_network_draws_is_drawn_again_after_a_cut(folder, tmp_path, what):
    if "adapters" in what and find_spec("peft") is None:
        pytest.skip("peft is not installed beside this transformers")
    mode, architecture = DRAWN[what]
    recipe = values(mode, {**tiny.CLIP_YAML, "architecture": architecture}, epochs=2, lr=1e-2)
    tuning(folder, recipe).run(tmp_path / "whole")
    for stop in (2, 4):
        torch.manual_seed(stop)  # whatever another process was seeded with
        with pytest.raises(Stop):
            tuning(folder, recipe).run(tmp_path / "cut", watchers=[StopAt(stop)], checkpoint_minutes=0)
    torch.manual_seed(99)
    tuning(folder, recipe).run(tmp_path / "cut")
    assert same(weights(tmp_path / "whole/last"), weights(tmp_path / "cut/last"))
    assert steps(tmp_path / "whole") == steps(tmp_path / "cut")
    quiet = {**recipe, "architecture": tiny.CLIP_YAML["architecture"], "tuning": {"mode": mode["mode"]}}
    tuning(folder, quiet).run(tmp_path / "quiet")
    assert steps(tmp_path / "whole") != steps(tmp_path / "quiet")


def test_a_gradient_that_is_not_finite_leaves_the_last_checkpoint_to_go_on_from(folder, tmp_path, monkeypatch):
    recipe = values({"mode": "full"}, epochs=2)
    tuning(folder, recipe).run(tmp_path / "whole")
    update = Stepper._update

    def broken(self, weight, keys, number):
        if number == 4:
            self.trained[0].grad[0] = float("inf")
        update(self, weight, keys, number)

    monkeypatch.setattr(Stepper, "_update", broken)
    with pytest.raises(
        ModelError, match=r"the gradient is not finite in step 4, for (real|fake)/\d+\.png, .*training\.lr"
    ):
        tuning(folder, recipe).run(tmp_path / "cut")
    monkeypatch.undo()
    tuning(folder, recipe).run(tmp_path / "cut")
    assert same(weights(tmp_path / "whole/last"), weights(tmp_path / "cut/last"))
