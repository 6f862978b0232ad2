"""Figures by manipulation method, dataset, compression or any column: a good mean may hide a group that fails. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter

import numpy as np

from deepfakebench_ext.common.choices import Level
from deepfakebench_ext.common.notices import Notice
from deepfakebench_ext.common.types import FAKE, REAL
from deepfakebench_ext.common.wording import counted
from deepfakebench_ext.metrics.delong import NORMAL_95, auc_influence, influence_interval, influence_variance
from deepfakebench_ext.metrics.detailed import detailed_figures
from deepfakebench_ext.metrics.figure import (
    Figure,
    Floats,
    Integers,
    check_arrays,
    check_clusters,
    check_length,
    class_size,
    one_class_reason,
)
from deepfakebench_ext.metrics.misleading import FEW, few_in_groups, is_below_chance, size_in_words, turned_in_groups
from deepfakebench_ext.metrics.score_table import UNKNOWN, Column
from deepfakebench_ext.metrics.thresholds import Threshold

UNNAMED = "(none)"
"""The group of samples that the column says nothing about."""


@dataclass(frozen=True, slots=True)
class Scored:
    """Samples to be broken down.

    Attributes:
        labels: Integers (N,): 0 real, 1 fake.
        scores: float64 (N,): P(fake) in [0, 1].
        level: What one row stands for.
        clusters: Integers (N,): the video that a frame or clip is from; None where every row stands alone.
    """

    labels: Integers
    scores: Floats
    level: Level
    clusters: Integers | None = None

    def __post_init__(self) -> None:
        """Refuse arrays that no figure is made from."""
        check_arrays(self.labels, self.scores)
        if self.clusters is not None:
            check_clusters(self.clusters, self.labels)

    def take(self, chosen: Integers) -> Scored:
        """The samples at these places."""
        clusters = None if self.clusters is None else self.clusters[chosen]
        return Scored(self.labels[chosen], self.scores[chosen], self.level, clusters)


@dataclass(frozen=True, slots=True)
class Group:
    """The figures of one group.

    Attributes:
        name: The column's value; `(none)` where it is empty.
        real: Reals in it; for methods, all reals.
        fake: Fakes in it.
        figures: As `detailed_figures` gives them.
        warning: Why its AUC says little although it is defined: too few samples of a class; else empty.
    """

    name: str
    real: int
    fake: int
    figures: dict[str, Figure]
    warning: str = ""


@dataclass(frozen=True, slots=True)
class Breakdown:
    """The groups of one column.

    Attributes:
        column: What they differ in: `method`, `dataset`, ...
        groups: In the order of their names.
        worst: Name of the group with the lowest AUC; None where fewer than two groups have one.
        mean_auc: Mean of the groups' AUCs, each group counting the same.
        pooled_auc: AUC of all samples together. Lower than the mean where one group's scores lie above another's.
        notices: Which groups rest on few samples, the worst among them perhaps, and which are below chance.
    """

    column: str
    groups: tuple[Group, ...]
    worst: str | None
    mean_auc: Figure
    pooled_auc: Figure
    notices: tuple[Notice, ...] = ()


def by_column(
    samples: Scored,
    values: Column | Sequence[str | None],
    *,
    column: str,
    threshold: Threshold | None = None,
) -> Breakdown:
    """Figures of each group of samples that share a value: datasets, compressions, splits.

    Args:
        samples: All of them.
        values: (N) the column's value of each sample, None or empty where unknown.
        column: Its name.
        threshold: As `detailed_figures`.

    Raises:
        ValueError: There is not one value a sample.
    """
    return _break_down(samples, _Groups(_places(samples, values)), column, threshold)


def by_method(
    samples: Scored,
    methods: Column | Sequence[str | None],
    *,
    threshold: Threshold | None = None,
) -> Breakdown:
    """Figures of the fakes of each method against all reals, whatever method a real's row names.

    Args:
        samples: All of them.
        methods: (N) the manipulation method of each sample, None or empty where unknown.
        threshold: As `detailed_figures`.

    Raises:
        ValueError: There is not one value a sample.
    """
    reals = np.flatnonzero(samples.labels == 0)
    fakes = {name: places[samples.labels[places] == 1] for name, places in _places(samples, methods).items()}
    groups = _Groups({name: places for name, places in fakes.items() if len(places)}, reals)
    return _break_down(samples, groups, "method", threshold)


@dataclass(frozen=True, slots=True)
class _Groups:
    """Places of each group's samples; those that all groups share are held once."""

    own: dict[str, Integers]
    shared: Integers | None = None

    def __len__(self) -> int:
        return len(self.own)

    def __iter__(self) -> Iterator[tuple[str, Integers]]:
        for name, places in self.own.items():
            yield name, places if self.shared is None else np.sort(np.concatenate([self.shared, places]))


def _places(samples: Scored, values: Column | Sequence[str | None]) -> dict[str, Integers]:
    column = values if isinstance(values, Column) else Column.of(values)
    check_length("values", column.codes, samples.labels)
    names = column.names if UNNAMED in column.names else (*column.names, UNNAMED)
    codes = np.where(column.codes == UNKNOWN, names.index(UNNAMED), column.codes)
    order = np.argsort(codes, kind="stable")
    groups = np.split(order, np.cumsum(np.bincount(codes, minlength=len(names)))[:-1])
    return {name: places for name, places in sorted(zip(names, groups, strict=True), key=itemgetter(0)) if len(places)}


def _break_down(samples: Scored, places: _Groups, column: str, threshold: Threshold | None) -> Breakdown:
    groups = []
    for name, chosen in places:
        part = samples.take(chosen)
        figures = detailed_figures(
            part.labels, part.scores, level=part.level, clusters=part.clusters, threshold=threshold
        )
        auc = figures[f"{part.level}_auc"]
        if is_below_chance(auc):
            warning = "; ".join(filter(None, (auc.warning, "below chance: reals score above fakes")))
            figures[f"{part.level}_auc"] = replace(auc, warning=warning)
        fake = int(part.labels.sum(dtype=np.int64))
        groups.append(Group(name, len(chosen) - fake, fake, figures, _few(part)))
    worst = _worst(groups, samples.level)
    units = "reals or fakes" if samples.clusters is None else "videos of reals or of fakes"
    few = [group.name for group in groups if group.warning]
    aucs = {group.name: group.figures[f"{samples.level}_auc"] for group in groups}
    found = (few_in_groups(column, few, units=units, of_worst=worst is not None), turned_in_groups(column, aucs))
    return Breakdown(
        column=column,
        groups=tuple(groups),
        worst=worst,
        mean_auc=_mean_auc(samples, places, column),
        pooled_auc=_pooled(samples),
        notices=tuple(filter(None, found)),
    )


def _few(group: Scored) -> str:
    """`only 1 fake`, `only 12 reals of 3 videos`: classes with fewer samples, or videos, than figures can rest on."""
    if one_class_reason(group.labels):
        return ""
    found = []
    for label, noun in ((REAL, "real"), (FAKE, "fake")):
        samples, videos = class_size(group.labels, label, group.clusters)
        if videos < FEW:
            found.append(size_in_words(samples, noun, None if group.clusters is None else videos))
    return f"only {' and '.join(found)}" if found else ""


def _worst(groups: Sequence[Group], level: Level) -> str | None:
    aucs = [(value, group.name) for group in groups if (value := group.figures[f"{level}_auc"].value) is not None]
    return min(aucs)[1] if len(aucs) > 1 else None


def _mean_auc(samples: Scored, places: _Groups, column: str) -> Figure:
    """The mean over the groups that have both classes. What groups share, such as reals, is in its variance."""
    aucs, influence, alone = [], np.zeros(len(samples.labels)), False
    is_used = np.zeros(len(samples.labels), bool)
    for _, chosen in places:
        part = samples.take(chosen)
        if one_class_reason(part.labels):
            continue
        own = auc_influence(part.labels, part.scores)
        alone = alone or min(class_size(part.labels, label, part.clusters)[1] for label in (REAL, FAKE)) < 2
        aucs.append(own.auc)
        influence[chosen] += own.values
        is_used[chosen] = True
    definition = f"mean of the AUCs of {len(aucs)} of {len(places)} groups by {column}, each counting the same"
    if not aucs:
        return Figure(None, definition, f"no group by {column} has both classes", higher_is_better=True)
    influence /= len(aucs)
    used = samples.take(np.flatnonzero(is_used))  # a group that is left out would add to the numbers, not to the spread
    variance = math.nan if alone else influence_variance(influence[is_used], used.labels, used.clusters)
    warning = "; ".join(_mean_warnings(aucs, len(places) - len(aucs), has_interval=variance > 0))
    return _with_normal_interval(math.fsum(aucs) / len(aucs), definition, variance, warning)


def _mean_warnings(aucs: Sequence[float], left_out: int, *, has_interval: bool) -> list[str]:
    warnings = []
    if left_out:
        verbs = ("has", "is") if left_out == 1 else ("have", "are")
        warnings.append(f"{counted(left_out, 'group')} {verbs[0]} one class only and {verbs[1]} not in the mean")
    if certain := sum(auc in (0.0, 1.0) for auc in aucs):
        verb, narrow = "has" if certain == 1 else "have", ": the interval is too narrow" if has_interval else ""
        warnings.append(f"{counted(certain, 'group')} {verb} an AUC of 0 or 1, which shows no spread{narrow}")
    return warnings


def _with_normal_interval(value: float, definition: str, variance: float, warning: str) -> Figure:
    if not variance > 0:
        method = "none: the variance is 0 or, with one sample or video of a class in a group, unknown"
        return Figure(value, definition, higher_is_better=True, interval=method, warning=warning)
    reach = NORMAL_95 * math.sqrt(variance)
    low, high = max(value - reach, 0.0), min(value + reach, 1.0)
    method = "DeLong, plain scale, samples that groups share counted once"
    return Figure(value, definition, higher_is_better=True, low=low, high=high, interval=method, warning=warning)


def _pooled(samples: Scored) -> Figure:
    definition = "AUC of the samples of all groups together, ties counted half"
    if reason := one_class_reason(samples.labels):
        return Figure(None, definition, reason, higher_is_better=True)
    influence = auc_influence(samples.labels, samples.scores)
    interval = influence_interval(influence, samples.labels, samples.clusters)
    low, high, method = interval.low, interval.high, interval.method
    return Figure(influence.auc, definition, higher_is_better=True, low=low, high=high, interval=method)
