from __future__ import annotations

import json
from pathlib import Path

import made_training
import pytest
import tiny
import torch
import yaml
from made_training import same, tuning, values

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.engine.file_inputs import gather_samples, make_reader
from deepfakebench_ext.evaluation.evaluate import evaluate
from deepfakebench_ext.host.script_settings import OWN_YAMLS
from deepfakebench_ext.launcher.script_keys import missing_keys
from deepfakebench_ext.models.built_from import config_for
from deepfakebench_ext.models.config import load_config
from deepfakebench_ext.models.loading import load_detector
from deepfakebench_ext.training.recipe import Recipe, read_values
from deepfakebench_ext.training.results import write_results


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    made_training.data(folder)
    return folder


@pytest.fixture(scope="module")
def done(folder, tmp_path_factory):
    made = tuning(folder, values({"mode": "full", "l2_normalise": True}, dropout=0.1, epochs=3))
    result = made.run(tmp_path_factory.mktemp("done") / "run")
    figures = write_results(made, result, {"seed": 1024}).figures
    return made, result, figures


def _check_hosts_scripts_take(best: Path) -> None:
    written = yaml.safe_load((best / "detector.yaml").read_text())
    assert [missing_keys(script, written) for script in OWN_YAMLS] == [(), ()]


def _evaluated(folder, best, where, **options):
    detector = load_detector(config_for(str(best)), str(best), device="cpu", dtype="float32", **options)
    return evaluate(detector, gather_samples(folder / "val"), output_dir=where, plots=False, workers=1)


def test_the_evaluator_says_of_the_files_what_the_validation_said(folder, done, tmp_path):
    _, result, figures = done
    evaluation = _evaluated(folder, result.best, tmp_path)
    assert evaluation.trained
    for name, value in result.position.best_figures.items():
        assert evaluation.figures[name].value == pytest.approx(value, abs=1e-6)
        assert figures[name].value == pytest.approx(value, abs=1e-6)


def test_the_folder_alone_says_how_it_is_scored(done):
    _, result, _ = done
    settings = load_config(config_for(str(result.best)))
    assert settings.l2_normalise
    assert settings.architecture is not None


def test_the_pth_has_the_plain_state_of_the_detector_class(folder, done, tmp_path):
    made, result, _ = done
    state = torch.load(result.best / "best.pth", weights_only=True)
    loaded = load_detector(result.best / "detector.yaml", str(result.best / "best.pth"), dtype="float32")
    loaded.load_state_dict(state, strict=True)
    assert set(state) == set(made.detector.state_dict())
    assert loaded.report.head_trained
    _check_hosts_scripts_take(result.best)
    samples = gather_samples(folder / "val")
    both = [
        evaluate(each, samples, reader=make_reader(each), output_dir=tmp_path / name, plots=False, workers=1).figures
        for name, each in (("pth", loaded), ("folder", result.detector))
    ]
    assert both[0]["frame_auc"].value == both[1]["frame_auc"].value


def test_transformers_reads_the_backbone(done):
    from transformers import CLIPVisionModel

    _, result, _ = done
    backbone, found = CLIPVisionModel.from_pretrained(result.best, output_loading_info=True)
    assert not found["missing_keys"]
    images = tiny.pixels()
    with torch.no_grad():
        expected = result.detector.features({"image": images})
        torch.testing.assert_close(backbone(images).pooler_output, expected)


def test_the_card_says_data_recipe_figures_and_limits(done):
    _, result, _ = done
    card = (result.best / "README.md").read_text()
    assert card.startswith("---\nlibrary_name: transformers\n")
    for part in ("8 real and 8 fake samples", '`"full"`', "| frame_auc |", "## Limits", "95 % interval"):
        assert part in card
    figures = json.loads((result.best / "figures.json").read_text())
    assert figures["frame_auc"]["low"] <= figures["frame_auc"]["value"] <= figures["frame_auc"]["high"]


@pytest.mark.parametrize(
    ("base", "kind"),
    [
        ({**tiny.VIDEOMAE_YAML}, "VideoMAEModel"),
        ({**tiny.VIDEOMAE_YAML, "architecture": None, "new_head": True}, "VideoMAEForVideoClassification"),
    ],
)
def test_a_video_detector_comes_back_as_it_was_trained(tmp_path, base, kind):
    import moving
    import transformers

    moving.shuffled_pairs(tmp_path / "train", 4, seed=1)
    moving.shuffled_pairs(tmp_path / "val", 3, seed=2)
    if base["architecture"] is None:
        start = tiny.save_folder(tiny.videomae_model(kind), tmp_path / "start")
        base = {**base, "huggingface_model_name": str(start)}
    made = tuning(tmp_path, values({"mode": "full"}, base, epochs=1))
    result = made.run(tmp_path / "run")
    _check_hosts_scripts_take(result.best)
    assert json.loads((result.best / "config.json").read_text())["architectures"] == [kind]
    cls = getattr(transformers, kind)
    model, found = cls.from_pretrained(result.best, output_loading_info=True)
    assert not found["missing_keys"]
    clips = {"image": tiny.pixels(frames=4)}
    with torch.no_grad():
        expected = result.detector(clips)["cls"]
        made.detector.eval()
        torch.testing.assert_close(made.detector(clips)["cls"], expected, atol=1e-5, rtol=1e-5)
        if kind != "VideoMAEModel":
            assert model.config.id2label == {0: "real", 1: "fake"}
            torch.testing.assert_close(model(clips["image"]).logits, expected, atol=1e-5, rtol=1e-5)


def test_any_image_classifier_can_be_trained_on(folder, tmp_path):
    start = tiny.save_folder(tiny.vit_classifier({0: "cat", 1: "dog", 2: "cow"}), tmp_path / "start")
    base = {"model_name": "huggingface_image", "huggingface_model_name": str(start), "new_head": True}
    result = tuning(folder, values({"mode": "layernorm"}, base, epochs=1)).run(tmp_path / "run")
    assert config_for(str(result.best)) == str(result.best / "detector.yaml")
    _check_hosts_scripts_take(result.best)
    from transformers import AutoModelForImageClassification

    model = AutoModelForImageClassification.from_pretrained(result.best)
    assert model.config.id2label == {0: "real", 1: "fake"}
    images = tiny.pixels()
    with torch.no_grad():
        torch.testing.assert_close(model(images).logits, result.detector({"image": images})["cls"])


def test_the_preprocessing_survives_also_under_another_config(done):
    made, result, _ = done
    other = {**tiny.CLIP_YAML, "mean": [0.1, 0.1, 0.1]}
    loaded = load_detector(other, str(result.best), dtype="float32")
    for name in ("resize", "size", "crop", "resample", "mean", "std", "rescale_factor"):
        assert getattr(loaded.preprocess, name) == getattr(made.detector.preprocess, name)


def test_the_plan_counts_data_steps_and_parameters_and_writes_nothing(folder):
    made = tuning(folder, values({"mode": "head"}, epochs=3, batch_size=5, accumulate=2))
    before = sorted(folder.rglob("*"))
    plan = made.plan()
    assert plan.data["samples"] == {"real": 8, "fake": 8}
    assert (plan.steps_per_epoch, plan.total_steps) == (2, 6)
    assert plan.trained == 2 * 32 + 2
    assert plan.memory.gradients == 4 * plan.trained
    assert sorted(folder.rglob("*")) == before


def test_training_more_layers_is_said_to_take_more_memory(folder):
    plans = {mode: tuning(folder, values({"mode": mode})).plan().memory for mode in ("head", "full")}
    assert plans["full"].activations > 2 * plans["head"].activations
    more = tuning(folder, values({"mode": "full"}, gradient_checkpointing=True)).plan().memory
    assert more.activations < plans["full"].activations
    larger = tuning(folder, values({"mode": "full"}, batch_size=8)).plan().memory
    assert larger.activations == pytest.approx(2 * plans["full"].activations, rel=0.02)


def test_fewer_bits_never_take_more_memory_than_one_copy_of_the_parameters(folder):
    wide = {**tiny.CLIP_YAML, "architecture": {**tiny.CLIP, "hidden_size": 256, "intermediate_size": 1024}}
    plans = {
        precision: tuning(folder, values({"mode": "layernorm"}, wide, batch_size=32, precision=precision)).plan().memory
        for precision in ("float32", "bfloat16")
    }
    assert plans["bfloat16"].activations <= plans["float32"].activations + plans["float32"].parameters / 2


@pytest.fixture
def resnet(tmp_path):
    """A recipe for a small ResNet, whose BatchNorms keep statistics."""
    from transformers import ResNetConfig, ResNetForImageClassification

    sizes = {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1], "layer_type": "basic"}
    model = ResNetForImageClassification(ResNetConfig(**sizes, **tiny.labels({0: "real", 1: "fake"})))
    start = tiny.save_folder(tiny.randomised(model), tmp_path / "start")
    return {"model_name": "huggingface_image", "huggingface_model_name": str(start), "new_head": True}


def test_what_only_looks_at_a_detector_leaves_its_statistics_as_they_are(folder, resnet):
    made = tuning(folder, values({"mode": "full"}, resnet))
    before = {name: buffer.clone() for name, buffer in made.detector.named_buffers()}
    made.plan()
    assert same(before, dict(made.detector.named_buffers()))


def test_statistics_of_each_process_alone_are_refused(folder, resnet, monkeypatch):
    from deepfakebench_ext.engine.processes import Processes

    begin = Processes.__init__
    monkeypatch.setattr(Processes, "__init__", lambda self, **given: begin(self, **given) or setattr(self, "count", 2))
    with pytest.raises(
        ConfigError, match=r"statistics of the batch of their own process, .* tuning\.batch_norm=frozen"
    ):
        tuning(folder, values({"mode": "full"}, resnet))
    tuning(folder, values({"mode": "full", "batch_norm": "frozen"}, resnet))
    tuning(folder, values({"mode": "head"}, resnet))


def test_frozen_statistics_stay_so_that_no_image_depends_on_the_others_of_its_batch(folder, resnet, tmp_path):
    made = tuning(folder, values({"mode": "full", "batch_norm": "frozen"}, resnet))
    before = {name: buffer.clone() for name, buffer in made.detector.named_buffers()}
    made.detector.train()
    images = tiny.pixels(4)
    with torch.no_grad():
        apart = torch.cat([made.detector.features({"image": part}) for part in images.split(2)])
        torch.testing.assert_close(made.detector.features({"image": images}), apart, atol=1e-5, rtol=1e-5)
    made.run(tmp_path / "run")
    assert same(before, dict(made.detector.named_buffers()))
    name = made.batch_norms[0]
    assert made.detector.get_parameter(f"{name}.weight").requires_grad


def test_the_memory_of_gradual_training_is_that_of_its_last_epoch(folder):
    made = tuning(folder, values({"mode": "gradual"}, epochs=20))
    plan, full = made.plan(), tuning(folder, values({"mode": "full"})).plan()
    assert plan.trained == 2 * 32 + 2
    assert plan.trained_last > 0.9 * full.trained
    assert plan.memory.activations > 0.9 * full.memory.activations
    assert made.tuned.trainable == plan.trained  # as before it was asked


def test_validation_samples_of_one_class_are_refused_before_training(tmp_path):
    made_training.data(tmp_path)
    for path in (tmp_path / "val/fake").iterdir():
        path.unlink()
    with pytest.raises(ConfigError, match=r"4 validation samples are all real, so frame_auc is undefined"):
        tuning(tmp_path, values())


def test_training_samples_of_one_class_are_refused(tmp_path):
    made_training.data(tmp_path)
    for path in (tmp_path / "train/real").iterdir():
        path.unlink()
    with pytest.raises(ConfigError, match="training needs both classes, and the samples are 0 real and 8 fake"):
        tuning(tmp_path, values())


def test_a_leak_is_refused_and_recorded_where_it_is_allowed(tmp_path):
    made_training.data(tmp_path)
    (tmp_path / "val/real/leak.png").write_bytes((tmp_path / "train/real/000.png").read_bytes())
    with pytest.raises(ConfigError, match="--allow_leaks"):
        tuning(tmp_path, values())
    made = tuning(tmp_path, values(epochs=1), allow_leaks=True)
    result = made.run(tmp_path / "run")
    write_results(made, result, {})
    assert "leak" in json.loads((tmp_path / "run/run.json").read_text())["notices"][0]
    assert "leak.png" in (result.best / "README.md").read_text()


@pytest.mark.parametrize(
    ("monitor", "message"),
    [
        ("video_auc", r"'video_auc' is not a figure that can be watched; the validation samples are not videos"),
        ("roc", r"'roc' is not a figure .* such as frame_auc"),
        ("eer_threshold", "is not a figure that can be watched"),
    ],
)
def test_a_figure_that_cannot_be_watched_is_refused_before_training(folder, monitor, message):
    with pytest.raises(ConfigError, match=message):
        tuning(folder, values(monitor=monitor))


def test_use_svd_alone_means_effort():
    recipe = Recipe.of({**tiny.CLIP_YAML, "use_svd": True, "svd_rank": 3})
    assert (recipe.tuning.mode, recipe.tuning.svd_rank, recipe.settings.use_svd) == ("svd", 3, False)


def test_a_rank_beside_the_block_counts_and_two_ranks_are_refused():
    assert Recipe.of({**tiny.CLIP_YAML, "svd_rank": 3, "tuning": {"mode": "svd"}}).tuning.svd_rank == 3
    with pytest.raises(ConfigError, match=r"svd_rank is 3 and tuning\.svd_rank 4"):
        Recipe.of({**tiny.CLIP_YAML, "svd_rank": 3, "tuning": {"mode": "svd", "svd_rank": 4}})


def test_values_of_a_yaml_can_be_changed_by_name(tmp_path):
    path = made_training.write_yaml(tmp_path / "a.yaml", values())
    changed = read_values(str(path), ["training.lr=1e-5", "tuning.mode=lora", "training.augmentation=null", "seed=7"])
    assert changed["training"]["lr"] == 1e-5
    assert changed["tuning"]["mode"] == "lora"
    assert changed["training"]["augmentation"] is None
    assert changed["seed"] == 7


@pytest.mark.parametrize("change", ["training.lr", "=3", "lr=3"])
def test_a_change_that_is_none_is_refused(tmp_path, change):
    path = made_training.write_yaml(tmp_path / "a.yaml", values())
    with pytest.raises(ConfigError, match="--set"):
        read_values(str(path), [change])


def test_the_blocks_of_training_decide_no_score(tmp_path):
    plain, full = load_config(dict(tiny.CLIP_YAML)), load_config(values())
    assert full.training is not None
    assert full.model_dump() == plain.model_dump()


def test_deepfakebenchs_test_script_can_load_the_pth_strictly(done):
    """As its training/test.py:177-185 does: built from the YAML and `weights_path`, then filled from the file."""
    import yaml

    from deepfakebench_ext.host.registry import DETECTOR

    _, result, _ = done
    weights_path = str(result.best / "best.pth")
    config = {**yaml.safe_load((result.best / "detector.yaml").read_text()), "weights_path": weights_path}
    model = DETECTOR[config["model_name"]](config)
    model.load_state_dict(torch.load(weights_path, weights_only=True), strict=True)
    assert model.report.head_trained
    images = tiny.pixels()
    with torch.no_grad():
        torch.testing.assert_close(model.eval()({"image": images})["prob"], result.detector({"image": images})["prob"])


def test_a_trained_folder_on_the_hub_brings_its_own_config(done, tmp_path):
    from hub_server import Client, FakeHub

    _, result, _ = done
    with FakeHub() as hub:
        names = ("config.json", "model.safetensors", "preprocessor_config.json", "detector.yaml")
        hub.add("me/detector", {name: (result.best / name).read_bytes() for name in names})
        with Client(hub.endpoint, tmp_path / "home") as client:
            answer = client.ask("config_brought_by", "me/detector")
    assert answer.error is None, answer
    stored = {level: each.value for level, each in result.detector.stored_thresholds.items()}
    assert stored.keys() == {"frame"}
    assert answer.result == {"name": "detector.yaml", "l2_normalise": True, "stored": stored}
