"""Which weights are used, and whether a detector of them scores."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

from deepfakebench_ext.common.errors import ExtError
from deepfakebench_ext.common.notices import untrained_head
from deepfakebench_ext.common.types import Prediction, Sample
from deepfakebench_ext.engine.file_inputs import make_reader
from deepfakebench_ext.engine.predictor import predict
from deepfakebench_ext.models.options import DetectorOptions
from deepfakebench_ext.models.scoring import ScoringDetector, computing_text
from deepfakebench_ext.service.diagnosis.finding import Finding

_SIDE_PX = 256


def look_at_detector(options: DetectorOptions) -> Iterator[Finding]:
    """Yield which weights the options mean, what they are, and what a forward pass on a made picture gives."""
    try:
        detector = options.load(options.settings())
    except ExtError as error:
        yield Finding(name="weights", is_found=False, said=str(error), is_asked=True)
        return
    yield _weights(detector)
    yield _head(detector)
    order = detector.report.label_order
    yield Finding(name="label order", is_found=True, said=order.text(), is_asked=True, details=asdict(order))
    yield _forward(detector)


def _weights(detector: ScoringDetector) -> Finding:
    report = detector.report
    at = f" at {report.revision}" if report.revision else ""
    files = ", ".join(str(path) for path in detector.source.files) or "no file"
    said = (
        f"{detector.settings.model_name} from {report.source}{at} ({files}, sha256 {report.sha256}): "
        f"{report.matched} tensors matched, {len(report.renamed)} renamed, {len(report.missing)} missing"
    )
    details = {"detector": detector.settings.model_name, "takes": detector.takes, **asdict(report)}
    return Finding(name="weights", is_found=True, said=said, is_asked=True, details=details)


def _head(detector: ScoringDetector) -> Finding:
    if detector.report.head_trained:
        return Finding(name="head", is_found=True, said="trained: it came from the weights", is_asked=True)
    said = untrained_head(detector.report.source, detector.settings.seed).text
    return Finding(name="head", is_found=False, said=said, remedy="dfb-ext train --help, or name other weights")


def _forward(detector: ScoringDetector) -> Finding:
    where = computing_text(detector)
    what = "a made picture" if detector.takes == "image" else f"a made clip of {detector.clip_len} frames"
    try:
        with TemporaryDirectory(prefix="dfb_doctor_") as folder:
            sample = _made(Path(folder), detector)
            _scored(detector, sample)  # the first pass loads and tunes what the later ones use
            begun = time.perf_counter()
            scored = _scored(detector, sample)
            took_s = time.perf_counter() - begun
    except ExtError as error:
        return Finding(name="forward pass", is_found=False, said=str(error), is_asked=True)
    details = {"score": scored.score, "seconds": took_s, **detector.computing}
    if scored.score is None:
        return Finding(name="forward pass", is_found=False, said=scored.reason, is_asked=True, details=details)
    said = f"{what} in {took_s:.3f} s on {where}: P(fake) {scored.score:.4f}, which says nothing of the detector"
    return Finding(name="forward pass", is_found=True, said=said, is_asked=True, details=details)


def _scored(detector: ScoringDetector, sample: Sample) -> Prediction:
    reader = make_reader(detector, num_clips=None if detector.takes == "image" else 1)
    ((scored,),) = predict(detector, reader, [sample], batch_size=1, workers=1)
    return scored


def _made(folder: Path, detector: ScoringDetector) -> Sample:
    """A picture of soft colours, or as many of them as a clip has."""
    ramp = np.linspace(0, 255, _SIDE_PX)
    red, green = np.meshgrid(ramp, ramp)
    picture = Image.fromarray(np.stack([red, green, 255 - red], axis=-1).astype(np.uint8))
    frames = [folder / f"{number:04d}.png" for number in range(detector.clip_len)]
    for frame in frames:
        picture.save(frame)
    return Sample("made", str(frames[0] if detector.takes == "image" else folder))
