"""Figures as tables of a report: at every level, by group, beside DeepfakeBench's own, before and after calibration."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from deepfakebench_ext.common.choices import Level
from deepfakebench_ext.common.wording import counted, noun_of, percent, rounded
from deepfakebench_ext.metrics.breakdown import Breakdown, Group
from deepfakebench_ext.metrics.figure import Figure, interval_of, with_interval
from deepfakebench_ext.metrics.summary import LevelSummary, Summary
from deepfakebench_ext.metrics.thresholds import DECISION_THRESHOLD, Decided, decided
from deepfakebench_ext.report.document import Table

TITLES = {
    "auc": "AUC",
    "ap": "AP (PR-AUC)",
    "eer": "EER",
    "eer_threshold": "EER threshold",
    "acc": "accuracy",
    "accuracy": "accuracy at 0.5",
    "balanced_accuracy": "balanced accuracy at 0.5",
    "precision": "precision at 0.5",
    "recall": "recall at 0.5",
    "f1": "F1 at 0.5",
    "brier": "Brier score",
    "log_loss": "log loss",
    "ece_equal_width": "ECE, bins of equal width",
    "ece_equal_mass": "ECE, bins of equal mass",
    "video_auc": "video AUC",
}
_GIVEN = "_at_threshold"
_RATE = re.compile(r"(tpr|fpr|partial_auc)_(?:at|mcclish)_(tpr|fpr)_([0-9.]+)")
GROUP_FIGURES = ("auc", "ap", "eer", "balanced_accuracy")


def title_of(name: str) -> str:
    """Return what people call the figure of that name without level: `TPR at FPR 1 %` for `tpr_at_fpr_0.01`."""
    if name.endswith(_GIVEN):
        return title_of(name.removesuffix(_GIVEN)).replace(" at 0.5", "") + " at the threshold"
    if match := _RATE.fullmatch(name):
        what = "partial AUC (McClish)," if match[1].startswith("partial") else f"{match[1].upper()} at"
        return f"{what} {match[2].upper()} {100 * float(match[3]):.3g} %"
    return TITLES.get(name, name.replace("_", " "))


def shown(figure: Figure) -> str:
    """Return the value, or why there is none."""
    return f"undefined: {figure.reason}" if figure.value is None else rounded(figure.value)


def interval_or_reason(figure: Figure) -> str:
    """Return the 95 % interval, or why there is none; nothing of a figure that is undefined itself."""
    return interval_of(figure) or ("" if figure.value is None else figure.interval)


def level_table(level: Level, summary: LevelSummary) -> Table:
    """Return the figures of one level with their intervals."""
    rows = [
        (title_of(name.removeprefix(f"{level}_")), shown(figure), interval_or_reason(figure), figure.warning)
        for name, figure in summary.figures.items()
    ]
    return without_last_if_empty(Table(("figure", "value", "95 % interval", "beware"), rows))


def decision_tables(level: Level, summary: Summary) -> list[Table]:
    """Return the confusion matrix of a level: at 0.5, and at the threshold that was chosen, where one was."""
    labels, scores = summary.usable(level)
    cut = summary.levels[level].threshold
    cuts = [(DECISION_THRESHOLD, ""), *([] if cut is None else [(cut.value, f", by {cut.source}")])]
    return [
        Table(
            ("labelled", "called real", "called fake"),
            _decisions(decided(labels, scores, value)),
            caption=f"{level}s decided at {rounded(value, 6, 'g')}{source}: a score above it is called fake",
        )
        for value, source in cuts
        if len(labels)
    ]


def _decisions(found: Decided) -> list[tuple[str, ...]]:
    classes = (("real", found.reals, found.alarms), ("fake", found.fakes, found.hits))
    return [(name, _part(total - fake, total), _part(fake, total)) for name, total, fake in classes]


def _part(number: int, total: int) -> str:
    """`264 (88 %)`, or a number alone of none."""
    return f"{number} ({percent(number / total)})" if total else str(number)


def without_last_if_empty(table: Table) -> Table:
    """Return the table without its last column where no row has anything in it."""
    if any(row[-1] for row in table.rows):
        return table
    return replace(table, header=table.header[:-1], rows=[row[:-1] for row in table.rows])


def counts_sentence(level: Level, summary: Summary) -> str:
    """Return `1000 videos: 980 scored (500 real, 480 fake), 20 not scored`."""
    counts = summary.levels[level].counts
    unlabelled = f", {counts.unlabelled} without a label" if counts.unlabelled else ""
    return (
        f"{counted(counts.total, noun_of(level, summary.levels))}: {counts.scored} scored ({counts.real} real, "
        f"{counts.fake} fake{unlabelled}), {counts.not_scored} not scored"
    )


def scored_table(summary: Summary) -> Table:
    """Return what was expected and what became of it, a row a level."""
    statuses = list(dict.fromkeys(status for level in summary.levels.values() for status in level.statuses))
    header = ("level", "expected", *("scored" if status == "ok" else status.replace("_", " ") for status in statuses))
    rows = [
        (
            f"{noun_of(name, summary.levels)}s",
            str(level.counts.total),
            *(str(level.statuses.get(status, 0)) for status in statuses),
        )
        for name, level in summary.levels.items()
    ]
    return Table(header, rows)


def missing_table(summary: Summary) -> Table | None:
    """Return the AUC if the missing samples had scores of 0, 1, 0.5; None where none is missing."""
    rows = [
        (f"{level} AUC as it is", shown(each.figures[f"{level}_auc"]))
        if not name
        else (f"{level} AUC if the missing were {name.rpartition('_')[2]}", shown(figure))
        for level, each in summary.levels.items()
        if each.counts.not_scored
        for name, figure in [("", each.figures[f"{level}_auc"]), *each.auc_if_missing.items()]
    ]
    return Table(("figure", "value"), rows) if rows else None


def breakdown_table(level: Level, breakdown: Breakdown) -> Table:
    """Return the groups of a column, the worst one marked, then their mean AUC and the pooled one.

    The last column says what to beware of, where there is something.
    """
    rows = [_group_row(level, group) for group in breakdown.groups]
    blank = ("",) * (len(GROUP_FIGURES) - 1)
    for name, figure in (("mean of the groups", breakdown.mean_auc), ("all pooled", breakdown.pooled_auc)):
        rows.append((name, "", "", with_interval(figure), *blank, figure.warning))
    marked = frozenset(number for number, group in enumerate(breakdown.groups) if group.name == breakdown.worst)
    against = " (fakes of each against all reals)" if breakdown.column == "method" else ""
    worst = "" if breakdown.worst is None else f"; the worst is {breakdown.worst}"
    header = (breakdown.column, "real", "fake", *(title_of(name) for name in GROUP_FIGURES), "beware")
    return without_last_if_empty(Table(header, rows, marked, f"{level}s by {breakdown.column}{against}{worst}"))


def _group_row(level: Level, group: Group) -> tuple[str, ...]:
    figures = (with_interval(group.figures[f"{level}_{name}"]) for name in GROUP_FIGURES)
    auc = group.figures[f"{level}_auc"]
    lacking = (
        f"no interval of the AUC: {auc.interval.removeprefix('none: ')}"
        if auc.value is not None and auc.low is None
        else ""
    )
    beware = "; ".join(filter(None, (auc.warning, group.warning))) or lacking
    return (group.name, str(group.real), str(group.fake), *figures, beware)


def host_table(summary: Summary) -> Table | None:
    """Return DeepfakeBench's own figures beside ours; None where there are none."""
    if summary.host is None:
        return None
    unit = next(iter(summary.levels))
    ours = {"acc": f"{unit}_accuracy", "video_auc": "video_auc"}
    rows = [
        (title_of(name), shown(figure), _ours(summary.figures, ours.get(name, f"{unit}_{name}")))
        for name, figure in summary.host.figures.items()
    ]
    return Table(("figure", "DeepfakeBench", "ours"), rows)


def _ours(figures: Mapping[str, Figure], name: str) -> str:
    return shown(figures[name]) if name in figures else "-"


def calibration_table(summary: Summary) -> Table | None:
    """Return the figures before and after calibration; None where none was asked for."""
    rows = [
        (f"{level} {title_of(name.removeprefix(f'{level}_'))}", shown(before), shown(after))
        for level, each in summary.levels.items()
        if each.calibration is not None
        for name, (before, after) in each.calibration.figures.items()
    ]
    return Table(("figure", "before", "after"), rows) if rows else None


def definitions_table(figures: Mapping[str, Figure], levels: Sequence[Level]) -> Table:
    """Return what each figure measures and how its interval was made, once for all levels."""
    rows: dict[str, tuple[str, str, str]] = {}
    for name, figure in figures.items():
        level = next(level for level in levels if name.startswith(f"{level}_"))
        short = name.removeprefix(f"{level}_")
        rows.setdefault(short, (title_of(short), figure.definition, figure.interval))
    return Table(("figure", "definition", "95 % interval"), list(rows.values()))
