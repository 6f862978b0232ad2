#!/usr/bin/env python3
"""What a training costs, on random weights.

    python scripts/bench_training.py            # all of it
    python scripts/bench_training.py head       # one of: head, memory

head    ten epochs of `head` on 64 images, and 16 to validate, against one epoch: a CLIP of ViT-S/16's size. The
        backbone is frozen, so that it needs to be asked only once for each image.
memory  what `--dry_run` says of the memory that a training needs against the most that its first steps took, each in a
        process of its own: six modes in float32 and bfloat16, a ViT of six layers of width 384, 32 images a step.
        malloc gives all that is freed back to the system here; else a process holds on to a fifth to a half more.
"""

from __future__ import annotations

import gc
import logging
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from bench_parts import MEAN, STD, TINY, peak_kib, run_named
from PIL import Image

from deepfakebench_ext.engine.processes import Processes
from deepfakebench_ext.training.fine_tuning import FineTuning
from deepfakebench_ext.training.inputs import TrainingInputs, gather_side
from deepfakebench_ext.training.recipe import Recipe

VIT_S_16 = {
    "hidden_size": 384,
    "intermediate_size": 1536,
    "num_hidden_layers": 12,
    "num_attention_heads": 6,
    "image_size": 224,
    "patch_size": 16,
    "projection_dim": 512,
}


MEMORY = {**VIT_S_16, "num_hidden_layers": 6, "image_size": 112}
MODES = ("head", "layernorm", "partial", "svd", "lora", "full")


def pictures(folder: Path, count: int) -> str:
    """`count` face crops of 224 px, half of them in real/ and half in fake/."""
    rng = np.random.default_rng(count)
    for index in range(count):
        path = folder / ("real" if index % 2 else "fake") / f"{index:05d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        small = Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8))
        small.resize((224, 224), Image.Resampling.BICUBIC).save(path, quality=90)
    return str(folder)


def tuning(folder: Path, architecture: dict[str, int], mode: str, **training: object) -> FineTuning:
    """A training on the pictures of `train/` and `val/` of a folder."""
    values = {"model_name": "huggingface_clip", "architecture": architecture, "mean": MEAN, "std": STD}
    values |= {"resolution": architecture["image_size"], "tuning": {"mode": mode}, "training": training}
    recipe = Recipe.of(values)
    sides = [gather_side(str(folder / side), takes="image", option=f"--{side}") for side in ("train", "val")]
    return FineTuning(recipe, TrainingInputs(*sides), Processes(precision=recipe.training.precision), workers=2)


def head(folder: Path) -> None:
    """Print what one and ten epochs cost, each with the writing and the check of its files."""
    logging.disable(logging.WARNING)
    pictures(folder / "train", 64)
    pictures(folder / "val", 16)
    tuning(folder, VIT_S_16, "head", epochs=1).run(folder / "warm")
    took = {}
    for epochs in (1, 10):
        made = tuning(folder, VIT_S_16, "head", epochs=epochs)
        began = time.process_time()
        made.run(folder / f"run{epochs}")
        took[epochs] = time.process_time() - began
    print(f"head: 1 epoch {took[1]:.1f} CPU seconds, 10 epochs {took[10]:.1f}, {took[10] / took[1]:.2f} times")


def memory(folder: Path) -> None:
    """Print, for each mode and precision, MiB that were said, MiB that were taken, and their ratio."""
    how = {
        "check": True,
        "capture_output": True,
        "text": True,
        "env": {**os.environ, "MALLOC_MMAP_THRESHOLD_": "262144"},
    }
    for precision in ("float32", "bfloat16"):
        for mode in MODES:
            command = [sys.executable, __file__, "--taken", mode, precision]
            said, taken = map(float, subprocess.run(command, **how).stdout.split())
            print(f"memory: {mode:<9} {precision:<8} said {said:6.0f} taken {taken:6.0f}, {said / taken:.2f} times")


def print_taken(mode: str, precision: str) -> None:
    """Print the MiB that the dry run says, and those that the process grew by at most while it took three steps."""
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pictures(folder / "train", 64)
        pictures(folder / "val", 4)
        recipe = {"batch_size": 32, "precision": precision, "augmentation": {}}
        _steps(tuning(folder, TINY, mode, **recipe))  # what is loaded on first use
        gc.collect()
        before = _resident_kib()
        made = tuning(folder, MEMORY, mode, **recipe)
        said = made.plan().memory.total
        gc.collect()
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins here
        _steps(made)
        taken = peak_kib() - before
        print(said / 2**20, taken / 2**10)


def _steps(made: FineTuning) -> None:
    """Three steps, without validation and files."""
    stepper = made._stepper
    stepper.rebuild()
    made.detector.train()
    for number, batch in enumerate((*made.data.batches(0, batch_size=32, workers=1),) * 2):
        if number < 3:
            stepper.step([batch], number, 1.0)


def _resident_kib() -> int:
    return int(Path("/proc/self/status").read_text().split("VmRSS:")[1].split()[0])


if __name__ == "__main__":
    if sys.argv[1:2] == ["--taken"]:
        print_taken(*sys.argv[2:])
    else:
        run_named({"head": head, "memory": memory})
