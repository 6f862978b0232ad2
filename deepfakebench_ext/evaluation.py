"""`evaluate`: score samples with a detector and write the results. The command line calls nothing else."""

from __future__ import annotations

import logging
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from deepfakebench_ext.data.samples import collect_images, limit_samples, read_manifest
from deepfakebench_ext.engine.loader import default_workers
from deepfakebench_ext.engine.predictor import default_batch_size, predict
from deepfakebench_ext.engine.run_directory import RunDirectory, digest_samples, fingerprint
from deepfakebench_ext.errors import ConfigError, MissingExtraError
from deepfakebench_ext.metrics.counts import Counts, count_samples
from deepfakebench_ext.metrics.ranking import Figure, Level, binary_figures
from deepfakebench_ext.models.base import Detector
from deepfakebench_ext.models.loading import untrained_notice
from deepfakebench_ext.report.plots import write_curves
from deepfakebench_ext.report.results_text import write_results_text
from deepfakebench_ext.report.tables import Head, Row, write_metrics_json, write_scores_csv
from deepfakebench_ext.types import Sample

logger = logging.getLogger(__name__)

RESULTS_TEXT = "inference_results_huggingface.txt"
SCORES, METRICS, CURVES = "scores.csv", "metrics.json", "curves.png"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What an evaluation came to.

    Attributes:
        folder: The run directory with every file written.
        level: What one score stands for.
        figures: Name with its level, such as `frame_auc`, to figure.
        counts: Numbers of samples.
        notices: Warnings that belong to the figures.
    """

    folder: Path
    level: Level
    figures: Mapping[str, Figure]
    counts: Counts
    notices: tuple[str, ...]


def gather_samples(
    image: str | Path | None = None,
    manifest: str | Path | None = None,
    *,
    takes: str = "image",
    limit: int | None = None,
    seed: int = 1024,
) -> list[Sample]:
    """Return the samples of a file, a folder, or a CSV manifest, in a stable order.

    Args:
        image: An image, a folder of images searched in all depths, or for a video detector a folder of folders of
            frames. Labels come from directory names.
        manifest: A CSV with `path`, `label` and optionally `video`, `dataset`, `method`, instead of `image`.
        takes: What the detector takes, `image` or `video`.
        limit: At most so many, balanced over the labels; None for all.
        seed: Of the choice that `limit` makes.

    Raises:
        ConfigError: Both or neither given, nothing found, or labels that contradict each other.
    """
    if (image is None) == (manifest is None):
        raise ConfigError("give either --image (a file or folder) or --manifest (a CSV)")
    kind: Any = takes
    samples = (
        collect_images(Path(image), kind=kind) if image is not None else read_manifest(Path(str(manifest)), kind=kind)
    )
    if limit is None:
        return samples
    if limit < 1:
        raise ConfigError(f"--limit {limit} is not allowed: give 1 or more, or leave it out to score everything")
    return limit_samples(samples, limit, seed)


def evaluate(
    detector: Detector,
    samples: Sequence[Sample],
    *,
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
        0.9871

    Args:
        detector: From `load_detector`.
        samples: From `gather_samples`; keys are unique.
        output_dir: The run directory is created in it.
        batch_size: None takes what suits the device.
        workers: Reading threads; None takes the CPUs, at most 8.
        plots: Draw ROC and PR curves, where matplotlib is installed.
        notices: Warnings to go with the figures, beside those found here.
        record: Further settings to write into `run.json`, such as the command line. They decide no score.

    Raises:
        ConfigError: No samples, or a batch size or worker count below 1.
        ModelError: Logits that are not finite.
        OutputError: Results that cannot be written; what was scored until then is kept.
    """
    batch_size = _at_least_one("batch_size", batch_size, default_batch_size(detector))
    workers = _at_least_one("workers", workers, default_workers())
    if not samples:
        raise ConfigError("there is nothing to score: the list of samples is empty")
    settings = _settings(detector, samples, batch_size)
    folder = Path(output_dir) / _run_name(detector, samples, settings["fingerprint"])
    with RunDirectory(folder, {**settings, **(record or {})}) as run:
        done = run.resume(samples, batch_size)
        _score(detector, samples, run, done, batch_size, workers)
        return _report(detector, samples, run, plots, notices)


def _score(
    detector: Detector, samples: Sequence[Sample], run: RunDirectory, done: int, batch_size: int, workers: int
) -> None:
    from tqdm import tqdm

    if done:
        logger.info("going on after %d of %d samples that %s already holds", done, len(samples), run.folder)
    # disable=None: silent where stderr is not a terminal.
    with tqdm(total=len(samples), initial=done, unit=detector.takes, disable=None, dynamic_ncols=True) as bar:
        for predictions in predict(detector, samples[done:], batch_size=batch_size, workers=workers):
            run.append(predictions)
            bar.update(len(predictions))


def _report(
    detector: Detector, samples: Sequence[Sample], run: RunDirectory, plots: bool, given: Sequence[str]
) -> Evaluation:
    level: Level = "frame" if detector.takes == "image" else "clip"
    head: Head = "trained" if detector.report.head_trained else "untrained"
    notices = [*([] if detector.report.head_trained else [untrained_notice(detector)]), *given]

    def rows() -> Iterator[Row]:
        for index, (sample, prediction) in enumerate(zip(samples, run.predictions(), strict=True), start=1):
            yield index, sample, prediction

    labels, scores = _labelled(rows())
    figures = binary_figures(labels, scores, level=level)
    counts = count_samples([sample.label for sample in samples], [row[2].status for row in rows()])
    text: dict[str, Any] = {"figures": figures, "counts": counts, "level": level, "notices": notices}
    write_results_text(run.folder / RESULTS_TEXT, rows=rows, **text)
    write_scores_csv(run.folder / SCORES, rows(), head=head)
    if plots and figures[f"{level}_auc"].value is not None:
        _draw(run.folder / CURVES, labels, scores, level, detector.report.source, notices)
    write_metrics_json(run.folder / METRICS, figures, counts, level=level, head=head, notices=notices)
    return Evaluation(run.folder, level, figures, counts, tuple(notices))


def _labelled(rows: Iterator[Row]) -> tuple[Any, Any]:
    pairs = np.fromiter(
        ((s.label, p.score) for _, s, p in rows if s.label is not None and p.score is not None),
        dtype=[("label", np.int64), ("score", np.float64)],
    )
    return pairs["label"], pairs["score"]


def _draw(path: Path, labels: Any, scores: Any, level: Level, title: str, notices: Sequence[str]) -> None:
    try:
        write_curves(path, labels, scores, level=level, title=title, notices=notices)
    except MissingExtraError as error:
        logger.warning("%s", error)


def _settings(detector: Detector, samples: Sequence[Sample], batch_size: int) -> dict[str, Any]:
    """Return what goes into `run.json`; all of it decides scores and so the fingerprint, which is added."""
    parameter = next(detector.backbone.parameters())
    settings = {
        "schema_version": 1,
        "detector": detector.settings.model_dump(mode="json"),
        "weights": asdict(detector.report),
        "preprocess": detector.preprocess.to_dict(),
        "clip_len": detector.clip_len,
        "device": parameter.device.type,
        "dtype": str(parameter.dtype).removeprefix("torch."),
        "batch_size": batch_size,
        "samples": {"count": len(samples), "sha256": digest_samples(samples)},
        "versions": {name: version(name) for name in ("torch", "transformers", "numpy", "pillow")}
        | {"python": platform.python_version(), "deepfakebench-ext": _own_version()},
    }
    return {"fingerprint": fingerprint(settings), **settings}


def _own_version() -> str:
    from deepfakebench_ext import __version__

    return __version__


def _run_name(detector: Detector, samples: Sequence[Sample], digest: str) -> str:
    """Return `<weights>-<input>-<8 hex digits>`; the digits tell runs of other settings apart."""
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
