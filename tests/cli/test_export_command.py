"""`dfb-ext export` as it is typed: what is written, what is said, what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import tiny
import torch
import yaml
from click.testing import CliRunner

from deepfakebench_ext.cli.evaluate import evaluate
from deepfakebench_ext.cli.export import export
from deepfakebench_ext.common.errors import ConfigError, WeightsError


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "clip.yaml"
    path.write_text(yaml.safe_dump(tiny.CLIP_YAML))
    return str(path)


@pytest.fixture
def weights(tmp_path):
    torch.save(tiny.clip_detector_state(), tmp_path / "clip.pth")
    return str(tmp_path / "clip.pth")


def typed(command, *words):
    result = CliRunner().invoke(command, words, catch_exceptions=False)
    assert result.exit_code == 0
    return result


def test_plain_weights_are_written_said_and_scored(config, weights, tmp_path):
    made = typed(
        export, "--weights", weights, "--detector_config", config, "--format", "state_dict", "--output_dir", "x"
    )
    assert "torch, float32: at most 0 in the logits" in made.output
    assert "perf_huggingface.py --weights x --image photos/" in made.output
    photos = str(tiny.photos(tmp_path / "photos", 2))
    how = ("--device", "cpu", "--dtype", "float32", "--no_plots", "--json", "--image", photos)
    before = typed(evaluate, *how, "--weights", weights, "--detector_config", config)
    after = typed(evaluate, *how, "--weights", "x")
    assert json.loads(after.stdout)["samples"] == json.loads(before.stdout)["samples"]
    typed(evaluate, *how, "--weights", "x/model.pth", "--detector_config", config)


@pytest.mark.parametrize("name", ["torch_export", "torchscript"])
def test_what_would_run_when_it_is_loaded_is_for_others(config, weights, tmp_path, name):
    typed(export, "--weights", weights, "--detector_config", config, "--format", name, "--output_dir", "x")
    with pytest.raises(WeightsError, match=r"for others to run.*--format onnx --output_dir DIR, and give DIR"):
        typed(evaluate, "--weights", "x", "--image", str(tiny.photo(tmp_path / "a.png")))


def test_as_json_all_is_said_that_the_folder_says(config, weights):
    made = typed(
        export,
        "--weights",
        weights,
        "--detector_config",
        config,
        "--format",
        "torchscript",
        "--output_dir",
        "x",
        "--json",
    )
    assert json.loads(made.stdout) == yaml.safe_load(Path("x/detector.yaml").read_text())["export"]


def test_a_head_that_is_noise_is_said_and_can_be_refused(config, tmp_path):
    tiny.save_folder(tiny.clip_model(), tmp_path / "base")
    words = ("--weights", str(tmp_path / "base"), "--format", "torchscript", "--output_dir", "x")
    assert "UNTRAINED" in typed(export, *words).output
    assert "noise" in (tmp_path / "x/README.md").read_text()
    with pytest.raises(WeightsError, match="UNTRAINED"):
        typed(export, *words[:-1], "y", "--require_trained_head")


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("", "--output_dir is empty"),
        ("s3://bucket/exported", "is a URL"),
        ("taken", "taken is there already"),
        (".", "is the current folder"),
    ],
)
def test_where_it_cannot_go_is_said_before_anything_is_loaded(tmp_path, monkeypatch, place, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").write_text("a file")
    folder = tiny.save_folder(tiny.vit_classifier(), tmp_path / "vit")
    (folder / "model.safetensors").write_bytes(b"damaged")
    result = CliRunner().invoke(export, ["--weights", str(folder), "--output_dir", place, "--dry_run"])
    assert isinstance(result.exception, ConfigError)
    assert said in str(result.exception)


def test_a_format_that_is_none_is_answered(weights):
    with pytest.raises(ConfigError, match="allowed are onnx, openvino"):
        typed(export, "--weights", weights, "--format", "tflite", "--output_dir", "x")
