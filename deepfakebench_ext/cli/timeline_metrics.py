"""`dfb-ext timeline-metrics`: what the marks of timelines are worth, against the truth. Without a detector or torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from deepfakebench_ext.cli.options import CONTEXT, DRY_RUN, JSON, SpacedCommand, option, options
from deepfakebench_ext.cli.plans import say_plan
from deepfakebench_ext.cli.score_options import BOOTSTRAP, bootstrap_of
from deepfakebench_ext.cli.terminal import say, say_json
from deepfakebench_ext.cli.values import there
from deepfakebench_ext.common.wording import counted

_EXAMPLES = """
\b
Examples:
  dfb-ext timeline-metrics inference_results/ --truth segments.json
  dfb-ext timeline-metrics a/timeline.json b/timeline.json --truth segments.json --json

\b
Takes timelines, or folders with timelines in them or below. The truth is ours, AV-Deepfake1M's metadata or
ActivityNet's database. Exit codes: 0 done, 1 failure, 2 usage.
"""


@click.command("timeline-metrics", cls=SpacedCommand, epilog=_EXAMPLES, context_settings=CONTEXT)
@click.argument("timelines", nargs=-1, required=True)
@option(
    "--truth",
    group="input",
    metavar="JSON",
    required=True,
    callback=there,
    help="JSON that lists the manipulated stretches of each video.",
)
@options(BOOTSTRAP, DRY_RUN, JSON)
def timeline_metrics(timelines: tuple[str, ...], **said: Any) -> None:
    """Judge the segments and scores of timelines: AP, AR, false alarms, delay, boundaries, with intervals."""
    from deepfakebench_ext.analysis.formats.timeline_reading import read_timeline, timeline_paths
    from deepfakebench_ext.analysis.formats.truth import read_truth
    from deepfakebench_ext.analysis.judging import judge
    from deepfakebench_ext.analysis.judging_text import figure_lines, figures_text

    truth = read_truth(Path(said["truth"]))
    paths = dict.fromkeys(path for given in timelines for path in timeline_paths(Path(given)))
    if said["dry_run"]:
        return say_plan(
            f"would judge {counted(len(paths), 'timeline')} against {counted(len(truth), 'video')} of the truth"
        )
    judged = judge([read_timeline(path) for path in paths], truth, bootstrap_of(said))
    if said["as_json"]:
        say_json(figures_text(judged), nl=False)
    else:
        say("\n".join(figure_lines(judged)))
