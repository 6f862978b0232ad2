"""A summary as lines for the terminal."""

from __future__ import annotations

from collections.abc import Iterator

from deepfakebench_ext.common.choices import Level
from deepfakebench_ext.common.wording import printable, rounded
from deepfakebench_ext.metrics.breakdown import Breakdown
from deepfakebench_ext.metrics.figure import Figure, with_interval
from deepfakebench_ext.metrics.summary import LevelSummary, Summary
from deepfakebench_ext.report.figure_tables import counts_sentence

_WIDTH = 40


def summary_lines(summary: Summary) -> Iterator[str]:
    """Yield the lines, one thing a line: every level, then what differs from DeepfakeBench; warnings are apart."""
    for level, each in summary.levels.items():
        yield counts_sentence(level, summary)
        yield from _level_lines(level, each)
    if summary.host is not None:
        for text in summary.host.differences.values():
            yield printable(text)


def _level_lines(level: Level, summary: LevelSummary) -> Iterator[str]:
    failed = [f"{number} {status}" for status, number in summary.statuses.items() if status != "ok"]
    if failed:
        yield f"not scored: {printable(', '.join(failed))}"
        for name, figure in summary.auc_if_missing.items():
            yield _line(name, figure)
    for name, figure in summary.figures.items():
        yield _line(name, figure)
    if summary.threshold is not None:
        yield f"{level} threshold {rounded(summary.threshold.value)}, {printable(summary.threshold.source)}"
    for breakdown in summary.breakdowns:
        yield from _breakdown_lines(level, breakdown)
    if summary.calibration is not None:
        yield f"calibrated on {printable(summary.calibration.fitted_on)}: {summary.calibration.fitted.summary}"
        for name, (before, after) in summary.calibration.figures.items():
            yield f"{name:<{_WIDTH}} {_value(before)} -> {_value(after)}"


def _breakdown_lines(level: Level, breakdown: Breakdown) -> Iterator[str]:
    for group in breakdown.groups:
        worst = "  (worst)" if group.name == breakdown.worst else ""
        name, auc = printable(f"{level}_auc, {breakdown.column} {group.name}"), group.figures[f"{level}_auc"]
        beware = "".join(f"  ! {text}" for text in (auc.warning, group.warning) if text)
        yield f"{name:<{_WIDTH}} {_value(auc)}  {group.real} real, {group.fake} fake{worst}{beware}"
    yield _line(f"{level}_auc, mean by {printable(breakdown.column)}", breakdown.mean_auc)
    yield _line(f"{level}_auc, pooled", breakdown.pooled_auc)


def _line(name: str, figure: Figure) -> str:
    beside = f"  ! {figure.warning}" if figure.warning else ""
    return f"{name:<{_WIDTH}} {_value(figure)}{beside}"


def _value(figure: Figure) -> str:
    return f"undefined ({figure.reason})" if figure.value is None else with_interval(figure)
