"""`dfb-ext merge`: what `evaluate --shard` wrote, into one run."""

from __future__ import annotations

from pathlib import Path

import click

from deepfakebench_ext.cli.evaluated import finish
from deepfakebench_ext.cli.options import CONTEXT, DRY_RUN, JSON, SpacedCommand, option, options
from deepfakebench_ext.cli.plans import say_plan
from deepfakebench_ext.cli.values import all_there

_EXAMPLES = """
\b
Examples:
  dfb-ext merge inference_results/huggingface_clip-demo-1a2b3c4d
  dfb-ext merge node1/clip-1a2b3c4d node2/clip-1a2b3c4d --output_dir merged/

\b
Takes the run directories that `evaluate --shard i/n` wrote, in any order; one, where all shards wrote to the same disk.
scores.csv and metrics.json are byte for byte those of one command without --shard.
Exit codes: 0 done, 1 failure, 2 usage or a missing shard, 3 done but some inputs could not be scored.
"""


@click.command("merge", cls=SpacedCommand, epilog=_EXAMPLES, context_settings=CONTEXT)
@click.argument("run", nargs=-1, required=True, callback=all_there)
@options(
    (
        option(
            "--output_dir",
            group="output",
            metavar="DIR",
            everyday=True,
            help="Where the run directory goes. Default: into the one that is given, of several inference_results.",
        ),
    ),
    DRY_RUN,
    JSON,
)
def merge(run: tuple[str, ...], output_dir: str | None, as_json: bool, dry_run: bool) -> None:
    """Merge what the shards of an evaluation scored into one run, with its figures."""
    from deepfakebench_ext.evaluation.merging import merge as merged

    folders = list(dict.fromkeys(Path(each) for each in run))
    is_one = len(folders) == 1 and output_dir is None
    target = folders[0] if is_one else Path(output_dir or "inference_results") / folders[0].resolve().name
    if dry_run:
        return say_plan(f"would merge {', '.join(map(str, folders))}", f"into {target}")
    result = merged(folders, target)
    finish({result.folder.name: result}, by_name=False, as_json=as_json)
