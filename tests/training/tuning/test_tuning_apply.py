"""Each tuning mode trains what it says and moves nothing else by a bit."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import tunable
from torch import nn

from deepfakebench_ext import load_detector
from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.models.host_detector import HostImageDetector
from deepfakebench_ext.training.tuning.apply import apply_tuning
from deepfakebench_ext.training.tuning.layers import find_layers

PARAMETERS = [(kind, mode) for kind in tunable.STRUCTURES for mode in tunable.MODES]


@pytest.mark.parametrize(("kind", "mode"), PARAMETERS)
def test_a_step_moves_every_trained_parameter_and_no_other_by_a_bit(kind: str, mode: str) -> None:
    detector = tunable.detector(kind)
    tuned = apply_tuning(detector, tunable.mode(mode))
    before = {name: tensor.clone() for name, tensor in detector.state_dict().items()}
    tunable.step(detector, tuned)
    moved = {name for name, tensor in detector.state_dict().items() if not tensor.equal(before[name])}
    without_effect = {name for name in before if name.endswith("attention.key.bias")}  # transformers 5.5.1 to 5.17
    assert moved - without_effect == tunable.trained_names(detector) - without_effect
    assert tuned.trainable == sum(p.numel() for p in detector.parameters() if p.requires_grad)
    assert moved


@pytest.mark.parametrize("kind", tunable.YAMLS)
def test_every_trained_parameter_gets_a_gradient(kind: str) -> None:
    """Distributed training waits for all of them."""
    detector = tunable.detector(kind)
    apply_tuning(detector, tunable.mode("full"))
    data = tunable.batch(detector)
    detector.get_losses(data, detector(data))["overall"].backward()
    assert not [name for name, p in detector.named_parameters() if p.requires_grad and p.grad is None]


def test_what_the_logits_do_not_depend_on_is_named_and_left_frozen() -> None:
    detector = tunable.detector("dinov2")
    tuned = apply_tuning(detector, tunable.mode("full"))
    assert tuned.passed_by == ("backbone.dinov2.embeddings.mask_token",)
    assert tuned.total - tuned.trainable == 32


@pytest.mark.parametrize("kind", tunable.STRUCTURES)
def test_head_trains_the_classifier_alone(kind: str) -> None:
    detector = tunable.detector(kind)
    apply_tuning(detector, tunable.mode("head"))
    assert tunable.trained_names(detector) == {"head.weight", "head.bias"}


def test_layernorm_trains_every_layer_norm_and_the_head() -> None:
    detector = tunable.detector("videomae")
    apply_tuning(detector, tunable.mode("layernorm"))
    blocks = [f"backbone.encoder.layer.{i}.layernorm_{where}" for i in range(4) for where in ("before", "after")]
    modules = [*blocks, "backbone.layernorm", "fc_norm", "head"]
    assert tunable.trained_names(detector) == {f"{name}.{kind}" for name in modules for kind in ("weight", "bias")}


def test_layernorm_of_a_clip_is_two_a_layer_and_two_beside_them() -> None:
    detector = tunable.detector("clip")
    tuned = apply_tuning(detector, tunable.mode("layernorm"))
    assert tuned.trainable == (2 * 4 + 2) * 64 + 66
    assert tuned.summary == "trained 706 of 41,090 parameters (1.72 %)"


def test_layernorm_finds_transformers_own_classes_of_layer_norms() -> None:
    detector = tunable.detector("convnext")
    apply_tuning(detector, tunable.mode("layernorm"))
    assert "backbone.convnext.encoder.stages.1.layers.1.layernorm.weight" in tunable.trained_names(detector)


@pytest.mark.parametrize(
    ("share", "trained"), [(0.01, {3}), (0.25, {3}), (0.3, {2, 3}), (0.75, {1, 2, 3}), (1.0, {0, 1, 2, 3})]
)
def test_partial_trains_the_last_share_of_the_layers_rounded_up(share: float, trained: set[int]) -> None:
    detector = tunable.detector("clip")
    apply_tuning(detector, tunable.mode("partial", share=share))
    names = tunable.trained_names(detector)
    layers = {int(name.split(".")[3]) for name in names if ".layers." in name}
    others = {name for name in names if ".layers." not in name}
    assert layers == trained
    assert others == {f"{name}.{k}" for name in ("backbone.post_layernorm", "head") for k in ("weight", "bias")}
    assert sum(".layers." in name for name in names) == 16 * len(trained)


def test_full_trains_everything() -> None:
    detector = tunable.detector("clip")
    tuned = apply_tuning(detector, tunable.mode("full"))
    assert tuned.trainable == tuned.total == sum(p.numel() for p in detector.parameters())


def test_tuning_changes_no_output_before_the_first_step() -> None:
    for mode in tunable.MODES:
        detector = tunable.detector("vit")
        before = tunable.logits(detector)
        apply_tuning(detector, tunable.mode(mode))
        torch.testing.assert_close(tunable.logits(detector), before, atol=1e-6, rtol=0)


def test_l2_normalised_features_have_length_one_before_the_head() -> None:
    detector = tunable.detector("clip").eval()
    features = torch.randn(3, 32)
    assert not detector.classifier(features).equal(detector.classifier(7 * features))
    apply_tuning(detector, tunable.mode("layernorm", l2_normalise=True))
    torch.testing.assert_close(detector.classifier(features), detector.classifier(7 * features))
    unit = features / features.norm(dim=1, keepdim=True)
    torch.testing.assert_close(detector.classifier(features), detector.head(unit))


def test_the_evaluator_normalises_what_was_trained_normalised(tmp_path: Path) -> None:
    detector = tunable.detector("clip")
    apply_tuning(detector, tunable.mode("layernorm", l2_normalise=True), dropout=0.5)
    torch.save(detector.state_dict(), str(tmp_path / "w.pth"))
    loaded = load_detector(detector.settings, str(tmp_path / "w.pth"), dtype="float32")
    assert loaded.settings.l2_normalise
    torch.testing.assert_close(tunable.logits(loaded), tunable.logits(detector), atol=1e-6, rtol=0)
    plain = load_detector(tunable.YAMLS["clip"], str(tmp_path / "w.pth"), dtype="float32")
    assert not torch.allclose(tunable.logits(plain), tunable.logits(detector), atol=1e-3)


def test_a_detector_that_normalises_goes_on_normalising() -> None:
    detector = tunable.detector("clip", l2_normalise=True)
    apply_tuning(detector, tunable.mode("head"))
    assert detector.settings.l2_normalise


def test_dropout_before_the_head_drops_in_training_alone() -> None:
    detector = tunable.detector("clip")
    before = tunable.logits(detector)
    apply_tuning(detector, tunable.mode("head"), dropout=0.5)
    data = tunable.batch(detector)
    assert not detector.train()(data)["cls"].equal(before)
    assert tunable.logits(detector).equal(before)


@pytest.mark.parametrize("kind", tunable.STRUCTURES)
@pytest.mark.parametrize("mode", ["layernorm", "svd", "full"])
def test_gradient_checkpointing_computes_layers_twice_and_the_same_gradients(kind: str, mode: str) -> None:
    gradients, calls = [], []
    for checkpointing in (False, True):
        detector = tunable.detector(kind)
        apply_tuning(detector, tunable.mode(mode), gradient_checkpointing=checkpointing)
        seen: list[object] = []
        for name in find_layers(detector.backbone).names:
            layer = detector.backbone.get_submodule(name)
            next(m for m in layer.modules() if isinstance(m, nn.LayerNorm)).register_forward_pre_hook(
                lambda module, _, seen=seen: seen.append(module)
            )
        data = tunable.batch(detector.train())
        detector.get_losses(data, detector(data))["overall"].backward()
        calls.append(len(seen))
        gradients.append({name: p.grad for name, p in detector.named_parameters() if p.grad is not None})
    assert calls == [tunable.LAYERS, 2 * tunable.LAYERS]
    torch.testing.assert_close(gradients[1], gradients[0])


def test_a_network_without_gradient_checkpointing_is_named() -> None:
    class Bare(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(32, 32)

    detector = tunable.detector("clip")
    detector.features = lambda data: detector.backbone.inner(data["image"][:, 0, 0])
    detector.backbone = Bare()
    with pytest.raises(ConfigError, match="Bare has no gradient checkpointing"):
        apply_tuning(detector, tunable.mode("head"), gradient_checkpointing=True)


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        ("partial", "no list of layers"),
        ("gradual", "no list of layers"),
        ("layernorm", "no layer norm"),
        ("svd", "no attention projection"),
        ("lora", "no query or value projection"),
    ],
)
def test_a_mode_that_a_network_is_not_made_for_is_an_error(mode: str, said: str) -> None:
    detector = tunable.detector("clip")
    detector.features = lambda data: detector.backbone(data["image"][:, 0, 0])
    detector.backbone = nn.Sequential(nn.Linear(32, 32))
    with pytest.raises(ConfigError, match=said):
        apply_tuning(detector, tunable.mode(mode))


def test_a_detector_without_a_head_has_no_linear_probe() -> None:
    detector = tunable.detector("clip")
    detector.head = nn.Identity()
    with pytest.raises(ConfigError, match="mode head trains nothing"):
        apply_tuning(detector, tunable.mode("head"))


def test_layers_that_are_split_already_are_an_error() -> None:
    detector = tunable.detector("clip", use_svd=True)
    with pytest.raises(ConfigError, match="leave `use_svd` out"):
        apply_tuning(detector, tunable.mode("svd"))


def test_half_precision_parameters_are_an_error() -> None:
    detector = tunable.detector("clip")
    detector.backbone.bfloat16()
    with pytest.raises(ConfigError, match="bfloat16"):
        apply_tuning(detector, tunable.mode("head"))


def test_deepfakebenchs_own_detectors_are_trained_by_deepfakebench() -> None:
    detector = HostImageDetector.__new__(HostImageDetector)
    nn.Module.__init__(detector)
    detector.settings = tunable.detector("clip").settings.model_copy(update={"model_name": "xception"})
    with pytest.raises(ConfigError, match=r"xception .*training/train\.py"):
        apply_tuning(detector, tunable.mode("head"))
