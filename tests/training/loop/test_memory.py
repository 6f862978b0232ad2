"""What a dry run says of memory against the most that real steps take, tensor by tensor."""

from __future__ import annotations

from importlib.util import find_spec

import made_training
import pytest
import tiny
import torch
from made_training import tuning, values

from deepfakebench_ext.training.loop.live_bytes import LiveBytes

MIB = 2**18  # numbers of float32
WIDE = {
    **tiny.CLIP_YAML,
    "architecture": {
        **tiny.CLIP,
        "hidden_size": 128,
        "intermediate_size": 512,
        "num_hidden_layers": 4,
        "patch_size": 4,
    },
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("training")
    made_training.data(folder, train=16, val=2)
    return folder


def test_what_is_given_up_is_not_counted_at_once_with_what_comes_after():
    before = torch.zeros(MIB)
    with LiveBytes([before]) as live:
        kept = before + 1
        for _ in range(3):
            other = before * 2
            del other
        view = kept[1:]
        before += 1
    assert live.peak == 2 * 4 * MIB
    assert len(view) == MIB - 1


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("mode", ["head", "layernorm", "partial", "svd", "lora", "full"])
def test_the_estimate_is_near_what_steps_take(folder, mode, precision):
    if mode == "lora" and find_spec("peft") is None:
        pytest.skip("peft is not installed beside this transformers")
    made = tuning(folder, values({"mode": mode}, WIDE, batch_size=16, precision=precision, augmentation={}))
    said, stepper = made.plan().memory, made._stepper
    assert all(parameter.grad is None for parameter in made.detector.parameters())
    stepper.rebuild()
    made.detector.train()
    batches = list(made.data.batches(0, batch_size=16, workers=1))
    with LiveBytes([*made.detector.parameters(), *made.detector.buffers()]) as live:
        for number, batch in enumerate(batches):
            stepper.step([batch], number, 1.0)
    assert len(batches) == 2
    assert said.total == pytest.approx(said.parameters + live.peak, rel=0.25)


def test_a_frozen_backbone_is_given_no_more_at_once_than_in_validation(folder):
    kept, seen = (tuning(folder, values(batch_size=16, **more)).plan().memory for more in ({}, {"augmentation": {}}))
    assert kept.activations < seen.activations / 2
