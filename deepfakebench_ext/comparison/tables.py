"""A comparison of detectors as tables and sentences: figures side by side, pairs, groups, what was left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from deepfakebench_ext.common.csv_files import write_csv
from deepfakebench_ext.common.notices import marked
from deepfakebench_ext.common.wording import printable
from deepfakebench_ext.comparison.records import Compared, Comparison
from deepfakebench_ext.metrics.figure import Figure, with_interval
from deepfakebench_ext.metrics.pairs import SIGNIFICANT, Pair
from deepfakebench_ext.metrics.thresholds import DECISION_THRESHOLD, decided
from deepfakebench_ext.report.document import Table
from deepfakebench_ext.report.figure_tables import title_of, without_last_if_empty
from deepfakebench_ext.report.scores.csv_writing import head_of

SMALLEST_SHOWN = 1e-4
"""Smaller p-values are shown in powers of ten."""
RANKED_BY = ("auc", "ap", "eer")
"""Figures, without level, of the table of ranks; the first decides."""
MOST_BESIDE = 4
"""Detectors side by side in a table of a page, which shall be whole in print."""
COLUMNS = ("detector", "file", "head", "level", "real", "fake", "left_out")
"""Columns of the CSV before those of the figures."""


def shown_name(detector: Compared) -> str:
    """Return the detector's name as tables have it: marked where its head is untrained."""
    return marked(detector.name, detector.file.trained)


def side_by_side(detectors: Sequence[Compared]) -> list[Sequence[Compared]]:
    """Return the detectors, in their order, in as few parts as have room beside each other on a page, of like size."""
    parts = -(-len(detectors) // MOST_BESIDE)
    ends = [len(detectors) * part // parts for part in range(parts + 1)]
    return [detectors[first:end] for first, end in pairwise(ends)]


def rank_table(comparison: Comparison) -> Table:
    """Return a row a detector, by falling AUC.

    Those of equal AUC share a rank, and those without one come after the others. Untrained ones have none, and come
    last: their scores say nothing.
    """
    level, detectors = comparison.level, comparison.detectors
    aucs = [(each.figures[f"{level}_auc"].value, each) for each in detectors]
    value = {each.name: -1.0 if auc is None else auc for auc, each in aucs}
    ranked = [value[each.name] for each in detectors if each.file.trained is not False]
    rows = []
    for each in sorted(detectors, key=lambda each: (each.file.trained is False, -value[each.name])):
        rank = "" if each.file.trained is False else str(1 + sum(other > value[each.name] for other in ranked))
        figures = (each.figures[f"{level}_{name}"] for name in RANKED_BY)
        rows.append((rank, shown_name(each), *map(_cell, figures), _better_than(comparison, each.name)))
    header = ("rank", "detector", *map(title_of, RANKED_BY), "better than")
    better = "; better than: so many of the others, beyond noise" if comparison.pairs else ""
    caption = f"detectors by {level} AUC, with 95 % intervals{better}"
    return without_last_if_empty(Table(header, rows, caption=caption))


def _better_than(comparison: Comparison, name: str) -> str:
    if not comparison.pairs:
        return ""
    won = sum(name == (each.first if each.difference > 0 else each.second) for each in comparison.pairs if each.differ)
    return f"{won} of {len(comparison.detectors) - 1}"


def figures_tables(comparison: Comparison) -> list[Table]:
    """Return every figure with its interval, detectors side by side, as many to a table as have room."""
    return [_figures(comparison, part) for part in side_by_side(comparison.detectors)]


def _figures(comparison: Comparison, detectors: Sequence[Compared]) -> Table:
    rows = [
        (title_of(name.removeprefix(f"{comparison.level}_")), *(_cell(each.figures[name]) for each in detectors))
        for name in detectors[0].figures
    ]
    caption = f"figures of {comparison.level}s, with 95 % intervals"
    return Table(("figure", *map(shown_name, detectors)), rows, caption=caption)


def _cell(figure: Figure) -> str:
    return "undefined" if figure.value is None else with_interval(figure)


def figure_notes(comparison: Comparison, names: Sequence[str] = ()) -> list[str]:
    """Return why figures are undefined, and which should not be relied on, once for all that share the cause.

    Args:
        comparison: Of which.
        names: Figures, without level, that it is said of; empty for all.
    """
    causes: dict[str, tuple[list[str], list[str]]] = {}
    for detector in comparison.detectors:
        for name, figure in detector.figures.items():
            if names and name.removeprefix(f"{comparison.level}_") not in names:
                continue
            title = title_of(name.removeprefix(f"{comparison.level}_"))
            for cause in _causes(figure):
                titles, detectors = causes.setdefault(cause, ([], []))
                titles += [] if title in titles else [title]
                detectors += [] if detector.name in detectors else [detector.name]
    everyone = len(comparison.detectors)
    return [
        f"{', '.join(titles)}{'' if len(detectors) == everyone else f' of {_and(detectors)}'}: {cause}"
        for cause, (titles, detectors) in causes.items()
    ]


def _causes(figure: Figure) -> Iterator[str]:
    """Why a figure is undefined; else why it should not be relied on, and why it has no interval."""
    if figure.reason:
        yield f"undefined, {figure.reason}"
        return
    if figure.warning:
        yield figure.warning
    if figure.low is None and figure.interval:
        yield figure.interval.replace("none:", "no interval,", 1)


def decisions_table(comparison: Comparison) -> Table:
    """Return the confusion matrix of each detector at 0.5, a row a detector."""
    rows = []
    for each in comparison.detectors:
        found = decided(comparison.labels, each.scores, DECISION_THRESHOLD)
        cells = (found.reals - found.alarms, found.alarms, found.fakes - found.hits, found.hits)
        rows.append((shown_name(each), *map(str, cells)))
    header = ("detector", "reals called real", "reals called fake", "fakes called real", "fakes called fake")
    return Table(header, rows, caption=f"{comparison.level}s decided at {DECISION_THRESHOLD:g}: a score above is fake")


def counts_sentences(comparison: Comparison) -> list[str]:
    """Return how many samples are compared, and how many of each detector are not, with the causes."""
    level, count = comparison.level, len(comparison.keys)
    fake = int(comparison.labels.sum())
    detectors = comparison.detectors
    first = (
        f"{len(detectors)} detectors are compared on {count} {level}s ({count - fake} real, {fake} fake) that all of "
        f"them scored; {comparison.in_all} are in all files"
    )
    causes: dict[str, list[str]] = {}
    for each in detectors:
        if each.left_out:
            causes.setdefault(_left_out(comparison, each), []).append(each.name)
    return [first, *(f"{', '.join(names)}: {cause}" for cause, names in causes.items())]


def _left_out(comparison: Comparison, detector: Compared) -> str:
    total = detector.counts.total
    others = comparison.in_all - len(comparison.keys) - detector.unscored
    causes = {
        "not in every file": total - comparison.in_all,
        "not scored by it": detector.unscored,
        "without a label or not scored by another": others,
    }
    said = ", ".join(f"{number} {cause}" for cause, number in causes.items() if number)
    return f"{detector.left_out} of {total} {comparison.level}s are left out ({said})"


def pairs_table(comparison: Comparison) -> Table | None:
    """Return the paired tests; None where there are none."""
    if not comparison.pairs:
        return None
    names = {each.name: shown_name(each) for each in comparison.detectors}
    rows = [
        (
            names[pair.first],
            names[pair.second],
            _difference(pair),
            _p(pair.p_value),
            _p(pair.p_holm),
            "untested" if pair.p_value is None else "yes" if pair.differ else "no",
        )
        for pair in comparison.pairs
    ]
    marked = frozenset(number for number, pair in enumerate(comparison.pairs) if pair.differ)
    header = ("first", "second", "AUC of first less second", "p", "p after Holm", "differ beyond noise")
    by = ", variance clustered by video" if comparison.clustered else ""
    caption = f"paired DeLong tests of {comparison.level} AUC{by}; 95 % intervals are of each pair alone"
    return Table(header, rows, marked, caption)


def pair_sentences(comparison: Comparison) -> list[str]:
    """Return in words which pairs differ beyond noise, a general sentence first."""
    if comparison.no_pairs:
        return [f"no pair can be tested: {comparison.no_pairs}"]
    differing = sum(pair.differ for pair in comparison.pairs)
    count = len(comparison.pairs)
    holm = f", after Holm's correction for {count} pairs" if count > 1 else ""
    general = (
        f"{differing} of {count} {'pair differs' if count == 1 else 'pairs differ'} in {comparison.level} AUC beyond "
        f"noise (paired DeLong test at {SIGNIFICANT:.0%}{holm})"
    )
    names = {each.name: shown_name(each) for each in comparison.detectors}
    return [general, *(_pair_sentence(pair, names[pair.first], names[pair.second], count) for pair in comparison.pairs)]


def _pair_sentence(pair: Pair, first: str, second: str, count: int) -> str:
    if pair.p_value is None:
        return (
            f"{first} and {second} cannot be tested: their AUCs are {abs(pair.difference):.4f} apart, but the variance "
            "of the difference is 0 or, with one sample or video of a class, unknown"
        )
    p = f"p {_p(pair.p_value)}" + (f", after Holm {_p(pair.p_holm)}" if count > 1 else "")
    if pair.differ:
        better, worse = (first, second) if pair.difference > 0 else (second, first)
        return f"{better} is better than {worse} beyond noise: its AUC is higher by {_size(pair)}, {p}"
    luck = "; alone it would, but of so many pairs one may by luck" if pair.p_value < SIGNIFICANT else ""
    difference = f"AUC of the first less the second {_difference(pair)}"
    return f"{first} and {second} do not differ beyond noise: {difference}, {p}{luck}"


def _difference(pair: Pair) -> str:
    interval = "" if pair.low is None or pair.high is None else f" ({_signed(pair.low)} to {_signed(pair.high)})"
    return f"{_signed(pair.difference)}{interval}"


def _size(pair: Pair) -> str:
    """The difference of a pair that differs, and so has an interval without 0, whichever of the two is better."""
    low, high = sorted((abs(pair.low or 0.0), abs(pair.high or 0.0)))
    return f"{abs(pair.difference):.4f} ({low:.4f} to {high:.4f})"


def _signed(value: float) -> str:
    return f"{value:+.4f}" if round(value, 4) else "0.0000"


def _p(value: float | None) -> str:
    if value is None:
        return "-"
    if value == 0:
        return "< 1e-300"
    return f"{value:.4f}" if value >= SMALLEST_SHOWN else f"{value:.1e}"


def group_tables(comparison: Comparison) -> list[Table]:
    """Return the AUC of each group, detectors side by side, and each one's worst group: for each column, in tables."""
    return [
        _groups(comparison, number, part)
        for number in range(len(comparison.detectors[0].breakdowns))
        for part in side_by_side(comparison.detectors)
    ]


def _groups(comparison: Comparison, number: int, detectors: Sequence[Compared]) -> Table:
    breakdowns = [each.breakdowns[number] for each in detectors]
    auc, first = f"{comparison.level}_auc", breakdowns[0]
    rows = [
        (
            *(group.name, str(group.real), str(group.fake)),
            *(_cell(each.groups[place].figures[auc]) for each in breakdowns),
            group.warning,
        )
        for place, group in enumerate(first.groups)
    ]
    rows.append(("mean of the groups", "", "", *(_cell(each.mean_auc) for each in breakdowns), ""))
    rows.append(("all pooled", "", "", *(_cell(each.pooled_auc) for each in breakdowns), ""))
    rows.append(("worst group", "", "", *(each.worst or "-" for each in breakdowns), ""))
    against = " (fakes of each against all reals)" if first.column == "method" else ""
    header = (first.column, "real", "fake", *map(shown_name, detectors), "beware")
    return without_last_if_empty(Table(header, rows, caption=f"{comparison.level} AUC by {first.column}{against}"))


def write_comparison_csv(path: Path, comparison: Comparison) -> None:
    """Write the table as CSV, one line a detector: a figure, its ends `_low` and `_high`; empty where undefined.

    Raises:
        OutputError: The file cannot be written; what stood there is unchanged.
    """
    names = list(comparison.detectors[0].figures)
    ends = [f"{name}{end}" for name in names for end in ("", "_low", "_high")]
    write_csv(path, [*COLUMNS, *ends], (_csv_row(comparison, detector) for detector in comparison.detectors))


def _csv_row(comparison: Comparison, detector: Compared) -> dict[str, str]:
    fake = int(comparison.labels.sum())
    row = {
        "detector": printable(detector.name),
        "file": printable(detector.file.path.as_posix()),
        "head": head_of(detector.file.trained) or "",
        "level": comparison.level,
        "real": str(len(comparison.labels) - fake),
        "fake": str(fake),
        "left_out": str(detector.left_out),
    }
    for name, figure in detector.figures.items():
        row |= {name: _number(figure.value), f"{name}_low": _number(figure.low), f"{name}_high": _number(figure.high)}
    return row


def _number(value: float | None) -> str:
    return "" if value is None else repr(float(value))


def _and(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
