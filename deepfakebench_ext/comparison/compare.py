"""`compare`: several detectors on the same samples, side by side. `dfb-ext compare` calls it.

No torch. The same files and options give the same comparison.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from deepfakebench_ext.common.choices import Level
from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.types import FAKE
from deepfakebench_ext.comparison.comparison_warnings import comparison_warnings
from deepfakebench_ext.comparison.matched_samples import Matched, common_level, match_samples
from deepfakebench_ext.comparison.records import Compared, CompareOptions, Comparison
from deepfakebench_ext.metrics.breakdown import Breakdown, Scored, by_column, by_method
from deepfakebench_ext.metrics.detailed import detailed_figures
from deepfakebench_ext.metrics.figure import Integers, one_class_reason
from deepfakebench_ext.metrics.pairs import compare_pairs
from deepfakebench_ext.metrics.score_table import UNKNOWN, ScoreTable
from deepfakebench_ext.metrics.summary import DEFAULT_BY
from deepfakebench_ext.report.scores.same_samples import align
from deepfakebench_ext.report.scores.score_files import ScoreFile


def compare(files: Sequence[ScoreFile], how: CompareOptions | None = None) -> Comparison:
    """Return the detectors side by side on the samples that all of them scored.

    Args:
        files: Two or more, each of another detector or of another setting of one.
        how: What is compared; None for the defaults, without bootstrap.

    Raises:
        ConfigError: Fewer than two files or one of them twice, no level or no scored sample in common, a sample with
            two labels, an unknown rule or column, or names that do not fit.
    """
    how = how or CompareOptions()
    if len(files) < 2:
        raise ConfigError(f"{len(files)} run to compare; give two or more run directories, files or --score_column a,b")
    refuse_twice(files)
    names = distinct_names(files, how.names)
    files, told = align(names, files)
    level = common_level(names, files, how.level)
    tables = [at_level(file, level, how.aggregation) for file in files]
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
        warnings=(*told, *comparison_warnings(detectors, matched, level, clusters)),
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


def refuse_twice(files: Sequence[ScoreFile]) -> None:
    """Pass files that are each of other scores.

    Raises:
        ConfigError: One is among them twice.
    """
    seen = set()
    for file in files:
        if (place := (file.path.resolve(), file.column)) in seen:
            raise ConfigError(f"{file.path} is given twice; give each run once")
        seen.add(place)


def at_level(file: ScoreFile, level: Level, aggregation: str | None) -> ScoreTable:
    """Return a file's scores at a level that it has; of videos by a rule, or by the run's own where that is None."""
    if file.table.level == level:
        return file.table
    return file.table.to_videos(aggregation or file.aggregation or "mean")


def _place(file: ScoreFile) -> str:
    return file.path.resolve().parent.name if file.run else file.path.name


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
    how: CompareOptions,
) -> Compared:
    scores, rows = matched.scores[number], matched.rows[number]
    made_here = file.table.level != table.level
    firsts = file.table.videos().first if made_here else np.arange(len(table))
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
