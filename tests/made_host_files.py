"""The files of the small host that `made_host` writes: our own code, in the surface that DeepfakeBench has."""

from __future__ import annotations

from typing import Any

import yaml

_REGISTRY = """
class Registry:
    def __init__(self):
        self.data = {}

    def register_module(self, module_name=None):
        def add(cls):
            self.data[module_name or cls.__name__] = cls
            return cls

        return add

    def __getitem__(self, key):
        return self.data[key]


BACKBONE, DETECTOR, LOSSFUNC = Registry(), Registry(), Registry()
"""

_DATASET = """
import json, os
import numpy as np
import torch


class DeepfakeAbstractBaseDataset(torch.utils.data.Dataset):
    def __init__(self, config=None, mode="train"):
        self.config, self.mode, self.lmdb = config, mode, config["lmdb"]
        names = config["train_dataset"] if mode == "train" else [config["test_dataset"]]
        images, labels = [], []
        for name in names:
            found, marks, _ = self.collect_img_and_label_for_one_dataset(name)
            images += found
            labels += marks
        if self.lmdb:
            import lmdb

            path = os.path.join(config["lmdb_dir"], names[0].split("+")[0] + "_lmdb")
            self.env = lmdb.open(path, create=False, subdir=True, readonly=True, lock=False)
        self.data_dict = {"image": images, "label": labels}

    def collect_img_and_label_for_one_dataset(self, dataset_name):
        with open(os.path.join(self.config["dataset_json_folder"], dataset_name + ".json")) as stream:
            listed = json.load(stream)[dataset_name]
        found = []
        for splits in listed.values():
            for video in splits[self.mode].values():
                if self.config.get("video_mode") and len(video["frames"]) < self.config["clip_size"]:
                    continue
                label = self.config["label_dict"][video["label"]]
                found += [(frame, label, frame) for frame in video["frames"]]
        images, labels, names = zip(*found)
        return images, labels, names

    def _load(self, path):
        if self.lmdb:
            with self.env.begin(write=False) as transaction:
                return np.frombuffer(transaction.get(path.encode()), np.uint8)
        if path[0] != ".":
            path = "./" + self.config["rgb_dir"] + "\\\\" + path
        return np.load(path)

    load_rgb = load_mask = load_landmark = _load

    def __getitem__(self, index):
        try:
            value = self.load_rgb(self.data_dict["image"][index])
        except Exception as error:
            print("Error loading image:", error)
            return self[0]
        size = self.config["resolution"]
        return torch.full((3, size, size), float(value[0]) / 255 - 0.5), self.data_dict["label"][index]

    def __len__(self):
        return len(self.data_dict["image"])

    @staticmethod
    def collate_fn(batch):
        images, labels = zip(*batch)
        return {"image": torch.stack(images), "label": torch.tensor(labels)}
"""

_TEST = """
import argparse, json, yaml
import torch
from dataset.abstract_dataset import DeepfakeAbstractBaseDataset
from dataset.ff_blend import FFBlendDataset
from dataset.pair_dataset import pairDataset
from detectors import DETECTOR

parser = argparse.ArgumentParser()
parser.add_argument("--detector_path")
parser.add_argument("--test_dataset", nargs="+")
parser.add_argument("--weights_path", default="/home/author/w.pth")
args = parser.parse_args()

with open(args.detector_path) as stream:
    config = yaml.safe_load(stream)
with open("./training/config/test_config.yaml") as stream:
    config.update(yaml.safe_load(stream))
if args.weights_path:
    config["weights_path"] = args.weights_path
datasets = {
    name: DeepfakeAbstractBaseDataset(config={**config, "test_dataset": name}, mode="test")
    for name in args.test_dataset
}
model = DETECTOR[config["model_name"]](config).to("cpu")
if args.weights_path:
    model.load_state_dict(torch.load(args.weights_path, map_location="cpu"), strict=True)
model.eval()
for name, dataset in datasets.items():
    batch = dataset.collate_fn([dataset[index] for index in range(len(dataset))])
    with torch.no_grad():
        scores = model(batch, inference=True)["prob"].tolist()
    said = {"dataset": name, "scores": scores, "labels": batch["label"].tolist(), "frame_num": config["frame_num"]}
    print("RESULT " + json.dumps(said) + "\\n", end="")
"""

_TRAIN = """
import argparse, json, os, yaml
import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel as DDP
from dataset import *
from detectors import DETECTOR

parser = argparse.ArgumentParser()
parser.add_argument("--detector_path")
parser.add_argument("--train_dataset", nargs="+")
parser.add_argument("--ddp", action="store_true")
parser.add_argument("--local_rank", type=int, default=0)
args = parser.parse_args()
torch.cuda.set_device(args.local_rank)

with open(args.detector_path) as stream:
    config = yaml.safe_load(stream)
with open("./training/config/train_config.yaml") as stream:
    config.update(yaml.safe_load(stream))
config["train_dataset"] = args.train_dataset
if config["lmdb"]:
    config["dataset_json_folder"] = "preprocessing/dataset_json_v3"
os.makedirs(config["log_dir"], exist_ok=True)
if args.ddp:
    dist.init_process_group(backend="nccl")
blended = config.get("dataset_type") == "blend"
data = FFBlendDataset(config) if blended else DeepfakeAbstractBaseDataset(config=config, mode="train")
model = DETECTOR[config["model_name"]](config)
bare = model
if args.ddp:
    model = DDP(model, device_ids=[args.local_rank], find_unused_parameters=True, output_device=args.local_rank)
optimizer = torch.optim.SGD(bare.parameters(), lr=0.1)
batch = {key: value.cuda() for key, value in data.collate_fn([data[0], data[len(data) - 1]]).items()}
for step in range(2):
    model.train()
    loss = bare.get_losses(batch, model(batch))["overall"]
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if args.local_rank == 0:
        model.eval()
        with torch.no_grad():
            model(batch, inference=True)
torch.save(model.state_dict(), os.path.join(config["log_dir"], "ckpt_%d.pth" % args.local_rank))
said = {"rank": args.local_rank, "gpu": torch.cuda.get_device_name(), "loss": loss.item()}
print("RESULT " + json.dumps(said) + "\\n", end="")  # one write: two processes share the pipe
"""

_OWN = {"lmdb": True, "rgb_dir": "./datasets/rgb", "lmdb_dir": "./datasets/lmdb"}
_LABELS = {"label_dict": {"DF_real": 0, "DF_fake": 1}, "dataset_json_folder": "./preprocessing/dataset_json"}
# What DeepfakeBench's own two scripts take for granted in a detector's YAML, written down a second time.
COMPLETE: dict[str, Any] = {
    **{"model_name": "made", "manualSeed": 1024, "cuda": True, "cudnn": True, "workers": 0, "compression": "c23"},
    **{"train_batchSize": 4, "test_batchSize": 4, "frame_num": {"train": 8, "test": 8}},
    **{"resolution": 32, "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "with_mask": False, "with_landmark": False},
    **{"train_dataset": ["A"], "test_dataset": ["A"], "use_data_augmentation": False},
    "data_aug": {
        **{"flip_prob": 0.5, "rotate_prob": 0.5, "rotate_limit": [-10, 10], "blur_prob": 0.5, "blur_limit": [3, 7]},
        **{"brightness_limit": [-0.1, 0.1], "contrast_limit": [-0.1, 0.1], "quality_lower": 40, "quality_upper": 100},
    },
    "optimizer": {"type": "sgd", "sgd": {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.0}},
    **{"lr_scheduler": None, "metric_scoring": "auc", "start_epoch": 0, "nEpochs": 1},
}
FILES = {
    "metrics/__init__.py": "",
    "metrics/registry.py": _REGISTRY,
    "detectors/__init__.py": "from metrics.registry import DETECTOR\r\n"
    "import absent_package\r\nfrom .made_detector import Made\r\n",
    "detectors/made_detector.py": "import torch\nfrom metrics.registry import DETECTOR\n\n"
    "@DETECTOR.register_module(module_name='made')\nclass Made(torch.nn.Module):\n    pass\n",
    "detectors/lacking_detector.py": "from metrics.registry import DETECTOR\nfrom networks.lacking import Net\n"
    "import absent_package.inner\n\n@DETECTOR.register_module(module_name='lacking')\nclass Lacking:\n    pass\n",
    "detectors/broken_detector.py": "from metrics.registry import DETECTOR\nraise OSError('no shape_predictor.dat')\n\n"
    "@DETECTOR.register_module(module_name='broken')\nclass Broken:\n    pass\n",
    "networks/__init__.py": "import absent_package\n",
    "networks/lacking.py": "import another_absent_package\n\nclass Net:\n    pass\n",
    "loss/__init__.py": "import absent_package\n",
    "dataset/__init__.py": "from .abstract_dataset import DeepfakeAbstractBaseDataset\n"
    "from .ff_blend import FFBlendDataset\nfrom .pair_dataset import pairDataset\n",
    "dataset/abstract_dataset.py": _DATASET,
    "dataset/ff_blend.py": "import absent_package\n\nclass FFBlendDataset:\n    pass\n",
    "dataset/pair_dataset.py": "from dataset.abstract_dataset import DeepfakeAbstractBaseDataset\n\n"
    "class pairDataset(DeepfakeAbstractBaseDataset):\n    pass\n",
    "trainer/__init__.py": "",
    "trainer/trainer.py": "import absent_package\n",
    "test.py": _TEST,
    "train.py": _TRAIN,
    "config/test_config.yaml": yaml.safe_dump({**_OWN, **_LABELS}),
    "config/train_config.yaml": yaml.safe_dump({**_OWN, **_LABELS, "log_dir": "./logs/training/"}),
    "config/detector/made.yaml": yaml.safe_dump(COMPLETE),
}
