"""`dfb-ext evaluate`, and `perf_huggingface.py` under the name that users of the older tool know."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deepfakebench_ext.cli.dataset_options import check_input_options, gather, locate, say_coverage
from deepfakebench_ext.cli.options import (
    CONTEXT,
    COVERAGE,
    DATASET,
    DETECTOR,
    FACE_NAMES,
    FACES,
    INPUT,
    OUTPUT,
    RUNNING,
    VIDEO,
    Options,
    SpacedCommand,
    command_line,
    options,
)
from deepfakebench_ext.common.atomic_files import making
from deepfakebench_ext.common.errors import OutputError
from deepfakebench_ext.common.types import FAKE, REAL
from deepfakebench_ext.common.wording import counted

if TYPE_CHECKING:
    from deepfakebench_ext.common.notices import Notice
    from deepfakebench_ext.common.types import Sample
    from deepfakebench_ext.data.readers.reader import Reader
    from deepfakebench_ext.evaluation.evaluate import Evaluation
    from deepfakebench_ext.faces.reader import FaceReader
    from deepfakebench_ext.models.base import Detector
    from deepfakebench_ext.models.config import DetectorConfig

_EXAMPLES = """
\b
Examples:
  perf_huggingface.py --weights org/deepfake-vit --image photos/
  perf_huggingface.py --detector_config huggingface_clip --weights w.pth --video videos/
  perf_huggingface.py --detector_config xception --weights w.pth --test_dataset Celeb-DF-v2 UADFV --rgb_dir rgb/

\b
Labels come from directory names (real, original, ... / fake, deepfake, ...) or from the manifest.
Exit codes: 0 done, 1 failure, 2 usage, 3 done but some inputs could not be scored.
"""


@click.command(
    cls=SpacedCommand,
    epilog=_EXAMPLES,
    context_settings=CONTEXT,
)
@options(DETECTOR, INPUT, DATASET, COVERAGE, VIDEO, FACES, RUNNING, OUTPUT)
def evaluate(**given: Any) -> None:
    """Score images, videos and datasets with a detector and write results with figures that can be trusted."""
    from deepfakebench_ext.models.built_from import config_for
    from deepfakebench_ext.models.config import load_config

    said = Options(**given)
    check_input_options(said)
    hush_transformers()
    settings = load_config(said.detector_config or config_for(said.weights))
    if said.coverage:
        return say_coverage(said.test_dataset, locate(said), settings)
    _finish(_datasets(settings, said) if said.test_dataset else {None: _files(settings, said)}, said.as_json)


def _files(settings: DetectorConfig, said: Options) -> Evaluation:
    from deepfakebench_ext.engine.file_inputs import gather_samples, make_reader
    from deepfakebench_ext.models.loading import detector_class

    samples = gather_samples(
        said.image,
        said.manifest,
        video=said.video,
        takes=detector_class(settings).takes,
        limit=said.limit,
        seed=said.seed,
    )
    _check_writable(Path(said.output_dir))
    _say_samples(samples, said)
    detector = _load(settings, said, said.dtype)
    reader = make_reader(detector, **_sampling(said), faces=_faces(detector, said))
    return _run(detector, samples, reader, said, str(said.image or said.video or said.manifest))


def _datasets(settings: DetectorConfig, said: Options) -> dict[str | None, Evaluation]:
    from deepfakebench_ext.engine import dataset_inputs as host_inputs

    protocol = said.protocol or host_inputs.DEFAULT_PROTOCOL
    host_inputs.check_protocol(protocol, _sampling(said))
    data = locate(said)
    _check_writable(Path(said.output_dir))
    gathered = {name: gather(name, data, settings, limit=said.limit, seed=said.seed) for name in said.test_dataset}
    detector = _load(settings, said, host_inputs.protocol_dtype(protocol, said.dtype))
    results: dict[str | None, Evaluation] = {}
    for name, (samples, store) in gathered.items():
        reader = host_inputs.make_stored_reader(detector, {name: store}, protocol=protocol, **_sampling(said))
        results[name] = _run(detector, samples, reader, said, name, host_inputs.protocol_notices(detector, protocol))
    return results


def _run(
    detector: Detector,
    samples: Sequence[Sample],
    reader: Reader,
    said: Options,
    source: str,
    notices: Sequence[Notice] = (),
) -> Evaluation:
    from deepfakebench_ext.data.samples.folders import limit_notices
    from deepfakebench_ext.evaluation import evaluate as evaluation

    limited = limit_notices(len(samples), said.limit, said.seed)
    return evaluation.evaluate(
        detector,
        samples,
        reader=reader,
        aggregation=said.aggregation,
        output_dir=said.output_dir,
        batch_size=said.batch_size,
        workers=said.workers,
        plots=said.plots,
        notices=[*notices, *limited],
        record={"command": command_line(), "input": source, "limit": said.limit, "seed": said.seed},
    )


def _load(settings: Any, said: Options, dtype: str) -> Detector:
    from deepfakebench_ext.common.notices import untrained_head
    from deepfakebench_ext.models.loading import load_detector

    detector = load_detector(
        settings,
        said.weights,
        device=said.device,
        dtype=dtype,
        fake_index=said.fake_index,
        require_trained_head=said.require_trained_head,
    )
    _say_detector(detector)
    if not detector.report.head_trained:
        notice = untrained_head(detector.report.source, detector.settings.seed)
        click.secho(f"WARNING: {notice}", err=True, fg="red", bold=True)
    return detector


def _sampling(said: Options) -> dict[str, Any]:
    names = ("sampling", "num_frames", "fps", "num_clips", "frame_interval", "short_video")
    return {name: getattr(said, name) for name in names}


def _faces(detector: Detector, said: Options) -> FaceReader | None:
    from deepfakebench_ext.engine.file_inputs import make_face_reader

    chosen: dict[str, Any] = {name: getattr(said, name) for name in FACE_NAMES}
    return make_face_reader(detector, **chosen)


def hush_transformers() -> None:
    """Leave the terminal to our own messages: what its load reports say, ours say too."""
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()


def _check_writable(folder: Path) -> None:
    """Fail before the model is loaded, not after an hour of scoring."""
    with making(folder):
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".probe-{os.getpid()}"
        probe.touch()
        probe.unlink()


def _say_samples(samples: Sequence[Sample], said: Options) -> None:
    real, fake = (sum(sample.label == label for sample in samples) for label in (REAL, FAKE))
    is_chosen = said.limit is not None and len(samples) >= said.limit
    chosen = f" (--limit {said.limit}, balanced, seed {said.seed})" if is_chosen else ""
    unknown = len(samples) - real - fake
    click.echo(
        f"{counted(len(samples), 'sample')}{chosen}: {real} real, {fake} fake, {unknown} without a label", err=True
    )


def _say_detector(detector: Detector) -> None:
    report, parameter = detector.report, next(detector.backbone.parameters())
    order = report.label_order
    names = f" ({', '.join(order.names)})" if order.names else ""
    dtype = str(parameter.dtype).removeprefix("torch.")
    click.echo(
        f"{detector.settings.model_name} from {report.source}"
        f"{f' at {report.revision}' if report.revision else ''}: {report.matched} tensors matched, "
        f"{len(report.renamed)} renamed, {len(report.missing)} missing; {parameter.device.type}, "
        f"{dtype}; fake is logit {list(order.fake)}{names}, by {order.decided_by}",
        err=True,
    )


def _finish(results: dict[str | None, Evaluation], as_json: bool) -> None:
    """Print the figures of each dataset, or of the files (None)."""
    import json

    from deepfakebench_ext.common.atomic_files import write_bytes_atomic
    from deepfakebench_ext.common.run_names import METRICS_JSON, RESULTS_TEXT

    # The older tool wrote this one name into the working directory, and scripts look for it there.
    texts = [(result.folder / RESULTS_TEXT).read_bytes() for result in results.values()]
    try:
        write_bytes_atomic(Path(RESULTS_TEXT), b"\n".join(texts))
    except OutputError as error:
        click.secho(f"WARNING: {error}. Each stands in its run's folder", err=True, fg="red", bold=True)
    if as_json:
        figures = {name: (result.folder / METRICS_JSON).read_text(encoding="utf-8") for name, result in results.items()}
        by_name = {name: json.loads(text) for name, text in figures.items()}
        click.echo(figures[None] if None in figures else json.dumps(by_name, indent=2) + "\n", nl=False)
    else:
        for name, result in results.items():
            click.echo(_summary(result) if name is None else f"dataset: {name}\n{_summary(result)}")
    unscored = sum(result.counts[result.level].not_scored for result in results.values())
    if unscored:
        click.echo(f"{counted(unscored, 'input')} could not be scored; {RESULTS_TEXT} says why", err=True)
        sys.exit(3)


def _summary(result: Evaluation) -> str:
    lines = [f"WARNING: {notice}" for notice in result.notices]
    for level, counts in result.counts.items():
        lines.append(
            f"{counts.scored} of {counted(counts.total, level)} scored: {counts.real} real, {counts.fake} fake"
        )
        for name in ("auc", "ap", "eer", "accuracy"):
            figure = result.figures[f"{level}_{name}"]
            value = f"{figure.value:.4f}" if figure.value is not None else f"undefined ({figure.reason})"
            lines.append(f"{level}_{name:<9} {value}")
    lines.append(f"results in {result.folder}")
    return "\n".join(lines)
