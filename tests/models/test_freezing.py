"""What is frozen behaves in training as it does in inference."""

from __future__ import annotations

import pytest
import tunable
from torch import nn

from deepfakebench_ext.models.freezing import keep_frozen_in_inference, train_only
from deepfakebench_ext.training.tuning.apply import apply_tuning
from deepfakebench_ext.training.tuning.layers import find_layers

DROPPING = {"hidden_dropout_prob": 0.5, "attention_probs_dropout_prob": 0.5}


def dropping_vit() -> tunable.Detector:
    yaml = tunable.YAMLS["vit"]
    return tunable.detector("vit", architecture={**yaml["architecture"], **DROPPING})


def test_training_only_some_says_whether_anything_changed() -> None:
    module = nn.Linear(2, 2)
    assert train_only(module, {"bias"})
    assert tunable.trained_names(module) == {"bias"}
    assert not train_only(module, {"bias"})


def test_modules_without_a_trained_parameter_leave_training_mode_with_all_that_is_in_them() -> None:
    module = nn.Sequential(nn.Sequential(nn.Linear(2, 2), nn.Dropout()), nn.Sequential(nn.Linear(2, 2), nn.Dropout()))
    module[0].requires_grad_(False)
    keep_frozen_in_inference(module.train())
    assert module.training
    assert [layer.training for layer in module[0].modules()] == [False] * 3
    assert [layer.training for layer in module[1].modules()] == [True] * 3


def test_a_detector_that_is_trained_whole_is_wholly_in_training_mode() -> None:
    assert all(module.training for module in tunable.detector("vit").train().modules())
    assert not any(module.training for module in tunable.detector("vit").eval().modules())


def test_frozen_dropout_drops_nothing_and_trained_dropout_drops() -> None:
    detector = dropping_vit()
    data = tunable.batch(detector)
    expected = tunable.logits(detector)
    apply_tuning(detector, tunable.mode("head"))
    assert (detector.train()(data)["cls"] == expected).all()
    apply_tuning(detector, tunable.mode("full"))
    assert (detector.train()(data)["cls"] != expected).any()


def test_only_the_trained_layers_drop_in_partial() -> None:
    detector = dropping_vit()
    apply_tuning(detector, tunable.mode("partial", share=0.5))
    detector.train()
    dropping = {name for name, module in detector.named_modules() if isinstance(module, nn.Dropout) and module.training}
    backbone = detector.backbone
    trained = tuple(f"backbone.{layer}." for layer in find_layers(backbone).names[2:])
    assert dropping
    assert all(name.startswith(trained) for name in dropping)


@pytest.mark.parametrize("mode", ["head", "partial"])
def test_running_statistics_move_in_trained_layers_alone(mode: str) -> None:
    detector = tunable.detector("resnet")
    tuned = apply_tuning(detector, tunable.mode(mode, share=0.25))
    before = {name: buffer.clone() for name, buffer in detector.named_buffers()}
    tunable.step(detector, tuned)
    moved = {name for name, buffer in detector.named_buffers() if not buffer.equal(before[name])}
    trained = "backbone.resnet.encoder.stages.2.layers.0."
    assert moved == (set() if mode == "head" else {name for name in before if name.startswith(trained)})
