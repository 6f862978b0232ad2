#!/usr/bin/env python3
"""How fast exported networks are scored, against bare loops of torch and of themselves; networks have random weights.

    python scripts/bench_export.py                    # all, about an hour on 2 cores, 7 GB of memory
    python scripts/bench_export.py openvino int8      # some of: openvino, onnx, int8, onnx_int8, clips, clips_int8
    python scripts/bench_export.py tiny               # whether all of it works, in some minutes; or: tiny int8

openvino, onnx       CLIP ViT-L/14 over ready 224-px crops through our evaluator, first file read to last score written,
                     against a bare loop of torch and one of its own runtime; and over 512-px pictures against the older
                     tool's way, as in bench_evaluator.py.
int8, onnx_int8      the same in int8, behind the gate, which the head is taught to pass.
clips, clips_int8    VideoMAE-B over clips of ready 224-px frames, in OpenVINO.

torch and OpenVINO compute in bfloat16 where the CPU has it, onnxruntime in float32; the older way in float32.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

import numpy as np
import torch
from bench_evaluator import bare_loop, compare, crops, evaluator, older_tool
from bench_parts import TINY, VIT_L_14, detector, opened
from PIL import Image

from deepfakebench_ext import evaluate, gather_samples
from deepfakebench_ext.common.errors import ModelError
from deepfakebench_ext.common.types import FAKE, Sample
from deepfakebench_ext.data.preprocess.normalising import normalised
from deepfakebench_ext.engine.file_inputs import make_reader
from deepfakebench_ext.exporting.apart import split
from deepfakebench_ext.exporting.int8 import export_int8
from deepfakebench_ext.models.base import Detector
from deepfakebench_ext.models.config import load_config
from deepfakebench_ext.models.export.export import export_detector
from deepfakebench_ext.models.export.record import Format
from deepfakebench_ext.models.loading import load_torch_detector
from deepfakebench_ext.models.runtimes.exported import ExportedDetector
from deepfakebench_ext.models.scoring import Rows, computing_text
from deepfakebench_ext.models.weights.source import resolve_weights

Scoring: TypeAlias = Detector | ExportedDetector
VIDEOMAE_B = {
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "image_size": 224,
    "patch_size": 16,
    "num_frames": 16,
    "tubelet_size": 2,
}
TINY_VIDEO = {
    **VIDEOMAE_B,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
}
_LABELLED, _MARGIN = 42, 6.0
# Of the calibration's half; more would make a random network's int8 no better.
_CALIBRATED_ON = 10


@dataclass(frozen=True, slots=True)
class Case:
    """One export, and what is scored with it.

    Attributes:
        format: Of the export.
        is_int8: Whether it is quantised.
        video: Whether it is VideoMAE's.
    """

    format: Format
    is_int8: bool = False
    video: bool = False

    def plain(self, is_tiny: bool, dtype: str) -> Detector:
        """The detector, of random weights."""
        if not self.video:
            return detector(TINY if is_tiny else VIT_L_14, dtype)
        architecture = TINY_VIDEO if is_tiny else VIDEOMAE_B
        values = {"model_name": "huggingface_videomae", "architecture": architecture, "mean": [0.5] * 3}
        return load_torch_detector({**values, "std": [0.5] * 3, "resolution": architecture["image_size"]}, dtype=dtype)


CASES = {
    "openvino": Case("openvino"),
    "onnx": Case("onnx"),
    "int8": Case("openvino", is_int8=True),
    "onnx_int8": Case("onnx", is_int8=True),
    "clips": Case("openvino", video=True),
    "clips_int8": Case("openvino", is_int8=True, video=True),
}


def dark_and_bright(folder: Path, model: Detector) -> list[Sample]:
    """Labelled pictures, or clips, of two kinds that differ in brightness."""
    rng, size = np.random.default_rng(1), model.input_size[0]
    for label, lowest in (("real", 0), ("fake", 190)):
        for number in range(_LABELLED):
            names = (
                [f"{number}.png"] if model.takes == "image" else [f"{number}/{i}.png" for i in range(model.clip_len)]
            )
            for name in names:
                path = folder / label / name
                path.parent.mkdir(parents=True, exist_ok=True)
                pixels = rng.integers(lowest, lowest + 60, (size, size, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(path, compress_level=1)
    return _gathered(folder, model)


def _gathered(folder: Path, model: Scoring) -> list[Sample]:
    return gather_samples(folder) if model.takes == "image" else gather_samples(video=folder)


def prepared(model: Scoring, samples: list[Sample]) -> Iterator[Rows]:
    """What the network is given of each sample, (1, ...)."""
    reader = make_reader(model, **({"num_clips": 1} if model.takes == "video" else {}))
    for sample in samples:
        for unit in islice(reader.units(sample), 1):
            yield normalised(np.asarray(unit.pixels)[None], model.preprocess)


def taught(model: Detector, samples: list[Sample]) -> None:
    """Have the head tell these samples apart by their features' means, so that the gate has something to say."""
    inputs = [torch.from_numpy(each) for each in prepared(model, samples[::4])]
    with torch.inference_mode():
        features = torch.cat([model.features({"image": each}) for each in inputs])
    fake = torch.tensor([sample.label == FAKE for sample in samples[::4]])
    means = features[fake].mean(0), features[~fake].mean(0)
    direction = means[0] - means[1]
    direction = _MARGIN * direction / direction.square().sum()
    head = model.head
    head.weight.data = torch.stack((torch.zeros_like(direction), direction))
    head.bias.data = torch.stack((torch.zeros(()), -(direction @ (means[0] + means[1])) / 2))


def exported(case: Case, folder: Path, is_tiny: bool) -> ExportedDetector:
    """The detector as it is exported, and loaded again.

    Raises:
        ModelError: It is not equal, or does not pass the gate.
    """
    plain = case.plain(is_tiny, "float32")
    if case.is_int8:
        labelled = dark_and_bright(folder / "labelled", plain)
        taught(plain, labelled)
        calibration, gate = split(labelled)
        calibration = calibration[:: len(calibration) // _CALIBRATED_ON]
        record = export_int8(plain, folder / "exported", case.format, calibration, gate)
        print(f"gate: {record.gate.how if record.gate else ''}: {record.gate.text() if record.gate else ''}")
    else:
        record = export_detector(plain, folder / "exported", case.format)
    for parity in record.parity:
        print(f"parity: {parity.runtime}, {parity.precision}: {parity.worst.text()}", flush=True)
    config = load_config(folder / "exported" / "detector.yaml")
    return ExportedDetector(config, source=resolve_weights(str(folder / "exported")))


def films(folder: Path, count: int, model: Scoring) -> list[Sample]:
    """Clips of ready frames, each as long as the network takes it."""
    pictures = crops(folder / "crops", count * model.clip_len, model.input_size[0])
    for number, sample in enumerate(pictures):
        film, frame = divmod(number, model.clip_len)
        path = folder / "films" / ("real" if film % 2 else "fake") / f"{film:03d}" / f"{frame:03d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.hardlink_to(sample.path)
    return _gathered(folder / "films", model)


def clips_loop(model: Scoring, samples: list[Sample]) -> Callable[[], object]:
    """Forward passes over the same clips, read and prepared beforehand, one by one as the evaluator's batches are."""
    batches = list(prepared(model, samples))
    session = opened(model) if isinstance(model, ExportedDetector) else None

    def run() -> None:
        with torch.inference_mode():
            for batch in batches:
                if session is not None:
                    session(batch)
                else:
                    model({"image": torch.from_numpy(batch)})

    return run


def evaluated_clips(model: Scoring, samples: list[Sample]) -> None:
    """Score one clip a film as the command does, results and all."""
    with TemporaryDirectory() as folder:
        evaluate(model, samples, reader=make_reader(model, num_clips=1), output_dir=folder, plots=False)


def run_case(name: str, is_tiny: bool, folder: Path) -> None:
    """Print the ratios of one export."""
    case = CASES[name]
    model = exported(case, folder, is_tiny)
    what, number = f"{name:<10} ({computing_text(model)})", 8 if is_tiny else 64
    ours: Callable[[Scoring, list[Sample]], None] = evaluator
    loop: Callable[[Scoring, list[Sample]], Callable[[], object]] = bare_loop
    if case.video:
        samples = films(folder, number // 4, model)
        ours, loop = evaluated_clips, clips_loop
    else:
        samples = crops(folder / "crops", number, model.input_size[0])
    both = (len(samples), len(samples))
    for against, other in (("torch", case.plain(is_tiny, "auto")), ("itself", model)):
        theirs = loop(other, samples)
        theirs()
        compare(f"{what} against {against}", lambda: ours(model, samples), theirs, images=both)
    if not case.video:
        photos = crops(folder / "photos", number, 512)
        few = photos[::8]
        older = older_tool(case.plain(is_tiny, "float32"), few)
        older()
        compare(f"{what} against the older way", lambda: evaluator(model, photos), older, images=(number, len(few)))


def main() -> None:
    """Run what is named on the command line, or all."""
    asked: list[Any] = [name for name in sys.argv[1:] if name != "tiny"]
    if unknown := [name for name in asked if name not in CASES]:
        sys.exit(f"unknown {unknown[0]!r}; known are {', '.join(CASES)}, and tiny beside them")
    for name in asked or CASES:
        with TemporaryDirectory() as folder:
            try:
                run_case(name, "tiny" in sys.argv[1:], Path(folder))
            except ModelError as error:  # not equal, or refused by the gate: a figure too
                print(f"{name}: {error}", flush=True)


if __name__ == "__main__":
    main()
