"""`compare`: several detectors on the same samples, side by side. `dfb-ext compare` calls it.

No torch. The same files and options give the same comparison.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from deepfakebench_ext.compare_samples import Matched, common_level, match_samples, refuse_contrary_labels
from deepfakebench_ext.compare_warnings import comparison_warnings
from deepfakebench_ext.errors import ConfigError
from deepfakebench_ext.metrics.bootstrap import Bootstrap
from deepfakebench_ext.metrics.breakdown import Breakdown, Scored, by_column, by_method
from deepfakebench_ext.metrics.comparison import Pair, compare_pairs
from deepfakebench_ext.metrics.counts import Counts
from deepfakebench_ext.metrics.detailed import detailed_figures
from deepfakebench_ext.metrics.figure import Figure, Floats, Integers, Level, one_class_reason
from deepfakebench_ext.metrics.score_table import UNKNOWN, ScoreTable
from deepfakebench_ext.report.score_files import ScoreFile
from deepfakebench_ext.summary import DEFAULT_BY
from deepfakebench_ext.types import FAKE


@dataclass(frozen=True, slots=True)
class CompareHow:
    """What is compared.

    Attributes:
        level: What one score stands for; None for videos where all files have them, else what their rows are.
        aggregation: The rule by which frames or clips come to the score of a video; None for each run's own.
        by: Columns to break the AUC down by; None for `DEFAULT_BY`.
        bootstrap: How intervals are drawn that have no closed formula; None for closed formulas only.
        names: What to call the detectors, in the order of the files; empty for their titles.
    """

    level: Level | None = None
    aggregation: str | None = None
    by: tuple[str, ...] | None = None
    bootstrap: Bootstrap | None = None
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """One of the detectors that are compared.

    Attributes:
        name: What to call it; no other has this name.
        file: Where its scores are from.
        aggregation: The rule by which its videos have scores; None where videos were not made here.
        counts: Of all its samples at the level that is compared.
        left_out: Those of its samples that are not compared.
        unscored: Those samples of all files that it could not score.
        scores: float64 (N,): P(fake) of the samples that are compared.
        unit_rows: intp (N,): the row of each in `file.table`; of a video, its first.
        figures: Name with its level to figure.
        breakdowns: One a column, the same columns and groups for all detectors.
    """

    name: str
    file: ScoreFile
    aggregation: str | None
    counts: Counts
    left_out: int
    unscored: int
    scores: Floats = field(repr=False)
    unit_rows: NDArray[np.intp] = field(repr=False)
    figures: Mapping[str, Figure] = field(repr=False)
    breakdowns: tuple[Breakdown, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Several detectors on the same samples.

    Attributes:
        level: What one score stands for.
        keys: (N) Identities of the samples that all scored.
        labels: int64 (N,): 0 real, 1 fake.
        in_all: Samples that are in every file, scored or not.
        detectors: Two or more, in the order given.
        pairs: Every pair of them.
        no_pairs: Why there are no pairs; empty where there are.
        clustered: Whether variances take the frames or clips of one video together.
        warnings: Where a figure would mislead.
        bootstrap: How intervals were drawn.
    """

    level: Level
    keys: tuple[str, ...] = field(repr=False)
    labels: Integers = field(repr=False)
    in_all: int
    detectors: tuple[Compared, ...]
    pairs: tuple[Pair, ...]
    no_pairs: str
    clustered: bool
    warnings: tuple[str, ...]
    bootstrap: Bootstrap | None

    @property
    def scores(self) -> Floats:
        """float64 (D, N): P(fake) by each detector of each sample."""
        return np.stack([detector.scores for detector in self.detectors])


def compare(files: Sequence[ScoreFile], how: CompareHow | None = None) -> Comparison:
    """Return the detectors side by side on the samples that all of them scored.

    Args:
        files: Two or more, each of another detector or of another setting of one.
        how: What is compared; None for the defaults, without bootstrap.

    Raises:
        ConfigError: Fewer than two files or one of them twice, no level or no scored sample in common, a sample with
            two labels, an unknown rule or column, or names that do not fit.
    """
    how = how or CompareHow()
    _check_files(files)
    names = distinct_names(files, how.names)
    refuse_contrary_labels(names, files)
    level = common_level(names, files, how.level)
    tables = [_at_level(file, level, how.aggregation) for file in files]
    matched = match_samples(names, files, tables)
    clusters = _clusters(tables, matched)
    columns = _columns(tables, matched, how.by)
    detectors = tuple(
        _compared(names[number], file, tables[number], number, matched, clusters, columns, how)
        for number, file in enumerate(files)
    )
    no_pairs = one_class_reason(matched.labels)
    scores = {detector.name: detector.scores for detector in detectors}
    return Comparison(
        level=level,
        keys=matched.keys,
        labels=matched.labels,
        in_all=matched.in_all,
        detectors=detectors,
        pairs=() if no_pairs else compare_pairs(matched.labels, scores, clusters=clusters),
        no_pairs=no_pairs,
        clustered=clusters is not None,
        warnings=tuple(comparison_warnings(detectors, matched, level, clusters)),
        bootstrap=how.bootstrap,
    )


def distinct_names(files: Sequence[ScoreFile], given: Sequence[str] = ()) -> list[str]:
    """Return what to call each detector: the names given, else the titles, with their folders where two are alike.

    Raises:
        ConfigError: Not one name a file, an empty one, or one twice.
    """
    if given:
        if len(given) != len(files) or len(set(given)) != len(given) or not all(given):
            raise ConfigError(f"--names gives {', '.join(map(repr, given))} to {len(files)} files; give each its own")
        return list(given)
    titles = [file.title for file in files]
    names: list[str] = []
    for file in files:
        base = file.title if titles.count(file.title) == 1 else f"{file.title} ({_place(file)})"
        name, number = base, 2
        while name in names:
            name, number = f"{base} {number}", number + 1
        names.append(name)
    return names


def disagreements(comparison: Comparison, count: int) -> list[int]:
    """Return the places of the `count` samples whose scores lie farthest apart, the farthest first."""
    spread = np.ptp(comparison.scores, axis=0)
    order = np.argsort(-spread, kind="stable")[:count]
    return [int(place) for place in order if spread[place] > 0]


def wrong_by_all(comparison: Comparison, count: int) -> list[int]:
    """Return the places of the `count` samples that every detector takes for the other class at 0.5, worst first."""
    scores, fake = comparison.scores, comparison.labels == FAKE
    wrong = np.where(fake, scores.max(axis=0) <= 0.5, scores.min(axis=0) > 0.5)
    margin = np.where(fake, 0.5 - scores.max(axis=0), scores.min(axis=0) - 0.5)
    order = np.argsort(-margin, kind="stable")
    return [int(place) for place in order if wrong[place]][:count]


def _check_files(files: Sequence[ScoreFile]) -> None:
    if len(files) < 2:
        raise ConfigError(f"{len(files)} run to compare; give two or more run directories or files of scores")
    seen = set()
    for file in files:
        if (path := file.path.resolve()) in seen:
            raise ConfigError(f"{file.path} is given twice; give each run once")
        seen.add(path)


def _place(file: ScoreFile) -> str:
    return file.path.resolve().parent.name if file.run else file.path.name


def _at_level(file: ScoreFile, level: Level, aggregation: str | None) -> ScoreTable:
    if file.table.level == level:
        return file.table
    return file.table.to_videos(aggregation or file.aggregation or "mean")


def _clusters(tables: Sequence[ScoreTable], matched: Matched) -> Integers | None:
    """The videos that frames or clips are from, as the first file says that knows them."""
    return next(
        (table.video_codes()[rows] for table, rows in zip(tables, matched.rows, strict=True) if table.has_videos), None
    )


def _compared(
    name: str,
    file: ScoreFile,
    table: ScoreTable,
    number: int,
    matched: Matched,
    clusters: Integers | None,
    columns: Mapping[str, Sequence[str | None]],
    how: CompareHow,
) -> Compared:
    scores, rows = matched.scores[number], matched.rows[number]
    made_here = file.table.level != table.level
    firsts = np.unique(file.table.video_codes(), return_index=True)[1] if made_here else np.arange(len(table))
    samples = Scored(matched.labels, scores, table.level, clusters)
    return Compared(
        name=name,
        file=file,
        aggregation=(how.aggregation or file.aggregation or "mean") if made_here else None,
        counts=table.counts(),
        left_out=len(table) - len(matched.keys),
        unscored=matched.unscored[number],
        scores=scores,
        unit_rows=firsts[rows],
        figures=detailed_figures(matched.labels, scores, level=table.level, clusters=clusters, bootstrap=how.bootstrap),
        breakdowns=tuple(_breakdown(samples, column, values) for column, values in columns.items()),
    )


def _breakdown(samples: Scored, column: str, values: Sequence[str | None]) -> Breakdown:
    return by_method(samples, values) if column == "method" else by_column(samples, values, column=column)


def _columns(
    tables: Sequence[ScoreTable], matched: Matched, by: Sequence[str] | None
) -> dict[str, Sequence[str | None]]:
    """Column to the value of each sample, as the first file says that has the column."""
    found: dict[str, Sequence[str | None]] = {}
    for name in DEFAULT_BY if by is None else by:
        columns = [(table.column(name), rows) for table, rows in zip(tables, matched.rows, strict=True)]
        values = next((_values(column.codes[rows], column.names) for column, rows in columns if column), None)
        if values is None and by is not None:
            raise ConfigError(f"--by {name}: none of the files has a column of that name")
        if values is not None and (by is not None or _is_telling(name, values, matched.labels)):
            found[name] = values
    return found


def _values(codes: Integers, names: Sequence[str]) -> list[str | None]:
    return [None if code == UNKNOWN else names[code] for code in codes.tolist()]


def _is_telling(name: str, values: Sequence[str | None], labels: Integers) -> bool:
    """Whether there are several groups; of methods, among the fakes."""
    kept = np.flatnonzero(labels == FAKE).tolist() if name == "method" else range(len(values))
    return len({values[place] for place in kept}) > 1
