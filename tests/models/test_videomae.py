"""huggingface_videomae: no bias is lost on the way from any version's file into any version's model."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny
import torch

from deepfakebench_ext import DETECTOR, load_detector
from deepfakebench_ext.common.errors import ConfigError, WeightsError

BIAS_LAYOUTS = [tiny.Q_BIAS, tiny.QUERY_BIAS, tiny.QUERY_KEY_BIAS]


def cls(detector: torch.nn.Module, clips: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return detector({"image": clips})["cls"]


def clips() -> torch.Tensor:
    return tiny.pixels(2, frames=4)


def host_reference(state: dict[str, torch.Tensor]) -> torch.Tensor:
    """Logits of DeepfakeBench's videomae detector (videomae_detector.py:78-110), by transformers itself."""
    backbone = tiny.videomae_model()
    backbone.load_state_dict({k.removeprefix("backbone."): v for k, v in state.items() if k.startswith("backbone.")})
    with torch.no_grad():
        mean = backbone(clips()).last_hidden_state.mean(1)
    normed = torch.nn.functional.layer_norm(mean, (32,), state["fc_norm.weight"], state["fc_norm.bias"])
    return normed @ state["head.weight"].T + state["head.bias"]


@pytest.mark.parametrize("layout", BIAS_LAYOUTS)
@pytest.mark.parametrize("prefix", ["", "module."])
def test_a_pth_of_the_hosts_detector_gives_the_hosts_logits(layout: str, prefix: str, tmp_path: Path) -> None:
    state = tiny.videomae_detector_state()
    torch.save({prefix + k: v for k, v in tiny.bias_layout(state, layout).items()}, tmp_path / "w.pth")
    detector = load_detector(tiny.VIDEOMAE_YAML, str(tmp_path / "w.pth"), dtype="float32")
    torch.testing.assert_close(cls(detector, clips()), host_reference(state), atol=1e-5, rtol=0)
    assert detector.report.head_trained


def test_a_lost_bias_would_show() -> None:
    """The guard of the tests above: with the query biases zeroed, the reference's logits are others."""
    state = tiny.videomae_detector_state()
    names = ("q_bias", "query.bias")
    zeroed = {k: torch.zeros_like(v) if k.endswith(names) else v for k, v in state.items()}
    assert (host_reference(state) - host_reference(zeroed)).abs().max() > 1e-3


@pytest.mark.parametrize("layout", BIAS_LAYOUTS)
@pytest.mark.parametrize("mean_pooling", [True, False])
@pytest.mark.parametrize("config", ["huggingface_videomae", "huggingface_video"])
def test_a_whole_classifier_gives_its_own_logits(layout: str, mean_pooling: bool, config: str, tmp_path: Path) -> None:
    model = tiny.videomae_model("VideoMAEForVideoClassification", use_mean_pooling=mean_pooling)
    model.config.id2label, model.config.label2id = {0: "fake", 1: "real"}, {"fake": 0, "real": 1}
    folder = tiny.save_folder(model, tmp_path / "videomae")
    rewrite_biases(folder, layout)
    detector = load_detector(config, str(folder), dtype="float32")
    with torch.no_grad():
        expected = model(clips()).logits
    torch.testing.assert_close(cls(detector, clips()), expected[:, [1, 0]], atol=1e-5, rtol=0)
    assert detector.report.label_order.fake == (0,)
    assert detector.report.missing == ()


def rewrite_biases(folder: Path, layout: str) -> None:
    from safetensors.torch import load_file, save_file

    state = tiny.bias_layout(load_file(folder / "model.safetensors"), layout)
    save_file({k: v.contiguous() for k, v in state.items()}, folder / "model.safetensors", metadata={"format": "pt"})


@pytest.mark.parametrize("kind", ["VideoMAEModel", "VideoMAEForPreTraining"])
def test_a_backbone_keeps_its_final_norm_and_leaves_the_decoder(kind: str, tmp_path: Path) -> None:
    model = tiny.videomae_model(kind, use_mean_pooling=False)
    # Published backbones say use_mean_pooling false, derived ones often true: the keys decide.
    model.config.use_mean_pooling = True
    folder = tiny.save_folder(model, tmp_path / "videomae")
    detector = load_detector("huggingface_videomae", str(folder), dtype="float32")
    inner = getattr(model, "videomae", model)
    with torch.no_grad():
        expected = inner(clips(), bool_masked_pos=None).last_hidden_state.mean(1)
        feat = detector({"image": clips()})["feat"]
    torch.testing.assert_close(feat, torch.nn.functional.layer_norm(expected, (32,)), atol=1e-5, rtol=0)
    assert not detector.report.head_trained
    assert set(detector.report.missing) == {"fc_norm.weight", "fc_norm.bias", "head.weight", "head.bias"}


def test_a_head_for_other_classes_is_refused_unless_a_new_one_is_asked_for(tmp_path: Path) -> None:
    names = tiny.labels({0: "abseiling", 1: "archery", 2: "yoga"})
    model = tiny.videomae_model("VideoMAEForVideoClassification", **names)
    folder = str(tiny.save_folder(model, tmp_path / "kinetics"))
    with pytest.raises(ConfigError, match=r"abseiling.*new_head: true"):
        load_detector("huggingface_videomae", folder)
    detector = load_detector({"model_name": "huggingface_videomae", "new_head": True}, folder, dtype="float32")
    assert detector.head.out_features == 2
    assert not detector.report.head_trained


def test_the_clip_length_is_the_checkpoints(tmp_path: Path) -> None:
    folder = tiny.save_folder(tiny.videomae_model(), tmp_path / "videomae")
    assert load_detector("huggingface_videomae", str(folder)).clip_len == 4


def test_another_architecture_is_named(tmp_path: Path) -> None:
    folder = tiny.save_folder(tiny.clip_model(), tmp_path / "clip")
    with pytest.raises(WeightsError, match="is a 'clip' model"):
        load_detector("huggingface_videomae", str(folder))


def test_the_host_contract_is_met_in_training() -> None:
    detector = DETECTOR["huggingface_videomae"]({**tiny.VIDEOMAE_YAML, "video_mode": True, "clip_size": 4})
    data = {"image": clips(), "label": torch.tensor([0, 1])}
    out = detector(data)
    assert out["cls"].shape == (2, 2)
    assert out["feat"].shape == (2, 32)
    detector.get_losses(data, out)["overall"].backward()
    assert all(p.grad is not None for n, p in detector.named_parameters() if not n.endswith("key.bias"))
