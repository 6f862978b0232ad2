"""Phases and learning rates: who is trained when, and how fast."""

from __future__ import annotations

import pytest
import torch
import tunable

from deepfakebench_ext.training.tuning.apply import apply_tuning


def trained_layers(detector: tunable.Detector) -> set[int]:
    return {int(name.split(".")[3]) for name in tunable.trained_names(detector) if ".layers." in name}


def test_gradual_starts_at_the_head_and_goes_down_one_block_at_a_time() -> None:
    detector = tunable.detector("clip")
    tuned = apply_tuning(detector, tunable.mode("gradual"))
    assert tunable.trained_names(detector) == {"head.weight", "head.bias"}
    assert not tuned.start_epoch(0)
    for epoch, layers in enumerate([{3}, {2, 3}, {1, 2, 3}, {0, 1, 2, 3}], start=1):
        assert tuned.start_epoch(epoch)
        assert tuned.phase == epoch
        assert trained_layers(detector) == layers
        assert "backbone.post_layernorm.weight" in tunable.trained_names(detector)
        assert "backbone.pre_layrnorm.weight" not in tunable.trained_names(detector)
    assert tuned.start_epoch(5)
    assert tuned.trainable == tuned.total
    assert not tuned.start_epoch(6)


def test_gradual_waits_the_epochs_it_was_told_to() -> None:
    detector = tunable.detector("clip")
    tuned = apply_tuning(detector, tunable.mode("gradual", unfreeze_every=3))
    assert [tuned.start_epoch(epoch) for epoch in range(7)] == [False, False, False, True, False, False, True]


def test_the_phase_follows_from_the_epoch_alone() -> None:
    whole, resumed = tunable.detector("clip"), tunable.detector("clip")
    undisturbed = apply_tuning(whole, tunable.mode("gradual"))
    for epoch in range(4):
        undisturbed.start_epoch(epoch)
    again = apply_tuning(resumed, tunable.mode("gradual"))
    assert again.start_epoch(3)
    assert again.phase == undisturbed.phase
    assert tunable.trained_names(resumed) == tunable.trained_names(whole)


def test_gradual_never_trains_what_the_logits_do_not_depend_on() -> None:
    detector = tunable.detector("dinov2")
    tuned = apply_tuning(detector, tunable.mode("gradual"))
    tuned.start_epoch(99)
    everything = {name for name, _ in detector.named_parameters()}
    assert everything - tunable.trained_names(detector) == {"backbone.dinov2.embeddings.mask_token"}


def test_a_block_that_gradual_unfreezes_enters_training_mode() -> None:
    detector = tunable.detector("clip")
    tuned = apply_tuning(detector, tunable.mode("gradual"))
    detector.train()
    top = detector.backbone.encoder.layers[3]
    assert not top.training
    tuned.start_epoch(1)
    assert top.training
    assert not detector.backbone.encoder.layers[2].training


@pytest.mark.parametrize("kind", tunable.STRUCTURES)
def test_gradual_moves_each_block_from_its_epoch_on(kind: str) -> None:
    detector = tunable.detector(kind)
    tuned = apply_tuning(detector, tunable.mode("gradual"))
    for epoch in range(3):
        tuned.start_epoch(epoch)
        before = {name: p.detach().clone() for name, p in detector.named_parameters()}
        tunable.step(detector, tuned)
        moved = {name for name, p in detector.named_parameters() if not p.equal(before[name])}
        key_bias = {name for name in before if name.endswith("key.bias")}
        assert moved - key_bias == tunable.trained_names(detector) - key_bias


@pytest.mark.parametrize("mode", [m for m in tunable.MODES if m != "gradual"])
def test_other_modes_have_one_phase(mode: str) -> None:
    tuned = apply_tuning(tunable.detector("clip"), tunable.mode(mode))
    assert not any(tuned.start_epoch(epoch) for epoch in range(5))
    assert tuned.phase == 0


def test_layer_decay_lowers_the_rate_layer_by_layer_below_the_top() -> None:
    detector = tunable.detector("clip")
    tuned = apply_tuning(detector, tunable.mode("full", layer_decay=0.5))
    rates = rate_of(detector, tuned.parameter_groups(1.0, 3.0, 0.0))
    assert rates["head.weight"] == 3.0
    assert rates["backbone.post_layernorm.weight"] == 1.0
    assert rates["backbone.encoder.layers.3.self_attn.q_proj.weight"] == 0.5
    assert rates["backbone.encoder.layers.0.self_attn.q_proj.weight"] == 0.5**4
    assert rates["backbone.embeddings.patch_embedding.weight"] == 0.5**5
    assert rates["backbone.pre_layrnorm.weight"] == 0.5**5


@pytest.mark.parametrize("mode", ["layernorm", "svd", "partial"])
def test_layer_decay_holds_in_every_mode(mode: str) -> None:
    detector = tunable.detector("videomae")
    tuned = apply_tuning(detector, tunable.mode(mode, layer_decay=0.5))
    rates = rate_of(detector, tuned.parameter_groups(1.0, None, 0.0))
    assert {rates[name] for name in rates if ".layer.3." in name} == {0.5}
    assert {rates[name] for name in rates if ".layer.2." in name} == {0.25}
    assert rates["head.weight"] == rates["fc_norm.weight"] == 1.0


def rate_of(detector: tunable.Detector, groups: list[dict[str, object]]) -> dict[str, float]:
    names = {id(parameter): name for name, parameter in detector.named_parameters()}
    return {names[id(p)]: group["lr"] for group in groups for p in group["params"]}


@pytest.mark.parametrize("kind", tunable.STRUCTURES)
@pytest.mark.parametrize("mode", tunable.MODES)
def test_every_trained_parameter_is_in_one_group(kind: str, mode: str) -> None:
    detector = tunable.detector(kind)
    tuned = apply_tuning(detector, tunable.mode(mode))
    groups = tuned.parameter_groups(1e-3, None, 0.1)
    torch.optim.AdamW(groups)  # refuses a parameter that comes twice
    grouped = {id(parameter) for group in groups for parameter in group["params"]}
    assert grouped == {id(parameter) for parameter in detector.parameters() if parameter.requires_grad}
    assert len({group["name"] for group in groups}) == len(groups)


def test_matrices_decay_and_vectors_and_tables_do_not() -> None:
    decays: dict[str, float] = {}
    for kind in ("clip", "vit", "videomae"):
        detector = tunable.detector(kind)
        groups = apply_tuning(detector, tunable.mode("full")).parameter_groups(1.0, None, 0.1)
        names = {id(parameter): name for name, parameter in detector.named_parameters()}
        decays.update({names[id(p)]: float(group["weight_decay"]) for group in groups for p in group["params"]})
    assert decays["backbone.encoder.layers.0.self_attn.q_proj.weight"] == 0.1
    assert decays["backbone.embeddings.patch_embedding.weight"] == 0.1
    assert decays["head.weight"] == 0.1
    for name in (
        "backbone.encoder.layers.0.self_attn.q_proj.bias",
        "backbone.encoder.layers.0.layer_norm1.weight",
        "backbone.embeddings.class_embedding",
        "backbone.embeddings.position_embedding.weight",
        "backbone.vit.embeddings.cls_token",
        "backbone.vit.embeddings.position_embeddings",
        "fc_norm.weight",
        "head.bias",
    ):
        assert decays[name] == 0.0
