"""Which names decide: those of the file that the head came from, whatever its class or its head is called."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import tiny
import torch
import transformers

from deepfakebench_ext import load_detector
from deepfakebench_ext.common.errors import ConfigError, WeightsError
from deepfakebench_ext.models.base import Detector
from deepfakebench_ext.models.export.hub_folder import architecture_of, write_pth

FAKE_FIRST, REAL_FIRST = {0: "Fake", 1: "Real"}, {0: "Real", 1: "Fake"}
STAGES: dict[str, Any] = {"depths": [1] * 4, "embed_dims": [8, 16, 16, 16]}
# Classes whose head is not called `classifier`, or that have two.
HEADS: dict[str, tuple[str, dict[str, Any], int]] = {
    "DeiTForImageClassificationWithTeacher": ("DeiTConfig", tiny.VIT, 32),
    "LevitForImageClassificationWithTeacher": (
        "LevitConfig",
        {"image_size": 64, "hidden_sizes": [16, 24, 32], "num_attention_heads": [1] * 3, "depths": [1] * 3,
         "key_dim": [8] * 3},
        64,
    ),
    "SwiftFormerForImageClassification": ("SwiftFormerConfig", {"image_size": 32, **STAGES}, 32),
    "TextNetForImageClassification": ("TextNetConfig", {"image_size": [32, 32]}, 32),
    "PerceiverForImageClassificationLearned": (
        "PerceiverConfig",
        {"num_latents": 4, "d_latents": 16, "num_blocks": 1, "num_self_attends_per_block": 1,
         "num_self_attention_heads": 2, "num_cross_attention_heads": 1, "image_size": 32},
        32,
    ),
}  # fmt: skip


def prob(detector: Detector, frames: int | None = None, size: int = 32) -> torch.Tensor:
    with torch.no_grad():
        return detector({"image": tiny.pixels(frames=frames, size=size)})["prob"]


def softmax(model: Any, index: int, frames: int | None = None, size: int = 32) -> torch.Tensor:
    with torch.no_grad():
        return model(tiny.pixels(frames=frames, size=size)).logits.softmax(1)[:, index]


def changed(folder: Path, **changes: Any) -> str:
    """config.json with some keys changed; None takes one away."""
    path = folder / "config.json"
    values = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({key: value for key, value in values.items() if value is not None}))
    return str(folder)


@pytest.mark.parametrize("names", [FAKE_FIRST, REAL_FIRST], ids=["fake first", "real first"])
@pytest.mark.parametrize("name", HEADS)
def test_heads_of_every_name_and_number_are_read_by_the_names(name: str, names: dict[int, str], tmp_path: Path) -> None:
    config, values, size = HEADS[name]
    model = getattr(transformers, name)(getattr(transformers, config)(**values, **tiny.labels(names)))
    model = tiny.randomised(model)
    detector = load_detector("huggingface_image", str(tiny.save_folder(model, tmp_path / "m")), dtype="float32")
    index = next(index for index, name in names.items() if name == "Fake")
    torch.testing.assert_close(prob(detector, size=size), softmax(model, index, size=size), atol=1e-6, rtol=0)
    assert detector.report.head_trained
    assert detector.report.label_order.decided_by == "checkpoint names"


def test_a_head_that_lies_inside_the_model_stays_in_float32(tmp_path: Path) -> None:
    config = transformers.DeiTConfig(**tiny.VIT, **tiny.labels(REAL_FIRST))
    model = tiny.randomised(transformers.DeiTForImageClassificationWithTeacher(config))
    detector = load_detector("huggingface_image", str(tiny.save_folder(model, tmp_path / "m")), dtype="bfloat16")
    assert {parameter.dtype for parameter in detector.parameters()} == {torch.float32}


@pytest.mark.parametrize("architectures", [None, [], ["ViTModel"], ["DeepfakeViT"]])
def test_names_decide_whatever_architectures_says(architectures: list[str] | None, tmp_path: Path) -> None:
    model = tiny.vit_classifier(FAKE_FIRST)
    folder = changed(tiny.save_folder(model, tmp_path / "m"), architectures=architectures)
    assert prob(load_detector("huggingface_image", folder, dtype="float32")).allclose(softmax(model, 0), atol=1e-6)


@pytest.mark.parametrize("config", ["huggingface_videomae", "huggingface_video"])
@pytest.mark.parametrize("architectures", [None, ["VideoMAEModel"]])
def test_names_of_videos_decide_too(config: str, architectures: list[str] | None, tmp_path: Path) -> None:
    model = tiny.videomae_model("VideoMAEForVideoClassification", **tiny.labels(FAKE_FIRST))
    folder = changed(tiny.save_folder(model, tmp_path / "m"), architectures=architectures)
    detector = load_detector(config, folder, dtype="float32")
    assert prob(detector, 4).allclose(softmax(model, 0, 4), atol=1e-5)


def test_only_label2id_is_enough(tmp_path: Path) -> None:
    model = tiny.vit_classifier(FAKE_FIRST)
    folder = changed(tiny.save_folder(model, tmp_path / "m"), id2label=None, label2id={"Fake": 0, "Real": 1})
    assert load_detector("huggingface_image", folder).report.label_order.fake == (0,)


def test_a_head_of_several_labels_is_the_sigmoid_of_its_fake_logit(tmp_path: Path) -> None:
    model = tiny.vit_classifier(REAL_FIRST)
    folder = changed(tiny.save_folder(model, tmp_path / "m"), problem_type="multi_label_classification")
    detector = load_detector("huggingface_image", folder, dtype="float32")
    with torch.no_grad():
        want = model(tiny.pixels()).logits[:, 1].sigmoid()
    torch.testing.assert_close(prob(detector), want, atol=1e-6, rtol=0)
    assert detector.report.label_order.activation == "sigmoid"


def test_several_labels_that_are_fake_ask_for_one(tmp_path: Path) -> None:
    model = tiny.vit_classifier({0: "Real", 1: "Deepfake", 2: "Artificial"})
    folder = changed(tiny.save_folder(model, tmp_path / "m"), problem_type="multi_label_classification")
    with pytest.raises(ConfigError, match="2 of 0 Real, 1 Deepfake, 2 Artificial are fake"):
        load_detector("huggingface_image", folder)
    chosen = load_detector("huggingface_image", folder, fake_index=(2,))
    assert chosen.report.label_order.activation == "sigmoid"


def test_a_regression_is_no_classifier(tmp_path: Path) -> None:
    folder = changed(tiny.save_folder(tiny.vit_classifier(), tmp_path / "m"), problem_type="regression")
    with pytest.raises(ConfigError, match="problem_type regression"):
        load_detector("huggingface_image", folder, fake_index=(1,))


@pytest.mark.parametrize("name", ["no_face", "background", "unknown", "Uncertain", "other", "none", "NoFace"])
def test_a_class_that_is_neither_real_nor_fake_is_not_fake(name: str, tmp_path: Path) -> None:
    model = tiny.vit_classifier({0: "real", 1: "fake", 2: name})
    folder = str(tiny.save_folder(model, tmp_path / "m"))
    with pytest.raises(ConfigError, match=rf"its class '{name}' says neither real nor fake.*--fake_index 1"):
        load_detector("huggingface_image", folder)
    assert load_detector("huggingface_image", folder, fake_index=(1,)).report.label_order.fake == (1,)


@pytest.mark.parametrize("names", [FAKE_FIRST, REAL_FIRST], ids=["fake first", "real first"])
def test_a_pth_of_deepfakebenchs_keeps_its_order_whatever_the_model_that_lends_the_architecture_names(
    names: dict[int, str], tmp_path: Path
) -> None:
    lender = tiny.videomae_model("VideoMAEForVideoClassification", **tiny.labels(names))
    folder = tiny.save_folder(lender, tmp_path / "m")
    torch.save(tiny.videomae_detector_state(), tmp_path / "w.pth")
    config = {"model_name": "huggingface_videomae", "huggingface_model_name": str(folder), **tiny.HALVES}
    order = load_detector(config, str(tmp_path / "w.pth")).report.label_order
    assert (order.fake, order.decided_by) == ((1,), "host contract")


def test_an_architecture_in_the_yaml_that_names_fake_first_asks(tmp_path: Path) -> None:
    torch.save(tiny.videomae_detector_state(), tmp_path / "w.pth")
    config = {**tiny.VIDEOMAE_YAML, "architecture": {**tiny.VIDEOMAE, **tiny.labels(FAKE_FIRST)}}
    with pytest.raises(ConfigError, match="say which holds with --fake_index"):
        load_detector(config, str(tmp_path / "w.pth"))
    assert load_detector(config, str(tmp_path / "w.pth"), fake_index=(1,)).report.label_order.fake == (1,)


def test_a_pth_of_transformers_own_layout_without_names_asks(tmp_path: Path) -> None:
    model = tiny.vit_classifier({0: "LABEL_0", 1: "LABEL_1"})
    folder = tiny.save_folder(model, tmp_path / "m")
    torch.save(model.state_dict(), tmp_path / "w.pth")
    config = {"model_name": "huggingface_image", "huggingface_model_name": str(folder), **tiny.HALVES}
    with pytest.raises(ConfigError, match="--fake_index 1 if the logit 1 means fake"):
        load_detector(config, str(tmp_path / "w.pth"))


@pytest.mark.parametrize("names", [FAKE_FIRST, REAL_FIRST], ids=["fake first", "real first"])
def test_a_new_head_is_real_then_fake_whatever_the_base_names(names: dict[int, str], tmp_path: Path) -> None:
    folder = str(tiny.save_folder(tiny.vit_classifier(names), tmp_path / "m"))
    started = load_detector({"model_name": "huggingface_image", "new_head": True, **tiny.HALVES}, folder)
    order = started.report.label_order
    assert (order.fake, order.names, order.decided_by) == ((1,), (), "host contract")
    assert architecture_of(started)["id2label"] == {"0": "real", "1": "fake"}


@pytest.mark.parametrize("kind", ["image", "video"])
def test_what_is_written_here_carries_its_order_in_its_own_file(kind: str, tmp_path: Path) -> None:
    """Beside a YAML whose lender names the classes the other way round."""
    video = kind == "video"
    of = (lambda names: tiny.videomae_model("VideoMAEForVideoClassification", **tiny.labels(names))) if video else (
        tiny.vit_classifier
    )  # fmt: skip
    name = "huggingface_videomae" if video else "huggingface_image"
    trained = load_detector(name, str(tiny.save_folder(of(FAKE_FIRST), tmp_path / "a")), dtype="float32")
    write_pth(tmp_path / "w.pth", trained)
    lender = tiny.save_folder(of(REAL_FIRST), tmp_path / "b")
    config = {"model_name": name, "huggingface_model_name": str(lender), **tiny.HALVES}
    read = load_detector(config, str(tmp_path / "w.pth"), dtype="float32")
    assert (read.report.label_order.fake, read.report.label_order.decided_by) == ((0,), "the file itself")
    frames = 4 if video else None
    torch.testing.assert_close(prob(read, frames), prob(trained, frames), atol=0, rtol=0)
    again = type(trained)(config)
    again.load_state_dict(torch.load(tmp_path / "w.pth", weights_only=True), strict=True)


@pytest.mark.parametrize("name", ["ImageGPTForImageClassification", "Siglip2ForImageClassification"])
def test_classes_that_take_no_whole_images_are_named(name: str, tmp_path: Path) -> None:
    if not hasattr(transformers, name):
        pytest.skip(f"this transformers has no {name}")
    values = {"n_embd": 32, "n_layer": 1, "n_head": 2, "n_positions": 64, "vocab_size": 9}
    if name.startswith("Siglip2"):
        vision = {key: value for key, value in tiny.VIT.items() if key != "image_size"}
        values = {"vision_config": vision, "text_config": tiny.TEXT}
    config = getattr(transformers, name.replace("ForImageClassification", "Config"))(
        **values, **tiny.labels(REAL_FIRST)
    )
    model = getattr(transformers, name)(config)
    with pytest.raises(WeightsError, match=f"is a {name}, which takes colour clusters or lists of patches"):
        load_detector("huggingface_image", str(tiny.save_folder(model, tmp_path / "m")))


def test_control_characters_in_class_names_never_reach_a_terminal(tmp_path: Path) -> None:
    model = tiny.vit_classifier({0: "Re\x1b[2Jal", 1: "Fake\x07"})
    folder = str(tiny.save_folder(model, tmp_path / "m"))
    assert load_detector("huggingface_image", folder, fake_index=(1,)).report.label_order.names == (
        "Re\\x1b[2Jal",
        "Fake\\x07",
    )
    with pytest.raises(ConfigError) as caught:
        load_detector(
            "huggingface_image", str(tiny.save_folder(tiny.vit_classifier({0: "\x1b", 1: "b"}), tmp_path / "n"))
        )
    assert str(caught.value).isprintable()
