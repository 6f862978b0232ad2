"""`evaluate`: score samples with a detector and write the results. The command line calls nothing else."""

from __future__ import annotations

import logging
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from deepfakebench_ext.data.reading import Reader, is_video
from deepfakebench_ext.engine.loader import default_workers
from deepfakebench_ext.engine.predictor import default_batch_size, predict
from deepfakebench_ext.engine.run_directory import RunDirectory, digest_samples, fingerprint
from deepfakebench_ext.errors import ConfigError
from deepfakebench_ext.inputs import make_reader
from deepfakebench_ext.media.video import backend_name
from deepfakebench_ext.metrics.aggregation import aggregation_rule
from deepfakebench_ext.metrics.counts import Counts
from deepfakebench_ext.metrics.ranking import Figure, Level
from deepfakebench_ext.models.base import Detector
from deepfakebench_ext.models.loading import untrained_notice
from deepfakebench_ext.report.run_report import write_report
from deepfakebench_ext.types import Sample

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What an evaluation came to.

    Attributes:
        folder: The run directory with every file written.
        level: What the text is about: `video` where there are videos, else `frame` or `clip`.
        figures: Name with its level, such as `frame_auc`, to figure; of every level there is.
        counts: Level to numbers of samples.
        notices: Warnings that belong to the figures.
    """

    folder: Path
    level: Level
    figures: Mapping[str, Figure]
    counts: Mapping[Level, Counts]
    notices: tuple[str, ...]


def evaluate(
    detector: Detector,
    samples: Sequence[Sample],
    *,
    reader: Reader | None = None,
    aggregation: str = "mean",
    output_dir: str | Path = "inference_results",
    batch_size: int | None = None,
    workers: int | None = None,
    plots: bool = True,
    notices: Sequence[str] = (),
    record: Mapping[str, Any] | None = None,
) -> Evaluation:
    """Score `samples`, write a run directory, and return the figures.

    A run that was cut off goes on where it stopped, and ends with the same bytes.

    Example:
        >>> result = evaluate(load_detector(weights="demo.pth"), gather_samples("photos"))
        >>> result.figures["frame_auc"].value
        0.9682

    Args:
        detector: From `load_detector`.
        samples: From `gather_samples`; keys are unique.
        reader: From `make_reader`; None takes its defaults.
        aggregation: How the scores of a video's frames or clips come to one: `mean`, `median`, `max`, `topk:K`,
            `logit_mean`.
        output_dir: The run directory is created in it.
        batch_size: Images, frames or clips of a batch; None takes what suits the device.
        workers: Reading threads; None takes the CPUs, at most 8.
        plots: Draw ROC and PR curves, where matplotlib is installed.
        notices: Warnings to go with the figures, beside those found here.
        record: Further settings to write into `run.json`, such as the command line. They decide no score.

    Raises:
        ConfigError: No samples, or an option out of range.
        ModelError: Logits that are not finite.
        OutputError: Results that cannot be written; what was scored until then is kept.
    """
    batch_size = _at_least_one("batch_size", batch_size, default_batch_size(detector))
    workers = _at_least_one("workers", workers, default_workers())
    aggregation_rule(aggregation)
    if not samples:
        raise ConfigError("there is nothing to score: the list of samples is empty")
    reader = reader or make_reader(detector)
    settings = _settings(detector, reader, samples, batch_size)
    folder = Path(output_dir) / _run_name(detector, settings["fingerprint"])
    notices = [*([] if detector.report.head_trained else [untrained_notice(detector)]), *notices]
    with RunDirectory(folder, {**settings, **(record or {})}) as run:
        _score(detector, reader, samples, run, batch_size, workers)
        report = write_report(
            folder,
            samples,
            run.predictions,
            unit="frame" if detector.takes == "image" else "clip",
            by_video=any(sample.video is not None or is_video(sample) for sample in samples),
            aggregation=aggregation,
            title=detector.report.source,
            head="trained" if detector.report.head_trained else "untrained",
            notices=notices,
            plots=plots,
        )
    return Evaluation(folder, report.level, report.figures, report.counts, report.notices)


def _score(
    detector: Detector, reader: Reader, samples: Sequence[Sample], run: RunDirectory, batch_size: int, workers: int
) -> None:
    from tqdm import tqdm

    done, units = run.resume(samples, batch_size)
    if done or units:
        logger.info("going on after %d of %d samples that %s already holds", done, len(samples), run.folder)
    # disable=None: silent where stderr is not a terminal.
    with tqdm(total=len(samples), initial=done, unit="sample", disable=None, dynamic_ncols=True) as bar:
        key = samples[done].key if done < len(samples) else None
        for predictions in predict(
            detector, reader, samples[done:], batch_size=batch_size, workers=workers, skip=units
        ):
            run.append(predictions)
            for prediction in predictions:
                bar.update(prediction.key != key)
                key = prediction.key
        bar.update(bar.total - bar.n)
    run.complete()


def _settings(detector: Detector, reader: Reader, samples: Sequence[Sample], batch_size: int) -> dict[str, Any]:
    """Return what goes into `run.json`; all of it decides scores and so the fingerprint, which is added."""
    parameter = next(detector.backbone.parameters())
    settings = {
        "schema_version": 1,
        "detector": detector.settings.model_dump(mode="json"),
        "weights": asdict(detector.report),
        **reader.to_dict(),
        "device": parameter.device.type,
        "dtype": str(parameter.dtype).removeprefix("torch."),
        "batch_size": batch_size,
        "video_backend": backend_name() if any(map(is_video, samples)) else None,
        "samples": {"count": len(samples), "sha256": digest_samples(samples)},
        "versions": {name: version(name) for name in ("torch", "transformers", "numpy", "pillow")}
        | {"python": platform.python_version(), "deepfakebench-ext": _own_version()},
    }
    return {"fingerprint": fingerprint(settings), **settings}


def _own_version() -> str:
    from deepfakebench_ext import __version__

    return __version__


def _run_name(detector: Detector, digest: str) -> str:
    """Return `<detector>-<weights>-<8 hex digits>`; the digits tell runs of other settings apart."""
    source = detector.report.source.rstrip("/\\")
    stem = Path(source).stem if detector.report.kind == "file" else "-".join(source.replace("\\", "/").split("/")[-2:])
    words = f"{detector.settings.model_name}-{stem}"
    safe = "".join(c if c.isalnum() or c in "._-" else "_" for c in words)
    return f"{safe[:100]}-{digest[:8]}"


def _at_least_one(name: str, value: int | None, default: int) -> int:
    if value is None:
        return default
    if value < 1:
        raise ConfigError(f"--{name} {value} is not allowed: give 1 or more, or leave it out for {default}")
    return value
