"""Detector YAMLs: the shipped ones serve both programs, and what nobody knows or nothing can use is an error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.models.config import HOST_KEYS, DetectorConfig, config_names, find_config, load_config

DETECTORS = ["huggingface_clip", "huggingface_image", "huggingface_video", "huggingface_videomae"]
RECIPES = ["clip_effort", "clip_gend", "clip_layernorm", "clip_probe", "videomae_gradual", "videomae_partial"]
SHIPPED = sorted([*DETECTORS, *RECIPES, "videomae_deepfakebench"])
# What a KeyError names when it is missing, found by running DeepfakeBench's scripts (commit 8a4a7bf).
TEST_NEEDS = {
    *("model_name", "manualSeed", "cuda", "cudnn", "workers", "test_batchSize", "compression", "frame_num"),
    *("resolution", "mean", "std", "with_mask", "with_landmark", "data_aug", "test_dataset"),
}
TRAIN_NEEDS = {
    *("train_batchSize", "optimizer", "lr_scheduler", "metric_scoring", "start_epoch", "nEpochs"),
    *("use_data_augmentation", "train_dataset", "loss_func", "save_feat"),
}
VIDEO_NEEDS = {"video_mode", "clip_size"}
MINIMAL = {"model_name": "huggingface_clip"}


def values_of(name: str) -> dict[str, Any]:
    return yaml.safe_load(find_config(name).read_text(encoding="utf-8"))


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_these_configs_ship() -> None:
    assert config_names() == SHIPPED


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_config_loads_by_name_and_by_path(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    config = load_config(name)
    path = find_config(name)
    assert config.model_name == name or name not in DETECTORS
    assert load_config(path) == load_config(str(path)) == config
    monkeypatch.chdir(path.parent)
    assert load_config(f"{name}.yaml").model_dump() == config.model_dump()


@pytest.mark.parametrize("name", RECIPES)
def test_a_shipped_recipe_says_what_is_trained_and_how(name: str) -> None:
    from deepfakebench_ext.training.recipe import Recipe, read_values

    values = read_values(name)
    recipe = Recipe.of(values)
    assert "mode" in values["tuning"] and "lr" in values["training"]
    assert recipe.tuning.mode == values["tuning"]["mode"]


@pytest.mark.parametrize("name", DETECTORS)
def test_the_name_of_a_shipped_config_is_that_of_a_detector(name: str) -> None:
    from deepfakebench_ext.host.registry import OUR_DETECTORS

    assert load_config(name).model_name in OUR_DETECTORS


@pytest.mark.parametrize("name", ["huggingface_clip", "huggingface_videomae"])
def test_a_shipped_config_has_every_key_that_the_hosts_scripts_read(name: str) -> None:
    needed = TEST_NEEDS | TRAIN_NEEDS | (VIDEO_NEEDS if name == "huggingface_videomae" else set())
    assert needed - set(values_of(name)) == set()


@pytest.mark.parametrize("name", ["huggingface_clip", "huggingface_videomae"])
def test_a_shipped_optimizer_has_the_numbers_that_the_host_reads_as_numbers(name: str) -> None:
    optimizer = values_of(name)["optimizer"]
    chosen = optimizer[optimizer["type"]]
    assert set(chosen) == {"lr", "beta1", "beta2", "eps", "weight_decay", "amsgrad"}
    assert all(isinstance(value, float | bool) for value in chosen.values()), "YAML reads 2e-5 as a string"


@pytest.mark.parametrize("name", ["huggingface_clip", "huggingface_videomae"])
def test_the_host_can_index_the_frames_of_both_splits(name: str) -> None:
    values = values_of(name)
    assert set(values["frame_num"]) == {"train", "test"}
    assert values["resolution"] == 224
    assert len(values["mean"]) == len(values["std"]) == 3
    if name == "huggingface_videomae":
        assert values["frame_num"]["test"] >= values["clip_size"], "the host skips videos with fewer frames than a clip"


def test_a_shipped_config_says_where_the_weights_come_from() -> None:
    clip = load_config("huggingface_clip")
    assert clip.huggingface_model_name == "openai/clip-vit-large-patch14"
    assert clip.weights == ("training/weights/huggingface_clip.pth",)
    videomae = load_config("huggingface_videomae")
    assert videomae.huggingface_model_name == "MCG-NJU/videomae-base"
    assert videomae.weights == (
        "training/weights/huggingface_videomae.pth",
        "training/weights/videomae_pretrained.pth",
    )


def test_what_the_hosts_videomae_yaml_trained_has_a_config_with_its_statistics() -> None:
    theirs = load_config("videomae_deepfakebench")
    assert (theirs.model_name, theirs.mean, theirs.std) == ("huggingface_videomae", (0.5,) * 3, (0.5,) * 3)
    assert theirs.weights == ()


def test_the_hosts_own_keys_are_accepted_and_left_aside() -> None:
    assert DetectorConfig.from_mapping({**MINIMAL, **dict.fromkeys(HOST_KEYS, object())}) == DetectorConfig(**MINIMAL)


# The keys of its clip.yaml, videomae.yaml, effort.yaml, train_config.yaml and test_config.yaml (commit 8a4a7bf).
YAML_KEYS = """
    SWA all_dataset backbone_config backbone_name clip_size compression cuda cudnn data_aug dataset_json_folder
    dry_run frame_num label_dict lmdb lmdb_dir log_dir logdir loss_func losstype lr_scheduler manualSeed mean
    metric_scoring mode model_name nEpochs ngpu optimizer pretrained rec_iter resolution rgb_dir save_avg save_ckpt
    save_epoch save_feat start_epoch std test_batchSize test_dataset train_batchSize train_dataset
    use_data_augmentation video_mode with_landmark with_mask workers
"""


@pytest.mark.parametrize("key", YAML_KEYS.split())
def test_every_key_of_the_hosts_yamls_is_known(key: str) -> None:
    assert key in HOST_KEYS | set(DetectorConfig.model_fields)


@pytest.mark.parametrize(
    "key", ["lr_T_max", "lr_eta_min", "lr_step", "lr_gamma", "swa_start", "SWA", "task_target", "lmdb"]
)
def test_a_key_that_the_hosts_scripts_read_on_demand_is_no_mistake(key: str) -> None:
    load_config({**MINIMAL, key: 1})


def test_what_the_host_merges_into_a_config_is_left_aside() -> None:
    merged = {**MINIMAL, "label_dict": {"FF-real": 0}, "weights_path": "x.pth", "anything": 1, "resolution": 256}
    assert DetectorConfig.from_host(merged).resolution == 256


@pytest.mark.parametrize(
    ("key", "near"),
    [
        ("use_sdv", "use_svd"),
        ("fake_idx", "fake_index"),
        ("train_batchsize", "train_batchSize"),
        ("resoluton", "resolution"),
    ],
)
def test_a_misspelt_key_is_an_error_that_shows_the_right_one(key: str, near: str) -> None:
    with pytest.raises(
        ConfigError, match=rf"unknown key '{key}' \(did you mean '{near}'\?\); comment it out or correct it"
    ):
        load_config({**MINIMAL, key: 1})


def test_every_unknown_key_is_named_also_those_like_nothing() -> None:
    with pytest.raises(ConfigError, match=r"unknown key 7, None, True, 'zzqx'; comment it out") as caught:
        load_config({**MINIMAL, "zzqx": 1, 7: 2, True: 3, None: 4})
    assert "did you mean" not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("model_name", 3, r"model_name: .* \(got 3\)"),
        ("model_name", None, r"model_name: .* \(got None\)"),
        ("huggingface_model_name", ["org/name"], r"huggingface_model_name: .*got \['org/name'\]"),
        ("weights", [3], r"weights\.0: .*got 3"),
        ("weights", {"a": 1}, "weights: "),
        ("architecture", "clip", "architecture: .*got 'clip'"),
        ("use_svd", "perhaps", "use_svd: .*got 'perhaps'"),
        ("svd_rank", -1, "svd_rank: .*greater than or equal to 0.*got -1"),
        ("svd_rank", 2.5, r"svd_rank: .*got 2\.5"),
        ("fake_index", "fake", r"fake_index\.0: .*got 'fake'"),
        ("fake_index", True, "fake_index: .*got True"),
        ("preprocess", "bicubic", "preprocess: .*got 'bicubic'"),
        ("resolution", 0, "resolution: .*greater than 0.*got 0"),
        ("resolution", "224px", "resolution: .*got '224px'"),
        ("resolution", [224, 224], r"resolution: .*got \[224, 224\]"),
        ("mean", 0.5, r"mean: .*got 0\.5"),
        ("mean", [0.5, 0.5], r"mean\.2: Field required$"),
        ("std", [1, 1, 1, 1], "std: .*at most 3"),
        ("std", ["a", 1, 1], r"std\.0: .*got 'a'"),
        ("clip_size", 0, "clip_size: .*greater than 0"),
        ("seed", "x", "seed: .*got 'x'"),
    ],
)
def test_a_value_of_the_wrong_kind_is_an_error_that_names_key_and_value(key: str, value: object, message: str) -> None:
    for read in (DetectorConfig.from_mapping, DetectorConfig.from_host):
        with pytest.raises(ConfigError, match=message):
            read({**MINIMAL, key: value})


def test_a_config_without_a_detectors_name_says_so_and_does_not_print_itself() -> None:
    with pytest.raises(ConfigError, match=r"detector config: model_name: Field required$"):
        load_config({"huggingface_model_name": "org/name"})


def test_all_wrong_values_are_named_at_once() -> None:
    with pytest.raises(ConfigError, match=r"clip_size: .*; .*seed: |seed: .*; .*clip_size: "):
        load_config({**MINIMAL, "clip_size": -4, "seed": "x"})


@pytest.mark.parametrize(
    ("key", "value", "read"),
    [
        ("weights", "a.pth", ("a.pth",)),
        ("weights", ["a.pth", "b.pth"], ("a.pth", "b.pth")),
        ("weights", None, ()),
        ("fake_index", 1, (1,)),
        ("fake_index", [0, 2], (0, 2)),
        ("fake_index", None, None),
        ("preprocess", None, {}),
        ("svd_rank", None, None),
        ("mean", [0, 0.5, 1], (0.0, 0.5, 1.0)),
    ],
)
def test_one_value_stands_for_a_list_of_one_and_null_for_none(key: str, value: object, read: object) -> None:
    assert getattr(load_config({**MINIMAL, key: value}), key) == read


def test_a_config_is_not_changed_after_it_is_read() -> None:
    config = load_config(MINIMAL)
    assert load_config(config) is config
    with pytest.raises(ValueError, match="frozen"):
        config.seed = 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model_name: [unclosed", "not a readable YAML file"),
        ("a: b: c", "not a readable YAML file"),
        ("\tmodel_name: x", "not a readable YAML file"),
        ("model_name: !!python/object/apply:os.getcwd []", "not a readable YAML file"),
        ("model_name: 2024-13-45", "not a readable YAML file"),
        ("", "is a mapping of keys to values, got NoneType"),
        ("# nothing but a comment", "got NoneType"),
        ("- model_name: x", "got list"),
        ("huggingface_clip", "got str"),
        ("model_name: huggingface_clip\nlearning_rte: 1", "unknown key 'learning_rte'"),
        ("model_name: x\nresolution: big", "resolution: "),
    ],
)
def test_a_yaml_that_cannot_be_used_is_an_error_that_names_the_file(text: str, message: str, tmp_path: Path) -> None:
    path = written(tmp_path / "my detector.yaml", text)
    with pytest.raises(ConfigError, match=message) as caught:
        load_config(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_a_file_that_is_no_text_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_bytes(b"model_name: \xff\xfe")
    with pytest.raises(ConfigError, match="not a readable YAML file"):
        load_config(path)


@pytest.mark.parametrize("text", ["model_name: x", "model_name: x\n\n", "\ufeffmodel_name: x", "---\nmodel_name: 'x'"])
def test_usual_spellings_of_a_yaml_are_read(text: str, tmp_path: Path) -> None:
    assert load_config(written(tmp_path / "größe.yaml", text)).model_name == "x"


def test_a_file_of_ones_own_comes_before_a_shipped_name(tmp_path: Path) -> None:
    written(tmp_path / "huggingface_clip", "model_name: mine")
    assert load_config("huggingface_clip").model_name == "mine"


@pytest.mark.parametrize(
    "name",
    [
        "training/config/detector/huggingface_clip.yaml",
        "huggingface_clip.yaml",
        "./huggingface_clip",
        "configs/huggingface_clip",
        "HuggingFace_Clip",
        "",
        ".",
        "~no-such-user-here/c.yaml",
        "n" * 5000,
    ],
)
def test_what_is_neither_a_file_nor_a_shipped_name_is_an_error_that_lists_the_names(name: str) -> None:
    with pytest.raises(ConfigError, match="Give the path of a YAML file or one of the names clip_effort, "):
        load_config(name)


def test_a_misspelt_name_shows_the_nearest() -> None:
    with pytest.raises(
        ConfigError, match=r"no detector config 'huggingface_vidoemae'\. Did you mean 'huggingface_videomae'\?"
    ):
        find_config("huggingface_vidoemae")


def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    written(tmp_path / "c.yaml", "model_name: x")
    assert find_config("~/c.yaml") == tmp_path / "c.yaml"
