"""huggingface_image and huggingface_video: transformers' own logits, read by the checkpoint's own names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import tiny
import torch
import transformers
from safetensors.torch import load_file, save_file

from deepfakebench_ext import load_detector
from deepfakebench_ext.common.errors import ConfigError, WeightsError

SWIN = {"image_size": 32, "patch_size": 4, "embed_dim": 16, "depths": [1, 1], "num_heads": [2, 2], "window_size": 4}
CONVNEXT = {"hidden_sizes": [8, 16], "depths": [1, 1], "num_stages": 2}
RESNET = {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1]}
FAMILIES = {
    "ViT": tiny.VIT,
    "Beit": tiny.VIT,
    "Dinov2": tiny.VIT,
    "Siglip": {"vision_config": tiny.VIT, "text_config": tiny.TEXT},
    "CLIP": {"vision_config": tiny.CLIP, "text_config": tiny.TEXT},
    "Swin": SWIN,
    "ConvNext": CONVNEXT,
    "ResNet": RESNET,
}


def classifier(family: str, names: dict[int, str]) -> Any:
    config = getattr(transformers, f"{family}Config")(**FAMILIES[family], **tiny.labels(names))
    return tiny.randomised(getattr(transformers, f"{family}ForImageClassification")(config))


def logits(model: Any, pixels: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return model(pixels).logits


def cls(detector: torch.nn.Module, pixels: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return detector({"image": pixels})["cls"]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_classifier_gives_its_own_logits_in_the_order_of_its_names(family: str, tmp_path: Path) -> None:
    model = classifier(family, {0: "Deepfake", 1: "Real"})
    folder = tiny.save_folder(model, tmp_path / "model")
    detector = load_detector("huggingface_image", str(folder), dtype="float32")
    torch.testing.assert_close(cls(detector, tiny.pixels()), logits(model, tiny.pixels())[:, [1, 0]], atol=1e-5, rtol=0)
    assert detector.report.head_trained
    assert detector.report.missing == ()


@pytest.mark.parametrize("family", FAMILIES)
def test_convolutions_in_bfloat16_are_laid_out_channels_last_and_give_the_same(family: str, tmp_path: Path) -> None:
    folder = tiny.save_folder(classifier(family, {0: "Real", 1: "Fake"}), tmp_path / "model")
    detector = load_detector("huggingface_image", str(folder), dtype="bfloat16", device="cpu")
    found = cls(detector, tiny.pixels())
    layouts = [part for part in detector.backbone.modules() if isinstance(part, torch.nn.Conv2d)]
    assert layouts and all(part.weight.is_contiguous(memory_format=torch.channels_last) for part in layouts)
    for part in layouts:
        part.to(memory_format=torch.contiguous_format)
    torch.testing.assert_close(found, cls(detector, tiny.pixels()), atol=2e-2, rtol=0)


def test_three_classes_are_one_minus_real(tmp_path: Path) -> None:
    model = tiny.vit_classifier({0: "Artificial", 1: "Deepfake", 2: "Real"})
    detector = load_detector("huggingface_image", str(tiny.save_folder(model, tmp_path / "m")), dtype="float32")
    with torch.no_grad():
        prob = detector({"image": tiny.pixels()})["prob"]
    torch.testing.assert_close(prob, 1 - logits(model, tiny.pixels()).softmax(1)[:, 2], atol=1e-6, rtol=0)


@pytest.mark.parametrize(("name", "speaks_for_fake"), [("fake", True), ("real", False)])
def test_a_single_logit_is_a_sigmoid_for_the_class_it_names(name: str, speaks_for_fake: bool, tmp_path: Path) -> None:
    model = tiny.vit_classifier({0: name})
    detector = load_detector("huggingface_image", str(tiny.save_folder(model, tmp_path / "m")), dtype="float32")
    sigmoid = torch.sigmoid(logits(model, tiny.pixels())[:, 0])
    with torch.no_grad():
        prob = detector({"image": tiny.pixels()})["prob"]
    torch.testing.assert_close(prob, sigmoid if speaks_for_fake else 1 - sigmoid, atol=1e-6, rtol=0)


def test_names_that_say_nothing_ask_for_the_index_and_take_it(tmp_path: Path) -> None:
    model = tiny.vit_classifier({0: "LABEL_0", 1: "LABEL_1"})
    folder = str(tiny.save_folder(model, tmp_path / "m"))
    with pytest.raises(ConfigError, match="--fake_index"):
        load_detector("huggingface_image", folder)
    detector = load_detector("huggingface_image", folder, fake_index=(0,), dtype="float32")
    torch.testing.assert_close(cls(detector, tiny.pixels()), logits(model, tiny.pixels())[:, [1, 0]], atol=1e-5, rtol=0)
    assert detector.report.label_order.decided_by == "--fake_index"


def test_a_model_without_a_classifier_is_untrained(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = tiny.save_folder(tiny.vit_classifier(), tmp_path / "m")
    state = {k: v for k, v in load_file(folder / "model.safetensors").items() if not k.startswith("classifier.")}
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    detector = load_detector("huggingface_image", str(folder))
    assert not detector.report.head_trained
    assert set(detector.report.missing) == {"head.weight", "head.bias"}


def test_a_backbone_parameter_that_is_missing_is_an_error(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = tiny.save_folder(tiny.vit_classifier(), tmp_path / "m")
    state = load_file(folder / "model.safetensors")
    del state["vit.layernorm.bias"]
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(WeightsError, match=r"1 parameters missing or misshapen \(vit\.layernorm\.bias\)"):
        load_detector("huggingface_image", str(folder))


def test_weights_of_another_width_than_the_config_are_an_error(tmp_path: Path) -> None:
    folder = tiny.save_folder(tiny.vit_classifier(), tmp_path / "m")
    config = folder / "config.json"
    config.write_text(config.read_text().replace('"hidden_size": 32', '"hidden_size": 64'))
    with pytest.raises(WeightsError, match="does not fit"):
        load_detector("huggingface_image", str(folder))


def test_what_the_detector_saves_it_reads_back(tmp_path: Path) -> None:
    folder = tiny.save_folder(tiny.vit_classifier(), tmp_path / "m")
    first = load_detector("huggingface_image", str(folder), dtype="float32")
    torch.save(first.state_dict(), tmp_path / "w.pth")
    config = {"model_name": "huggingface_image", "huggingface_model_name": str(folder), **tiny.HALVES}
    second = load_detector(config, str(tmp_path / "w.pth"), dtype="float32")
    torch.testing.assert_close(cls(first, tiny.pixels()), cls(second, tiny.pixels()), atol=0, rtol=0)
    assert second.report.label_order.fake == (1,)


def test_a_sharded_folder_and_a_bin_folder_load_alike(tmp_path: Path) -> None:
    model = tiny.vit_classifier()
    whole = tiny.save_folder(model, tmp_path / "whole")
    sharded = tiny.save_folder(model, tmp_path / "sharded", max_shard_size="20KB")
    assert (sharded / "model.safetensors.index.json").is_file()
    (whole / "model.safetensors").unlink()
    torch.save(model.state_dict(), whole / "pytorch_model.bin")
    for folder in (whole, sharded):
        detector = load_detector("huggingface_image", str(folder), dtype="float32")
        torch.testing.assert_close(cls(detector, tiny.pixels()), logits(model, tiny.pixels()), atol=1e-6, rtol=0)


def test_a_file_inside_a_saved_folder_is_read_with_its_config(tmp_path: Path) -> None:
    folder = tiny.save_folder(tiny.vit_classifier({0: "Fake", 1: "Real"}), tmp_path / "m")
    detector = load_detector("huggingface_image", str(folder / "model.safetensors"))
    assert detector.report.label_order.fake == (0,)


def test_a_model_type_without_such_a_classifier_is_named(tmp_path: Path) -> None:
    folder = tiny.save_folder(tiny.videomae_model(), tmp_path / "m")
    with pytest.raises(WeightsError, match="'videomae' model, for which transformers has no image classifier"):
        load_detector("huggingface_image", str(folder))


def test_a_video_classifier_takes_clips_of_its_own_length(tmp_path: Path) -> None:
    from transformers import TimesformerConfig, TimesformerForVideoClassification

    config = TimesformerConfig(**{**tiny.VIT, "num_frames": 3}, **tiny.labels(tiny.REAL_FAKE))
    model = tiny.randomised(TimesformerForVideoClassification(config))
    detector = load_detector("huggingface_video", str(tiny.save_folder(model, tmp_path / "m")), dtype="float32")
    assert detector.clip_len == 3
    clips = tiny.pixels(2, frames=3)
    torch.testing.assert_close(cls(detector, clips), logits(model, clips), atol=1e-5, rtol=0)


def test_a_file_trained_from_a_reversed_model_keeps_that_models_order(tmp_path: Path) -> None:
    folder = tiny.save_folder(tiny.vit_classifier({0: "Fake", 1: "Real"}), tmp_path / "m")
    first = load_detector("huggingface_image", str(folder), dtype="float32")
    torch.save(first.state_dict(), tmp_path / "w.pth")
    config = {"model_name": "huggingface_image", "huggingface_model_name": str(folder), **tiny.HALVES}
    second = load_detector(config, str(tmp_path / "w.pth"), dtype="float32")
    torch.testing.assert_close(cls(first, tiny.pixels()), cls(second, tiny.pixels()), atol=0, rtol=0)


def test_a_file_trained_with_a_new_head_keeps_that_head_and_the_host_contract(tmp_path: Path) -> None:
    folder = tiny.save_folder(tiny.vit_classifier({0: "cat", 1: "dog", 2: "fox"}), tmp_path / "m")
    config = {"model_name": "huggingface_image", "huggingface_model_name": str(folder), "new_head": True, **tiny.HALVES}
    started = load_detector(config, dtype="float32")
    assert not started.report.head_trained
    torch.save(started.state_dict(), tmp_path / "w.pth")
    trained = load_detector(config, str(tmp_path / "w.pth"), dtype="float32")
    assert trained.report.head_trained
    torch.testing.assert_close(cls(started, tiny.pixels()), cls(trained, tiny.pixels()), atol=0, rtol=0)


@pytest.mark.parametrize(
    ("change", "key"),
    [({"num_hidden_layers": 1}, r"layers?\.1\."), ({"qkv_bias": False}, r"bias")],
)
def test_a_config_with_fewer_layers_or_biases_than_the_weights_is_refused(
    change: dict[str, Any], key: str, tmp_path: Path
) -> None:
    folder = tiny.save_folder(tiny.vit_classifier(), tmp_path / "m")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **change}))
    with pytest.raises(WeightsError, match=rf"does not fit ViTForImageClassification: .* unknown to it \(.*{key}"):
        load_detector("huggingface_image", str(folder), dtype="float32")


def test_a_pooler_beside_the_classifier_is_left_aside_and_recorded(tmp_path: Path) -> None:
    folder = tiny.save_folder(tiny.vit_classifier(), tmp_path / "m")
    state = load_file(folder / "model.safetensors")
    pooler = {"vit.pooler.dense.weight": torch.ones(32, 32), "vit.pooler.dense.bias": torch.ones(32)}
    save_file({**state, **pooler}, folder / "model.safetensors", metadata={"format": "pt"})
    detector = load_detector("huggingface_image", str(folder), dtype="float32")
    assert {*pooler} <= {*detector.report.ignored}
