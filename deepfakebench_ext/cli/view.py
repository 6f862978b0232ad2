"""`dfb-ext view`: a folder with a page to look at the samples of runs, without a server and without torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from deepfakebench_ext.cli.compare import NAMES, read_files
from deepfakebench_ext.cli.options import CONTEXT, DRY_RUN, SpacedCommand, option, options
from deepfakebench_ext.cli.plans import say_plan
from deepfakebench_ext.cli.score_options import NO_COLUMNS
from deepfakebench_ext.cli.terminal import say
from deepfakebench_ext.cli.values import OneOf
from deepfakebench_ext.common.choices import AGGREGATIONS, Level
from deepfakebench_ext.common.wording import counted

_EXAMPLES = """
\b
Examples:
  dfb-ext view inference_results/huggingface_clip-demo-1a2b3c4d
  dfb-ext view run_a/ run_b/ theirs.csv:label=is_fake,score=prob --names ours,older,theirs --output_dir errors/

\b
Reads what `dfb-ext compare` reads. The folder holds no path of this machine, and can be published as it is;
--no_pictures leaves the faces out. Open its index.html in a browser.
Exit codes: 0 done, 1 failure, 2 usage.
"""


_SHOWN = (
    option(
        "--level",
        group="figures",
        type=OneOf(Level),
        help="Default: video where all files have videos, else what rows are.",
    ),
    option(
        "--aggregation",
        group="figures",
        type=OneOf(AGGREGATIONS),
        help="Of scores to one a video. Default: each run's.",
    ),
)
_OUTPUT = (
    option(
        "--output_dir",
        group="output",
        everyday=True,
        metavar="DIR",
        default="view",
        show_default=True,
        help="Where the page goes: a new folder.",
    ),
    option(
        "--pictures/--no_pictures",
        group="output",
        everyday=True,
        default=True,
        show_default=True,
        help="Write small pictures of the samples.",
    ),
)


@click.command("view", cls=SpacedCommand, epilog=_EXAMPLES, context_settings=CONTEXT)
@click.argument("run_or_csv", nargs=-1, required=True)
@options(NAMES, _SHOWN, DRY_RUN, _OUTPUT)
def view(run_or_csv: tuple[str, ...], **said: Any) -> None:
    """Look at the samples of runs: sorted by error, filtered, and where one run is right and another wrong."""
    from deepfakebench_ext.comparison.joined import join
    from deepfakebench_ext.comparison.view import PAGE, check_view_folder, write_view

    folder = Path(said["output_dir"])
    check_view_folder(folder)
    names = () if said["names"] is None else tuple(filter(None, map(str.strip, said["names"].split(","))))
    files = read_files(run_or_csv, {**NO_COLUMNS, **said})
    if said["dry_run"]:
        return say_plan(f"would show {', '.join(file.title for file in files)}", f"in {folder}")
    joined = join(files, level=said["level"], aggregation=said["aggregation"], names=names)
    pictured = write_view(folder, joined, pictures=said["pictures"])
    shown = f", {pictured} with a picture" if said["pictures"] else ""
    say(f"{counted(len(joined), 'sample')} of {counted(len(joined.runs), 'run')}{shown}")
    say(f"open {folder / PAGE}")
