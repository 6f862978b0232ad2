"""The same tensors under the names of many trainers and projects give the same scores, or a refusal that helps."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import tiny
import torch

from deepfakebench_ext import load_detector
from deepfakebench_ext.common.errors import ConfigError, WeightsError
from deepfakebench_ext.models.weights.state_files import read_checkpoint

State = dict[str, torch.Tensor]


def renamed(state: Mapping[str, torch.Tensor], **beginnings: str) -> State:
    """`state` with `backbone`, `fc_norm` and `head` called otherwise; empty for no beginning at all."""
    return {
        f"{beginnings[first]}{'.' if beginnings[first] else ''}{rest}" if first in beginnings else key: value
        for key, value in state.items()
        for first, rest in [key.split(".", 1)]
    }


def prefixed(state: Mapping[str, torch.Tensor], prefix: str) -> State:
    return {prefix + key: value for key, value in state.items()}


def saved(content: object, folder: Path) -> str:
    torch.save(content, folder / "w.pth")
    return str(folder / "w.pth")


def fake(config: Any, weights: str, frames: int | None = None, **options: Any) -> torch.Tensor:
    detector = load_detector(config, weights, dtype="float32", **options)
    assert detector.report.head_trained
    with torch.no_grad():
        return detector({"image": tiny.pixels(frames=frames)})["prob"]


PREFIXES = ("model.", "net.", "module.", "module.model.", "_base_model.", "anything.at.all.")
CLIP_LAYOUTS: dict[str, dict[str, str]] = {
    "Effort for generated images": {"backbone": "model.vision_model", "head": "fc"},
    "DF40": {"backbone": "base_model", "head": "classifier"},
    "DF40 within ForensicHub": {"backbone": "_base_model.base_model", "head": "_base_model.classifier"},
    "a head called linear": {"backbone": "backbone", "head": "probe.linear"},
    "a head in a Sequential": {"backbone": "encoder_q", "head": "classifier.1"},
    "a bare tower": {"backbone": "", "head": "head"},
}


@pytest.mark.parametrize("prefix", PREFIXES)
def test_one_prefix_before_all_of_a_clips_keys_changes_no_score(prefix: str, tmp_path: Path) -> None:
    state = tiny.clip_detector_state()
    want = fake(tiny.CLIP_YAML, saved(state, tmp_path))
    wrapped = {"state_dict": prefixed(state, prefix), "epoch": 1}
    assert fake(tiny.CLIP_YAML, saved(wrapped, tmp_path)).equal(want)


@pytest.mark.parametrize("layout", CLIP_LAYOUTS)
@pytest.mark.parametrize("outputs", [1, 2])
def test_towers_and_heads_of_other_names_give_the_same_scores(layout: str, outputs: int, tmp_path: Path) -> None:
    state = tiny.clip_detector_state(outputs=outputs)
    options = {"fake_index": (0,)} if outputs == 1 else {}
    want = fake(tiny.CLIP_YAML, saved(state, tmp_path), **options)
    weights = saved(renamed(state, **CLIP_LAYOUTS[layout]), tmp_path)
    assert fake(tiny.CLIP_YAML, weights, **options).equal(want)
    if outputs == 1:
        with pytest.raises(ConfigError, match="--fake_index 0"):
            load_detector(tiny.CLIP_YAML, weights)


def test_what_lightning_keeps_of_a_loss_is_set_aside(tmp_path: Path) -> None:
    state = prefixed(tiny.clip_detector_state(), "model.")
    detector = load_detector(tiny.CLIP_YAML, saved({**state, "criterion.weight": torch.ones(2)}, tmp_path))
    assert detector.report.ignored == ("criterion.weight",)


@pytest.mark.parametrize("prefix", PREFIXES)
def test_one_prefix_before_all_of_a_videomaes_keys_changes_no_score(prefix: str, tmp_path: Path) -> None:
    state = tiny.videomae_detector_state()
    want = fake(tiny.VIDEOMAE_YAML, saved(state, tmp_path), frames=4)
    assert fake(tiny.VIDEOMAE_YAML, saved(prefixed(state, prefix), tmp_path), frames=4).equal(want)


@pytest.mark.parametrize("prefix", ["net.", "model.model.", "module.vit_model."])
def test_one_prefix_before_all_of_an_image_classifiers_keys_changes_no_score(prefix: str, tmp_path: Path) -> None:
    folder = tiny.save_folder(tiny.vit_classifier(), tmp_path / "m")
    config = {"model_name": "huggingface_image", "huggingface_model_name": str(folder), **tiny.HALVES}
    state = tiny.vit_classifier(seed=3).state_dict()
    want = fake(config, saved(state, tmp_path))
    assert fake(config, saved(prefixed(state, prefix), tmp_path)).equal(want)


def test_a_clip_classifier_of_transformers_is_not_read_as_a_tower_with_a_head(tmp_path: Path) -> None:
    state = renamed(tiny.clip_detector_state(), backbone="vision_model", head="classifier")
    with pytest.raises(WeightsError, match="mean over the patches; use --detector_config huggingface_image"):
        load_detector(tiny.CLIP_YAML, saved(state, tmp_path))


def test_two_towers_in_one_file_are_refused_by_their_prefixes(tmp_path: Path) -> None:
    state = tiny.clip_detector_state()
    both = {**prefixed(state, "model."), **prefixed(state, "ema_model.")}
    with pytest.raises(WeightsError, match=r"two models, under the prefixes 'model\.backbone\.', 'ema_model\.backbone"):
        load_detector(tiny.CLIP_YAML, saved(both, tmp_path))


@pytest.mark.parametrize("wrapper", ["module", "net", "params", "network", "model"])
def test_the_wrappers_of_other_trainers_are_taken_off(wrapper: str, tmp_path: Path) -> None:
    state = tiny.clip_detector_state()
    want = fake(tiny.CLIP_YAML, saved(state, tmp_path))
    assert fake(tiny.CLIP_YAML, saved({wrapper: state, "step": 3}, tmp_path)).equal(want)


@pytest.mark.parametrize("average", ["state_dict_ema", "model_ema", "params_ema"])
def test_a_moving_average_is_preferred_and_said(average: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    plain, averaged = tiny.clip_detector_state(), tiny.clip_detector_state(seed=5)
    want = fake(tiny.CLIP_YAML, saved(averaged, tmp_path))
    weights = saved({"state_dict": plain, average: averaged}, tmp_path)
    with caplog.at_level("WARNING"):
        assert fake(tiny.CLIP_YAML, weights).equal(want)
    assert f"the moving average under '{average}' is taken, not state_dict" in caplog.text
    assert read_checkpoint([Path(weights)]).aside == ("state_dict",)


def gend(folder: Path, head: str | None) -> str:
    """A folder as GenD pushes it, which names the CLIP it was made of; or its Lightning checkpoint."""
    clip = tiny.save_folder(tiny.clip_model(), folder / "clip")
    state = renamed(tiny.clip_detector_state(), backbone="feature_extractor.vision_model", head="model.linear")
    state["feature_extractor.visual_projection.weight"] = torch.zeros(16, 32)
    (folder / "gend").mkdir()
    torch.save(state, folder / "gend/pytorch_model.bin")
    config = {"model_type": "GenD", "architectures": ["GenD"], "backbone": str(clip)} | ({"head": head} if head else {})
    (folder / "gend/config.json").write_text(json.dumps(config))
    return str(folder / "gend")


@pytest.mark.parametrize(("head", "normalises"), [("LinearNorm", True), ("linear", False)])
def test_gends_head_reads_features_of_length_one_where_its_config_says_so(
    head: str, normalises: bool, tmp_path: Path
) -> None:
    plain = saved(tiny.clip_detector_state(), tmp_path)
    want = fake({**tiny.CLIP_YAML, "l2_normalise": normalises}, plain)
    folder = gend(tmp_path, head)
    assert fake("huggingface_clip", folder).equal(want)
    lightning = {"state_dict": torch.load(Path(folder) / "pytorch_model.bin"), "hyper_parameters": {"head": head}}
    assert fake(tiny.CLIP_YAML, saved(lightning, tmp_path)).equal(want)
    assert load_detector("huggingface_clip", folder).preprocess.size == (32, 32)


def test_a_lone_file_of_gends_that_does_not_say_is_an_error_that_asks(tmp_path: Path) -> None:
    weights = str(Path(gend(tmp_path, None)) / "pytorch_model.bin")
    lone = saved(torch.load(weights), tmp_path)
    with pytest.raises(ConfigError, match="set `l2_normalise` true"):
        load_detector(tiny.CLIP_YAML, lone)
    assert load_detector({**tiny.CLIP_YAML, "l2_normalise": True}, lone).settings.l2_normalise


def test_a_file_of_another_family_names_the_config_that_reads_it(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"--detector_config huggingface_videomae reads such files"):
        load_detector(tiny.CLIP_YAML, saved(tiny.videomae_detector_state(), tmp_path))
    with pytest.raises(WeightsError, match=r"--detector_config huggingface_clip reads such files"):
        load_detector(tiny.VIDEOMAE_YAML, saved(tiny.clip_detector_state(), tmp_path))
    with pytest.raises(WeightsError, match=r"--detector_config huggingface_image reads such files"):
        load_detector(tiny.CLIP_YAML, saved(tiny.vit_classifier().state_dict(), tmp_path))


def test_unknown_keys_say_once_which_came_and_which_were_expected(tmp_path: Path) -> None:
    state = {**tiny.clip_detector_state(), "projector.weight": torch.zeros(3, 7)}
    with pytest.raises(WeightsError) as caught:
        load_detector(tiny.CLIP_YAML, saved(state, tmp_path))
    text = str(caught.value)
    assert text.count("Its keys begin with") == 1
    assert "expected are backbone.embeddings., backbone." in text and "head" in text.rpartition("expected are")[2]


NO_WEIGHTS = {
    "int8": (lambda value: (value * 50).to(torch.int8), "int8"),
    "bool": (lambda value: value > 0, "bool"),
    "float8": (lambda value: value.to(torch.float8_e4m3fn), "float8_e4m3fn"),
    "complex": (lambda value: value.to(torch.complex64), "complex numbers"),
    "sparse": (lambda value: value.to_sparse(), "layout sparse_coo"),
    "meta": (lambda value: value.to("meta"), "without data"),
    "quantized": (lambda value: torch.quantize_per_tensor(value, 0.1, 0, torch.qint8), "quantized tensor"),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", NO_WEIGHTS)
@pytest.mark.parametrize("config", ["huggingface_clip", "huggingface_image"])
def test_tensors_that_are_no_weights_are_refused_by_key_and_type(kind: str, config: str, tmp_path: Path) -> None:
    change, said = NO_WEIGHTS[kind]
    image = config == "huggingface_image"
    key = "classifier.weight" if image else "head.weight"
    state = tiny.vit_classifier().state_dict() if image else tiny.clip_detector_state()
    weights = saved({**state, key: change(state[key])}, tmp_path)
    folder = tiny.save_folder(tiny.vit_classifier(), tmp_path / "m")
    yaml = {"model_name": config, "huggingface_model_name": str(folder), **tiny.HALVES} if image else tiny.CLIP_YAML
    with pytest.raises(WeightsError, match=rf"w\.pth holds '{key}' as .*{said}"):
        load_detector(yaml, weights)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_floats_of_every_width_are_weights(dtype: torch.dtype, tmp_path: Path) -> None:
    state = {key: value.to(dtype) for key, value in tiny.clip_detector_state().items()}
    assert load_detector(tiny.CLIP_YAML, saved(state, tmp_path)).report.head_trained


def test_an_archive_that_unpacks_to_much_more_than_it_is_is_refused_unread(tmp_path: Path) -> None:
    import zipfile

    path = tmp_path / "w.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("w/data.pkl", bytes(1 << 27))
    with pytest.raises(WeightsError, match="would unpack to 134,217,728"):
        load_detector(tiny.CLIP_YAML, str(path))


def test_a_tensor_that_stands_for_much_more_than_its_file_is_refused(tmp_path: Path) -> None:
    state = {**tiny.clip_detector_state(), "head.weight": torch.zeros(1, 1).expand(1 << 14, 1 << 14)}
    with pytest.raises(WeightsError, match="would unpack to"):
        load_detector(tiny.CLIP_YAML, saved(state, tmp_path))
