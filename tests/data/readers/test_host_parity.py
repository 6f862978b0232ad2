"""DeepfakeBench's own loader and ours: the same samples, and of each the same tensor, bit for bit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import stored
from PIL import Image
from skimage import data

from deepfakebench_ext.host.checkout import find_checkout

REPOSITORY = Path(__file__).parents[3]

# Runs in a process of its own; argv: the checkout, and a file of cases. Prints, for each, what differs.
CODE = """
import json, sys, tempfile, shutil
from pathlib import Path
import torch
from deepfakebench_ext.data.samples.datasets import gather_dataset
from deepfakebench_ext.data.preprocess.in_torch import normalise
from deepfakebench_ext.data.preprocess.spec import spec_from_host_keys
from deepfakebench_ext.data.stores.frame_stores import LmdbStore, RgbStore
from deepfakebench_ext.data.readers.reader import Reader
from deepfakebench_ext.host import packages, torchvision_ops
from deepfakebench_ext.media.host_sampling import DeepfakeBenchSampling, deepfakebench_clips, deepfakebench_frames

torchvision_ops.make_importable()
packages.mount(Path(sys.argv[1]))
from dataset.abstract_dataset import DeepfakeAbstractBaseDataset


def theirs(config):
    dataset = DeepfakeAbstractBaseDataset(config=config, mode="test")
    rows = {}
    for at, names in enumerate(dataset.data_dict["image"]):
        image, label, *_ = dataset[at]
        rows[tuple(names) if isinstance(names, list) else (names,)] = (image, label)
    assert len(rows) == len(dataset)
    return rows


def ours(config, lmdb_dir):
    name, spec = config["test_dataset"], spec_from_host_keys(config["resolution"], config["mean"], config["std"])
    store = LmdbStore(lmdb_dir, name) if config["lmdb"] else RgbStore(None, Path.cwd())
    samples = gather_dataset(
        name, json_folder=Path(config["dataset_json_folder"]), store=store, compression=config["compression"],
        label_dict=config["label_dict"],
    )
    number, size = config["frame_num"]["test"], config.get("clip_size")
    reader = Reader(spec, DeepfakeBenchSampling(number, size), stores={name: store})
    rows = {}
    for sample in samples:
        chosen = [(i,) for i in deepfakebench_frames(len(sample.frames), number)]
        if size:
            chosen = deepfakebench_clips(len(sample.frames), number, size)
        units = [unit for unit in reader.units(sample) if unit.prediction.status != "too_short"]
        for group, unit in zip(chosen, units, strict=True):
            image = normalise(torch.from_numpy(unit.pixels), spec)
            rows[tuple(sample.frames[i] for i in group)] = (image, sample.label)
    return rows


for config in json.loads(Path(sys.argv[2]).read_text()):
    folder = Path(tempfile.mkdtemp(dir="."))  # newer lmdbs open a database once in a process, and know it by its inode
    if config["lmdb"]:
        shutil.copytree(config["lmdb_dir"], folder, dirs_exist_ok=True)
    left, right = theirs(config), ours(config, folder)
    assert left.keys() == right.keys(), sorted(left.keys() ^ right.keys())[:4]
    for names, (image, label) in left.items():
        assert min(label, 1) == right[names][1], names
        assert image.dtype == right[names][0].dtype == torch.float32
        assert torch.equal(image, right[names][0]), (names, (image - right[names][0]).abs().max())
    print(len(left), tuple(image.shape))
"""
DATA_AUG = {
    **dict.fromkeys(("flip_prob", "rotate_prob", "blur_prob"), 0.5),
    **{"rotate_limit": [-10, 10], "blur_limit": [3, 7], "brightness_limit": [-0.1, 0.1]},
    **{"contrast_limit": [-0.1, 0.1], "quality_lower": 40, "quality_upper": 100},
}
BASE = {
    **{"compression": "c23", "frame_num": {"train": 8, "test": 8}, "resolution": 64, "with_mask": False},
    **{"with_landmark": False, "data_aug": DATA_AUG, "mean": [0.48145466, 0.4578275, 0.40821073]},
    **{"std": [0.26862954, 0.26130258, 0.27577711], "lmdb": False, "rgb_dir": "./datasets/rgb"},
    **{"lmdb_dir": "./datasets/lmdb", "dataset_json_folder": "./json", "test_dataset": stored.DATASET},
}
SIZES = [(64, 64), (90, 71), (40, 50), (256, 256), (65, 63), (130, 20)]


def checkout() -> Path:
    root = find_checkout()
    if root is None:
        pytest.skip("no DeepfakeBench checkout: set DEEPFAKEBENCH_ROOT or put one at vendors/DeepfakeBench")
    return root


def compared(cases: list[dict[str, Any]]) -> list[str]:
    """Return `samples shape` of each case, once the two loaders agree."""
    Path("cases.json").write_text(json.dumps([{**BASE, "label_dict": LABELS, **case} for case in cases]))
    path = os.pathsep.join((str(REPOSITORY), os.environ.get("PYTHONPATH", "")))
    done = subprocess.run(
        [os.environ.get("DFB_EXT_HOST_PYTHON", sys.executable), "-c", CODE, str(checkout()), "cases.json"],
        env={**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if "No module named" in done.stderr:
        pytest.skip(f"DeepfakeBench's loader cannot be imported: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    return [line for line in done.stdout.splitlines() if line[:1].isdigit()]


# A kind of fake above 1, as UCF's YAML has it.
LABELS = {"CelebDFv1_real": 0, "CelebDFv1_fake": 3, "FF-real": 0, "FF-DF": 1}


def photographs(folder: Path, suffix: str) -> Path:
    """Write parts of a photograph, of many sizes, as the dataset's frames; one lies on its side by its EXIF."""
    whole = data.astronaut()
    for at, place in enumerate(stored.frames(suffix).values()):
        height, width = SIZES[at % len(SIZES)]
        path = folder / stored.DATASET / place
        path.parent.mkdir(parents=True, exist_ok=True)
        part = whole[at * 7 : at * 7 + height, at * 5 : at * 5 + width]
        if suffix == ".png":
            cv2.imwrite(str(path), part[..., ::-1])
        else:
            exif = Image.Exif()
            exif[0x0112] = 6 if at == 1 else 1
            Image.fromarray(part).save(path, quality=80, exif=exif)
    return folder


@pytest.mark.host
@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_the_loaders_agree_on_images(suffix: str) -> None:
    photographs(Path("datasets/rgb"), suffix)
    stored.write_json(Path("json"), "./datasets/rgb/", suffix=suffix)
    clips = {"video_mode": True}
    found = compared(
        [
            {},
            {"resolution": 224, "frame_num": {"test": 3}},
            {**clips, "clip_size": 3},
            {**clips, "clip_size": 4, "frame_num": {"test": 32}, "mean": [0.5] * 3, "std": [0.5] * 3},
        ]
    )
    assert found == ["21 (3, 64, 64)", "12 (3, 224, 224)", "5 (3, 3, 64, 64)", "4 (4, 3, 64, 64)"]


@pytest.mark.host
@pytest.mark.parametrize(("style", "keys"), [("", ""), ("backslash", "backslash"), ("dotted backslash", "backslash")])
def test_the_loaders_agree_on_an_lmdb(style: str, keys: str) -> None:
    images = photographs(Path("images"), ".jpg")
    stored.images_in_lmdb(Path(f"datasets/lmdb/{stored.DATASET}_lmdb"), images, keys)
    stored.write_json(Path("json"), style, suffix=".jpg")
    found = compared([{"lmdb": True}, {"lmdb": True, "video_mode": True, "clip_size": 3}])
    assert found == ["21 (3, 64, 64)", "5 (3, 3, 64, 64)"]


@pytest.mark.host
@pytest.mark.parametrize("lmdb", [False, True])
def test_the_loaders_agree_on_compressions(lmdb: bool) -> None:
    frames: dict[str, dict[str, list[str]]] = {}
    values = {}
    for number, (label, level) in enumerate(
        (label, level) for label in ("FF-real", "FF-DF") for level in ("c23", "c40")
    ):
        for at in range(3):
            place = f"FF-DF/{label}/{level}/000/{at}.png"
            path = Path("datasets/rgb") / place
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), np.full((9, 9, 3), 60 * number + at, np.uint8))
            values[place] = path.read_bytes()
            frames.setdefault(label, {}).setdefault(level, []).append(place if lmdb else f"./datasets/rgb/{place}")
    document = {
        "FF-DF": {
            label: {"test": {level: {"000": {"label": label, "frames": names}} for level, names in by_level.items()}}
            for label, by_level in frames.items()
        }
    }
    Path("json").mkdir()
    for name, folder in (("FF-DF", "FaceForensics++_lmdb"), ("FF-DF_c40", "FF-DF_c40_lmdb")):
        Path(f"json/{name}.json").write_text(json.dumps(document))
        stored.write_lmdb(Path("datasets/lmdb") / folder, values)
    case = {"test_dataset": "FF-DF", "lmdb": lmdb}
    found = compared([case, {**case, "compression": "c40"}, {**case, "test_dataset": "FF-DF_c40"}])
    assert found == ["6 (3, 64, 64)"] * 3
