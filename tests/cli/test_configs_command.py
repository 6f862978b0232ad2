"""`dfb-ext configs`: which there are, and where a value comes from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from deepfakebench_ext.cli.main import cli
from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.models.config import config_names


def run(*words: str) -> str:
    result = CliRunner().invoke(cli, ["configs", *words])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.stdout


def test_each_shipped_config_is_listed_with_what_it_is() -> None:
    lines = run().splitlines()
    assert run("list").splitlines() == lines
    named = {line.split()[0]: line.partition("  ")[2].strip() for line in lines}
    assert set(config_names()) <= set(named)
    assert "0.5 over 0.5" in named["videomae_deepfakebench"]


def test_a_value_says_whether_the_yaml_a_change_or_a_default_made_it(tmp_path: Path) -> None:
    (tmp_path / "my.yaml").write_text("model_name: huggingface_clip\nresolution: 32\ntraining: {lr: 0.1}\nngpu: 2\n")
    words = ("show", "my.yaml", "--set", "training.epochs=3", "resolution=64", "--json")
    values = json.loads(run(*words))["values"]
    assert values["resolution"] == {"value": 64, "from": "--set"}
    assert values["training.lr"] == {"value": 0.1, "from": "YAML"}
    assert values["training.epochs"] == {"value": 3, "from": "--set"}
    assert values["training.batch_size"]["from"] == "default"
    assert values["ngpu"]["from"] == "YAML, read by DeepfakeBench's scripts alone"
    assert "training.lr" in run("show", "my.yaml") and "(default)" in run("show", "clip_layernorm")


def test_a_name_that_is_none_is_answered_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'clip_layernorm'"):
        run("show", "clip_layernrm")
