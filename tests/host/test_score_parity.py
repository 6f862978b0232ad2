"""The same detector through DeepfakeBench's own test.py and through ours: equal scores, sample by sample."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import stored
import tiny
import torch
import yaml

from deepfakebench_ext.host.checkout import find_checkout

REPOSITORY = Path(__file__).parents[2]
TOLERANCE = 1e-6

# Runs in a process of its own, in the folder of the data; argv: the checkout, and a file of cases. Prints the scores of
# both by the names of the frames, and the figures of both.
CODE = """
import csv, json, sys
from pathlib import Path

import deepfakebench_ext as ext
from deepfakebench_ext.cli import evaluate as command
from deepfakebench_ext.data.samples.datasets import gather_dataset
from deepfakebench_ext.host import packages, torchvision_ops
from deepfakebench_ext.launcher.launch import run_script
from deepfakebench_ext.host.script_settings import ScriptSettings
from deepfakebench_ext.engine.dataset_inputs import HostData
from deepfakebench_ext.media.host_sampling import deepfakebench_clips, deepfakebench_frames

root, here = Path(sys.argv[1]), Path.cwd()
torchvision_ops.make_importable()
packages.mount(root)
import metrics.utils

seen = {}
compute = metrics.utils.get_test_metrics


def spy(y_pred, y_true, img_names):
    figures = compute(y_pred, y_true, img_names)
    names = ["|".join(names) if isinstance(names, list) else names for names in img_names]
    seen["scores"] = dict(zip(names, map(float, figures["pred"]), strict=True))
    seen["figures"] = {key: float(figures[key]) for key in ("acc", "auc", "eer", "ap", "video_auc")}
    return figures


metrics.utils.get_test_metrics = spy


def ours(case):
    # Newer lmdbs open a database once in a process: ours is a copy.
    frames = {"--rgb_dir": case["rgb_dir"]} if "rgb_dir" in case else {"--lmdb_dir": "copy"}
    options = {"--detector_config": case["yaml"], "--weights": case["weights"], "--output_dir": case["name"],
               "--test_dataset": case["dataset"], "--dataset_json_folder": case["json"], "--device": "cpu", **frames}
    try:
        command.evaluate([word for pair in options.items() for word in pair] + ["--no_plots"], standalone_mode=False)
    except SystemExit as exit_:
        assert exit_.code == 3, exit_.code
    (run,) = Path(case["name"]).glob("*/scores.csv")
    data = HostData.locate(case["json"], rgb_dir=case.get("rgb_dir"), lmdb_dir="copy" if "lmdb_dir" in case else None)
    samples = gather_dataset(case["dataset"], json_folder=data.json_folder, store=data.store(case["dataset"]))
    by_key = {sample.key: sample for sample in samples}
    scores = {}
    for row in csv.DictReader(run.open(newline="")):
        listed = by_key[row["key"]].frames
        chosen = ([(i,) for i in deepfakebench_frames(len(listed), 8)] if case["clip"] is None
                  else deepfakebench_clips(len(listed), 8, case["clip"]))
        if row["status"] == "ok":
            scores["|".join(listed[i] for i in chosen[int(row["index"])])] = float(row["score"])
    return scores, json.loads((run.parent / "metrics.json").read_text())


for case in json.loads(Path(sys.argv[2]).read_text()):
    options = {name: case.get(name) for name in ("rgb_dir", "lmdb_dir")}
    settings = ScriptSettings.of({**options, "dataset_json_folder": case["json"]}, ["workers=0"], here)
    run_script(
        "training/test.py",
        ["--detector_path", case["yaml"], "--test_dataset", case["dataset"], "--weights_path", case["weights"]],
        root=root, settings=settings,
    )
    scores, figures = ours(case)
    print("RESULT", json.dumps({**seen, "name": case["name"], "ours": scores, "metrics": figures}))
"""

CASES = {
    "frames rgb, its own detector": {"yaml": "meso4.yaml", "weights": "meso4.pth", "clip": None, "rgb_dir": "rgb"},
    "frames lmdb, its own detector": {"yaml": "meso4.yaml", "weights": "meso4.pth", "clip": None, "lmdb_dir": "lmdb"},
    "frames rgb, ours": {"yaml": "clip.yaml", "weights": "w.pth", "clip": None, "rgb_dir": "rgb"},
    "frames rgb, ours from a folder": {"yaml": "vit.yaml", "weights": "vit", "clip": None, "rgb_dir": "rgb"},
    "clips rgb, ours": {"yaml": "mae.yaml", "weights": "v.pth", "clip": 4, "rgb_dir": "rgb"},
    "clips lmdb, ours": {"yaml": "mae.yaml", "weights": "v.pth", "clip": 4, "lmdb_dir": "lmdb"},
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict]:
    root = find_checkout()
    if root is None:
        pytest.skip("no DeepfakeBench checkout: set DEEPFAKEBENCH_ROOT or put one at vendors/DeepfakeBench")
    folder = tmp_path_factory.mktemp("parity")
    stored.write_images(folder / "rgb")
    for name in ("lmdb", "copy"):
        stored.images_in_lmdb(folder / f"{name}/{stored.DATASET}_lmdb", folder / "rgb", "")
    stored.write_json(folder / "json", "")
    write_detectors(folder, root)
    cases = [{"name": name, "dataset": stored.DATASET, "json": "json", **case} for name, case in CASES.items()]
    (folder / "cases.json").write_text(json.dumps(cases))
    path = os.pathsep.join(map(str, (REPOSITORY, REPOSITORY / "tests")))
    environment = {**os.environ, "PYTHONPATH": path, "DEEPFAKEBENCH_ROOT": str(root)}
    python = os.environ.get("DFB_EXT_HOST_PYTHON", sys.executable)
    command = [python, "-W", "ignore", "-c", CODE, str(root), "cases.json"]
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    lines = [line.removeprefix("RESULT ") for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    return {result["name"]: result for result in map(json.loads, lines)}


def write_detectors(folder: Path, root: Path) -> None:
    """Write a YAML and weights of each detector; the YAMLs have what DeepfakeBench's own scripts read too."""
    own = yaml.safe_load((root / "training/config/detector/meso4.yaml").read_text())
    own |= {"frame_num": {"train": 8, "test": 8}, "test_batchSize": 5, "cuda": False, "workers": 0}
    common = {key: own[key] for key in ("compression", "frame_num", "test_batchSize", "cuda", "workers", "data_aug")}
    common |= {"with_mask": False, "with_landmark": False, "manualSeed": 7, "cudnn": False, "metric_scoring": "auc"}
    clip = {**common, **tiny.CLIP_YAML}
    mae = {**common, **tiny.VIDEOMAE_YAML, "video_mode": True, "clip_size": 4}
    vit = {**common, **tiny.CLIP_YAML, "model_name": "huggingface_image"}
    vit.pop("architecture")
    for name, values in {"meso4": own, "clip": clip, "mae": mae, "vit": vit}.items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(values))
    torch.save(tiny.clip_detector_state(), folder / "w.pth")
    torch.save(tiny.videomae_detector_state(), folder / "v.pth")
    tiny.save_folder(tiny.vit_classifier(), folder / "vit")
    torch.save(meso4_state(root, folder), folder / "meso4.pth")


def meso4_state(root: Path, folder: Path) -> dict[str, torch.Tensor]:
    """Random parameters of DeepfakeBench's meso4, made by its own class in another process."""
    code = (
        "import sys, torch; from pathlib import Path\n"
        "from deepfakebench_ext import load_detector\n"
        "from deepfakebench_ext.host import torchvision_ops; torchvision_ops.make_importable()\n"
        "torch.save(load_detector('meso4.yaml', device='cpu').backbone.state_dict(), 'random.pth')\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "DEEPFAKEBENCH_ROOT": str(root)}
    python = os.environ.get("DFB_EXT_HOST_PYTHON", sys.executable)
    done = subprocess.run(
        [python, "-c", code], env=environment, cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]
    state: dict[str, torch.Tensor] = torch.load(folder / "random.pth", weights_only=True)
    return state


@pytest.mark.host
@pytest.mark.parametrize("name", CASES)
def test_its_test_script_and_ours_give_every_sample_the_same_score(results: dict[str, dict], name: str) -> None:
    theirs, ours = results[name]["scores"], results[name]["ours"]
    assert theirs.keys() == ours.keys()
    assert len(theirs) == (4 if "clips" in name else 21)
    assert len(set(theirs.values())) > 1
    for frame, score in theirs.items():
        assert ours[frame] == pytest.approx(score, abs=TOLERANCE), frame


@pytest.mark.host
@pytest.mark.parametrize("name", CASES)
def test_its_own_figures_stand_beside_ours(results: dict[str, dict], name: str) -> None:
    section = results[name]["metrics"]["deepfakebench"]["figures"]
    for figure, value in results[name]["figures"].items():
        assert section[figure]["value"] == pytest.approx(value, abs=TOLERANCE), figure
