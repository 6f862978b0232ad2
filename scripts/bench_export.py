#!/usr/bin/env python3
"""How fast exported networks are scored, against a bare loop of torch, on CLIP ViT-L/14 with random weights.

    python scripts/bench_export.py               # about 20 minutes on 2 cores, 7 GB of memory
    python scripts/bench_export.py tiny          # whether it works, in a minute

Ready 224-px crops through our evaluator, first file read to last score written, in OpenVINO, in onnxruntime,
and in OpenVINO's int8 behind its gate; each against a bare loop of torch, and of its own runtime. torch and OpenVINO
compute in bfloat16 where the CPU has it, onnxruntime in float32.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from bench_evaluator import TINY, bare_loop, compare, crops, evaluator
from bench_parts import VIT_L_14, detector
from PIL import Image

from deepfakebench_ext import gather_samples, load_detector
from deepfakebench_ext.common.errors import ModelError
from deepfakebench_ext.common.types import FAKE, Sample
from deepfakebench_ext.data.preprocess.transform import resize_and_crop
from deepfakebench_ext.exporting.apart import split
from deepfakebench_ext.exporting.int8 import export_int8
from deepfakebench_ext.media.image import read_rgb
from deepfakebench_ext.models.base import Detector
from deepfakebench_ext.models.export.export import export_detector
from deepfakebench_ext.models.runtimes.exported import ExportedDetector
from deepfakebench_ext.models.scoring import computing_text

_EACH, _MARGIN = 42, 6.0


def dark_and_bright(folder: Path, size: int) -> list[Sample]:
    """Labelled pictures of two kinds."""
    rng = np.random.default_rng(1)
    for label, lowest in (("real", 0), ("fake", 190)):
        (folder / label).mkdir(parents=True)
        for number in range(_EACH):
            pixels = rng.integers(lowest, lowest + 60, (size, size, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / label / f"{number}.png")
    return gather_samples(folder)


def taught(model: Detector, samples: list[Sample]) -> None:
    """Have the head tell these samples apart by their features' means, so that the gate has something to say."""
    with torch.inference_mode():
        pixels = np.stack([resize_and_crop(read_rgb(sample.path), model.preprocess) for sample in samples[::4]])
        features = torch.from_numpy(model.rows(pixels, model.preprocess, "features"))
    fake = torch.tensor([sample.label == FAKE for sample in samples[::4]])
    means = features[fake].mean(0), features[~fake].mean(0)
    direction = means[0] - means[1]
    direction = _MARGIN * direction / direction.square().sum()
    head = model.head
    head.weight.data = torch.stack((torch.zeros_like(direction), direction))
    head.bias.data = torch.stack((torch.zeros(()), -(direction @ (means[0] + means[1])) / 2))


def exported(folder: Path, architecture: dict[str, int]) -> dict[str, Detector | ExportedDetector]:
    """The detector in each form; int8 where it passes."""
    plain = detector(architecture, "float32")
    labelled = dark_and_bright(folder / "labelled", architecture["image_size"])
    taught(plain, labelled)
    for name in ("openvino", "onnx"):
        export_detector(plain, folder / name, name)
    try:
        export_int8(plain, folder / "int8", "openvino", *split(labelled))
    except ModelError as error:
        print(f"int8: {error}")
    names = [name for name in ("openvino", "onnx", "int8") if (folder / name).exists()]
    return {name: load_detector(folder / name / "detector.yaml") for name in names}


def main() -> None:
    """Print the ratios."""
    unknown = [name for name in sys.argv[1:] if name != "tiny"]
    if unknown:
        sys.exit(f"unknown {unknown[0]!r}; known is tiny")
    architecture = TINY if sys.argv[1:] else VIT_L_14
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        models = exported(folder, architecture)
        samples = crops(folder / "crops", 8 if sys.argv[1:] else 64, architecture["image_size"])
        images = (len(samples), len(samples))
        by_torch = bare_loop(detector(architecture, "auto"), samples)
        by_torch()
        for form, model in models.items():
            own = bare_loop(model, samples)
            own()
            what = f"{form:<8} ({computing_text(model)})"
            compare(f"{what} against torch", lambda model=model: evaluator(model, samples), by_torch, images=images)
            compare(f"{what} against itself", lambda model=model: evaluator(model, samples), own, images=images)


if __name__ == "__main__":
    main()
