"""Constructors run without their pretrained files, and everything is as before when they have run."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
import transformers
from torch import nn
from torch.utils import model_zoo
from transformers import AutoProcessor, PreTrainedModel

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.host.blank import blank, pretrained_stand_in, without_cuda, working_like_its_scripts

TINY = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
CLIP = {**TINY, "image_size": 32, "patch_size": 16}
OWNERS = (torch, torch.hub, torch.linalg, torch.Tensor, nn.Module, PreTrainedModel, AutoProcessor)


def no_config(name: str) -> dict[str, Any]:
    raise AssertionError(f"asked for the config of {name}")


@contextmanager
def nothing_changes() -> Iterator[None]:
    before = [dict(vars(owner)) for owner in OWNERS]
    yield
    assert [dict(vars(owner)) for owner in OWNERS] == before


@pytest.mark.parametrize("architecture", [None, CLIP])
def test_everything_is_as_before_when_the_context_ends(architecture: Any, tmp_path: Path) -> None:
    here = Path.cwd()
    with nothing_changes(), working_like_its_scripts(tmp_path), blank(architecture, no_config):
        assert torch.load("absent.pth").keys() == pretrained_stand_in().keys()
    assert Path.cwd() == here


def test_everything_is_as_before_after_a_constructor_that_fails(tmp_path: Path) -> None:
    here, filters = Path.cwd(), list(sys.modules["warnings"].filters)
    inner = (pytest.raises(ZeroDivisionError), working_like_its_scripts(tmp_path), blank(None, no_config))
    with nothing_changes(), inner[0], inner[1], inner[2]:
        torch.autograd.set_detect_anomaly(True)
        raise ZeroDivisionError
    assert Path.cwd() == here
    assert list(sys.modules["warnings"].filters) == filters
    assert not torch.is_anomaly_enabled()


def test_a_file_that_is_there_is_read_and_one_that_is_not_stands_for_any(tmp_path: Path) -> None:
    torch.save({"a": torch.ones(2)}, tmp_path / "there.pth")
    with blank(None, no_config):
        assert torch.equal(torch.load(tmp_path / "there.pth")["a"], torch.ones(2))
        with (tmp_path / "there.pth").open("rb") as stream:
            assert torch.load(stream, map_location="cpu")["a"].sum() == 2
        assert torch.load(tmp_path / "absent.pth")["conv1.weight"].shape == (32, 3, 3, 3)


def test_what_stands_for_a_file_loads_into_any_module_and_changes_nothing() -> None:
    module = nn.Linear(2, 2)
    weight = module.weight.clone()
    with blank(None, no_config):
        fit = module.load_state_dict(torch.load("absent.pth"), strict=True)
    assert (fit.missing_keys, fit.unexpected_keys) == ([], [])
    assert torch.equal(module.weight, weight)
    with pytest.raises(RuntimeError, match="Missing key"):
        module.load_state_dict({})


def test_a_download_gives_what_stands_for_it_under_whatever_name_it_was_imported(monkeypatch: Any) -> None:
    early, late = ModuleType("early_module"), ModuleType("late_module")
    early.fetch = torch.hub.load_state_dict_from_url  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "early_module", early)
    with blank(None, no_config):
        assert "conv1.weight" in early.fetch("http://nowhere.invalid/w.pth")
        assert "conv1.weight" in model_zoo.load_url("http://nowhere.invalid/w.pth")
        late.fetch = torch.hub.load_state_dict_from_url  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "late_module", late)
    assert early.fetch is late.fetch is torch.hub.load_state_dict_from_url
    assert torch.hub.load_state_dict_from_url.__module__ == "torch.hub"


def test_a_second_context_does_what_the_first_did() -> None:
    for _ in range(2):
        with blank(None, no_config):
            assert "head.bias" in torch.hub.load_state_dict_from_url("http://nowhere.invalid/w.pth")


def test_from_pretrained_builds_the_yamls_architecture_and_processors_are_none() -> None:
    with blank(CLIP, no_config):
        whole = transformers.CLIPModel.from_pretrained("openai/clip-vit-base-patch16")
        tower = transformers.CLIPVisionModel.from_pretrained("openai/clip-vit-base-patch16")
        assert AutoProcessor.from_pretrained("openai/clip-vit-base-patch16") is None
    assert whole.config.vision_config.hidden_size == tower.config.hidden_size == 16
    assert whole.config.text_config.num_hidden_layers == 1


@pytest.mark.parametrize(
    ("kind", "name", "width", "layers", "patch"),
    [
        ("CLIPVisionModel", "openai/clip-vit-base-patch16", 768, 12, 16),
        ("CLIPVisionModel", "../hub/models--openai--clip-vit-large-patch14/snapshots/32bd/", 1024, 24, 14),
        ("VideoMAEModel", "MCG-NJU/videomae-base", 768, 12, 16),
    ],
)
def test_the_models_that_deepfakebench_names_need_no_network(
    kind: str, name: str, width: int, layers: int, patch: int
) -> None:
    with blank(None, no_config), torch.device("meta"):
        config = getattr(transformers, kind).from_pretrained(name).config
    assert (config.hidden_size, config.num_hidden_layers, config.patch_size) == (width, layers, patch)


def test_another_model_is_built_from_the_config_that_is_fetched_also_out_of_a_whole_one() -> None:
    asked: list[str] = []

    def fetch(name: str) -> dict[str, Any]:
        asked.append(name)
        return {"model_type": "clip", "vision_config": CLIP, "text_config": {"hidden_size": 64}}

    with blank(None, fetch):
        tower = transformers.CLIPVisionModel.from_pretrained("org/other")
    assert (asked, tower.config.hidden_size) == (["org/other"], 16)


@pytest.mark.parametrize("name", ["/data/training/pretrained/xception-b5690688.pth", None])
def test_a_name_that_is_no_model_of_transformers_is_an_error_that_says_what_to_set(name: Any) -> None:
    with (
        blank(None, no_config),
        pytest.raises(ConfigError, match=r"`pretrained` .* names none; set it in the detector YAML to a hub id"),
    ):
        transformers.XCLIPVisionModel.from_pretrained(name)


def test_only_the_factors_of_a_random_parameter_are_random() -> None:
    with blank(CLIP, no_config):
        model = transformers.CLIPVisionModel.from_pretrained("any")
        weight = next(parameter for key, parameter in model.named_parameters() if key.endswith("fc1.weight")).data
        factors = torch.linalg.svd(weight, full_matrices=False)
        fixed = torch.diag(torch.tensor([3.0, 2.0]))
        assert torch.linalg.svd(fixed, full_matrices=False)[1].tolist() == [3.0, 2.0]
    assert [list(factor.shape) for factor in factors] == [[16, 16], [16], [16, 16]]
    assert torch.linalg.svd(weight, full_matrices=False)[1][0] != factors[1][0]


def test_cuda_is_where_the_tensor_is_already() -> None:
    tensor, module = torch.ones(2), nn.Linear(2, 2)
    with nothing_changes(), without_cuda():
        assert tensor.cuda() is tensor
        assert module.cuda(0) is module


def test_what_is_printed_goes_to_the_log_and_relative_paths_mean_the_checkouts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "checkout"
    folder.mkdir()
    (folder / "template.txt").write_text("here")
    its = logging.getLogger("detectors.made_detector")
    with caplog.at_level(logging.DEBUG, "deepfakebench_ext.host.blank"), working_like_its_scripts(folder):
        print("loading pretrained model")
        its.info("Load pretrained model successfully!")
        assert Path("./template.txt").read_text() == "here"
    assert capsys.readouterr().out == ""
    assert "loading pretrained model" in caplog.text
    assert "successfully" not in caplog.text
    assert its.getEffectiveLevel() == logging.getLogger().level
