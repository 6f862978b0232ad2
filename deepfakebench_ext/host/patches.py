"""Everything that DeepfakeBench's scripts need from outside, in the order in which it is put there.

What fails without it, and where. Lines are those of commit 8a4a7bf, under training/.

| what is done | since |
|---|---|
| CUDA calls do nothing where there is no CUDA | train.py:51, trainer/trainer.py:244, 354, dataset/lsda_dataset.py:165 |
| nccl becomes gloo and DDP gets no device ids there | train.py:272-275, trainer/trainer.py:109 |
| DDP in eval mode calls the bare module | trainer/trainer.py:315: rank 0 tests alone, and would wait for others |
| worker processes are forked | dataset/abstract_dataset.py:97: an LMDB environment cannot be pickled |
| torchvision's operators are declared | dataset/abstract_dataset.py:28; PyPI's wheel beside a CPU build of torch |
| `np.sctypes` is there for imgaug | albumentations 1.3 imports imgaug, and imgaug 0.4 needs what NumPy 2 removed |
| an LMDB is opened once | dataset/abstract_dataset.py:85-97: all of FF++ share one, and lmdb 2 refuses a second time |
| transforms of albumentations 2 are constructed | dataset/albu.py:29: `always_apply` is no argument any more |
| `torch.load` answers `--weights_path` | test.py:184 (host/weights_path.py) |
| its packages import nothing by themselves | detectors/__init__.py:12-46 (host/packages.py) |
| names of `dataset` are deferred | train.py:34, test.py:26-27 (host/deferred_classes.py) |
| our detectors are registered | metrics/registry.py |
| frames are found in every spelling | dataset/abstract_dataset.py:298-299, 307-310 (host/dataset_class.py) |
| dataset JSONs are found in LMDB mode | train.py:244-245 (host/dataset_class.py) |
| YAML values are replaced | test.py:152-154, train.py:228-232 (host/script_settings.py) |
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from deepfakebench_ext.common.errors import HostError
from deepfakebench_ext.host import torchvision_ops, weights_path
from deepfakebench_ext.host.dataset_class import wrap_dataset_class
from deepfakebench_ext.host.deferred_classes import defer
from deepfakebench_ext.host.packages import mount
from deepfakebench_ext.host.registry import register
from deepfakebench_ext.host.script_settings import ScriptSettings
from deepfakebench_ext.host.wrapping import wrap


def apply(root: Path, settings: ScriptSettings, *, loads_frames: bool) -> None:
    """Put everything in place, for the rest of the process; the working directory must be `root`.

    Args:
        root: The checkout, resolved.
        settings: What the command line says over the YAMLs.
        loads_frames: Whether the script imports DeepfakeBench's dataset class.

    Raises:
        HostError: The checkout's module names are taken by something else.
        ModuleNotFoundError: Something that DeepfakeBench imports is not installed.
    """
    apply_to_libraries()
    weights_path.install()
    registries = mount(root)
    defer(root / "training")
    register(registries.DETECTOR)
    if loads_frames:
        wrap_dataset_class(root, settings)


def apply_to_libraries() -> None:
    """Do what DeepfakeBench's modules need to be imported and run on today's libraries; nothing of it is imported."""
    run_without_cuda()
    test_on_one_rank()
    fork_workers()
    torchvision_ops.make_importable()
    restore_sctypes()
    open_environments_once()
    construct_transforms()


def run_without_cuda() -> None:
    """Let the unconditional CUDA calls do nothing, and processes talk over gloo, where there is no CUDA."""
    import torch

    if torch.cuda.is_available():
        return
    from torch import distributed
    from torch.nn.parallel import DistributedDataParallel

    wrap(torch.cuda, "set_device", lambda present: _nothing)
    wrap(torch.cuda, "get_device_name", lambda present: lambda *args, **options: "")
    wrap(torch.Tensor, "cuda", lambda present: _itself)
    wrap(torch.nn.Module, "cuda", lambda present: _itself)
    wrap(DistributedDataParallel, "__init__", _without_device_ids)
    if distributed.is_available():
        wrap(distributed, "init_process_group", _over_gloo)


def test_on_one_rank() -> None:
    """Let a DDP model in eval mode be called on one rank alone.

    Its forward broadcasts buffers, and the other ranks are training or gone.
    """
    from torch.nn.parallel import DistributedDataParallel

    wrap(DistributedDataParallel, "forward", _bare_in_eval)


def fork_workers() -> None:
    """Start DataLoader workers by fork, also where Python's own choice is forkserver (3.14)."""
    if sys.platform == "linux" and multiprocessing.get_start_method(allow_none=True) in (None, "forkserver"):
        multiprocessing.set_start_method("fork", force=True)


def restore_sctypes() -> None:
    """Give imgaug, where it is installed, the table of types that NumPy 2 removed."""
    import numpy as np

    if find_spec("imgaug") is None or hasattr(np, "sctypes"):
        return
    kinds: dict[str, list[Any]] = {
        "int": [np.int8, np.int16, np.int32, np.int64],
        "uint": [np.uint8, np.uint16, np.uint32, np.uint64],
        "float": [np.float16, np.float32, np.float64],
        "complex": [np.complex64, np.complex128],
        "others": [bool, object, bytes, str, np.void],
    }
    vars(np)["sctypes"] = kinds


def open_environments_once() -> None:
    """Let a second `lmdb.open` of the same folder give the environment that is open."""
    if find_spec("lmdb") is None:
        return
    wrap(import_module("lmdb"), "open", _opening_once)


def construct_transforms() -> None:
    """Let transforms pass `(always_apply, p)` to an albumentations that takes `p` alone."""
    try:
        newest = int(version("albumentations").split(".")[0]) >= 2
    except PackageNotFoundError:
        return
    if newest:
        transforms = import_module("albumentations.core.transforms_interface")
        wrap(transforms.BasicTransform, "__init__", _without_always_apply)


def _nothing(*args: Any, **options: Any) -> None:
    """Stand for a call that sets something of CUDA."""


def _itself(self: Any, *args: Any, **options: Any) -> Any:
    return self


def _without_device_ids(present: Callable[..., None]) -> Callable[..., None]:
    def init(self: Any, module: Any, *args: Any, **options: Any) -> None:
        # The first two after the module, by position or by name.
        kept = {key: value for key, value in options.items() if key not in ("device_ids", "output_device")}
        present(self, module, None, None, *args[2:], **kept)

    return init


def _over_gloo(present: Callable[..., None]) -> Callable[..., None]:
    def init_process_group(backend: str | None = None, *args: Any, **options: Any) -> None:
        present("gloo" if backend == "nccl" else backend, *args, **options)

    return init_process_group


def _bare_in_eval(present: Callable[..., Any]) -> Callable[..., Any]:
    def forward(self: Any, *args: Any, **options: Any) -> Any:
        return present(self, *args, **options) if self.training else self.module(*args, **options)

    return forward


def _opening_once(present: Callable[..., Any]) -> Callable[..., Any]:
    opened: dict[Any, Any] = {}

    def open_(path: str, *args: Any, **options: Any) -> Any:
        key = os.path.realpath(path), args, tuple(sorted(options.items()))
        if key not in opened:
            if options.get("create") is False and not os.path.isdir(path):  # noqa: PTH112 - any spelling of a path
                raise HostError(
                    f"there is no LMDB at {path}; --lmdb_dir names the folder that holds {os.path.basename(path)}, and "  # noqa: PTH119
                    f"--rgb_dir that of frames in files, before the script"
                )
            opened[key] = present(path, *args, **options)
        return opened[key]

    return open_


def _without_always_apply(present: Callable[..., None]) -> Callable[..., None]:
    def init(self: Any, *args: Any, **options: Any) -> None:
        present(self, *args[-1:], **options)

    return init
