"""`dfb-ext convert-timelines`: timelines as the files that the evaluators of other projects read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from deepfakebench_ext.cli.options import CONTEXT, DRY_RUN, SpacedCommand, option, options
from deepfakebench_ext.cli.plans import say_plan
from deepfakebench_ext.cli.terminal import say
from deepfakebench_ext.cli.values import OneOf, there

_EXAMPLES = """
\b
Examples:
  dfb-ext convert-timelines inference_results/ --to avdeepfake1m --truth segments.json --output predictions.json
  dfb-ext convert-timelines segments.json --to activitynet --output truth.json

\b
Takes timelines, or folders with timelines in them or below; or one file of predictions, or of a truth, of ours,
AV-Deepfake1M's or ActivityNet's. Exit codes: 0 done, 1 failure, 2 usage.
"""


@click.command("convert-timelines", cls=SpacedCommand, epilog=_EXAMPLES, context_settings=CONTEXT)
@click.argument("sources", nargs=-1, required=True)
@option(
    "--to", group="output", type=OneOf(("avdeepfake1m", "activitynet")), required=True, help="Whose form is written."
)
@option("--output", group="output", metavar="FILE", required=True, help="The file that is written.")
@option(
    "--truth",
    group="input",
    metavar="JSON",
    callback=there,
    everyday=True,
    help="Calls the videos as this truth does, instead of by their paths.",
)
@options(DRY_RUN)
def convert_timelines(sources: tuple[str, ...], **given: Any) -> None:
    """Write timelines, predictions or a truth as AV-Deepfake1M's or ActivityNet's evaluator reads them."""
    from deepfakebench_ext.analysis.converting import converted
    from deepfakebench_ext.analysis.formats.truth import read_truth
    from deepfakebench_ext.common.atomic_files import atomic_writer

    truth = None if given["truth"] is None else read_truth(Path(given["truth"]))
    document = converted([Path(source) for source in sources], given["to"], truth)
    if given["dry_run"]:
        return say_plan(f"would write {', '.join(sources)} as {given['to']} to {given['output']}")
    with atomic_writer(Path(given["output"])) as file:
        file.write(json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    say(f"written to {given['output']}")
