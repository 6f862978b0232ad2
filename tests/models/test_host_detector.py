"""DeepfakeBench's own detectors in our evaluator: built without files, filled strictly, scored as test.py does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
import torch
import yaml

from deepfakebench_ext import evaluate, load_detector
from deepfakebench_ext.common.errors import ConfigError, HostError, MissingExtraError, ModelError, WeightsError
from deepfakebench_ext.engine.file_inputs import gather_samples
from deepfakebench_ext.host.checkout import find_checkout
from deepfakebench_ext.models.config import load_config
from deepfakebench_ext.models.loading import detector_class

REPOSITORY = Path(__file__).parents[2]

# A small host of our own, with DeepfakeBench's layout and manners.
REGISTRY = """
class Registry:
    def __init__(self):
        self.data = {}
    def register_module(self, module_name=None):
        def add(cls):
            self.data[module_name] = cls
            return cls
        return add
    def __getitem__(self, key):
        return self.data[key]
DETECTOR, BACKBONE, LOSSFUNC = Registry(), Registry(), Registry()
"""
DETECTORS = """
import torch
from torch import nn
from detectors import DETECTOR

print("imported")

class Made(nn.Module):
    def __init__(self, config):
        super().__init__()
        print("constructed")
        self.backbone = nn.Linear(3, 2)
        self.backbone.load_state_dict(torch.load(config["pretrained"]), strict=True)
        self.scale = torch.ones(1)
        self.label = ["before"]
        self.width = config["width"]
    def forward(self, data_dict, inference=False):
        assert inference and not self.training and data_dict["mask"] is None
        self.label.append(data_dict["label"].cpu().numpy())
        image = data_dict["image"] * self.scale.cuda()
        return self.read(self.backbone(image.mean((-1, -2)).reshape(len(image), -1, 3).mean(1)), data_dict)
    def read(self, logits, data_dict):
        return {"cls": logits, "prob": torch.softmax(logits, 1)[:, 1], "feat": logits}

@DETECTOR.register_module(module_name="made")
class Plain(Made): ...

@DETECTOR.register_module(module_name="silent")
class NoProb(Made):
    def read(self, logits, data_dict):
        return {"cls": logits, "feat": logits}

@DETECTOR.register_module(module_name="sigmoid")
class Sigmoid(Made):
    def read(self, logits, data_dict):
        prob = torch.sigmoid(logits[:, :1])
        return {"cls": prob, "prob": prob, "feat": prob}

@DETECTOR.register_module(module_name="other_way")
class OtherWay(Made):
    def read(self, logits, data_dict):
        return {"cls": logits, "prob": torch.softmax(logits, 1)[:, 0], "feat": logits}

@DETECTOR.register_module(module_name="certain")
class Certain(Made):
    def read(self, logits, data_dict):
        return {"prob": torch.tensor([0.0, 1.0, 1e-30, 0.25])}

@DETECTOR.register_module(module_name="beyond")
class Beyond(Made):
    def read(self, logits, data_dict):
        return {"prob": torch.full((len(logits),), 1.5)}

@DETECTOR.register_module(module_name="mute")
class Mute(Made):
    def read(self, logits, data_dict):
        return {"cls": torch.zeros(len(logits), 5), "prob": torch.zeros(len(logits), 5)}

@DETECTOR.register_module(module_name="hungry")
class Hungry(Made):
    def read(self, logits, data_dict):
        return {"prob": data_dict["idct"]}

@DETECTOR.register_module(module_name="careless")
class Careless(Made):
    def read(self, logits, data_dict):
        return {"prob": data_dict["landmark"].shape}

@DETECTOR.register_module(module_name="unreadable")
class Unreadable(Made):
    def __init__(self, config):
        super().__init__(config)
        open("./training/lib/template.png")
"""
NEEDY = """
from detectors import DETECTOR
import no_such_package_here.inner

@DETECTOR.register_module(module_name="needy")
class Needy: ...
"""
YAML: dict[str, Any] = {**tiny.HALVES, "pretrained": "./training/pretrained/absent.pth", "width": 3, "made_up_key": 1}
HOSTS_NAMES = {"metrics", "detectors", "networks", "loss", "dataset"}


@pytest.fixture
def made_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A checkout with the detectors above and a YAML for each; what it leaves in this process is taken back."""
    root = tmp_path / "host"
    files = {
        "metrics/registry.py": REGISTRY,
        "detectors/made_detector.py": DETECTORS,
        "detectors/needy_detector.py": NEEDY,
        "config/detector/made.yaml": yaml.safe_dump({**YAML, "model_name": "made"}),
        "config/detector/clips.yaml": yaml.safe_dump(
            {**YAML, "model_name": "made", "video_mode": True, "clip_size": 4, "frame_num": {"train": 8, "test": 8}}
        ),
    }
    for name, text in files.items():
        path = root / "training" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setenv("DEEPFAKEBENCH_ROOT", str(root))
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield root
    for name in [name for name in sys.modules if name.split(".")[0] in HOSTS_NAMES]:
        del sys.modules[name]


def of(name: str, **changes: Any) -> dict[str, Any]:
    return {**YAML, "model_name": name, **changes}


def weights(path: Path, seed: int = 0, **changes: torch.Tensor) -> str:
    module = tiny.randomised(torch.nn.Linear(3, 2), seed, scale=1.0)
    state = {f"module.backbone.{key}": value for key, value in module.state_dict().items()}
    torch.save({"state_dict": {**state, **changes}}, path)
    return str(path)


def expected(path: str, images: torch.Tensor) -> torch.Tensor:
    state = torch.load(path)["state_dict"]
    return images.mean((-1, -2)) @ state["module.backbone.weight"].T + state["module.backbone.bias"]


def scored(name: str, path: str, count: int = 3) -> dict[str, torch.Tensor]:
    detector = load_detector(of(name), path, device="cpu")
    with torch.inference_mode():
        return detector({"image": tiny.pixels(count)})


def test_a_checkpoint_fills_a_detector_of_the_hosts_and_its_own_forward_scores(made_host: Path) -> None:
    path = weights(made_host / "w.pth")
    detector = load_detector("made", path, device="cpu")
    with torch.inference_mode():
        out = detector({"image": tiny.pixels(3)}, inference=True)
    torch.testing.assert_close(out["cls"], expected(path, tiny.pixels(3)))
    torch.testing.assert_close(out["prob"], torch.softmax(out["cls"], 1)[:, 1])
    assert detector.takes == "image" and detector.preprocess.size == (32, 32) and detector.preprocess.mean[0] == 0.5
    report = detector.report
    assert (report.source, report.kind, report.matched, report.missing) == (path, "file", 2, ())
    assert report.head_trained and len(report.sha256) == 64
    assert report.label_order.fake == (1,) and report.label_order.decided_by == "host contract"


def test_neither_import_nor_construction_nor_scoring_prints(
    made_host: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scored("made", weights(made_host / "w.pth"))
    assert capsys.readouterr() == ("", "")


def test_without_weights_all_is_random_by_seed_and_called_untrained(made_host: Path) -> None:
    with pytest.raises(WeightsError, match=r"UNTRAINED HEAD.*nothing \(random parameters\)"):
        load_detector("made", device="cpu", require_trained_head=True)
    first, second, third = (load_detector(of("made", seed=seed), device="cpu") for seed in (1, 1, 2))
    assert (first.report.source, first.report.kind) == ("nothing (random parameters)", "random")
    assert not first.report.head_trained and len(first.report.missing) == 2
    weight = "backbone.backbone.weight"
    assert torch.equal(first.state_dict()[weight], second.state_dict()[weight])
    assert not torch.equal(first.state_dict()[weight], third.state_dict()[weight])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"extra.weight": torch.ones(1)}, r"1 of the file's are unknown to it, e\.g\. extra\.weight"),
        ({"module.backbone.bias": torch.ones(7)}, r"1 shapes differ, e\.g\. backbone\.bias: \[7\] is not \[2\]"),
    ],
)
def test_a_checkpoint_that_is_not_exactly_the_detectors_is_an_error(
    made_host: Path, change: dict[str, torch.Tensor], message: str
) -> None:
    path = weights(made_host / "w.pth", **change)
    with pytest.raises(WeightsError, match=rf"does not fit DeepfakeBench's made\. .*{message}"):
        load_detector("made", path, device="cpu")


def test_a_checkpoint_that_lacks_something_is_an_error(made_host: Path) -> None:
    torch.save({"backbone.weight": torch.ones(2, 3)}, made_host / "w.pth")
    with pytest.raises(WeightsError, match=r"1 of its 2 tensors are missing, e\.g\. backbone\.bias"):
        load_detector("made", str(made_host / "w.pth"), device="cpu")


def test_position_ids_that_older_versions_saved_are_set_aside(made_host: Path) -> None:
    path = weights(made_host / "w.pth", **{"module.backbone.embeddings.position_ids": torch.arange(3)})
    assert load_detector("made", path, device="cpu").report.ignored == ("backbone.embeddings.position_ids",)


def test_a_detector_that_gives_logits_alone_is_scored_by_them(made_host: Path) -> None:
    path = weights(made_host / "w.pth")
    torch.testing.assert_close(scored("silent", path)["cls"], expected(path, tiny.pixels(3)))


@pytest.mark.parametrize(("name", "index"), [("sigmoid", 0), ("other_way", 0)])
def test_where_logits_do_not_say_what_prob_says_prob_is_believed(made_host: Path, name: str, index: int) -> None:
    path = weights(made_host / "w.pth")
    logits = expected(path, tiny.pixels(3))
    wanted = torch.sigmoid(logits[:, 0]) if name == "sigmoid" else torch.softmax(logits, 1)[:, 0]
    out = scored(name, path)
    assert out["cls"].shape == (3, 2)
    torch.testing.assert_close(torch.softmax(out["cls"], 1)[:, 1].float(), wanted)


def test_probabilities_come_back_from_logits_to_the_bit_also_0_and_1(made_host: Path) -> None:
    out = scored("certain", weights(made_host / "w.pth"), count=4)
    assert torch.isfinite(out["cls"]).all()
    assert out["prob"].tolist() == pytest.approx([0.0, 1.0, float(torch.tensor(1e-30)), 0.25], rel=1e-12, abs=0)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("beyond", r"gives \[1\.5, 1\.5, 1\.5\] as P\(fake\), outside 0 to 1"),
        ("mute", r"gives \{'cls': \[3, 5\], 'prob': \[3, 5\]\} for 3 inputs; no P\(fake\)"),
        ("hungry", r"hungry needs 'idct' beside the image to score it"),
        ("careless", r"careless fails on a batch: AttributeError: 'NoneType' .*made_detector\.py:\d+\)"),
    ],
)
def test_what_no_score_can_be_made_of_is_an_error_that_says_why(made_host: Path, name: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        scored(name, weights(made_host / "w.pth"))


def test_what_a_detector_collects_while_scoring_is_forgotten(made_host: Path) -> None:
    detector = load_detector("made", weights(made_host / "w.pth"), device="cpu")
    for _ in range(3):
        detector({"image": tiny.pixels(2)})
    assert detector.backbone.label == ["before"]


def test_clips_are_scored_where_the_yaml_says_video_mode(made_host: Path) -> None:
    path = weights(made_host / "w.pth")
    detector = load_detector("clips", path, device="cpu")
    assert (detector.takes, detector.clip_len) == ("video", 4)
    assert detector_class(load_config("clips")).takes == "video"
    clips = tiny.pixels(2, frames=4)
    torch.testing.assert_close(detector({"image": clips})["cls"], expected(path, clips.mean(1)))
    with pytest.raises(ConfigError, match="video_mode without clip_size"):
        load_detector(of("made", video_mode=True), path, device="cpu")


def test_float32_is_the_default_and_the_only_type(made_host: Path) -> None:
    path = weights(made_host / "w.pth")
    assert next(load_detector("made", path, device="cpu", dtype="auto").parameters()).dtype == torch.float32
    with pytest.raises(ConfigError, match="--dtype bfloat16 is not for DeepfakeBench's detectors"):
        load_detector("made", path, device="cpu", dtype="bfloat16")


def test_which_logit_is_fake_is_not_the_users_to_say(made_host: Path) -> None:
    path = weights(made_host / "w.pth")
    assert load_detector("made", path, device="cpu", fake_index=(1,)).report.head_trained
    with pytest.raises(ConfigError, match="--fake_index means nothing here"):
        load_detector("made", path, device="cpu", fake_index=(0,))


@pytest.mark.parametrize(
    ("config", "error", "message"),
    [
        ({"model_name": "needy"}, MissingExtraError, "needs the package no_such_package_here.*pip install no_such_pac"),
        (
            {"model_name": "made", **tiny.HALVES},
            ConfigError,
            r"looks for 'width' .*made_detector\.py:\d+.*YAML",
        ),
        ({**YAML, "model_name": "unreadable"}, HostError, r"cannot be built here: FileNotFoundError.*template\.png"),
        ({"model_name": "mades"}, ConfigError, r"no detector is called 'mades'\. Did you mean 'made'\?.*hungry, made"),
        ({"model_name": "huggingface_clp"}, ConfigError, r"Did you mean 'huggingface_clip'\?"),
    ],
)
def test_a_detector_that_cannot_be_built_says_what_it_lacks(
    made_host: Path, config: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        load_detector(config, device="cpu")


def test_without_a_checkout_the_error_says_how_to_get_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DEEPFAKEBENCH_ROOT", raising=False)
    with pytest.raises(HostError, match=r"no detector is called 'made'.*`dfb-ext host install`.*DEEPFAKEBENCH_ROOT"):
        load_detector(of("made"), device="cpu")
    with pytest.raises(ConfigError, match=r"no detector config 'xception'.*DeepfakeBench's own .* need a checkout"):
        load_detector("xception", device="cpu")


def test_the_checkout_that_a_yaml_lies_in_is_the_one_that_is_meant(
    made_host: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DEEPFAKEBENCH_ROOT")
    settings = load_config(made_host / "training/config/detector/made.yaml")
    assert settings.checkout == made_host
    assert load_detector(settings, weights(tmp_path / "w.pth"), device="cpu").report.head_trained


def test_a_hosts_yaml_is_kept_whole_and_what_feeds_the_network_is_read(made_host: Path) -> None:
    settings = load_config("clips")
    assert settings.host is not None and settings.host["made_up_key"] == 1
    assert (settings.resolution, settings.clip_size, settings.frame_num) == (32, 4, {"train": 8, "test": 8})
    with pytest.raises(ConfigError, match=r"resolution: .*got 'big'"):
        load_config(of("made", resolution="big"))


def test_where_the_checkout_lies_is_no_part_of_a_runs_identity(made_host: Path) -> None:
    settings = load_config(made_host / "training/config/detector/made.yaml")
    assert str(made_host) not in json.dumps(settings.model_dump(mode="json"))


@pytest.mark.parametrize("key", ["host", "checkout"])
def test_what_is_ours_to_fill_is_no_key_of_a_yaml(key: str) -> None:
    with pytest.raises(ConfigError, match=f"unknown key '{key}'"):
        load_config({"model_name": "huggingface_clip", key: None})


def test_an_evaluation_with_a_detector_of_the_hosts_gives_its_scores(made_host: Path, tmp_path: Path) -> None:
    path = weights(made_host / "w.pth")
    folder = tiny.photos(tmp_path / "photos", 2)
    result = evaluate(load_detector("made", path, device="cpu"), gather_samples(folder), plots=False, workers=1)
    assert not any(notice.kind == "untrained" for notice in result.notices)
    assert result.figures["frame_auc"].value is not None
    run = json.loads((result.folder / "run.json").read_text())
    assert run["detector"]["host"]["made_up_key"] == 1
    assert run["dtype"] == "float32"


IMAGE = {
    *("meso4", "meso4Inception", "xception", "f3net", "spsl", "srm", "core", "ucf", "recce", "efficientnetb4"),
    *("resnet34", "ffd", "capsule_net", "clip", "effort", "sbi"),
}
VIDEO = {"videomae", "xclip", "timesformer", "tall", "stil", "i3d", "ftcn"}
NAMES = sorted(IMAGE | VIDEO)


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What came of all detectors of a real checkout, in one process of their own."""
    root = find_checkout()
    if root is None:
        pytest.skip("no DeepfakeBench checkout: set DEEPFAKEBENCH_ROOT or put one at vendors/DeepfakeBench")
    path = os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "tests"), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [
            os.environ.get("DFB_EXT_HOST_PYTHON", sys.executable),
            *(
                "-W",
                "ignore",
                str(REPOSITORY / "tests/host_zoo.py"),
                str(tmp_path_factory.mktemp("zoo")),
                *NAMES,
                "lrl",
            ),
        ],
        env={**os.environ, "PYTHONPATH": path, "DEEPFAKEBENCH_ROOT": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    results: dict[str, Any] = json.loads(done.stdout)
    return results


@pytest.mark.host
@pytest.mark.timeout(900)  # the first of them runs all
@pytest.mark.parametrize("name", NAMES)
def test_a_saved_detector_of_deepfakebenchs_scores_here_as_it_scores_there(name: str, zoo: dict[str, Any]) -> None:
    result = zoo[name]
    assert "error" not in result, result["error"]
    assert result["takes"] == ("video" if name in VIDEO else "image")
    assert result["head_trained"] == [False, True] and result["all_matched"]
    assert result["cls"] == [len(result["prob"]), 2]
    np.testing.assert_allclose(result["prob"], result["theirs"], atol=1e-6)
    np.testing.assert_allclose(result["softmax"], result["theirs"], atol=1e-6)
    np.testing.assert_allclose(result["alone"], result["prob"][:1], atol=1e-5)


@pytest.mark.host
@pytest.mark.parametrize("name", ["clip", "effort", "videomae"])
def test_ours_give_the_logits_of_deepfakebenchs_own_from_its_checkpoint(name: str, zoo: dict[str, Any]) -> None:
    np.testing.assert_allclose(zoo[name]["logits_of_ours"], zoo[name]["logits"], atol=1e-5)


@pytest.mark.host
def test_a_detector_that_scores_more_than_images_names_what_it_needs(zoo: dict[str, Any]) -> None:
    assert "lrl needs 'idct' beside the image" in zoo["lrl"]["error"]
