"""`dfb-ext evaluate`, and `perf_huggingface.py` under the name that users of the older tool know."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deepfakebench_ext.cli.inputs import paths_of
from deepfakebench_ext.cli.options import (
    CONTEXT,
    COVERAGE,
    DATASET,
    DECIDING,
    DETECTOR,
    FACES,
    INPUT,
    OUTPUT,
    OWN,
    RUNNING,
    VIDEO,
    WHOSE_FACE,
    SpacedCommand,
    command_line,
    options,
    record_of,
)
from deepfakebench_ext.cli.terminal import say, say_json, warn
from deepfakebench_ext.common.errors import ConfigError, OutputError
from deepfakebench_ext.common.types import FAKE, REAL
from deepfakebench_ext.common.wording import counted, printable, rounded
from deepfakebench_ext.models.quiet import hush_transformers

if TYPE_CHECKING:
    from deepfakebench_ext.data.stores.coverage import Coverage
    from deepfakebench_ext.engine.own.detector import OwnDetector
    from deepfakebench_ext.evaluation.evaluate import Evaluation
    from deepfakebench_ext.evaluation.request import EvaluationRequest, Input
    from deepfakebench_ext.models.base import Detector

_EXAMPLES = """
\b
Examples:
  perf_huggingface.py photo.jpg --weights org/deepfake-vit
  perf_huggingface.py photos/ 'more/*.png' talk.mp4 --weights org/deepfake-vit
  perf_huggingface.py --detector_config huggingface_clip --weights w.pth --image photos/
  perf_huggingface.py --detector_config xception --weights w.pth --test_dataset Celeb-DF-v2 UADFV --rgb_dir rgb/
  perf_huggingface.py --detector mine.py:score --image photos/

\b
Paths are images, videos, folders of both, CSV manifests, patterns in quotes, a .txt that lists paths, and - for a list
on standard input. Labels come from directory names (real, original, ... / fake, deepfake, ...) or from the manifest.
Exit codes: 0 done, 1 failure, 2 usage, 3 done but some inputs could not be scored.
"""
_FEW = 20
"""Inputs whose scores are printed each."""


@click.command("evaluate", cls=SpacedCommand, epilog=_EXAMPLES, context_settings=CONTEXT)
@click.argument("paths", nargs=-1, callback=paths_of)
@options(INPUT, DATASET, COVERAGE, DETECTOR, OWN, VIDEO, FACES, WHOSE_FACE, DECIDING, RUNNING, OUTPUT)
def evaluate(**given: Any) -> None:
    """Score images, videos and datasets with a detector and write results with figures that can be trusted."""
    request = _request(given)
    hush_transformers()
    settings = request.settings()
    if given["coverage"]:
        return _say_coverage(request.coverages(settings))
    inputs = []
    for each in request.inputs(settings):
        _say_input(each, request)
        inputs.append(each)
    detector = request.load(settings)
    say_detector(detector)
    results = {each.source: request.score(each, detector) for each in inputs}
    _finish(results, by_name=bool(request.test_dataset), as_json=given["as_json"])


def _request(given: dict[str, Any]) -> EvaluationRequest:
    from deepfakebench_ext.engine.dataset_inputs import DatasetOptions
    from deepfakebench_ext.engine.input_options import FaceOptions, SamplingOptions
    from deepfakebench_ext.evaluation.request import EvaluationRequest

    if given["coverage"] and not given["test_dataset"]:
        raise ConfigError("--coverage means nothing without --test_dataset")
    if given["detector_timeout"] is not None and given["detector"] is None:
        raise ConfigError("--detector_timeout means nothing without --detector, whose samples it limits")
    return record_of(
        EvaluationRequest,
        given,
        datasets=record_of(DatasetOptions, given),
        sampling=record_of(SamplingOptions, given),
        faces=record_of(FaceOptions, given),
        command=command_line(),
    )


def _say_coverage(coverages: Iterable[Coverage]) -> None:
    """Print which frames of each dataset are missing; exit code 3 where some are."""
    missing = 0
    for found in coverages:
        missing += found.missing
        say("\n".join(found.lines()))
    if missing:
        sys.exit(3)


def _say_input(given: Input, request: EvaluationRequest) -> None:
    number, found = len(given.samples), given.coverage
    real, fake = (sum(sample.label == label for sample in given.samples) for label in (REAL, FAKE))
    is_chosen = request.limit is not None and number >= request.limit
    chosen = f" (--limit {request.limit}, balanced, seed {request.seed})" if is_chosen else ""
    labels = f"{chosen}: {real} real, {fake} fake"
    if found is None:
        say(f"{counted(number, 'sample')}{labels}, {number - real - fake} without a label", err=True)
        return
    lack = f"; {found.missing} of {found.frames} frames are missing, --coverage lists them" if found.missing else ""
    say(f"{given.source}: {counted(number, 'video')}{labels}{lack}", err=True)


def _say_own(detector: OwnDetector) -> None:
    """Print what program is asked."""
    known = f", SHA-256 {detector.sha256[:12]}" if detector.sha256 else ""
    say(f"{detector.source}{known}: given the files themselves, {detector.time_limit_s:g} s a sample", err=True)


def say_detector(detector: Detector | OwnDetector) -> None:
    """Print what was loaded, and in red where its head is untrained."""
    from deepfakebench_ext.common.notices import untrained_head
    from deepfakebench_ext.engine.own.detector import OwnDetector

    if isinstance(detector, OwnDetector):
        return _say_own(detector)

    report, parameter = detector.report, next(detector.backbone.parameters())
    dtype = str(parameter.dtype).removeprefix("torch.")
    say(
        f"{detector.settings.model_name} from {report.source}"
        f"{f' at {report.revision}' if report.revision else ''}: {report.matched} tensors matched, "
        f"{len(report.renamed)} renamed, {len(report.missing)} missing; {parameter.device.type}, "
        f"{dtype}; {report.label_order.text()}",
        err=True,
    )
    if not report.head_trained:
        notice = untrained_head(report.source, detector.settings.seed)
        warn(notice)


def _finish(results: Mapping[str, Evaluation], *, by_name: bool, as_json: bool) -> None:
    """Print the figures of the files, or of each dataset by its name."""
    import json

    from deepfakebench_ext.common.atomic_files import remove_abandoned, write_bytes_atomic
    from deepfakebench_ext.common.run_names import METRICS_JSON, RESULTS_TEXT

    # The older tool wrote this one name into the working directory, and scripts look for it there.
    texts = [(result.folder / RESULTS_TEXT).read_bytes() for result in results.values()]
    try:
        remove_abandoned(Path(), RESULTS_TEXT)
        write_bytes_atomic(Path(RESULTS_TEXT), b"\n".join(texts))
    except (OutputError, OSError) as error:
        warn(f"{error}. Each stands in its run's folder")
    if as_json:
        parsed = {
            name: json.loads((result.folder / METRICS_JSON).read_text(encoding="utf-8")) | _samples_json(result)
            for name, result in results.items()
        }
        say_json(json.dumps(parsed if by_name else next(iter(parsed.values())), indent=2))
    else:
        for name, result in results.items():
            say(f"dataset: {name}\n{_summary(result, host=True)}" if by_name else _summary(result))
    unscored = sum(result.counts[result.level].not_scored for result in results.values())
    if unscored:
        say(f"{counted(unscored, 'input')} could not be scored; {RESULTS_TEXT} says why", err=True)
        sys.exit(3)


def _summary(result: Evaluation, *, host: bool = False) -> str:
    """The figures as lines; of a dataset of DeepfakeBench's with its own video AUC, where that is another."""
    from deepfakebench_ext.metrics.detailed import GIVEN
    from deepfakebench_ext.metrics.thresholds import DECISION_THRESHOLD

    lines = [f"WARNING: {printable(notice.text)}" for notice in result.notices]
    threshold = DECISION_THRESHOLD if result.threshold is None else result.threshold.value
    lines += [_sample_line(row, threshold) for row in _few(result)]
    for level, counts in result.counts.items():
        lines.append(
            f"{counts.scored} of {counted(counts.total, level)} scored: {counts.real} real, {counts.fake} fake"
        )
        names = ("auc", "ap", "eer", "accuracy", f"balanced_accuracy{GIVEN}", f"accuracy{GIVEN}")
        for name in names if counts.real or counts.fake else ():
            if (figure := result.figures.get(f"{level}_{name}")) is not None:
                value = rounded(figure.value) if figure.value is not None else f"undefined ({figure.reason})"
                lines.append(f"{level}_{name:<9} {value}")
    if result.threshold is not None:
        lines.append(f"threshold {rounded(result.threshold.value)}, {printable(result.threshold.source)}")
    if host and result.host_video_auc:
        lines.append(result.host_video_auc)
    if result.protocol is not None:
        lines.append(f"protocol {result.protocol.text()}")
    lines.append(f"results in {result.folder}")
    return "\n".join(lines)


def _few(result: Evaluation) -> list[dict[str, str]]:
    """The rows of each input's scores, where there are few; else none."""
    from deepfakebench_ext.common.csv_files import open_csv
    from deepfakebench_ext.common.run_names import SCORES_CSV, VIDEOS_CSV

    if result.counts[result.level].total > _FEW:
        return []
    with open_csv(result.folder / (VIDEOS_CSV if result.level == "video" else SCORES_CSV)) as (header, rows):
        return [dict(zip(header, row, strict=True)) for row in rows]


def _sample_line(row: Mapping[str, str], threshold: float) -> str:
    """What is said of one input, and by which rule."""
    if row["status"] != "ok":
        return f"{printable(row['key'])}  not scored: {printable(row['reason'] or row['status'])}"
    score = float(row["score"])
    said = f"fake: above {threshold:.4g}" if score > threshold else f"real: not above {threshold:.4g}"
    return f"{printable(row['key'])}  P(fake) {rounded(score, 3)}  {said}"


def _samples_json(result: Evaluation) -> dict[str, Any]:
    """Each input and its score, where there are few."""
    rows = [
        {"key": row["key"], "score": float(row["score"]) if row["status"] == "ok" else None, "status": row["status"]}
        for row in _few(result)
    ]
    return {"samples": rows} if rows else {}
