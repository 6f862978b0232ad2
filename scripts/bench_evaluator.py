#!/usr/bin/env python3
"""How fast the evaluator is, as ratios measured side by side in one run, on CLIP ViT-L/14 with random weights.

    python scripts/bench_evaluator.py            # all, about 9 minutes on 2 cores
    python scripts/bench_evaluator.py memory     # one of: loop, older, memory, convolutions

loop    the evaluator over ready 224-px crops, from the first file read to the last score written, against a bare loop
        of forward passes over the same pixels in the same batches and type. 1.0 means that all else costs nothing.
older   against the older tool's way: one image at a time, float32, tensor to PIL and through the processor.
memory  peak resident memory over 20,000 small images against that over 2,000, each in a process of its own.
convolutions
        ResNet-50 and ConvNeXt-T in bfloat16: forward passes as they are loaded, channels last, against channels first.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from bench_parts import MEAN, STD, VIT_L_14, detector, opened, peak_kib, run_named, seconds
from PIL import Image

from deepfakebench_ext import evaluate, gather_samples
from deepfakebench_ext.common.types import Sample
from deepfakebench_ext.data.preprocess.in_torch import normalise
from deepfakebench_ext.data.preprocess.transform import resize_and_crop
from deepfakebench_ext.engine.predictor import default_batch_size
from deepfakebench_ext.media.image import read_rgb
from deepfakebench_ext.models.base import Detector
from deepfakebench_ext.models.loading import load_torch_detector
from deepfakebench_ext.models.runtimes.exported import ExportedDetector

TINY = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "image_size": 32,
    "patch_size": 16,
}
ROUNDS = 5


def crops(folder: Path, count: int, size: int) -> list[Sample]:
    """`count` JPEG crops, half of them in real/ and half in fake/."""
    rng = np.random.default_rng(0)
    for index in range(count):
        path = folder / ("real" if index % 2 else "fake") / f"{index:05d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        small = Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8))
        small.resize((size, size), Image.Resampling.BICUBIC).save(path, quality=90)
    return gather_samples(folder)


def evaluator(model: Detector | ExportedDetector, samples: list[Sample]) -> None:
    """Score `samples` as the command does, results and all."""
    with tempfile.TemporaryDirectory() as folder:
        evaluate(model, samples, output_dir=folder, plots=False)


def bare_loop(model: Detector | ExportedDetector, samples: list[Sample]) -> Callable[[], object]:
    """Forward passes over the same pixels, read and prepared beforehand."""
    size = default_batch_size(model)
    pixels = [resize_and_crop(read_rgb(sample.path), model.preprocess) for sample in samples]
    stacks = [torch.from_numpy(np.stack(pixels[i : i + size])) for i in range(0, len(pixels), size)]
    batches = [normalise(stack, model.preprocess) for stack in stacks]
    session = opened(model) if isinstance(model, ExportedDetector) else None

    def run() -> None:
        with torch.inference_mode():
            for batch in batches:
                if session is not None:
                    session(batch.numpy())
                else:
                    model({"image": batch})

    return run


def older_tool(model: Detector, samples: list[Sample]) -> Callable[[], object]:
    """One image at a time: read, to a tensor, back to PIL, through transformers' processor, float32."""
    from transformers import CLIPImageProcessor

    processor = CLIPImageProcessor(image_mean=MEAN, image_std=STD)

    def run() -> None:
        for sample in samples:
            tensor = torch.from_numpy(np.array(Image.open(sample.path).convert("RGB"))).permute(2, 0, 1) / 255
            image = Image.fromarray((tensor.permute(1, 2, 0).numpy() * 255).astype(np.uint8))
            with torch.no_grad():
                model({"image": processor(images=image, return_tensors="pt")["pixel_values"]})

    return run


def compare(name: str, ours: Callable[[], object], theirs: Callable[[], object], *, images: tuple[int, int]) -> None:
    """Time both in turn, `ROUNDS` times, and print the median of the ratios of their times for an image."""
    ours_s, theirs_s = [], []
    for _ in range(ROUNDS):
        theirs_s.append(seconds(theirs) / images[1])
        ours_s.append(seconds(ours) / images[0])
    ratios = [b / a for a, b in zip(ours_s, theirs_s, strict=True)]
    print(
        f"{name}: {statistics.median(ratios):.3f}  (evaluator {statistics.median(ours_s) * 1000:.0f} ms an image, the "
        f"other {statistics.median(theirs_s) * 1000:.0f} ms; ratios {', '.join(f'{r:.3f}' for r in ratios)})",
        flush=True,
    )


def loop(folder: Path) -> None:
    """Print how near the evaluator comes to a bare loop."""
    samples, model = crops(folder / "crops", 64, 224), detector(VIT_L_14, "auto")
    theirs = bare_loop(model, samples)
    theirs()
    compare(
        "loop    speed of the evaluator / speed of a bare loop",
        lambda: evaluator(model, samples),
        theirs,
        images=(64, 64),
    )


def older(folder: Path) -> None:
    """Print how many times faster the evaluator is than the older way."""
    samples = crops(folder / "photos", 64, 512)
    ours, theirs = detector(VIT_L_14, "auto"), detector(VIT_L_14, "float32")
    few = samples[::8]
    run = older_tool(theirs, few)
    run()
    compare(
        "older   speed of the evaluator / speed of the older way",
        lambda: evaluator(ours, samples),
        run,
        images=(64, len(few)),
    )


def memory(folder: Path) -> None:
    """Print how much more memory ten times the images take."""
    crops(folder / "many", 20_000, 32)
    few = folder / "few"
    for path in gather_samples(folder / "many")[::10]:
        target = few / path.key
        target.parent.mkdir(parents=True, exist_ok=True)
        target.hardlink_to(path.path)
    peaks = [_peak(few), _peak(folder / "many")]
    more = peaks[1] - peaks[0]
    print(f"memory  peak over 20,000 images {peaks[1]:.0f} MB, 2,000 {peaks[0]:.0f} MB: {more:+.0f} MB", flush=True)


def _peak(folder: Path) -> float:
    done = subprocess.run([sys.executable, __file__, "--peak", str(folder)], check=True, capture_output=True, text=True)
    return float(done.stdout)


def print_peak(folder: Path) -> None:
    """Evaluate `folder` with a tiny detector and print this process's peak resident memory in MB."""
    evaluator(detector(TINY, "float32"), gather_samples(folder))
    print(peak_kib() / 1024)


def convolutions(folder: Path) -> None:
    """Print how many times faster networks of convolutions are with channels last."""
    import transformers

    for family in ("ResNet", "ConvNext"):
        network = getattr(transformers, f"{family}ForImageClassification")
        config = getattr(transformers, f"{family}Config")(id2label={0: "real", 1: "fake"})
        network(config).save_pretrained(folder / family)
        values = {"model_name": "huggingface_image", "mean": MEAN, "std": STD, "resolution": 224}
        last, first = (load_torch_detector(values, str(folder / family), dtype="bfloat16") for _ in range(2))
        for part in first.modules():
            if isinstance(part, torch.nn.Conv2d):
                part.to(memory_format=torch.contiguous_format)
        samples = crops(folder / "crops", 32, 224)
        ours, theirs = bare_loop(last, samples), bare_loop(first, samples)
        ours(), theirs()
        compare(f"convolutions, {family}: channels last / channels first", ours, theirs, images=(32, 32))


def main() -> None:
    """Run the benchmarks named on the command line, or all."""
    benchmarks = {"loop": loop, "older": older, "memory": memory, "convolutions": convolutions}
    if sys.argv[1:2] == ["--peak"]:
        print_peak(Path(sys.argv[2]))
        return
    run_named(benchmarks)


if __name__ == "__main__":
    main()
