"""huggingface_clip: whatever the file's layout, the logits are those of the model it was saved from."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny
import torch

from deepfakebench_ext import DETECTOR, load_detector
from deepfakebench_ext.common.errors import ConfigError, WeightsError
from deepfakebench_ext.models.svd import SVDLinear, apply_svd

TOLERANCE = 1e-5


def scores(detector: torch.nn.Module, pixels: torch.Tensor) -> dict[str, torch.Tensor]:
    with torch.no_grad():
        return detector({"image": pixels, "label": torch.zeros(len(pixels), dtype=torch.int64)})


def saved(state: object, path: Path) -> str:
    torch.save(state, path)
    return str(path)


def layouts(state: dict[str, torch.Tensor]) -> dict[str, object]:
    inner = {k.removeprefix("backbone."): v for k, v in state.items()}
    towers = {k: v for k, v in inner.items() if not k.startswith("head.")}
    head = {k: v for k, v in inner.items() if k.startswith("head.")}
    positions = {"backbone.embeddings.position_ids": torch.arange(17)[None]}
    return {
        "bare": state,
        "state_dict": {"state_dict": state, "epoch": 3},
        "model": {"model": state, "optimizer": {"lr": 1.0}},
        "model_state_dict": {"model_state_dict": state},
        "DataParallel": {f"module.{k}": v for k, v in state.items()},
        "compiled": {f"_orig_mod.module.{k}": v for k, v in state.items()},
        "wrapped tower": {**{f"backbone.vision_model.{k}": v for k, v in towers.items()}, **head},
        "position ids": {**state, **positions},
        "Effort's own repository": {**{f"module.model.vision_model.{k}": v for k, v in towers.items()}, **head},
    }


@pytest.mark.parametrize("layout", layouts(tiny.clip_detector_state()))
def test_every_layout_of_a_pth_gives_the_same_logits(layout: str, tmp_path: Path) -> None:
    state = tiny.clip_detector_state()
    weights = saved(layouts(state)[layout], tmp_path / "w.pth")
    detector = load_detector(tiny.CLIP_YAML, weights, dtype="float32")
    pixels = tiny.pixels()
    expected = tiny.clip_reference(state, pixels)
    torch.testing.assert_close(scores(detector, pixels)["cls"], expected, atol=TOLERANCE, rtol=0)
    assert detector.report.head_trained
    assert detector.report.missing == ()


@pytest.mark.parametrize("kind", ["whole CLIP", "vision tower", "projection"])
def test_every_kind_of_clip_folder_gives_its_vision_tower(kind: str, tmp_path: Path) -> None:
    from transformers import CLIPVisionModel, CLIPVisionModelWithProjection

    whole = tiny.clip_model()
    tower = {k: v for k, v in whole.vision_model.state_dict().items()}
    model: torch.nn.Module = whole
    if kind != "whole CLIP":
        cls = CLIPVisionModel if kind == "vision tower" else CLIPVisionModelWithProjection
        model = tiny.randomised(cls(whole.config.vision_config))
        tower = {k.removeprefix("vision_model."): v for k, v in model.state_dict().items() if "projection" not in k}
    folder = tiny.save_folder(model, tmp_path / "clip")
    detector = load_detector("huggingface_clip", str(folder), dtype="float32")
    for key, value in detector.backbone.state_dict().items():
        torch.testing.assert_close(value, tower[key], atol=0, rtol=0)
    assert not detector.report.head_trained
    assert detector.report.missing == ("head.weight", "head.bias")


def test_an_untrained_head_is_the_same_every_time_and_leaves_the_callers_random_state(tmp_path: Path) -> None:
    folder = str(tiny.save_folder(tiny.clip_model(), tmp_path / "clip"))
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    first = load_detector("huggingface_clip", folder)
    assert torch.equal(torch.rand(1), expected)
    assert torch.equal(first.head.weight, load_detector("huggingface_clip", folder).head.weight)


def test_weights_may_be_named_by_a_path_as_by_its_text(tmp_path: Path) -> None:
    torch.save(tiny.clip_detector_state(), tmp_path / "w.pth")
    reports = [load_detector(tiny.CLIP_YAML, name).report for name in (tmp_path / "w.pth", str(tmp_path / "w.pth"))]
    assert reports[0] == reports[1]
    assert reports[0].source == str(tmp_path / "w.pth")


def test_an_untrained_head_is_an_error_where_a_trained_one_is_required(tmp_path: Path) -> None:
    folder = str(tiny.save_folder(tiny.clip_model(), tmp_path / "clip"))
    with pytest.raises(WeightsError, match="UNTRAINED HEAD"):
        load_detector("huggingface_clip", folder, require_trained_head=True)


@pytest.mark.parametrize("rank", [0, 5, 31])
def test_effort_factors_of_any_rank_are_folded_into_the_matrix_they_mean(rank: int, tmp_path: Path) -> None:
    state = tiny.clip_detector_state()
    effort = {}
    generator = torch.Generator().manual_seed(1)
    for key, value in state.items():
        if ".self_attn." in key and key.endswith(".weight"):
            stem = key.removesuffix("weight")
            shapes = (32, 32 - rank), (32 - rank,), (32 - rank, 32)
            u, s, v = (torch.randn(*shape, generator=generator) * 0.3 for shape in shapes)
            effort |= {f"{stem}U_residual": u, f"{stem}S_residual": s, f"{stem}V_residual": v}
            effort[f"{stem}weight_main"] = value - u @ torch.diag(s) @ v
        else:
            effort[key] = value
    detector = load_detector(tiny.CLIP_YAML, saved(effort, tmp_path / "effort.pth"), dtype="float32")
    pixels = tiny.pixels()
    torch.testing.assert_close(scores(detector, pixels)["cls"], tiny.clip_reference(state, pixels), atol=1e-4, rtol=0)
    assert detector.report.folded == 8


def test_an_effort_layer_without_one_of_its_factors_is_an_error(tmp_path: Path) -> None:
    state = tiny.clip_detector_state()
    key = "backbone.encoder.layers.0.self_attn.q_proj."
    state[f"{key}weight_main"] = state.pop(f"{key}weight")
    state[f"{key}U_residual"] = torch.zeros(32, 1)
    with pytest.raises(WeightsError, match=r"q_proj lacks S_residual, V_residual"):
        load_detector(tiny.CLIP_YAML, saved(state, tmp_path / "w.pth"))


def test_splitting_by_svd_changes_no_output_and_trains_only_the_residual() -> None:
    plain = DETECTOR["huggingface_clip"](tiny.CLIP_YAML)
    split = DETECTOR["huggingface_clip"]({**tiny.CLIP_YAML, "use_svd": True, "svd_rank": 30})
    pixels = tiny.pixels()
    torch.testing.assert_close(scores(split, pixels)["cls"], scores(plain, pixels)["cls"], atol=1e-5, rtol=0)
    assert sum(isinstance(m, SVDLinear) for m in split.modules()) == 8
    trained = {name.rsplit(".", 1)[-1] for name, p in split.backbone.named_parameters() if p.requires_grad}
    assert trained == {"U_residual", "S_residual", "V_residual"}
    assert all(p.requires_grad for p in split.head.parameters())


def test_a_trained_svd_detector_is_read_back_for_inference_with_equal_scores(tmp_path: Path) -> None:
    config = {**tiny.CLIP_YAML, "use_svd": True, "svd_rank": 20}
    split = tiny.randomised(DETECTOR["huggingface_clip"](config))
    folded = load_detector(config, saved(split.state_dict(), tmp_path / "w.pth"), dtype="float32")
    pixels = tiny.pixels()
    torch.testing.assert_close(scores(folded, pixels)["cls"], scores(split, pixels)["cls"], atol=1e-4, rtol=0)


def test_a_rank_that_leaves_nothing_to_train_is_an_error() -> None:
    with pytest.raises(ConfigError, match="svd_rank 32 leaves nothing to train"):
        DETECTOR["huggingface_clip"]({**tiny.CLIP_YAML, "use_svd": True, "svd_rank": 32})
    with pytest.raises(ConfigError, match="no attention projection"):
        apply_svd(torch.nn.Linear(2, 2), None)


def test_weights_of_another_width_name_both_and_the_published_model(tmp_path: Path) -> None:
    state = tiny.clip_detector_state(hidden_size=64)
    with pytest.raises(WeightsError, match=r"width 64, 2 layers, patch 8, 32 px; the detector is .* width 32"):
        load_detector(tiny.CLIP_YAML, saved(state, tmp_path / "w.pth"))


def test_weights_of_another_architecture_name_both(tmp_path: Path) -> None:
    weights = saved(tiny.videomae_detector_state(), tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=r"a VideoMAE of width 32, 2 layers.*the detector is a CLIP vision tower"):
        load_detector(tiny.CLIP_YAML, weights)


def test_one_missing_parameter_is_an_error_that_names_it(tmp_path: Path) -> None:
    state = tiny.clip_detector_state()
    del state["backbone.post_layernorm.bias"]
    with pytest.raises(
        WeightsError, match=r"1 of its \d+ parameters are missing, e.g. backbone.post_layernorm.bias"
    ) as e:
        load_detector(tiny.CLIP_YAML, saved(state, tmp_path / "w.pth"))
    assert "is not whole" in str(e.value) and "huggingface_model_name" not in str(e.value)


def test_half_a_head_is_an_error(tmp_path: Path) -> None:
    state = tiny.clip_detector_state()
    del state["head.bias"]
    with pytest.raises(WeightsError, match=r"head\.bias"):
        load_detector(tiny.CLIP_YAML, saved(state, tmp_path / "w.pth"))


def test_an_unknown_parameter_is_an_error_that_names_it(tmp_path: Path) -> None:
    state = {**tiny.clip_detector_state(), "projector.weight": torch.zeros(1)}
    with pytest.raises(WeightsError, match=r"1 of the file's are unknown to it, e.g. projector\.weight"):
        load_detector(tiny.CLIP_YAML, saved(state, tmp_path / "w.pth"))


def test_a_file_that_holds_a_parameter_twice_is_an_error(tmp_path: Path) -> None:
    state = tiny.clip_detector_state()
    state["vision_model.post_layernorm.bias"] = state["backbone.post_layernorm.bias"]
    with pytest.raises(WeightsError, match="it holds two models"):
        load_detector(tiny.CLIP_YAML, saved(state, tmp_path / "w.pth"))


def test_a_single_logit_head_needs_to_be_told_what_it_speaks_for(tmp_path: Path) -> None:
    state = tiny.clip_detector_state(outputs=1)
    weights = saved(state, tmp_path / "w.pth")
    with pytest.raises(ConfigError, match="--fake_index"):
        load_detector(tiny.CLIP_YAML, weights)
    detector = load_detector(tiny.CLIP_YAML, weights, fake_index=(0,), dtype="float32")
    pixels = tiny.pixels()
    expected = torch.sigmoid(tiny.clip_reference(state, pixels)[:, 0])
    torch.testing.assert_close(scores(detector, pixels)["prob"], expected, atol=TOLERANCE, rtol=0)


def test_a_lone_file_without_an_architecture_asks_for_one(tmp_path: Path) -> None:
    weights = saved(tiny.clip_detector_state(), tmp_path / "w.pth")
    with pytest.raises(ConfigError, match="set `huggingface_model_name`"):
        load_detector({"model_name": "huggingface_clip"}, weights)


def test_a_folder_given_as_architecture_serves_a_pth(tmp_path: Path) -> None:
    folder = tiny.save_folder(tiny.clip_model(seed=5), tmp_path / "clip")
    state = tiny.clip_detector_state()
    config = {"model_name": "huggingface_clip", "huggingface_model_name": str(folder), **tiny.HALVES}
    detector = load_detector(config, saved(state, tmp_path / "w.pth"), dtype="float32")
    pixels = tiny.pixels()
    expected = tiny.clip_reference(state, pixels)
    torch.testing.assert_close(scores(detector, pixels)["cls"], expected, atol=TOLERANCE, rtol=0)


def test_an_image_classifier_is_referred_to_its_own_config(tmp_path: Path) -> None:
    folder = tiny.save_folder(tiny.vit_classifier(), tmp_path / "vit")
    with pytest.raises(WeightsError, match="use --detector_config huggingface_image"):
        load_detector("huggingface_clip", str(folder))


def test_the_default_file_in_a_checkout_comes_before_the_hub_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    registry = tmp_path / "host/training/metrics/registry.py"
    registry.parent.mkdir(parents=True)
    registry.touch()
    (tmp_path / "host/training/weights").mkdir()
    saved(tiny.clip_detector_state(), tmp_path / "host/training/weights/huggingface_clip.pth")
    monkeypatch.setenv("DEEPFAKEBENCH_ROOT", str(tmp_path / "host"))
    names = ["training/weights/absent.pth", "training/weights/huggingface_clip.pth"]
    default = {"weights": names, "huggingface_model_name": "org/none"}
    config = {**tiny.CLIP_YAML, **default}
    assert load_detector(config).report.files == ("huggingface_clip.pth",)
    assert f"no --weights: taking {tmp_path}/host/training/weights/huggingface_clip.pth" in caplog.text


def test_the_host_contract_is_met_in_training() -> None:
    of_the_host = {"loss_func": "cross_entropy", "lmdb": False, "set_by_its_script": 1}
    detector = DETECTOR["huggingface_clip"]({**tiny.CLIP_YAML, **of_the_host})
    data = {"image": tiny.pixels(4), "label": torch.tensor([0, 1, 0, 1])}
    out = detector(data)
    assert out["cls"].shape == (4, 2)
    assert out["feat"].shape == (4, 32)
    torch.testing.assert_close(out["prob"], out["cls"].softmax(1)[:, 1])
    detector.get_losses(data, out)["overall"].backward()
    assert detector.head.weight.grad is not None
    assert set(detector.get_train_metrics(data, out)) == {"acc", "auc", "eer", "ap"}
    assert detector.get_train_metrics({"label": torch.ones(4, dtype=torch.int64)}, out)["auc"] is None


def test_bfloat16_computes_the_head_in_float32(tmp_path: Path) -> None:
    weights = saved(tiny.clip_detector_state(), tmp_path / "w.pth")
    detector = load_detector(tiny.CLIP_YAML, weights, dtype="bfloat16")
    out = scores(detector, tiny.pixels())
    assert {tensor.dtype for tensor in out.values()} == {torch.float32}
    assert next(detector.backbone.parameters()).dtype is torch.bfloat16
    full = scores(load_detector(tiny.CLIP_YAML, weights, dtype="float32"), tiny.pixels())
    torch.testing.assert_close(out["prob"], full["prob"], atol=0.05, rtol=0)


def test_a_complete_preprocess_block_stands_alone(tmp_path: Path) -> None:
    torch.save(tiny.clip_detector_state(), tmp_path / "w.pth")
    block = {"resize": "exact", "size": 32, "crop": None, "resample": "bilinear", "mean": [0, 0, 0], "std": [1, 1, 1]}
    config = {"model_name": "huggingface_clip", "architecture": tiny.CLIP, "preprocess": block}
    assert load_detector(config, str(tmp_path / "w.pth")).preprocess.resample == "bilinear"


def test_images_of_another_size_than_the_tower_takes_are_an_error(tmp_path: Path) -> None:
    torch.save(tiny.clip_detector_state(), tmp_path / "w.pth")
    detector = load_detector({**tiny.CLIP_YAML, "resolution": 64}, str(tmp_path / "w.pth"))
    with pytest.raises(ConfigError, match="64x64 images and this network takes 32x32"):
        _ = detector.preprocess


def test_nothing_that_says_how_images_are_prepared_is_an_error(tmp_path: Path) -> None:
    torch.save(tiny.clip_detector_state(), tmp_path / "w.pth")
    config = {"model_name": "huggingface_clip", "architecture": tiny.CLIP}
    with pytest.raises(ConfigError, match="set `resolution`, `mean` and `std`"):
        _ = load_detector(config, str(tmp_path / "w.pth")).preprocess
