"""`dfb-ext leaderboard`: runs in a table by their figures, one table for each protocol, without torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deepfakebench_ext.cli.command import CONTEXT, SpacedCommand, option, options
from deepfakebench_ext.cli.inputs import runs_in
from deepfakebench_ext.cli.options import DRY_RUN
from deepfakebench_ext.cli.plans import say_plan
from deepfakebench_ext.cli.terminal import note, say
from deepfakebench_ext.cli.values import OneOf
from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.run_names import METRICS_JSON
from deepfakebench_ext.common.wording import counted

if TYPE_CHECKING:
    from deepfakebench_ext.comparison.leaderboard import Place

_EXAMPLES = """
\b
Examples:
  dfb-ext leaderboard inference_results/
  dfb-ext leaderboard run_a/ run_b/ --format html --output leaderboard.html
  dfb-ext leaderboard run_a/ --format eval_results --dataset_id org/benchmark --output results/

\b
Runs of two protocols (other samples, sampling, crops or aggregation) are two tables.
Exit codes: 0 done, 1 failure, 2 usage.
"""
_OPTIONS = (
    option(
        "--format",
        "form",
        group="output",
        everyday=True,
        type=OneOf(("md", "html", "eval_results")),
        default="md",
        show_default=True,
        help="Markdown, one HTML file, or the hub's YAML, one file a run.",
    ),
    option(
        "--output",
        group="output",
        everyday=True,
        metavar="PATH",
        help="File, or of eval_results folder, to write. Default: standard output.",
    ),
    option("--dataset_id", group="output", metavar="org/name", help="For eval_results: the benchmark on the hub."),
    option(
        "--task_id",
        group="output",
        metavar="NAME",
        help="For eval_results: its task, as its eval.yaml calls it. Default: default.",
    ),
    option("--source_url", group="output", metavar="URL", help="For eval_results: where the run can be looked at."),
)


@click.command("leaderboard", cls=SpacedCommand, epilog=_EXAMPLES, context_settings=CONTEXT)
@click.argument("run", nargs=-1, required=True)
@options(DRY_RUN, _OPTIONS)
def leaderboard(run: tuple[str, ...], **said: Any) -> None:
    """Put runs into tables by their AUC, with intervals: one table for each protocol."""
    from deepfakebench_ext.comparison.leaderboard import leaderboard as made
    from deepfakebench_ext.comparison.leaderboard import read_place
    from deepfakebench_ext.report.html import to_html
    from deepfakebench_ext.report.markdown import to_markdown

    places = [read_place(Path(path)) for text in run for path in runs_in(text, METRICS_JSON)]
    if said["dry_run"]:
        where = said["output"] or "standard output"
        return say_plan(f"would put {counted(len(places), 'run')} into a {said['form']} table on {where}")
    if said["form"] == "eval_results":
        return _write_eval_results(places, said)
    if unused := [f"--{name}" for name in ("dataset_id", "task_id", "source_url") if said[name] is not None]:
        raise ConfigError(f"{', '.join(unused)} means nothing without --format eval_results")
    document = made(places)
    _put(to_html(document) if said["form"] == "html" else to_markdown(document), said["output"])


def _write_eval_results(places: Sequence[Place], said: dict[str, Any]) -> None:
    from deepfakebench_ext.comparison.eval_results import FOLDER, eval_results
    from deepfakebench_ext.comparison.leaderboard import tables_of

    if said["dataset_id"] is None:
        raise ConfigError("--format eval_results needs --dataset_id org/name, the benchmark that the figures are of")
    if (number := len(tables_of(places))) > 1:
        raise ConfigError(f"these runs are of {number} protocols, and a task of a benchmark is one; give runs of one")
    if len(places) > 1 and said["output"] is None:
        raise ConfigError(f"{len(places)} runs are as many models' files; give --output FOLDER")
    if len({place.folder.resolve().name for place in places}) < len(places):
        raise ConfigError("two of these runs have one name, and would be one file; write them one by one")
    how = {"dataset_id": said["dataset_id"], "task_id": said["task_id"] or "default", "source_url": said["source_url"]}
    texts = {place.folder.resolve().name: eval_results(place, **how) for place in places}
    for name, text in texts.items():
        file = (
            None
            if said["output"] is None
            else Path(said["output"]) / name / FOLDER / f"{_stem(said['dataset_id'])}.yaml"
        )
        _put(text, file)


def _stem(dataset_id: str) -> str:
    return dataset_id.replace("/", "_")


def _put(text: str, file: str | Path | None) -> None:
    """Write to a file, or to standard output."""
    from deepfakebench_ext.common.atomic_files import atomic_writer, making

    if file is None:
        return say(text, nl=False)
    path = Path(file)
    with making(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_writer(path) as stream:
        stream.write(text)
    note(f"written to {path}")
