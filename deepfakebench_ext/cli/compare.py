"""`dfb-ext compare`: detectors on the same samples side by side, from scores alone and without torch."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deepfakebench_ext.cli.options import CONTEXT, DRY_RUN, JSON, PLOTS, SpacedCommand, option, options
from deepfakebench_ext.cli.plans import say_plan
from deepfakebench_ext.cli.score_options import (
    BOOTSTRAP,
    COLUMNS,
    bootstrap_of,
    column_names,
    given_columns,
    score_columns,
    scores_at,
)
from deepfakebench_ext.cli.terminal import note, say, say_json, warn
from deepfakebench_ext.cli.values import OneOf
from deepfakebench_ext.common.choices import AGGREGATIONS, Level

if TYPE_CHECKING:
    from deepfakebench_ext.comparison.records import CompareOptions
    from deepfakebench_ext.report.scores.score_files import ScoreFile

_EXAMPLES = """
\b
Examples:
  dfb-ext compare inference_results/huggingface_clip-demo-1a2b3c4d inference_results/xception-demo-5e6f7a8b
  dfb-ext compare inference_results/
  dfb-ext compare run_a/ run_b/ theirs.csv:label=is_fake,score=prob --names ours,older,theirs
  dfb-ext compare a.csv b.csv --level video --by method,compression --json
  dfb-ext compare wide.csv --score_column xception,effort,clip

\b
Reads what `dfb-ext metrics` reads. Detectors are compared on the samples that all of them scored, by their keys.
Exit codes: 0 done, 1 failure, 2 usage.
"""


_figures = partial(option, group="figures")
_FIGURES = (
    _figures("--level", type=OneOf(Level), help="Default: video where all files have videos, else what rows are."),
    _figures(
        "--by", metavar="COLUMN,...", everyday=True, help="Break the AUC down. Default: method,dataset,compression."
    ),
    _figures("--aggregation", type=OneOf(AGGREGATIONS), help="Of scores to one a video. Default: each run's."),
)
NAMES = (
    option(
        "--names",
        group="input",
        metavar="a,b,c",
        everyday=True,
        help="What to call the detectors, in the order given. Default: their weights.",
    ),
    option(
        "--row_level",
        group="input",
        type=OneOf(Level),
        help="What a row stands for, in files that do not say. Default: frame.",
    ),
)
_OUTPUT = (
    option(
        "--output_dir",
        group="output",
        metavar="DIR",
        everyday=True,
        default="comparison",
        show_default=True,
        help="Where the reports and tables go.",
    ),
    PLOTS,
    *JSON,
)


@click.command("compare", cls=SpacedCommand, epilog=_EXAMPLES, context_settings=CONTEXT)
@click.argument("run_or_csv", nargs=-1, required=True)
@options(NAMES, COLUMNS, _FIGURES, BOOTSTRAP, DRY_RUN, _OUTPUT)
def compare(run_or_csv: tuple[str, ...], **said: Any) -> None:
    """Compare detectors on the samples that all of them scored: figures side by side, and which pairs differ."""
    from deepfakebench_ext.comparison.compare import compare as compared
    from deepfakebench_ext.comparison.comparison_json import comparison_text
    from deepfakebench_ext.comparison.comparison_lines import comparison_lines
    from deepfakebench_ext.comparison.page import write_comparison
    from deepfakebench_ext.report.scores.score_files import refuse_run_directory

    folder, how = Path(said["output_dir"]), _how(said)
    refuse_run_directory(folder)
    files = read_files(run_or_csv, said, how.by or ())
    if said["dry_run"]:
        return say_plan(f"would compare {', '.join(file.title for file in files)}", f"into {folder}")
    comparison = compared(files, how)
    write_comparison(folder, comparison, plots=said["plots"])
    if said["as_json"]:
        say_json(comparison_text(comparison), nl=False)
    else:
        say("\n".join(comparison_lines(comparison)))
    for notice in comparison.warnings:
        warn(notice.text)
    note(f"report in {folder}")


def read_files(texts: Sequence[str], said: dict[str, Any], by: Sequence[str] = ()) -> list[ScoreFile]:
    """Return what the runs and files that were typed hold, a file of several detectors once for each.

    Args:
        texts: As typed.
        said: The options.
        by: Further columns to read, of the files that have them.

    Raises:
        ConfigError: Nothing there, no scores in it, or a column that none has.
    """
    given = scores_at(texts, said)
    _check_columns([path for path, _ in given], said)
    return [file for path, own in given for file in _read(path, own, by)]


def _how(said: dict[str, Any]) -> CompareOptions:
    from deepfakebench_ext.comparison.records import CompareOptions

    return CompareOptions(
        level=said["level"],
        aggregation=said["aggregation"],
        by=None if said["by"] is None else _list(said["by"]),
        bootstrap=bootstrap_of(said),
        names=() if said["names"] is None else _list(said["names"]),
    )


def _list(text: str) -> tuple[str, ...]:
    return tuple(filter(None, map(str.strip, text.split(","))))


def _check_columns(paths: Sequence[str], said: dict[str, Any]) -> None:
    """Refuse a name that no file has a column of."""
    from deepfakebench_ext.common.errors import ConfigError
    from deepfakebench_ext.report.scores.score_files import columns_of

    known = {name for path in paths for name in columns_of(path)}
    names = [("score_column", name) for name in score_columns(said, tuple(known))]
    for given, name in [*given_columns({**said, "score_column": None}).items(), *names]:
        if name not in known:
            raise ConfigError(f"--{given} {name!r}: none of the files has a column of that name")


def _read(path: str, said: dict[str, Any], by: Sequence[str]) -> list[ScoreFile]:
    """Read a file: of several detectors where it has several of the columns that `--score_column` names."""
    from deepfakebench_ext.report.scores.score_files import columns_of

    header = columns_of(path)
    names = score_columns(said, header)
    if len(names) < 2 or not set(names) & set(header):
        return [_read_one(path, header, said, by)]
    own = [name for name in names if name in header]
    return [_read_one(path, header, {**said, "score_column": name}, by).of_column(name) for name in own]


def _read_one(path: str, header: Sequence[str], said: dict[str, Any], by: Sequence[str]) -> ScoreFile:
    """Read a file: with the columns of `by` that it has, and its rows as `--row_level` says where it does not."""
    from deepfakebench_ext.report.scores.score_files import read_scores

    columns = column_names(said, header)
    file = read_scores(path, columns=columns)
    keep = tuple(name for name in by if name in header and file.table.column(name) is None)
    is_silent = file.trained is None  # our own files name the head of each row, and say what rows are
    level = said["row_level"] if is_silent else None
    return file if not keep and level is None else read_scores(path, columns=columns, keep=keep, level=level)
