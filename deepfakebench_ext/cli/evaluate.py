"""`dfb-ext evaluate`, and `perf_huggingface.py` under the name that users of the older tool know."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from deepfakebench_ext.errors import OutputError
from deepfakebench_ext.types import FAKE, REAL

if TYPE_CHECKING:
    from deepfakebench_ext.evaluation import Evaluation
    from deepfakebench_ext.models.base import Detector
    from deepfakebench_ext.types import Sample

_EXAMPLES = """
\b
Examples:
  perf_huggingface.py --weights org/deepfake-vit --image photos/
  perf_huggingface.py --detector_config huggingface_clip --weights w.pth --manifest test.csv

\b
Labels come from directory names (real, original, ... / fake, deepfake, ...) or from the manifest.
Exit codes: 0 done, 1 failure, 2 usage, 3 done but some inputs could not be scored.
"""


def _fake_index(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[int, ...] | None:
    if value is None:
        return None
    try:
        return tuple(int(part) for part in value.split(","))
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is not an index such as 1, nor several such as 0,1") from error


@click.command(
    epilog=_EXAMPLES,
    # DeepfakeBench writes its options with underscores; dashes are taken too.
    context_settings={
        "help_option_names": ["-h", "--help"],
        "token_normalize_func": lambda name: name.replace("-", "_"),
    },
)
@click.option(
    "--detector_config",
    help="Name of a shipped config or path of a detector YAML. Default: what the weights are, else huggingface_clip.",
)
@click.option(
    "--weights",
    help="Folder, file (.safetensors .pth .pt .bin .ckpt) or hub id org/name[@revision]. Default: the config's.",
)
@click.option("--image", help="Image, or folder searched in all depths; for a video detector, folders of frames.")
@click.option("--manifest", help="CSV with path,label[,video,dataset,method] instead of --image.")
@click.option("--limit", type=int, help="Score at most so many samples, balanced over the labels.")
@click.option("--seed", type=int, default=1024, show_default=True, help="Of the choice that --limit makes.")
@click.option(
    "--fake_index", callback=_fake_index, help="Which logit means fake (or several: 0,1), where names do not say."
)
@click.option("--require_trained_head", is_flag=True, help="Fail when the head did not come from the weights.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, mps.")
@click.option("--dtype", default="auto", show_default=True, help="auto, float32, bfloat16, float16.")
@click.option("--batch_size", type=int, help="Default: what suits the device.")
@click.option("--workers", type=int, help="Reading threads. Default: the CPUs, at most 8.")
@click.option("--output_dir", default="inference_results", show_default=True, help="Where run directories go.")
@click.option("--plots/--no_plots", default=True, show_default=True, help="Draw ROC and PR curves.")
@click.option("--json", "as_json", is_flag=True, help="Print metrics.json instead of the summary.")
def evaluate(
    detector_config: str | None,
    weights: str | None,
    image: str | None,
    manifest: str | None,
    limit: int | None,
    seed: int,
    fake_index: tuple[int, ...] | None,
    require_trained_head: bool,
    device: str,
    dtype: str,
    batch_size: int | None,
    workers: int | None,
    output_dir: str,
    plots: bool,
    as_json: bool,
) -> None:
    """Score images with a detector and write results with figures that can be trusted."""
    from deepfakebench_ext import evaluation
    from deepfakebench_ext.config import load_config
    from deepfakebench_ext.host.registry import DETECTOR
    from deepfakebench_ext.models.decisions import config_for
    from deepfakebench_ext.models.loading import load_detector, untrained_notice

    _hush_transformers()
    settings = load_config(detector_config or config_for(weights))
    takes = DETECTOR[settings.model_name].takes
    samples = evaluation.gather_samples(image, manifest, takes=takes, limit=limit, seed=seed)
    _check_writable(Path(output_dir))
    _say_samples(samples, takes, limit, seed)
    detector = load_detector(
        settings,
        weights,
        device=device,
        dtype=dtype,
        fake_index=fake_index,
        require_trained_head=require_trained_head,
    )
    _say_detector(detector)
    if not detector.report.head_trained:
        click.secho(f"WARNING: {untrained_notice(detector)}", err=True, fg="red", bold=True)
    result = evaluation.evaluate(
        detector,
        samples,
        output_dir=output_dir,
        batch_size=batch_size,
        workers=workers,
        plots=plots,
        notices=[] if limit is None else [_limit_notice(samples, limit, seed)],
        record={"command": shlex.join(sys.argv), "input": image or manifest, "limit": limit, "seed": seed},
    )
    _finish(result, as_json)


def _hush_transformers() -> None:
    """Leave the terminal to our own messages: what its load reports say, ours say too."""
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()


def _check_writable(folder: Path) -> None:
    """Fail before the model is loaded, not after an hour of scoring."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".probe-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise OutputError(f"results cannot be written to {folder}: {error}; give another --output_dir") from error


def _limit_notice(samples: Sequence[Sample], limit: int, seed: int) -> str:
    return f"--limit {limit}: {len(samples)} samples chosen by seed {seed}, balanced over the labels"


def _say_samples(samples: Sequence[Sample], takes: str, limit: int | None, seed: int) -> None:
    real, fake = (sum(sample.label == label for sample in samples) for label in (REAL, FAKE))
    unknown = len(samples) - real - fake
    chosen = f" (--limit {limit}, balanced, seed {seed})" if limit is not None else ""
    click.echo(f"{len(samples)} {takes}s{chosen}: {real} real, {fake} fake, {unknown} without a label", err=True)


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


def _finish(result: Evaluation, as_json: bool) -> None:
    from deepfakebench_ext.evaluation import METRICS, RESULTS_TEXT
    from deepfakebench_ext.report.files import write_bytes_atomic

    # The older tool wrote this one name into the working directory, and scripts look for it there.
    write_bytes_atomic(Path(RESULTS_TEXT), (result.folder / RESULTS_TEXT).read_bytes())
    if as_json:
        click.echo((result.folder / METRICS).read_text(encoding="utf-8"), nl=False)
    else:
        click.echo(_summary(result))
    if result.counts.not_scored:
        click.echo(f"{result.counts.not_scored} inputs could not be scored; {RESULTS_TEXT} says why", err=True)
        sys.exit(3)


def _summary(result: Evaluation) -> str:
    lines = [f"WARNING: {notice}" for notice in result.notices]
    counts = result.counts
    lines.append(f"{counts.scored} of {counts.total} scored: {counts.real} real, {counts.fake} fake")
    for name in ("auc", "ap", "eer", "accuracy"):
        figure = result.figures[f"{result.level}_{name}"]
        value = f"{figure.value:.4f}" if figure.value is not None else f"undefined ({figure.reason})"
        lines.append(f"{result.level}_{name:<9} {value}")
    lines.append(f"results in {result.folder}")
    return "\n".join(lines)
