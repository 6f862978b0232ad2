"""`dfb-ext metrics`: every figure from scores alone, without a detector and without torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from deepfakebench_ext.cli.options import CONTEXT, DRY_RUN, JSON, PLOTS, SpacedCommand, option, options
from deepfakebench_ext.cli.plans import say_plan
from deepfakebench_ext.cli.score_options import (
    BOOTSTRAP,
    COLUMNS,
    bootstrap_of,
    column_names,
    score_columns,
    scores_at,
)
from deepfakebench_ext.cli.terminal import note, say, say_json, warn
from deepfakebench_ext.cli.values import OneOf, there
from deepfakebench_ext.common.choices import AGGREGATIONS, CALIBRATIONS, Level

if TYPE_CHECKING:
    from deepfakebench_ext.metrics.summary import Other, Summary, SummaryOptions
    from deepfakebench_ext.report.scores.pieces import Source
    from deepfakebench_ext.report.scores.score_files import ScoreFile

_EXAMPLES = """
\b
Examples:
  dfb-ext metrics inference_results/huggingface_clip-demo-1a2b3c4d
  dfb-ext metrics inference_results_huggingface.txt --json
  dfb-ext metrics run/ --by method,compression --threshold_from val.csv --output_dir report/
  dfb-ext metrics inference_results/
  dfb-ext metrics theirs.csv:label=is_fake,score=prob,video=clip_id
  dfb-ext metrics 'parts/*.parquet' --no_bootstrap
  dfb-ext metrics wide.csv --score_column xception,effort,clip

\b
Reads a run directory, or all of a folder, our scores.csv or videos.csv, the older tool's inference_results*.txt, or a
CSV or Parquet file whose columns are named: behind its path, or with --label_column and so on for all of them. A folder
or a quoted pattern of such files is one table in parts.
Exit codes: 0 done, 1 failure, 2 usage.
"""


_figures = partial(option, group="figures")
_SUMMARY = (
    _figures(
        "--by", metavar="COLUMN,...", everyday=True, help="Break figures down. Default: method,dataset,compression."
    ),
    _figures("--aggregation", type=OneOf(AGGREGATIONS), help="Of scores to one a video. Default: the run's."),
    _figures(
        "--threshold_from",
        metavar="PATH",
        everyday=True,
        help="Other scores of the same detector, on which a threshold is chosen.",
    ),
    _figures("--calibrate", type=OneOf(CALIBRATIONS), help="Needs --calibrate_on."),
    _figures(
        "--calibrate_on", metavar="PATH", help="Other scores of the same detector, on which the calibration is fitted."
    ),
)
_ROWS = (
    option(
        "--manifest", group="input", metavar="CSV", callback=there, help="That was scored, with more columns for --by."
    ),
    option(
        "--level", group="input", type=OneOf(Level), help="What a row is, where the file is silent. Default: frame."
    ),
    option("--check_files", group="input", is_flag=True, help="Look for files of one content under both labels."),
)
_OUTPUT = (
    option(
        "--output_dir",
        group="output",
        metavar="DIR",
        everyday=True,
        help="Write metrics.json, report.md and report.html there; of several, a folder each.",
    ),
    PLOTS,
    *JSON,
)


@click.command("metrics", cls=SpacedCommand, epilog=_EXAMPLES, context_settings=CONTEXT)
@click.argument("run_or_csv", nargs=-1, required=True)
@options(_ROWS, COLUMNS, _SUMMARY, BOOTSTRAP, DRY_RUN, _OUTPUT)
def metrics(run_or_csv: tuple[str, ...], **said: Any) -> None:
    """Compute all figures anew from scores, with intervals, breakdowns and warnings."""
    from deepfakebench_ext.report.metrics_json import summary_text
    from deepfakebench_ext.report.scores.score_files import refuse_run_directory
    from deepfakebench_ext.report.terminal_lines import summary_lines

    inputs = _inputs(run_or_csv, said)
    several, texts = len(inputs) > 1, {}
    folders = _folders(inputs, said["output_dir"])
    for planned in filter(None, folders):
        refuse_run_directory(planned)
    if said["dry_run"]:
        where = [f" into {folder}" if folder else "" for folder in folders]
        what = [f"{each.path} {each.column}".rstrip() for each in inputs]
        return say_plan(*(f"would compute {a}{b}" for a, b in zip(what, where, strict=True)))
    warnings: dict[str, None] = {}
    for folder, (path, column, summary, file) in zip(folders, _summaries(inputs), strict=True):
        if folder is not None:
            _write(folder, file, summary, plots=said["plots"])
        if said["as_json"]:
            texts[f"{path} {column}".rstrip()] = summary_text(summary)
        else:
            say(f"{summary.title} ({path})" if several else summary.title)
            say("\n".join(summary_lines(summary)) + ("\n" if several else ""))
        of = f"{path}: " if several else ""
        warnings |= dict.fromkeys(f"{of}{notice.text}" for notice in summary.said)
    if texts:
        say_json(_joined(texts), nl=False)
    for text in warnings:
        warn(text)


class _Input(NamedTuple):
    """A file, its column of scores where several were named, and the options as they hold for it."""

    path: str
    column: str
    said: dict[str, Any]


def _inputs(texts: Sequence[str], said: dict[str, Any]) -> list[_Input]:
    from deepfakebench_ext.report.scores.score_files import columns_of

    found = []
    for path, own in scores_at(texts, said):
        names = [] if own["score_column"] is None else score_columns(own, columns_of(path))
        if len(names) < 2:
            found.append(_Input(path, "", own))
        else:
            found += [_Input(path, name, {**own, "score_column": name}) for name in names]
    return found


class _Summed(NamedTuple):
    """A summary, and the file that it is of; None where its rows are too many to be held."""

    path: Path
    column: str
    summary: Summary
    file: ScoreFile | None


def _summaries(inputs: Sequence[_Input]) -> Iterator[_Summed]:
    from deepfakebench_ext.metrics.summary import summarise
    from deepfakebench_ext.report.duplicates import check_files
    from deepfakebench_ext.report.scores.many_rows import MOST_IN_MEMORY
    from deepfakebench_ext.report.scores.score_files import table_at

    read: dict[tuple[Any, ...], _Others] = {}
    for each in inputs:
        source = table_at(each.path)
        if source is not None and source.count_about() > MOST_IN_MEMORY:
            yield _Summed(source.path, each.column, _of_many(source, each), None)
            continue
        options = tuple(each.said.values())
        if options not in read:
            read[options] = _Others(each.said)
        others = read[options]
        file = others.read(each.path)
        file = file.of_column(each.column) if each.column else file
        found = check_files(file.table, file.paths) if each.said["check_files"] else []
        notices = [*file.notices, *found]
        how, known = others.how(file), file.protocol
        summary = summarise(file.table, how, title=file.title, trained=file.trained, notices=notices, protocol=known)
        yield _Summed(file.path, file.column, summary, file)


def _of_many(source: Source, each: _Input) -> Summary:
    """The summary of more rows than are held in memory."""
    from deepfakebench_ext.common.errors import ConfigError
    from deepfakebench_ext.report.scores.many_rows import MOST_IN_MEMORY, summary_of_many

    said = each.said
    for name in ("by", "threshold_from", "calibrate", "calibrate_on", "manifest", "check_files"):
        if said[name]:
            raise ConfigError(
                f"--{name} takes up to {MOST_IN_MEMORY:,} rows, which are held in memory; {source.path} has more"
            )
    return summary_of_many(
        source, column_names(said), aggregation=said["aggregation"], level=said["level"], title=each.column
    )


class _Others:
    """The options, and the files that they name, each read once."""

    def __init__(self, said: dict[str, Any]) -> None:
        self._said = said
        self._by = None if said["by"] is None else tuple(filter(None, map(str.strip, said["by"].split(","))))
        self._threshold_from, self._calibrate_on = map(self._read_other, (said["threshold_from"], said["calibrate_on"]))

    def read(self, path: str) -> ScoreFile:
        from dataclasses import replace

        from deepfakebench_ext.report.scores.manifest_columns import with_manifest
        from deepfakebench_ext.report.scores.score_files import read_scores

        manifest, by = self._said["manifest"], self._by or ()
        keep = () if manifest else by
        file = read_scores(path, columns=column_names(self._said), keep=keep, level=self._said["level"])
        if not manifest:
            return file
        return replace(file, table=with_manifest(file.table, Path(manifest), by), protocol=None)  # labels are others

    def how(self, file: ScoreFile) -> SummaryOptions:
        from deepfakebench_ext.metrics.summary import SummaryOptions

        said = self._said
        return SummaryOptions(
            aggregation=said["aggregation"] or file.aggregation or "mean",
            by=self._by,
            bootstrap=bootstrap_of(said),
            threshold_from=_other(file, self._threshold_from),
            calibrate=said["calibrate"],
            calibrate_on=_other(file, self._calibrate_on),
        )

    def _read_other(self, text: str | None) -> tuple[ScoreFile, str] | None:
        from deepfakebench_ext.report.scores.score_files import read_scores

        if text is None:
            return None
        ((path, said),) = scores_at((text,), self._said, several=False)
        return read_scores(path, columns=column_names(said), level=self._said["level"]), path


def _other(judged: ScoreFile, read: tuple[ScoreFile, str] | None) -> Other | None:
    """Other samples, and which of the judged ones are among them."""
    from deepfakebench_ext.metrics.summary import Other
    from deepfakebench_ext.report.scores.same_samples import shared_videos

    return None if read is None else Other(read[0].table, read[1], tuple(shared_videos(judged, read[0])))


def _folders(inputs: Sequence[_Input], output_dir: str | None) -> list[Path | None]:
    """Where the report of each input goes: of several, a folder each."""
    if output_dir is None or len(inputs) == 1:
        return [None if output_dir is None else Path(output_dir)] * len(inputs)
    return [Path(output_dir) / name for name in _names(inputs)]


def _names(inputs: Sequence[_Input]) -> list[str]:
    """A folder's name for each input, with a number where two would share one."""
    from deepfakebench_ext.common.run_names import SCORES_CSV, SCORES_PARQUET

    names: list[str] = []
    for path, column in ((Path(each.path), each.column) for each in inputs):
        whole = path.resolve().parent if path.name in (SCORES_CSV, SCORES_PARQUET) else path.resolve()
        base = whole.name if whole.is_dir() else whole.stem
        base += "".join(["-", *(c if c.isalnum() or c in "._-" else "_" for c in column)]) if column else ""
        name, number = base, 2
        while name in names:
            name, number = f"{base}-{number}", number + 1
        names.append(name)
    return names


def _write(folder: Path, file: ScoreFile | None, summary: Summary, *, plots: bool) -> None:
    from deepfakebench_ext.common.atomic_files import atomic_writer, check_writable
    from deepfakebench_ext.common.run_names import METRICS_JSON
    from deepfakebench_ext.report.metrics_json import summary_text
    from deepfakebench_ext.report.run_page import write_run_page

    check_writable(folder)
    with atomic_writer(folder / METRICS_JSON) as stream:
        stream.write(summary_text(summary))
    if file is None:
        return note(f"{METRICS_JSON} in {folder}")
    write_run_page(folder, summary, run=file.run, looks=file.looks, plots=plots)
    note(f"report in {folder}")


def _joined(texts: dict[str, str]) -> str:
    """The one document, or several by the file that they are of."""
    import json

    if len(texts) == 1:
        return next(iter(texts.values()))
    return json.dumps({path: json.loads(text) for path, text in texts.items()}, indent=2, ensure_ascii=False) + "\n"
