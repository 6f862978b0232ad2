#!/usr/bin/env python3
"""What scoring one image costs, start to end: CPU seconds of `perf_huggingface.py` with a tiny network.

    python scripts/bench_start.py         # a minute

Medians of five, each a process of its own: by torch, by the runtimes from exported folders, and by weights that
`--runtime openvino` compiled before.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench_evaluator import ROUNDS, TINY, crops
from bench_parts import detector

from deepfakebench_ext.models.export.export import export_detector

COMMAND = Path(__file__).with_name("perf_huggingface.py")


def cpu_seconds(words: Sequence[str]) -> float:
    """CPU time of the evaluator's process, user and system."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, str(COMMAND), *words], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Print a median for each way to compute."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
        (photo,) = crops(folder / "photos", 1, TINY["image_size"])
        plain = detector(TINY, "float32")
        for format_ in ("state_dict", "onnx", "openvino"):
            export_detector(plain, folder / format_, format_)
        ways = {
            "weights, by torch": ("state_dict",),
            "an ONNX folder": ("onnx",),
            "an OpenVINO folder": ("openvino",),
            "weights, compiled before": ("state_dict", "--runtime", "openvino"),
        }
        for what, (weights, *how) in ways.items():
            words = ["--weights", str(folder / weights), "--image", str(photo.path), "--device", "cpu", *how]
            cpu_seconds([*words, "--output_dir", str(folder / "first")])
            took = [cpu_seconds([*words, "--output_dir", str(folder / f"{what} {at}")]) for at in range(ROUNDS)]
            print(f"{what:<25} {statistics.median(took):.2f} s of a CPU", flush=True)


if __name__ == "__main__":
    main()
