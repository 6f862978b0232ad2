"""`summarise`: everything that can be said about a table of scores. A run that ends and `dfb-ext metrics` both call it.

Nothing here reads a file or knows a detector; no torch. The same table and options give the same summary.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from deepfakebench_ext.common.choices import Level
from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.notices import Notice, untrained_unsaid
from deepfakebench_ext.common.protocol import EvaluationProtocol
from deepfakebench_ext.common.types import FAKE
from deepfakebench_ext.metrics.bootstrap import Bootstrap
from deepfakebench_ext.metrics.breakdown import Breakdown, Scored, by_column, by_method
from deepfakebench_ext.metrics.calibration import Calibration, before_and_after, fit_calibration
from deepfakebench_ext.metrics.counts import Counts
from deepfakebench_ext.metrics.detailed import detailed_figures
from deepfakebench_ext.metrics.figure import Figure, Floats, Integers, distinct, one_class_reason
from deepfakebench_ext.metrics.host_summary import HostSummary, host_summary
from deepfakebench_ext.metrics.misleading import score_warnings
from deepfakebench_ext.metrics.missing_scores import auc_with_missing
from deepfakebench_ext.metrics.score_table import UNKNOWN, ScoreTable
from deepfakebench_ext.metrics.table_leaks import table_leaks
from deepfakebench_ext.metrics.thresholds import Threshold, equal_error_threshold
from deepfakebench_ext.metrics.video_identity import identity_notices

DEFAULT_BY = ("method", "dataset", "compression")
"""Columns that are broken down by unless told otherwise, where they have several values."""


@dataclass(frozen=True, slots=True)
class Other:
    """Scores of other samples by the same detector, on which a threshold is chosen or a calibration fitted.

    Attributes:
        table: The scores.
        name: What to call them, such as the file's name.
        seen: What the judged samples are called that are among them; None to go by the names of both tables.
    """

    table: ScoreTable
    name: str
    seen: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class SummaryOptions:
    """What is computed.

    Attributes:
        aggregation: The rule by which frames or clips come to the score of a video.
        by: Columns to break down by; None for `DEFAULT_BY`.
        bootstrap: How intervals are drawn that have no closed formula; None for closed formulas only.
        threshold_from: Where a second threshold is chosen, at equal error.
        thresholds: Level to a second threshold that is known, instead.
        calibrate: `temperature`, `platt` or `isotonic`; None for no calibration.
        calibrate_on: What the calibration is fitted on.
    """

    aggregation: str = "mean"
    by: tuple[str, ...] | None = None
    bootstrap: Bootstrap | None = None
    threshold_from: Other | None = None
    thresholds: Mapping[Level, Threshold] = field(default_factory=dict)
    calibrate: str | None = None
    calibrate_on: Other | None = None

    def __post_init__(self) -> None:
        """Refuse a calibration without samples to fit it on, and the reverse."""
        if (self.calibrate is None) != (self.calibrate_on is None):
            raise ConfigError("--calibrate METHOD and --calibrate_on FILE go together; the file holds other samples")


@dataclass(frozen=True, slots=True)
class Calibrated:
    """What a calibration does.

    Attributes:
        fitted: The map.
        fitted_on: Name of the samples that it was fitted on.
        figures: Name with its level to the figure before and after.
    """

    fitted: Calibration
    fitted_on: str
    figures: Mapping[str, tuple[Figure, Figure]]


@dataclass(frozen=True, slots=True)
class LevelSummary:
    """What can be said at one level.

    Attributes:
        counts: Numbers of samples.
        statuses: `ok` and each word for what went wrong, to numbers of samples.
        figures: Name with its level to figure.
        auc_if_missing: AUC if what was not scored had scores of 0, 1 or 0.5; name to figure.
        breakdowns: One a column.
        threshold: That of the figures `*_at_threshold`, None where there are none.
        calibration: What was asked for.
        warnings: Where the figures of this level would mislead; what is to be said of one alone, it says.
    """

    counts: Counts
    statuses: Mapping[str, int]
    figures: Mapping[str, Figure]
    auc_if_missing: Mapping[str, Figure]
    breakdowns: tuple[Breakdown, ...]
    threshold: Threshold | None
    calibration: Calibrated | None
    warnings: tuple[Notice, ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """Everything that can be said about a table of scores.

    Attributes:
        title: What gave the scores.
        trained: Whether the detector's head came from weights; None where unknown.
        aggregation: The rule by which videos have scores; None where there are none.
        levels: `frame` or `clip`, and `video` where there are videos; or `video` alone.
        notices: Facts that belong to the figures.
        warnings: Where figures would mislead, of all levels.
        host: DeepfakeBench's own figures; None where rows are videos only.
        bootstrap: How intervals were drawn.
        tables: The table of each level, as the figures rest on it.
        protocol: On what and how all of it was made, whatever the detector; None where that is not known.
    """

    title: str
    trained: bool | None
    aggregation: str | None
    levels: Mapping[Level, LevelSummary]
    notices: tuple[Notice, ...]
    warnings: tuple[Notice, ...]
    host: HostSummary | None
    bootstrap: Bootstrap | None
    tables: Mapping[Level, ScoreTable] = field(repr=False)
    protocol: EvaluationProtocol | None = None

    @property
    def level(self) -> Level:
        """What the text and the pictures are about: `video` where there are videos."""
        return list(self.levels)[-1]

    @property
    def threshold(self) -> Threshold | None:
        """Where decisions of `level` are made; None is 0.5."""
        return self.levels[self.level].threshold

    def usable(self, level: Level) -> tuple[Integers, Floats]:
        """Labels (N,), 0 real and 1 fake, and scores (N,) that the figures of a level rest on."""
        table = self.tables[level]
        rows = table.usable()
        return table.labels[rows].astype(np.int64), table.scores[rows]

    @property
    def said(self) -> tuple[Notice, ...]:
        """All that must be known beside the figures, what is severe first."""
        return tuple(sorted((*self.notices, *self.warnings), key=lambda notice: notice.severity != "severe"))

    @property
    def figures(self) -> dict[str, Figure]:
        """The figures of all levels."""
        return {name: figure for level in self.levels.values() for name, figure in level.figures.items()}

    @property
    def counts(self) -> dict[Level, Counts]:
        """The counts of all levels."""
        return {name: level.counts for name, level in self.levels.items()}


def summarise(
    table: ScoreTable,
    how: SummaryOptions | None = None,
    *,
    title: str = "",
    trained: bool | None = None,
    notices: Sequence[Notice] = (),
    protocol: EvaluationProtocol | None = None,
) -> Summary:
    """Return everything that can be said about a table of scores.

    Args:
        table: One row an image, frame, clip or video.
        how: What is computed; None for the defaults, without bootstrap.
        title: What gave the scores.
        trained: Whether the detector's head came from weights; None where unknown.
        notices: Facts that belong to the figures, beside the warnings that are found here; each is told once.
        protocol: On what and how the scores were made, by whichever rule videos then had theirs; None where unknown.

    Raises:
        ConfigError: An unknown rule or column, or other samples that no threshold or calibration can be had from.
    """
    how = how or SummaryOptions()
    tables: dict[Level, ScoreTable] = {table.level: table}
    if table.has_videos:
        tables["video"] = table.to_videos(how.aggregation)
    levels = {level: level_summary(each, table, how) for level, each in tables.items()}
    seen = [(how.threshold_from, "the threshold was chosen"), (how.calibrate_on, "the calibration was fitted")]
    used = [(other, purpose) for other, purpose in seen if other is not None]
    leaks = table_leaks(table, [(_seen(table, other), purpose) for other, purpose in used])
    told = identity_notices(table.videos(), table.called, table.video_name) if table.has_videos else []
    found = (notice for level in levels.values() for notice in level.warnings)
    figures = {name: figure for level in levels.values() for name, figure in level.figures.items()}
    videos = levels["video"].counts if "video" in levels else None
    return Summary(
        title=title,
        trained=trained,
        aggregation=how.aggregation if table.has_videos else None,
        levels=levels,
        notices=tuple({notice.text: notice for notice in notices}.values()),
        warnings=(*untrained_unsaid(notices, trained), *told, *leaks, *found),
        host=None if table.level == "video" else host_summary(table, figures, videos, how.aggregation),
        bootstrap=how.bootstrap,
        tables=tables,
        protocol=protocol_by(protocol, tables, how.aggregation),
    )


def protocol_by(known: EvaluationProtocol | None, levels: Collection[Level], rule: str) -> EvaluationProtocol | None:
    """Return a protocol with the rule by which videos have their scores here; rows that are videos have them already.

    Args:
        known: As the scores were made; None where that is not known.
        levels: Of the figures, that of the rows first.
        rule: The rule.
    """
    if known is None or [*levels] == ["video"]:
        return known
    return replace(known, aggregation=rule if "video" in levels else "")


def _seen(table: ScoreTable, other: Other) -> Sequence[str]:
    if other.seen is not None:
        return other.seen
    return sorted(set(table.video_names()) & set(other.table.video_names()))


def level_summary(table: ScoreTable, units: ScoreTable, how: SummaryOptions) -> LevelSummary:
    """Return what can be said of a table at its own level; `units` is that whose columns groups may be of."""
    rows = table.usable()
    rows = rows[np.argsort(table.scores[rows], kind="stable")]  # every figure sorts, which is fast on what is sorted
    level, labels, scores = table.level, table.labels[rows], table.scores[rows]
    clusters = table.video_codes()[rows] if table.has_videos else None
    threshold = how.thresholds.get(level)
    if how.threshold_from is not None:
        threshold = _threshold(how.threshold_from, level, how.aggregation)
    figures = detailed_figures(
        labels, scores, level=level, clusters=clusters, threshold=threshold, bootstrap=how.bootstrap
    )
    missing = np.flatnonzero(~table.is_scored() & (table.labels != UNKNOWN))
    breakdowns = _breakdowns(table, rows, Scored(labels, scores, level, clusters), units, how, threshold)
    of_groups = (notice for breakdown in breakdowns for notice in breakdown.notices)
    return LevelSummary(
        counts=table.counts(),
        statuses=status_counts(np.bincount(table.status.codes + 1)[1:].tolist(), table.status.names),
        figures=figures,
        auc_if_missing=auc_with_missing(labels, scores, table.labels[missing], level=level),
        breakdowns=breakdowns,
        threshold=threshold,
        calibration=_calibrated(Scored(labels, scores, level, clusters), how),
        warnings=(*score_warnings(labels, scores, figures, level=level, clusters=clusters), *of_groups),
    )


def status_counts(numbers: Sequence[int], names: Sequence[str]) -> dict[str, int]:
    """Return numbers by status, `ok` first, then the most frequent; also `ok` where nothing is."""
    counted = {name: number for name, number in zip(names, numbers, strict=False) if number}
    bad = sorted((name for name in counted if name != "ok"), key=lambda name: (-counted[name], name))
    return {"ok": counted.get("ok", 0), **{name: counted[name] for name in bad}}


def _breakdowns(
    table: ScoreTable,
    rows: NDArray[np.intp],
    samples: Scored,
    units: ScoreTable,
    how: SummaryOptions,
    threshold: Threshold | None,
) -> tuple[Breakdown, ...]:
    """Groups have no bootstrap: their AUCs have intervals by formula, and there may be hundreds of groups."""
    found = []
    for name in how.by if how.by is not None else DEFAULT_BY:
        whole = table.column(name)
        if whole is None and how.by is not None:
            raise ConfigError(f"--by {name}: no sample has a {name}; the columns are {', '.join(_names(units))}")
        if whole is None:
            continue
        column, is_method = whole.take(rows), name == "method"
        if how.by is None and distinct(column.codes[samples.labels == FAKE] if is_method else column.codes) < 2:
            continue
        if is_method:
            found.append(by_method(samples, column, threshold=threshold))
        else:
            found.append(by_column(samples, column, column=name, threshold=threshold))
    return tuple(found)


def _names(table: ScoreTable) -> list[str]:
    known = ("method", "dataset", "video", "status", *table.columns)
    return [name for name in known if table.column(name) is not None]


def _usable(other: Other, level: Level, aggregation: str) -> tuple[Integers, Floats]:
    """Labels and scores of other samples at a level."""
    table = other.table
    if level == "video" and table.level != "video" and table.has_videos:
        table = table.to_videos(aggregation)
    if table.level != level:
        raise ConfigError(f"{other.name} has scores of {table.level}s and none of {level}s; give one that has both")
    rows = table.usable()
    labels = table.labels[rows].astype(np.int64)
    if reason := one_class_reason(labels):
        raise ConfigError(f"{other.name} cannot be used: {reason}")
    return labels, table.scores[rows]


def _threshold(other: Other, level: Level, aggregation: str) -> Threshold:
    return Threshold(equal_error_threshold(*_usable(other, level, aggregation)), f"equal error on {other.name}")


def _calibrated(samples: Scored, how: SummaryOptions) -> Calibrated | None:
    if how.calibrate is None or how.calibrate_on is None:
        return None
    fitted = fit_calibration(how.calibrate, *_usable(how.calibrate_on, samples.level, how.aggregation))
    figures = before_and_after(samples.labels, samples.scores, fitted, level=samples.level, clusters=samples.clusters)
    return Calibrated(fitted, how.calibrate_on.name, figures)
