#!/usr/bin/env python3
"""What a training costs, on random weights.

    python scripts/bench_training.py            # all of it
    python scripts/bench_training.py head       # one of: head

head    ten epochs of `head` on 64 images, and 16 to validate, against one epoch: a CLIP of ViT-S/16's size. The
        backbone is frozen, so that it needs to be asked only once for each image.
"""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
from bench_parts import MEAN, STD, run_named, seconds
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
    """Print how long one and ten epochs take, each with the writing and the check of its files."""
    logging.disable(logging.WARNING)
    pictures(folder / "train", 64)
    pictures(folder / "val", 16)
    tuning(folder, VIT_S_16, "head", epochs=1).run(folder / "warm")
    took = {}
    for epochs in (1, 10):
        made = tuning(folder, VIT_S_16, "head", epochs=epochs)
        took[epochs] = seconds(lambda made=made, epochs=epochs: made.run(folder / f"run{epochs}"))
    print(f"head: 1 epoch {took[1]:.1f} s, 10 epochs {took[10]:.1f} s, {took[10] / took[1]:.2f} times")


if __name__ == "__main__":
    run_named({"head": head})
