"""A config.json or an `architecture` with any wrong value ends at once in one line that names the file and the key."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import tiny
import torch
from yaml import safe_dump

from deepfakebench_ext import load_detector
from deepfakebench_ext.common.errors import ExtError, WeightsError

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "width as text": ({"hidden_size": "32"}, "hidden_size"),
    "width 0": ({"hidden_size": 0}, "hidden_size"),
    "width below 0": ({"hidden_size": -32}, "hidden_size"),
    "layers without end": ({"num_hidden_layers": 10**7}, "num_hidden_layers"),
    "no heads": ({"num_attention_heads": 0}, "num_attention_heads"),
    "heads that do not divide": ({"num_attention_heads": 5}, "num_attention_heads"),
    "image of no pixels": ({"image_size": 0}, "image_size"),
    "image without end": ({"image_size": 10**6}, "image_size"),
    "patches without end": ({"image_size": 8192, "patch_size": 1}, "patch_size"),
    "patch 0": ({"patch_size": 0}, "patch_size is 0"),
    "patch below 0": ({"patch_size": [8, -8]}, "patch_size"),
    "no channels": ({"num_channels": 0}, "num_channels is 0"),
    "an inner width below 0": ({"intermediate_size": -4}, "intermediate_size is -4"),
    "more dropped than there is": ({"hidden_dropout_prob": 2}, "hidden_dropout_prob is 2"),
    "less dropped than nothing": ({"drop_path_rate": -0.1}, "drop_path_rate is -0.1"),
    "labels without end": ({"num_labels": 10**9, "id2label": None}, "num_labels"),
    "an activation nobody knows": ({"hidden_act": "quickest_gelu"}, "hidden_act"),
    "an activation that is a list": ({"hidden_act": ["gelu"]}, "hidden_act"),
    "a type nobody knows": ({"dtype": "float99"}, "dtype"),
    "an old type nobody knows": ({"torch_dtype": "fp8"}, "torch_dtype"),
    "names as a list": ({"id2label": ["real", "fake"]}, "id2label"),
    "names without numbers": ({"id2label": {"a": "real", "b": "fake"}}, "id2label"),
    "numbers as text": ({"label2id": {"real": "x"}}, "label2id"),
    "model type as a list": ({"model_type": ["vit"]}, "model_type"),
    "model type unknown": ({"model_type": "vit9"}, "vit9"),
    "architectures as text": ({"architectures": "ViTForImageClassification"}, "architectures"),
    "architectures of numbers": ({"architectures": [1]}, "architectures"),
    "problem type": ({"problem_type": "segmentation"}, "problem_type"),
    "quantized": (
        {"quantization_config": {"quant_method": "bitsandbytes", "load_in_8bit": True}},
        "quantization_config",
    ),
    "kernels of the hub": ({"attn_implementation": "kernels-community/flash-attn2"}, "attn_implementation"),
    "kernels of the hub, hidden": ({"_attn_implementation": "someone/kernel"}, "_attn_implementation"),
    "a model of timm to be fetched": ({"architecture": "hf-hub:org/name"}, "architecture"),
    "not finite": ({"layer_norm_eps": 1e400}, "layer_norm_eps"),
    "a vision config that is a list": ({"vision_config": [1]}, "vision_config"),
}


def folder_with(folder: Path, changes: dict[str, Any]) -> Path:
    tiny.save_folder(tiny.vit_classifier(), folder)
    values = {**json.loads((folder / "config.json").read_text()), **changes}
    text = json.dumps({key: value for key, value in values.items() if value is not None or key == "id2label"})
    (folder / "config.json").write_text(text)
    return folder


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_value_in_a_config_json_is_one_line_that_names_the_file_and_the_key(wrong: str, tmp_path: Path) -> None:
    changes, key = WRONG[wrong]
    with pytest.raises(ExtError) as caught:
        load_detector("huggingface_image", str(folder_with(tmp_path / "mine", changes)))
    text = str(caught.value)
    assert "mine" in text and key in text
    assert text.isprintable() and len(text) < 1500


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"hidden_size": "32"}, "hidden_size"),
        ({"num_hidden_layers": 10**7}, "num_hidden_layers"),
        ({"num_attention_heads": 5}, "num_attention_heads"),
        ({"hidden_act": "quickest_gelu"}, "hidden_act"),
        ({"quantization_config": {"quant_method": "awq"}}, "quantization_config"),
        ({"image_size": [32, 32]}, "image_size"),
    ],
)
@pytest.mark.parametrize("yaml", [tiny.CLIP_YAML, tiny.VIDEOMAE_YAML], ids=["clip", "videomae"])
def test_a_wrong_value_of_architecture_names_the_yaml_and_the_key(
    yaml: dict[str, Any], changes: dict[str, Any], key: str, tmp_path: Path
) -> None:
    if yaml is tiny.VIDEOMAE_YAML and key == "image_size":
        pytest.skip("VideoMAE takes a height and a width")
    state = tiny.clip_detector_state() if yaml is tiny.CLIP_YAML else tiny.videomae_detector_state()
    torch.save(state, tmp_path / "w.pth")
    wrong = {**yaml, "architecture": {**yaml["architecture"], **changes}}
    file = tmp_path / "mine.yaml"
    file.write_text(safe_dump(wrong))
    for given, named in ((wrong, "the detector YAML"), (file, str(file))):
        with pytest.raises(ExtError) as caught:
            load_detector(given, str(tmp_path / "w.pth"))
        assert f"`architecture` in {named}" in str(caught.value) and key in str(caught.value)


def test_how_a_model_is_run_is_not_taken_from_a_stranger(tmp_path: Path) -> None:
    runs = {"return_dict": False, "output_hidden_states": True, "torch_dtype": "float16", "chunk_size_feed_forward": 3}
    plain = load_detector("huggingface_image", str(folder_with(tmp_path / "a", {})), dtype="float32")
    told = load_detector("huggingface_image", str(folder_with(tmp_path / "b", runs)), dtype="float32")
    with torch.no_grad():
        assert told({"image": tiny.pixels()})["prob"].equal(plain({"image": tiny.pixels()})["prob"])


@pytest.mark.parametrize("content", ["[" * 100_000, '{"a": 1, "a": 2}', "[]", "{", "\x00"])
def test_a_config_json_that_is_none_is_named(content: str, tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "mine", {})
    (folder / "config.json").write_text(content)
    with pytest.raises(WeightsError, match=r"mine/config\.json is not readable JSON"):
        load_detector("huggingface_image", str(folder))


@pytest.mark.parametrize("name", ["config.json", "preprocessor_config.json"])
def test_a_pipe_in_a_folder_is_no_file(name: str, tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "mine", {})
    (folder / name).unlink()
    os.mkfifo(folder / name)
    with pytest.raises(WeightsError, match="a pipe"):
        _ = load_detector("huggingface_image", str(folder)).preprocess


@pytest.mark.parametrize("spec", ["a\x00b", "\udcff", "/dev/null", "x" * 5000, "org/\x1b[2J", "~nobody-here/x"])
def test_a_spec_that_names_no_weights_is_refused_in_one_line(spec: str) -> None:
    with pytest.raises(WeightsError) as caught:
        load_detector(tiny.CLIP_YAML, spec)
    assert "\x1b" not in str(caught.value) and "\x00" not in str(caught.value)
