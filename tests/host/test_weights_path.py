"""The host's load of --weights_path is answered with what our detector was filled with, and no other load is."""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tiny
import torch
from safetensors.torch import save_file

from deepfakebench_ext.common.errors import WeightsError
from deepfakebench_ext.host import weights_path
from deepfakebench_ext.host.registry import DETECTOR


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(torch, "load", torch.load)  # put back afterwards
    weights_path.install()
    weights_path.install()
    yield
    gc.collect()


def build(spec: str, **changes: Any) -> torch.nn.Module:
    """As test.py builds, loads and fits (training/test.py:177-185)."""
    model: torch.nn.Module = DETECTOR["huggingface_clip"]({**tiny.CLIP_YAML, **changes, "weights_path": spec})
    model.load_state_dict(torch.load(spec, map_location="cpu"), strict=True)
    return model


@pytest.mark.parametrize("use_svd", [False, True])
@pytest.mark.parametrize("form", ["plain.pth", "prefixed.pth", "w.safetensors", "folder"])
def test_every_form_that_we_read_fits_the_strict_load(form: str, use_svd: bool, tmp_path: Path) -> None:
    state = tiny.clip_detector_state()
    if form == "folder":
        tiny.save_folder(tiny.clip_model(), tmp_path / form)
    elif form.endswith(".safetensors"):
        save_file(state, form)
    else:
        torch.save(state if form == "plain.pth" else {"model": {f"module.{k}": v for k, v in state.items()}}, form)
    images = tiny.pixels()
    with torch.no_grad():
        logits = build(form, use_svd=use_svd)({"image": images})["cls"]
    if form != "folder":
        torch.testing.assert_close(logits, tiny.clip_reference(state, images), rtol=1e-4, atol=1e-5)
    else:
        assert logits.shape == (3, 2)


def test_only_the_load_of_that_string_is_answered_and_only_once(tmp_path: Path) -> None:
    torch.save({**tiny.clip_detector_state(), "head.bias": torch.zeros(2)}, "w.pth")
    torch.save({"other": torch.ones(1)}, "other.pth")
    model = DETECTOR["huggingface_clip"]({**tiny.CLIP_YAML, "weights_path": "w.pth"})
    with torch.no_grad():
        model.head.bias += 1
    assert torch.load("other.pth").keys() == {"other"}
    assert torch.load(Path("w.pth"))["head.bias"].tolist() == [0, 0]
    assert torch.load("w.pth")["head.bias"].tolist() == [1, 1]
    assert torch.load("w.pth")["head.bias"].tolist() == [0, 0]


def test_a_detector_that_is_gone_answers_nothing() -> None:
    torch.save({"of_the_file": torch.ones(1)}, "w.pth")
    saved = tiny.clip_detector_state()
    torch.save(saved, "w.pth")
    model = DETECTOR["huggingface_clip"]({**tiny.CLIP_YAML, "weights_path": "w.pth"})
    torch.save({"of_the_file": torch.ones(1)}, "w.pth")
    del model
    gc.collect()
    assert torch.load("w.pth").keys() == {"of_the_file"}


def test_weights_that_are_not_there_are_our_loaders_error() -> None:
    with pytest.raises(WeightsError, match=r"there are no weights at 'absent\.pth'"):
        build("absent.pth")


def test_an_untrained_head_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tiny.save_folder(tiny.clip_model(), tmp_path / "folder")
    with caplog.at_level(logging.WARNING):
        build("folder")
    assert "UNTRAINED HEAD" in caplog.text


def test_the_configs_own_weights_are_not_fetched_beside_them(tmp_path: Path) -> None:
    torch.save(tiny.clip_detector_state(), "w.pth")
    model = build("w.pth", huggingface_model_name="org/never-asked")
    assert model.report.source == "w.pth"
