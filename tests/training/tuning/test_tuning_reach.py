"""Which parameters the logits depend on is found without a trace."""

from __future__ import annotations

import pytest
import torch
import tunable

from deepfakebench_ext.training.tuning.reach import reached


@pytest.mark.parametrize("kind", ["clip", "videomae", "resnet"])
def test_nothing_is_left_out_of_networks_that_use_all_they_have(kind: str) -> None:
    detector = tunable.detector(kind)
    assert reached(detector) == {name for name, _ in detector.named_parameters()}


def test_a_pooler_that_the_classifier_passes_by_is_not_reached() -> None:
    detector = tunable.detector("siglip")
    passed_by = {name for name, _ in detector.named_parameters()} - reached(detector)
    assert passed_by
    assert all(name.startswith("backbone.vision_model.head.") for name in passed_by)


def test_looking_changes_no_mode_no_flag_no_buffer_and_no_gradient() -> None:
    detector = tunable.detector("resnet")
    detector.backbone.eval()
    detector.head.requires_grad_(False)
    modes = [module.training for module in detector.modules()]
    flags = [parameter.requires_grad for parameter in detector.parameters()]
    state = {name: tensor.clone() for name, tensor in detector.state_dict().items()}
    with torch.no_grad():
        reached(detector)
    assert [module.training for module in detector.modules()] == modes
    assert [parameter.requires_grad for parameter in detector.parameters()] == flags
    assert all(tensor.equal(state[name]) for name, tensor in detector.state_dict().items())
    assert all(parameter.grad is None for parameter in detector.parameters())


def test_a_network_that_takes_any_size_is_asked_with_the_size_it_is_fed() -> None:
    detector = tunable.detector("resnet")
    seen: list[tuple[int, ...]] = []
    detector.backbone.register_forward_pre_hook(lambda _, args: seen.append(tuple(args[0].shape)))
    reached(detector)
    assert seen == [(1, 3, 32, 32)]
