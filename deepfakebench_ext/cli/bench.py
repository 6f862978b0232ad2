"""`dfb-ext bench`: several detectors, DeepfakeBench's and ours, over several of its datasets into one table."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from deepfakebench_ext.cli.options import (
    AGGREGATION,
    CONTEXT,
    DATASET,
    DECIDING,
    DRY_RUN,
    OUTPUT_DIR,
    OWN_TIMEOUT,
    RUNNING,
    SEED,
    SpacedCommand,
    command_line,
    option,
    options,
    record_of,
)
from deepfakebench_ext.cli.plans import say_plan
from deepfakebench_ext.cli.sharing import Sharing
from deepfakebench_ext.cli.terminal import note, say
from deepfakebench_ext.cli.values import Whole
from deepfakebench_ext.models.quiet import hush_transformers

_EXAMPLES = """
\b
Example:
  dfb-ext bench --detectors xception=xception_best.pth huggingface_image=org/deepfake-vit \\
      --test_dataset Celeb-DF-v2 UADFV --rgb_dir rgb/

\b
Each pair has a run directory of its own, where it goes on after a stop. Several processes share the work:
torchrun --nproc_per_node 4 -m deepfakebench_ext bench ...
Exit codes: 0 done, 1 failure, 2 usage, 3 done but a detector failed or some inputs could not be scored.
"""


_DETECTORS = (
    option(
        "--detectors",
        group="detector",
        multiple=True,
        required=True,
        metavar="CONFIG=WEIGHTS...",
        help="CONFIG a name or a YAML, as for evaluate.",
    ),
)
_LIMIT = (
    option("--limit", group="input", type=Whole(), everyday=True, help="Videos of each, balanced over the labels."),
    SEED,
)


@click.command("bench", cls=SpacedCommand, epilog=_EXAMPLES, context_settings=CONTEXT)
@options(DATASET, _LIMIT, _DETECTORS, OWN_TIMEOUT, (AGGREGATION,), DECIDING, RUNNING, DRY_RUN, OUTPUT_DIR)
def bench(detectors: tuple[str, ...], **given: Any) -> None:
    """Score DeepfakeBench datasets with several detectors and write one table: detector x dataset."""
    from deepfakebench_ext.engine.dataset_inputs import DatasetOptions
    from deepfakebench_ext.evaluation import bench as table
    from deepfakebench_ext.evaluation.request import EvaluationRequest

    entries = [table.Entry.parse(text) for text in detectors]
    request = record_of(
        EvaluationRequest,
        given,
        datasets=record_of(DatasetOptions, given),
        command=command_line(),
        writes=not given["dry_run"],
    )
    if given["dry_run"]:
        request.located()
        return say_plan(
            f"would score {', '.join(request.test_dataset)} with {', '.join(map(str, entries))}",
            f"into runs and {Path(request.output_dir) / table.TABLE}",
        )
    hush_transformers()
    sharing = Sharing.begin()
    placed = replace(request, device=sharing.device(request.device))
    cells = table.bench(entries, placed, launched=sharing.launched)
    if not sharing.is_main:
        return
    written = Path(request.output_dir) / table.TABLE
    say(written.read_text(encoding="utf-8"), nl=False)
    note(f"table in {written} and {table.CSV}")
    if any(cell.reason or any(counts.not_scored for counts in cell.counts.values()) for cell in cells):
        sys.exit(3)
