"""The JSON has the structure, the labels and the paths that an unmodified DeepfakeBench loads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import films
import numpy as np
import pytest
import yaml

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.types import FAKE, REAL
from deepfakebench_ext.extraction.extract import extract, make_crop_reader
from deepfakebench_ext.host.checkout import find_checkout
from deepfakebench_ext.host.dataset_json_writing import (
    LABEL_NAMES,
    ListedVideo,
    check_dataset_name,
    check_splits,
    dataset_json,
    frames_root,
)
from deepfakebench_ext.media.image import read_rgb
from deepfakebench_ext.media.sampling import FrameSampling

A = ListedVideo("a", REAL, ("./d/real/frames/a/000.png", "./d/real/frames/a/1000.png"))
B = ListedVideo("b", FAKE, ("./d/fake/frames/b/007.png",))


def test_every_video_stands_under_its_label_in_every_split() -> None:
    listed = {
        "DF_fake": {"b": {"label": "DF_fake", "frames": list(B.frames)}},
        "DF_real": {"a": {"label": "DF_real", "frames": list(A.frames)}},
    }
    expected = {"d": {label: {"train": found, "test": found} for label, found in listed.items()}}
    assert json.loads(dataset_json("d", [A, B], ["train", "test"])) == expected


def test_the_text_is_ascii_whatever_the_names_are() -> None:
    text = dataset_json("換臉", [ListedVideo("é", REAL, ("./換臉/é/0.png",))], ["test"])
    assert text.isascii()
    assert json.loads(text)["換臉"]["DF_real"]["test"]["é"]["frames"] == ["./換臉/é/0.png"]


@pytest.mark.parametrize("second", [A, ListedVideo("c", FAKE, ())])
def test_a_name_that_comes_twice_and_a_video_without_frames_are_errors(second: ListedVideo) -> None:
    with pytest.raises(ValueError, match="comes twice or has no frames"):
        dataset_json("d", [A, second], ["test"])


@pytest.mark.parametrize("name", ["", ".", "..", ".hidden", "a/b", "a\\b", "FF-DF", "FaceForensics++_c40"])
def test_a_name_that_deepfakebench_would_misread_is_an_error(name: str) -> None:
    with pytest.raises(ConfigError, match="--dataset"):
        check_dataset_name(name)


@pytest.mark.parametrize("name", ["Celeb-DF-v3", "my-FF-DF", "換臉 1.0"])
def test_other_names_pass(name: str) -> None:
    check_dataset_name(name)


@pytest.mark.parametrize("splits", [[], ["test", "test"], ["validation"], [""]])
def test_splits_are_of_the_three_each_once(splits: list[str]) -> None:
    with pytest.raises(ConfigError, match="train,val,test"):
        check_splits(splits)
    check_splits(["train", "val", "test"])


@pytest.mark.parametrize(
    ("folder", "run_from", "expected"),
    [
        ("bench/datasets/d", "bench", "./datasets/d"),
        ("bench/.data/d", "bench", "./.data/d"),
        ("out/d", "bench", "../out/d"),
        ("out/d", "out/d/below", ".."),
        ("d", ".", "./d"),
    ],
)
def test_paths_begin_with_a_dot_and_lead_from_where_deepfakebench_runs(
    folder: str, run_from: str, expected: str, tmp_path: Path
) -> None:
    assert frames_root(Path(folder), Path(run_from), has_landmarks=True) == expected
    assert frames_root(tmp_path / folder, tmp_path / run_from, has_landmarks=True) == expected


def test_a_path_through_links_leads_there(tmp_path: Path) -> None:
    (tmp_path / "disk/deep/bench").mkdir(parents=True)
    (tmp_path / "disk/data/d").mkdir(parents=True)
    (tmp_path / "bench").symlink_to("disk/deep/bench")
    (tmp_path / "out").symlink_to("disk/data")
    (tmp_path / "bench/datasets").symlink_to(tmp_path / "disk/data")
    for folder, expected in (("out/d", "../../data/d"), ("bench/datasets/d", "./datasets/d")):
        root = frames_root(Path(folder), Path("bench"), has_landmarks=True)
        assert root == expected
        assert (tmp_path / "bench" / root).samefile(tmp_path / folder)


@pytest.mark.parametrize("folder", ["frames/d", "my_frames", "d.png"])
def test_a_path_in_which_landmarks_would_not_be_found_is_an_error_where_there_are_some(folder: str) -> None:
    with pytest.raises(ConfigError, match="finds landmarks by replacing"):
        frames_root(Path(folder), Path(), has_landmarks=True)
    assert frames_root(Path(folder), Path(), has_landmarks=False) == f"./{folder}"


def test_a_backslash_in_the_path_is_an_error() -> None:
    with pytest.raises(ConfigError, match="backslash"):
        frames_root(Path("a\\b/d"), Path(), has_landmarks=False)


# --- by DeepfakeBench itself ----------------------------------------------------------------------------------------

LOAD = """
import importlib.util, json, sys, types
import torch

# The wheels of torchvision need CUDA; without it two operators are missing.
library = torch.library.Library("torchvision", "FRAGMENT")
for name in ("nms", "qnms"):
    library.define(name + "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
root, config, order = sys.argv[1], json.loads(sys.argv[2]), []
sys.path.insert(0, root + "/training")
package = types.ModuleType("dataset")  # its __init__ imports all that there is
package.__path__ = [root + "/training/dataset"]
sys.modules["dataset"] = package
from dataset.abstract_dataset import DeepfakeAbstractBaseDataset

data = DeepfakeAbstractBaseDataset(config, mode="test")
paths = data.data_dict["image"]
batch = data.collate_fn([data[index] for index in range(len(data))])
spec = importlib.util.spec_from_file_location("bench_metrics", root + "/training/metrics/utils.py")
metrics = importlib.util.module_from_spec(spec)
spec.loader.exec_module(metrics)
scores = batch["image"].mean(dim=(1, 2, 3)).double().numpy()
figures = metrics.get_test_metrics(scores, batch["label"].numpy().copy(), list(paths))
print(json.dumps({
    "labels": dict(zip(paths, batch["label"].tolist())),
    "pixels": {path: image[:, 32, 32].tolist() for path, image in zip(paths, batch["image"])},
    "landmarks": {path: points[[0, 80]].tolist() for path, points in zip(paths, batch["landmark"])},
    "video_auc": figures["video_auc"],
}))
"""
CONFIG: dict[str, Any] = {
    "test_dataset": "d",
    "dataset_json_folder": "out",
    "rgb_dir": "./datasets/rgb",
    "compression": "c23",
    "lmdb": False,
    "frame_num": {"test": 2},
    "resolution": 64,
    "mean": [0.0, 0.0, 0.0],
    "std": [1.0, 1.0, 1.0],
    "with_mask": False,
    "with_landmark": True,
    "use_data_augmentation": False,
    "data_aug": {
        **{"flip_prob": 0, "rotate_prob": 0, "rotate_limit": [0, 0], "blur_prob": 0, "blur_limit": [3, 7]},
        **{"brightness_limit": [0, 0], "contrast_limit": [0, 0], "quality_lower": 99, "quality_upper": 100},
    },
}


@pytest.fixture
def host() -> tuple[Path, str]:
    """The checkout, and a Python that has what its dataset needs."""
    root = find_checkout()
    if root is None:
        pytest.skip("no DeepfakeBench checkout: set DEEPFAKEBENCH_ROOT or put one at vendors/DeepfakeBench")
    return root, os.environ.get("DFB_EXT_HOST_PYTHON", sys.executable)


@pytest.mark.host
def test_deepfakebench_loads_what_was_extracted_and_tells_videos_of_equal_names_apart(
    host: tuple[Path, str], tmp_path: Path
) -> None:
    root, python = host
    names = yaml.safe_load((root / "training/config/test_config.yaml").read_text())["label_dict"]
    assert {label: names[name] for label, name in LABEL_NAMES.items()} == {REAL: REAL, FAKE: FAKE}
    run_from = tmp_path / "run/here"
    run_from.mkdir(parents=True)
    films.face_films(tmp_path / "in")
    faces = make_crop_reader(landmark_model=films.landmark_model(tmp_path / "81.dat"), size=64)
    result = extract("in", "out", dataset="d", faces=faces, sampling=FrameSampling("first", 2), run_from=run_from)
    config = {**CONFIG, "dataset_json_folder": str(tmp_path / "out"), "label_dict": names}
    done = subprocess.run(
        [python, "-c", LOAD, str(root), json.dumps(config)],
        cwd=run_from,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    got = json.loads(done.stdout.splitlines()[-1])
    assert len(result.videos) == 3
    assert len(got["labels"]) == 6
    for sample, video in zip(result.samples, result.videos, strict=True):
        for name in video.frames:
            (path,) = (path for path in got["labels"] if path.endswith(f"/{video.place.frames}/{name}"))
            rgb = read_rgb(result.folder / video.place.frames / name)
            points = np.load(result.folder / video.place.landmarks / name.replace(".png", ".npy"))
            assert got["labels"][path] == sample.label
            assert got["pixels"][path] == pytest.approx((rgb[32, 32] / 255).tolist(), abs=1e-6)
            assert got["landmarks"][path] == points[[0, 80]].tolist()
    # Scored by brightness. As one video, real/a and fake/a would leave one class, which DeepfakeBench does not survive.
    assert got["video_auc"] == 0.0
