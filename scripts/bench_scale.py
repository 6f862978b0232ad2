#!/usr/bin/env python3
"""What it costs to share an evaluation out, on CLIP ViT-B/16 with random weights and on a scorer that costs nothing.

    python scripts/bench_scale.py                       # all three, about 40 minutes on 2 cores
    SAMPLES=100000 python scripts/bench_scale.py samples
    TINY=1 IMAGES=64 python scripts/bench_scale.py processes   # whether it runs, on a network that costs nothing

processes   images a second of 2 processes with a thread each against one process with 2 threads. 1.0 is no loss.
samples     what a sample costs beside its score, and the memory of the process, of 10^6 images in a manifest (1,000
            files under many names): reading the manifest, the fingerprint, scoring alone, and scoring by parts.
simulation  efficiency of 64 workers on 20,000 videos of skewed lengths, by the seconds that each video took here.
"""

from __future__ import annotations

import heapq
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Generator, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from bench_parts import TINY, VIT_L_14, detector, peak_kib, run_named, seconds
from PIL import Image

from deepfakebench_ext.common.choices import Level
from deepfakebench_ext.common.notices import Notice
from deepfakebench_ext.common.types import Prediction, Sample
from deepfakebench_ext.data.samples.manifest import read_manifest
from deepfakebench_ext.engine.file_inputs import gather_samples, make_reader
from deepfakebench_ext.engine.parts import Parts
from deepfakebench_ext.engine.run_directory import fingerprint
from deepfakebench_ext.engine.scorer import NetworkScorer, samples_record
from deepfakebench_ext.evaluation.evaluate import Scoring
from deepfakebench_ext.evaluation.plan import Plan
from deepfakebench_ext.evaluation.sharing import score_parts
from deepfakebench_ext.models.stored_thresholds import Stored

VIT_B_16 = {**VIT_L_14, "hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "patch_size": 16}
VIT_B_16["num_attention_heads"] = 12
IMAGES = int(os.environ.get("IMAGES", "2048"))
SAMPLES = int(os.environ.get("SAMPLES", "1000000"))
PARTS, VIDEOS, WORKERS = 8, 20_000, 64


def noise(path: Path, seed: int, size: int) -> None:
    """Write a picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(pixels).resize((size, size)).save(path, quality=90)


def processes(folder: Path) -> None:
    """Print how much of one process's speed two processes keep."""
    for number in range(IMAGES):
        noise(folder / f"photos/{number:05d}.jpg", number, 224)
    rates = {count: _rate(folder, count) for count in (1, 2)}
    print(
        f"processes    2 with a thread each / 1 with 2 threads: {rates[2] / rates[1]:.3f}  ({rates[2]:.2f} and "
        f"{rates[1]:.2f} images a second)",
        flush=True,
    )


def _rate(folder: Path, count: int) -> float:
    command = [sys.executable, __file__, "--worker", str(folder), str(count)]
    environment = {**os.environ, "OMP_NUM_THREADS": str(2 // count)}
    running = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(count)]
    spans = [json.loads(process.communicate()[0].splitlines()[-1]) for process in running]
    took_s: float = max(end for _, end in spans) - min(begin for begin, _ in spans)
    return IMAGES / took_s


def worker(folder: Path, count: int) -> None:
    """Score parts beside others, from when all are ready; print when this began and ended."""
    model = detector(TINY if os.environ.get("TINY") else VIT_B_16, "float32")
    model({"image": torch.zeros(4, 3, 224, 224)}, inference=True)
    samples = gather_samples(folder / "photos")
    plan = Plan.of(NetworkScorer(model, make_reader(model)), samples, output_dir=folder / f"of_{count}", workers=1)
    # Of few images there would be fewer parts than processes, and all processes end with a part.
    plan = replace(plan, parts=Parts(samples, range(0, IMAGES, max(4, IMAGES // PARTS))))
    ready = folder / f"ready_{count}"
    ready.mkdir(exist_ok=True)
    (ready / str(os.getpid())).touch()
    while len(list(ready.iterdir())) < count:
        time.sleep(0.1)
    begin = time.time()
    score_parts(plan)
    print(json.dumps([begin, time.time()]))


class FreeScorer:
    """A scorer that costs nothing, over images that are named as files are."""

    name = title = "free"
    is_trained = True
    default_batch_size = 64
    default_workers = 1

    def __init__(self) -> None:
        """Have no thresholds."""
        self.stored_thresholds: Stored = {}

    def unit(self, samples: Sequence[Sample]) -> Level:
        """Return what a score is of."""
        return "frame"

    def settings(self, samples: Sequence[Sample], batch_size: int) -> dict[str, Any]:
        """Return what a network's runs have of samples."""
        record = samples_record(samples, lambda sample: [sample.file])
        return {"fingerprint": fingerprint(record), "samples": record, "batch_size": batch_size}

    def notices(self, samples: Sequence[Sample]) -> list[Notice]:
        """Return nothing."""
        return []

    def predict(
        self,
        samples: Sequence[Sample],
        *,
        batch_size: int,
        workers: int,
        skip: int,
        parts: Iterable[Sequence[Sample]],
    ) -> Generator[list[Prediction], None, None]:
        """Yield one score for all."""
        for part in parts:
            for at in range(0, len(part), batch_size):
                yield [Prediction(sample.key, 0.25) for sample in part[at : at + batch_size]]


def samples(folder: Path) -> None:
    """Print what a sample costs beside its score."""
    for number in range(1000):
        noise(folder / f"files/{number:03d}.jpg", number, 32)
    with (folder / "all.csv").open("w") as file:
        file.write("path,label\n")
        for number in range(SAMPLES):
            if number % 1000 == 0:
                (folder / f"{number // 1000:05d}").symlink_to("files")
            file.write(f"{number // 1000:05d}/{number % 1000:03d}.jpg,{number % 2}\n")
    for kind in ("alone", "parts"):
        command = [sys.executable, __file__, "--samples", str(folder), kind]
        print(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1], flush=True)


def one_way(folder: Path, kind: str) -> None:
    """Print what each step costs for a sample."""
    found: dict[str, Any] = {}
    steps = {"manifest": lambda: found.update(samples=read_manifest(folder / "all.csv", kind="image"))}
    steps["plan"] = lambda: found.update(plan=Plan.of(FreeScorer(), found["samples"], output_dir=folder / kind))
    steps["score"] = lambda: _score(found["plan"], is_shared=kind == "parts")
    before_s = time.process_time()
    took = {name: seconds(step) for name, step in steps.items()}
    cpu_s = time.process_time() - before_s
    each = ", ".join(f"{name} {took_s / SAMPLES * 1e6:.1f}" for name, took_s in took.items())
    print(
        f"samples      {kind}: {sum(took.values()) / SAMPLES * 1e3:.4f} ms a sample, {cpu_s / SAMPLES * 1e3:.4f} ms of "
        f"CPU (microseconds: {each}), "
        f"{peak_kib() / 1024:.0f} MiB at most, of {SAMPLES:,} samples"
    )


def _score(plan: Plan, *, is_shared: bool) -> None:
    with Scoring(plan, is_shared=is_shared) as scoring:
        scoring.to_the_end()


def simulation(folder: Path) -> None:
    """Print the share of their time that workers compute, where each takes the next part."""
    each_s, base_s = _seconds_a_frame(folder)
    lengths = np.random.default_rng(0).lognormal(mean=5.5, sigma=1.0, size=VIDEOS)  # median 245 frames, 1 % above 2,500
    # All frames of a video are decoded up to the last that is taken; 32 of them go through the network.
    took = base_s + each_s * lengths
    videos = [Sample(f"{number}.mp4", f"{number}.mp4") for number in range(VIDEOS)]
    parts = Parts.of(videos, 32)
    ends = [*parts.starts[1:], VIDEOS]
    part_s = [float(took[start:end].sum()) for start, end in zip(parts.starts, ends, strict=True)]
    busy = [0.0] * WORKERS
    for length_s in part_s:
        heapq.heapreplace(busy, busy[0] + length_s)
    static = [sum(part_s[first::WORKERS]) for first in range(WORKERS)]
    print(
        f"simulation   {WORKERS} workers, {VIDEOS:,} videos, {len(parts)} parts of {statistics.median(part_s):.0f} s "
        f"(median): efficiency {sum(part_s) / WORKERS / max(busy):.3f} taking the next part, "
        f"{sum(part_s) / WORKERS / max(static):.3f} as shards"
    )


def _seconds_a_frame(folder: Path) -> tuple[float, float]:
    """Seconds to decode a frame here, and to put 32 through the network."""
    import cv2

    path = folder / "film.mp4"
    film = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 25, (640, 360))
    frames = np.random.default_rng(0).integers(0, 256, (10, 360, 640, 3), dtype=np.uint8)
    for number in range(250):
        film.write(frames[number % 10])
    film.release()
    model = detector(VIT_B_16, "float32")
    read = make_reader(model)
    decode_s = seconds(lambda: list(read.units(Sample("film.mp4", str(path)))))
    network_s = seconds(lambda: [model({"image": torch.zeros(4, 3, 224, 224)}, inference=True) for _ in range(8)])
    return decode_s / 250, network_s


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        worker(Path(sys.argv[2]), int(sys.argv[3]))
    elif sys.argv[1:2] == ["--samples"]:
        one_way(Path(sys.argv[2]), sys.argv[3])
    else:
        run_named({"processes": processes, "samples": samples, "simulation": simulation})
