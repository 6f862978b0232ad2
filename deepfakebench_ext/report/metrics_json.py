"""What `metrics.json` holds, key by key. The same summary gives the same bytes: sorted keys, no times, no machine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TypedDict

from deepfakebench_ext.metrics.breakdown import Breakdown, Group
from deepfakebench_ext.metrics.counts import Counts
from deepfakebench_ext.metrics.figure import Figure, Level
from deepfakebench_ext.metrics.host_summary import HostSummary
from deepfakebench_ext.metrics.summary import Summary
from deepfakebench_ext.report.scores.csv_writing import Head

SCHEMA_VERSION = 1


class FigureJson(TypedDict):
    """One figure.

    Attributes:
        value: The figure, or null where the data do not define it.
        low: Lower end of the 95 % interval, or null.
        high: Upper end of the 95 % interval, or null.
        interval: How the interval was made; where there is none, why.
        definition: What the figure measures.
        reason: Why it is undefined; empty when it is defined.
        warning: Why the value should not be relied on although it is defined; else empty.
        higher_is_better: Which way is good; null for what has no good side.
    """

    value: float | None
    low: float | None
    high: float | None
    interval: str
    definition: str
    reason: str
    warning: str
    higher_is_better: bool | None


class CountsJson(TypedDict):
    """Numbers of samples in `metrics.json`.

    Attributes:
        total: Every sample of the input.
        scored: Samples with a score.
        not_scored: Samples without one; `scores.csv` says why.
        real: Scored samples labelled real.
        fake: Scored samples labelled fake.
        unlabelled: Scored samples without a label; no figure includes them.
    """

    total: int
    scored: int
    not_scored: int
    real: int
    fake: int
    unlabelled: int


class CoverageJson(TypedDict):
    """What of the input a level's figures rest on.

    Attributes:
        statuses: `ok` and each word for what went wrong, to numbers of samples.
        auc_if_missing: AUC if the samples that were not scored had scores of 0, 1 or 0.5: name to figure.
    """

    statuses: dict[str, int]
    auc_if_missing: dict[str, FigureJson]


class GroupJson(TypedDict):
    """One group of a breakdown.

    Attributes:
        name: The column's value; `(none)` where it is empty.
        real: Reals in it; by method, all reals.
        fake: Fakes in it.
        figures: Name with its level to figure.
        warning: Why its AUC says little, where it rests on few samples of a class; else empty.
    """

    name: str
    real: int
    fake: int
    figures: dict[str, FigureJson]
    warning: str


class BreakdownJson(TypedDict):
    """The groups of one column.

    Attributes:
        groups: In the order of their names.
        worst: Name of the group with the lowest AUC, or null.
        mean_auc: Mean of the groups' AUCs, each counting the same.
        pooled_auc: AUC of all samples together.
    """

    groups: list[GroupJson]
    worst: str | None
    mean_auc: FigureJson
    pooled_auc: FigureJson


class ThresholdJson(TypedDict):
    """A threshold chosen on another file.

    Attributes:
        value: A score above it is called fake.
        source: How and on what it was chosen.
    """

    value: float
    source: str


class CalibrationJson(TypedDict):
    """A calibration fitted on another file.

    Attributes:
        method: `temperature`, `platt` or `isotonic`.
        summary: What was fitted, in words.
        fitted_on: The file.
        before: Figures of the scores as they are.
        after: The same figures of the calibrated scores.
    """

    method: str
    summary: str
    fitted_on: str
    before: dict[str, FigureJson]
    after: dict[str, FigureJson]


class HostJson(TypedDict):
    """DeepfakeBench's own figures of the same scores.

    Attributes:
        figures: Its name (`acc`, `auc`, `eer`, `ap`, `video_auc`) to figure.
        differences: A sentence on each that is not ours, with the cause.
    """

    figures: dict[str, FigureJson]
    differences: list[str]


class BootstrapJson(TypedDict):
    """How the bootstrap drew.

    Attributes:
        resamples: How often.
        seed: Of the generator.
    """

    resamples: int
    seed: int


class SummaryJson(TypedDict):
    """The whole of `metrics.json`.

    Attributes:
        schema_version: 1. Rises when a key changes its meaning or goes.
        title: What gave the scores.
        head: `untrained` when the detector's head did not come from a checkpoint; null where unknown.
        level: What the text and the pictures are about: the last of `counts`.
        aggregation: The rule by which frames or clips come to the score of a video; null where there are no videos.
        notices: Facts of the run that belong to the figures, as sentences.
        warnings: Where a figure would mislead, as sentences, found in the scores.
        counts: Level (`frame`, `clip`, `video`) to numbers.
        coverage: Level to what was scored and what was not.
        figures: Name with its level, such as `frame_auc`, to figure.
        breakdowns: Level to column to groups.
        thresholds: Level to the threshold of the figures `*_at_threshold`; empty where none was chosen.
        calibration: Level to calibration; empty where none was asked for.
        deepfakebench: DeepfakeBench's own figures; null where rows are videos only.
        bootstrap: How intervals were drawn; null where only closed formulas were used.
    """

    schema_version: int
    title: str
    head: Head | None
    level: Level
    aggregation: str | None
    notices: list[str]
    warnings: list[str]
    counts: dict[Level, CountsJson]
    coverage: dict[Level, CoverageJson]
    figures: dict[str, FigureJson]
    breakdowns: dict[Level, dict[str, BreakdownJson]]
    thresholds: dict[Level, ThresholdJson]
    calibration: dict[Level, CalibrationJson]
    deepfakebench: HostJson | None
    bootstrap: BootstrapJson | None


def summary_json(summary: Summary) -> SummaryJson:
    """Return the summary as JSON values; nothing in it is NaN or infinite."""
    levels, drawn = summary.levels, summary.bootstrap
    return SummaryJson(
        schema_version=SCHEMA_VERSION,
        title=summary.title,
        head=None if summary.trained is None else "trained" if summary.trained else "untrained",
        level=summary.level,
        aggregation=summary.aggregation,
        notices=[notice.text for notice in summary.notices],
        warnings=[notice.text for notice in summary.warnings],
        counts={level: _counts(each.counts) for level, each in levels.items()},
        coverage={
            level: CoverageJson(statuses=dict(each.statuses), auc_if_missing=_figures(each.auc_if_missing))
            for level, each in levels.items()
        },
        figures=_figures(summary.figures),
        breakdowns={
            level: {breakdown.column: _breakdown(breakdown) for breakdown in each.breakdowns}
            for level, each in levels.items()
        },
        thresholds={
            level: ThresholdJson(value=each.threshold.value, source=each.threshold.source)
            for level, each in levels.items()
            if each.threshold is not None
        },
        calibration=_calibration(summary),
        deepfakebench=None if summary.host is None else _host(summary.host),
        bootstrap=None if drawn is None else BootstrapJson(resamples=drawn.resamples, seed=drawn.seed),
    )


def summary_text(summary: Summary) -> str:
    """Return the summary as the text of `metrics.json`."""
    document = summary_json(summary)
    return json.dumps(document, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _figures(figures: Mapping[str, Figure]) -> dict[str, FigureJson]:
    return {name: figure_json(figure) for name, figure in figures.items()}


def figure_json(figure: Figure) -> FigureJson:
    """Return one figure as JSON values."""
    return FigureJson(
        value=figure.value,
        low=figure.low,
        high=figure.high,
        interval=figure.interval,
        definition=figure.definition,
        reason=figure.reason,
        warning=figure.warning,
        higher_is_better=figure.higher_is_better,
    )


def _counts(counts: Counts) -> CountsJson:
    return CountsJson(
        total=counts.total,
        scored=counts.scored,
        not_scored=counts.not_scored,
        real=counts.real,
        fake=counts.fake,
        unlabelled=counts.unlabelled,
    )


def _breakdown(breakdown: Breakdown) -> BreakdownJson:
    return BreakdownJson(
        groups=[_group(group) for group in breakdown.groups],
        worst=breakdown.worst,
        mean_auc=figure_json(breakdown.mean_auc),
        pooled_auc=figure_json(breakdown.pooled_auc),
    )


def _group(group: Group) -> GroupJson:
    figures = _figures(group.figures)
    return GroupJson(name=group.name, real=group.real, fake=group.fake, figures=figures, warning=group.warning)


def _calibration(summary: Summary) -> dict[Level, CalibrationJson]:
    found: dict[Level, CalibrationJson] = {}
    for level, each in summary.levels.items():
        if each.calibration is not None:
            pairs = each.calibration.figures
            found[level] = CalibrationJson(
                method=each.calibration.fitted.method,
                summary=each.calibration.fitted.summary,
                fitted_on=each.calibration.fitted_on,
                before=_figures({name: before for name, (before, _) in pairs.items()}),
                after=_figures({name: after for name, (_, after) in pairs.items()}),
            )
    return found


def _host(host: HostSummary) -> HostJson:
    return HostJson(figures=_figures(host.figures), differences=list(host.differences))
