"""Tiny trainings: pictures on disk, a recipe, and a process that trains as a user would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tiny
import torch
import yaml
from click.testing import CliRunner, Result
from PIL import Image
from safetensors.torch import load_file

ROOT = Path(__file__).parents[1]
TRAIN_PY = ROOT / "scripts/train.py"
PERF_PY = ROOT / "scripts/perf_huggingface.py"


class Stop(Exception):
    """The work ends here."""


class StopAt:
    """A watcher that ends the process's work after a step, as a kill would, as far as files go."""

    def __init__(self, step: int) -> None:
        self._step = step

    def stepped(self, position: Any, step: Any, rate: float) -> None:
        if position.step == self._step:
            raise Stop

    def validated(self, position: Any, values: Mapping[str, Any]) -> None:
        pass

    def close(self) -> None:
        pass


def pictures(folder: Path, count: int, *, seed: int, size: int = 32) -> Path:
    """`count` noisy pictures a class; the fakes have a brighter left half, which any network learns."""
    rng = np.random.default_rng(seed)
    for label in ("real", "fake"):
        (folder / label).mkdir(parents=True)
        for number in range(count):
            pixels = rng.integers(0, 160, (size, size, 3))
            if label == "fake":
                pixels[:, : size // 2] += 90
            Image.fromarray(pixels.astype(np.uint8)).save(folder / label / f"{number:03d}.png")
    return folder


def data(folder: Path, *, train: int = 8, val: int = 4) -> None:
    """`train/` and `val/` in a folder."""
    pictures(folder / "train", train, seed=1)
    pictures(folder / "val", val, seed=2)


def values(tuning: Mapping[str, Any] | None = None, base: Mapping[str, Any] = tiny.CLIP_YAML, **training: Any) -> Any:
    """A detector YAML with its two blocks, small and quick by default."""
    recipe = {"epochs": 2, "batch_size": 4, "lr": 1e-3, "monitor": "auc", **training}
    return {**base, "tuning": {"mode": "head", **(tuning or {})}, "training": recipe}


def write_yaml(path: Path, content: Mapping[str, Any]) -> Path:
    path.write_text(yaml.safe_dump(dict(content)), encoding="utf-8")
    return path


def tuning(folder: Path, content: Mapping[str, Any], **options: Any) -> Any:
    """A `FineTuning` on `train/` and `val/` of a folder, one reading thread, on the CPU."""
    from deepfakebench_ext.engine.processes import Processes
    from deepfakebench_ext.models.loading import detector_class
    from deepfakebench_ext.training.fine_tuning import FineTuning
    from deepfakebench_ext.training.inputs import TrainingInputs, gather_side
    from deepfakebench_ext.training.recipe import Recipe

    recipe = Recipe.of(content)
    takes = detector_class(recipe.settings).takes
    kind = options.pop("kind", None)
    sides = (gather_side(str(folder / side), takes=takes, option=f"--{side}", kind=kind) for side in ("train", "val"))
    processes = Processes(device="cpu", precision=recipe.training.precision)
    reading = {name: options.pop(name) for name in ("short_video", "frame_interval") if name in options}
    return FineTuning(recipe, TrainingInputs(*sides, **reading), processes, workers=1, **options)


def environment() -> dict[str, str]:
    path = os.pathsep.join(filter(None, [str(ROOT), str(ROOT / "tests"), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}


def command(*options: object, processes: int = 1) -> list[str]:
    """The command line of a training on `train/` and `val/`."""
    launcher = ["-m", "torch.distributed.run", f"--nproc_per_node={processes}", "--standalone"] if processes > 1 else []
    said = ["--train", "train", "--val", "val", "--device", "cpu", "--workers", "1", *map(str, options)]
    return [sys.executable, *launcher, str(TRAIN_PY), *said]


def run(folder: Path, *options: object, processes: int = 1) -> subprocess.CompletedProcess[str]:
    """Train in a process of its own, inside `folder`."""
    return subprocess.run(
        command(*options, processes=processes),
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


def run_here(*options: object) -> Result:
    """Train in this process, inside the working directory."""
    from deepfakebench_ext.cli.train import train

    return CliRunner().invoke(train, command(*options)[2:])


def lines(run: Path) -> list[dict[str, Any]]:
    """The journal of a run, a record a line."""
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def losses(run: Path) -> list[float]:
    """The loss of each step."""
    return [line["loss"] for line in lines(run) if "loss" in line]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    """What a run or a folder of weights holds."""
    return load_file(folder / "model.safetensors")


def same(a: Mapping[str, torch.Tensor], b: Mapping[str, torch.Tensor]) -> bool:
    """Whether two states are equal bit for bit."""
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)
