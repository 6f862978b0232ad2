"""What is put in place for the host's scripts, each in a process that may be changed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import tiny
import torch
from made_host import REPOSITORY, make_host, run, write_dataset, write_yaml

LIBRARIES = """
import multiprocessing, os
import numpy as np
import torch
from deepfakebench_ext.host import patches

for _ in range(2):
    patches.apply_to_libraries()
if not torch.cuda.is_available():
    torch.cuda.set_device(3)
    assert "3060" not in torch.cuda.get_device_name()
    tensor, module = torch.ones(2), torch.nn.Linear(2, 2)
    assert tensor.cuda(non_blocking=True) is tensor and module.cuda(0) is module
assert multiprocessing.get_start_method() == "fork"
assert np.sctypes["float"][1] is np.float32
from albumentations.core.transforms_interface import BasicTransform


class Old(BasicTransform):
    def __init__(self, always_apply=False, p=1):
        super().__init__(always_apply, p)


class New(BasicTransform):
    def __init__(self):
        super().__init__(p=0.25)


assert (Old().p, New().p, BasicTransform().p) == (1, 0.25, 0.5)
import lmdb

lmdb.open("env", map_size=1 << 20).close()
options = dict(create=False, readonly=True, lock=False)
assert lmdb.open("env", **options) is lmdb.open(os.path.abspath("env"), **options)
try:
    lmdb.open("X_lmdb", **options)
except patches.HostError as error:
    assert "--lmdb_dir names the folder that holds X_lmdb" in str(error)
else:
    raise AssertionError("an absent LMDB was opened")
"""

DEVICE_IDS = """
import torch
from torch.nn.parallel import DistributedDataParallel

received = []
DistributedDataParallel.__init__ = lambda self, *args, **options: received.append((args[1:], options))
from deepfakebench_ext.host import patches

patches.run_without_cuda()
module = torch.nn.Linear(2, 2)
DistributedDataParallel(module, device_ids=[0], output_device=0, find_unused_parameters=True)
DistributedDataParallel(module, [0], 0, 1)
DistributedDataParallel(module, [0], find_unused_parameters=True)
DistributedDataParallel(module)
named = {"find_unused_parameters": True}
assert received == [((None, None), named), ((None, None, 1), {}), ((None, None), named), ((None, None), {})], received
"""

NAMES = """
import os, sys
from pathlib import Path
from deepfakebench_ext.common.errors import HostError
from deepfakebench_ext.host.deferred_classes import defer
from deepfakebench_ext.host.packages import mount

root = Path("host")
mount(root)
defer((root / "training").resolve())
from dataset import *
from dataset.ff_blend import FFBlendDataset as named

assert named is FFBlendDataset and "dataset.abstract_dataset" not in sys.modules
for use in (FFBlendDataset, lambda: FFBlendDataset.anything):
    try:
        use()
    except HostError as error:
        assert "pip install absent_package" in str(error)
    else:
        raise AssertionError("ff_blend was imported")


class Derived(DeepfakeAbstractBaseDataset):
    pass


from dataset.abstract_dataset import DeepfakeAbstractBaseDataset as real
from training.dataset import pairDataset as absolute

assert issubclass(Derived, real) and absolute is pairDataset and issubclass(absolute.mro()[0], real)
"""


def python(code: str, *path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (*path, REPOSITORY)))}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def albumentations(tmp_path: Path) -> Path:
    """A package of that name and version 2.0.8, whose transforms take `p` alone; and an imgaug."""
    folder = tmp_path / "packages"
    inner = folder / "albumentations/core"
    inner.mkdir(parents=True)
    (folder / "albumentations/__init__.py").touch()
    (inner / "__init__.py").touch()
    (inner / "transforms_interface.py").write_text(
        "class BasicTransform:\n    def __init__(self, p=0.5):\n        self.p = p\n"
    )
    (folder / "imgaug.py").write_text("import numpy as np\nnp.sctypes\n")
    metadata = folder / "albumentations-2.0.8.dist-info/METADATA"
    metadata.parent.mkdir()
    metadata.write_text("Metadata-Version: 2.1\nName: albumentations\nVersion: 2.0.8\n")
    return folder


def test_cuda_calls_old_transforms_and_a_shared_lmdb_work_on_todays_libraries(albumentations: Path) -> None:
    pytest.importorskip("lmdb", reason="lmdb is not installed: pip install lmdb")
    python(LIBRARIES, albumentations)


@pytest.mark.skipif(torch.cuda.is_available(), reason="with CUDA, devices stay as they are given")
def test_without_cuda_no_device_reaches_ddp_by_position_or_by_name_and_all_else_does() -> None:
    python(DEVICE_IDS)


def test_names_of_the_dataset_package_import_nothing_before_they_are_used(tmp_path: Path) -> None:
    make_host(tmp_path / "host")
    python(NAMES)


def test_training_with_an_albumentations_that_augments_otherwise_is_refused(
    albumentations: Path, tmp_path: Path
) -> None:
    root = make_host(tmp_path / "host")
    write_dataset(tmp_path, "A")
    write_yaml(tmp_path / "clip.yaml", tiny.CLIP_YAML)
    options = ("host", "run", "--rgb_dir", "rgb", "--dataset_json_folder", "json")
    script = ("training/train.py", "--train_dataset", "A", "--detector_path", "clip.yaml")
    done = run(root, *options, *script, PYTHONPATH=str(albumentations))
    assert done.returncode == 1 and "pip install 'albumentations==1.3.1'" in done.stderr
    without = run(root, *options, "--set", "use_data_augmentation=false", *script, PYTHONPATH=str(albumentations))
    assert without.returncode == 0, without.stderr
