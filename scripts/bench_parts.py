"""What the benchmarks share: CLIP of ViT-L/14's size with random weights, time, peak memory, and which are run."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import torch

from deepfakebench_ext.models.base import Detector
from deepfakebench_ext.models.loading import load_torch_detector
from deepfakebench_ext.models.runtimes.exported import ExportedDetector
from deepfakebench_ext.models.runtimes.session import Array

VIT_L_14 = {
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "image_size": 224,
    "patch_size": 14,
    "projection_dim": 768,
}
TINY = {**VIT_L_14, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2}
MEAN, STD = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]


def detector(architecture: dict[str, int], dtype: str = "auto") -> Detector:
    """A random CLIP of that architecture, as any weights would be loaded."""
    values = {"model_name": "huggingface_clip", "architecture": architecture, "mean": MEAN, "std": STD}
    return load_torch_detector({**values, "resolution": architecture["image_size"]}, dtype=dtype)


def opened(model: ExportedDetector) -> Callable[[Array], object]:
    """An exported network as its runtime opens it by itself: one batch at a time, on all cores."""
    if model.session.runtime == "onnxruntime":
        return model.session
    import openvino

    precision = "bf16" if "bfloat16" in model.session.precision else "f32"
    how = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": torch.get_num_threads()}
    compiled: Callable[[Array], object] = openvino.Core().compile_model(str(model.source.files[0]), "CPU", how)
    return compiled


def seconds(work: Callable[[], object]) -> float:
    """Time one call of `work`."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def both_seconds(work: Callable[[], object]) -> tuple[float, float]:
    """Time one call of `work`: by the clock, and what all threads of this process computed."""
    start = time.process_time()
    by_clock = seconds(work)
    return by_clock, time.process_time() - start


def peak_kib() -> int:
    """Peak resident memory of this process.

    Not getrusage: its maximum begins with that of the process which started this one.
    """
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])


def run_named(benchmarks: Mapping[str, Callable[[Path], None]]) -> None:
    """Run the benchmarks named on the command line, or all, each in a folder of its own."""
    unknown = [name for name in sys.argv[1:] if name not in benchmarks]
    if unknown:
        sys.exit(f"unknown benchmark {unknown[0]!r}; known are {', '.join(benchmarks)}")
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()}")
    for name in sys.argv[1:] or benchmarks:
        with tempfile.TemporaryDirectory() as folder:
            benchmarks[name](Path(folder))
