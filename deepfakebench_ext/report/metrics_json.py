"""What `metrics.json` holds, key by key. The same summary gives the same bytes: sorted keys, no times, no machine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, TypedDict

from deepfakebench_ext.common.choices import Level
from deepfakebench_ext.metrics.breakdown import Breakdown
from deepfakebench_ext.metrics.figure import Figure
from deepfakebench_ext.metrics.host_summary import HostSummary
from deepfakebench_ext.metrics.summary import Calibrated, Summary
from deepfakebench_ext.report.scores.csv_writing import Head, head_of

SCHEMA_VERSION = 1

Json = dict[str, Any]
"""A record as JSON: its attributes by name."""


class CoverageJson(TypedDict):
    """What of the input a level's figures rest on.

    Attributes:
        statuses: `ok` and each word for what went wrong, to numbers of samples.
        auc_if_missing: AUC if the samples that were not scored had scores of 0, 1 or 0.5: name to `Figure`.
    """

    statuses: dict[str, int]
    auc_if_missing: dict[str, Json]


class BreakdownJson(TypedDict):
    """The groups of one column.

    Attributes:
        groups: A `Group` each, in the order of their names.
        worst: Name of the group with the lowest AUC, or null.
        mean_auc: Mean of the groups' AUCs, each counting the same: a `Figure`.
        pooled_auc: AUC of all samples together: a `Figure`.
    """

    groups: list[Json]
    worst: str | None
    mean_auc: Json
    pooled_auc: Json


class CalibrationJson(TypedDict):
    """A calibration fitted on another file.

    Attributes:
        method: `temperature`, `platt` or `isotonic`.
        summary: What was fitted, in words.
        fitted_on: The file.
        before: Name to `Figure` of the scores as they are.
        after: The same figures of the calibrated scores.
    """

    method: str
    summary: str
    fitted_on: str
    before: dict[str, Json]
    after: dict[str, Json]


class SummaryJson(TypedDict):
    """The whole of `metrics.json`.

    `Figure`, `Group`, `Threshold`, `Counts`, `HostSummary` and `Bootstrap` are the records of these names under
    `deepfakebench_ext/metrics/`, attribute by attribute.

    Attributes:
        schema_version: 1. Rises when a key changes its meaning or goes.
        title: What gave the scores.
        head: `untrained` when the detector's head did not come from a checkpoint; null where unknown.
        level: What the text and the pictures are about: the last of `counts`.
        aggregation: The rule by which frames or clips come to the score of a video; null where there are no videos.
        protocol: On what and how all of it was made, whatever the detector: the record `EvaluationProtocol` of
            `deepfakebench_ext/common/protocol.py`, and its digest; null where that is not known.
        notices: Facts of the run that belong to the figures, as sentences.
        warnings: Where a figure would mislead, as sentences, found in the scores.
        notice_records: Both as the records `Notice` of `deepfakebench_ext/common/notices.py`, for programs.
        counts: Level (`frame`, `clip`, `video`) to `Counts`.
        coverage: Level to what was scored and what was not.
        figures: Name with its level, such as `frame_auc`, to `Figure`.
        breakdowns: Level to column to groups.
        thresholds: Level to the `Threshold` of the figures `*_at_threshold`; empty where none was chosen.
        calibration: Level to calibration; empty where none was asked for.
        deepfakebench: DeepfakeBench's own figures, a `HostSummary`; null where rows are videos only.
        bootstrap: How intervals were drawn, a `Bootstrap`; null where only closed formulas were used.
    """

    schema_version: int
    title: str
    head: Head | None
    level: Level
    aggregation: str | None
    protocol: Json | None
    notices: list[str]
    warnings: list[str]
    notice_records: list[Json]
    counts: dict[Level, Json]
    coverage: dict[Level, CoverageJson]
    figures: dict[str, Json]
    breakdowns: dict[Level, dict[str, BreakdownJson]]
    thresholds: dict[Level, Json]
    calibration: dict[Level, CalibrationJson]
    deepfakebench: Json | None
    bootstrap: Json | None


def summary_json(summary: Summary) -> SummaryJson:
    """Return the summary as JSON values; nothing in it is NaN or infinite."""
    levels = summary.levels
    return SummaryJson(
        schema_version=SCHEMA_VERSION,
        title=summary.title,
        head=head_of(summary.trained),
        level=summary.level,
        aggregation=summary.aggregation,
        protocol=None if summary.protocol is None else summary.protocol.to_json(),
        notices=[notice.text for notice in summary.notices],
        warnings=[notice.text for notice in summary.warnings],
        notice_records=[asdict(notice) for notice in summary.said],
        counts={level: asdict(each.counts) for level, each in levels.items()},
        coverage={
            level: CoverageJson(statuses=dict(each.statuses), auc_if_missing=figures_json(each.auc_if_missing))
            for level, each in levels.items()
        },
        figures=figures_json(summary.figures),
        breakdowns={
            level: {breakdown.column: _breakdown(breakdown) for breakdown in each.breakdowns}
            for level, each in levels.items()
        },
        thresholds={level: asdict(each.threshold) for level, each in levels.items() if each.threshold is not None},
        calibration={
            level: _calibration(each.calibration) for level, each in levels.items() if each.calibration is not None
        },
        deepfakebench=None if summary.host is None else _host(summary.host),
        bootstrap=None if summary.bootstrap is None else asdict(summary.bootstrap),
    )


def summary_text(summary: Summary) -> str:
    """Return the summary as the text of `metrics.json`."""
    return json_text(summary_json(summary))


def json_text(document: Mapping[str, Any]) -> str:
    """Return JSON values as a file's text: the same values give the same bytes.

    Raises:
        ValueError: One of them is NaN or infinite, which is no JSON.
    """
    return json.dumps(document, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def figures_json(figures: Mapping[str, Figure]) -> dict[str, Json]:
    """Return figures as JSON values, name by name."""
    return {name: asdict(figure) for name, figure in figures.items()}


def _host(host: HostSummary) -> dict[str, Any]:
    """Return DeepfakeBench's own figures, and a list of sentences on those that are not ours."""
    return {**asdict(host), "differences": [*host.differences.values()]}


def _breakdown(breakdown: Breakdown) -> BreakdownJson:
    return BreakdownJson(
        groups=[asdict(group) for group in breakdown.groups],
        worst=breakdown.worst,
        mean_auc=asdict(breakdown.mean_auc),
        pooled_auc=asdict(breakdown.pooled_auc),
    )


def _calibration(calibrated: Calibrated) -> CalibrationJson:
    pairs = calibrated.figures
    return CalibrationJson(
        method=calibrated.fitted.method,
        summary=calibrated.fitted.summary,
        fitted_on=calibrated.fitted_on,
        before=figures_json({name: before for name, (before, _) in pairs.items()}),
        after=figures_json({name: after for name, (_, after) in pairs.items()}),
    )
