"""The figures of more rows than fit into memory: exact, from files that are sorted and split beside the way.

One pass over the rows: each goes, packed with its label, into a sort that ends on the disk, and whole into the file of
those whose video has the same first bits. Then the sorted scores go by once, and those files one after the other.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from deepfakebench_ext.common.choices import Level
from deepfakebench_ext.common.notices import Notice, untrained_unsaid
from deepfakebench_ext.common.wording import noun_of
from deepfakebench_ext.metrics.counts import Counts
from deepfakebench_ext.metrics.figure import Floats
from deepfakebench_ext.metrics.misleading import figure_warnings
from deepfakebench_ext.metrics.score_table import COMPRESSION, UNKNOWN, ScoreTable
from deepfakebench_ext.metrics.sorted_figures import SortedFigures, unpacked
from deepfakebench_ext.metrics.steps import packed
from deepfakebench_ext.metrics.summary import (
    LevelSummary,
    Summary,
    SummaryOptions,
    level_summary,
    protocol_by,
    status_counts,
)
from deepfakebench_ext.report.scores.csv_cells import BadRowError, check_rows
from deepfakebench_ext.report.scores.csv_writing import trained_of
from deepfakebench_ext.report.scores.external_sort import SortedNumbers, writing
from deepfakebench_ext.report.scores.held_rows import ROW, HeldRows, Records, joined_videos
from deepfakebench_ext.report.scores.pieces import Source, counted_from
from deepfakebench_ext.report.scores.run_facts import RunFacts, facts_beside
from deepfakebench_ext.report.scores.table_reading import KEYLESS, ColumnNames, level_said, roles_of, rows_named

MOST_IN_MEMORY = 8_000_000
"""Rows up to which a table is held in memory, which takes up to 240 bytes for each; and of more rows, videos."""
_IN_A_FILE = 1 << 19
_MOST_FILES = 256


def summary_of_many(
    source: Source,
    names: ColumnNames,
    *,
    aggregation: str | None = None,
    level: Level | None = None,
    title: str = "",
) -> Summary:
    """Return the summary of a file whose rows are read once and then held in files; it has no tables.

    Args:
        source: The file.
        names: What its columns are called.
        aggregation: The rule by which videos have scores; None for that of the run beside the file, else the mean.
        level: What a row stands for; None for what the file says, or the run, else a frame.
        title: What gave the scores; empty for what the run says, else the name of the file.

    Raises:
        ConfigError: As `read_table`, or a file of the run is damaged.
        OutputError: The temporary files cannot be written.
    """
    facts = facts_beside(source)
    how = SummaryOptions(aggregation=aggregation or facts.aggregation or "mean")
    with tempfile.TemporaryDirectory(prefix="scores-") as made, rows_named(source):
        roles = roles_of(source, names)
        reading = _Reading(source, roles, Path(made))
        levels = reading.levels(how, level or level_said(source.header), facts)
    said = Notice("many_rows", _said(reading.rows, has_videos=len(levels) > 1))
    trained = reading.trained
    found = (notice for each in levels.values() for notice in each.warnings)
    return Summary(
        title=title or facts.title,
        trained=trained,
        aggregation=how.aggregation if len(levels) > 1 else None,
        levels=levels,
        notices=(said, *facts.notices, *(() if "key" in roles else (KEYLESS,))),
        warnings=(*untrained_unsaid(facts.notices, trained), *found),
        host=None,
        bootstrap=None,
        tables={},
        protocol=protocol_by(facts.protocol, levels, how.aggregation),
    )


class _Level:
    """Scores and statuses of one level, as they are counted and sorted."""

    def __init__(self, folder: Path, held: HeldRows) -> None:
        folder.mkdir()
        self._numbers, self._held = SortedNumbers(folder), held
        self._statuses, self._scored, self._missing = Counter[int](), np.zeros(3, np.int64), np.zeros(3, np.int64)

    def add(self, labels: NDArray[np.int8], scores: Floats, statuses: NDArray[np.int32]) -> None:
        is_missing = np.isnan(scores)
        self._scored += np.bincount(labels[~is_missing] + 1, minlength=3)
        self._missing += np.bincount(labels[is_missing] + 1, minlength=3)
        self._statuses.update(dict(enumerate(np.bincount(statuses + 1)[1:].tolist())))
        chosen = (labels != UNKNOWN) & ~is_missing
        self._numbers.add(packed(labels[chosen], scores[chosen]))

    def summary(self, level: Level, *, of_videos: bool) -> LevelSummary:
        unknown, reals, fakes = self._scored.tolist()
        figures = SortedFigures(reals, fakes)
        for piece in self._numbers.falling():
            figures.add(*unpacked(*piece))
        scored, missing = int(self._scored.sum()), self._missing.tolist()
        names = tuple(self._held.coders["status"])
        found = figures.figures(level, is_clustered=of_videos)
        noun = noun_of(level, ("video",) if of_videos else ())
        return LevelSummary(
            counts=Counts(scored + sum(missing), scored, sum(missing), reals, fakes, unknown),
            statuses=status_counts([self._statuses[code] for code in range(len(names))], names),
            figures=found,
            auc_if_missing=figures.auc_if_missing(level, *missing[1:]),
            breakdowns=(),
            threshold=None,
            calibration=None,
            warnings=tuple(figure_warnings(found, reals, fakes, level=level, noun=noun)),
        )


class _Reading:
    def __init__(self, source: Source, roles: dict[str, str], folder: Path) -> None:
        self._source, self._folder = source, folder
        also = {COMPRESSION: COMPRESSION, "head": "head", "end_s": "end_s"}
        self._columns = {**{role: name for role, name in also.items() if name in source.header}, **roles}
        self._held = HeldRows(self._columns)
        self.rows = 0
        self._units, self._videos = (_Level(folder / name, self._held) for name in ("units", "videos"))
        files = max(1, min(_MOST_FILES, source.count_about() // _IN_A_FILE))
        self._files = [folder / f"{number}.rows" for number in range(files)]

    @property
    def trained(self) -> bool | None:
        return trained_of(self._held.heads)

    def levels(self, how: SummaryOptions, level: Level | None, facts: RunFacts) -> dict[Level, LevelSummary]:
        self._read()
        held = self._held
        level = level or ("clip" if held.is_timed else facts.level or "frame")
        numbered = held.has_index and "key" in self._columns
        has_videos = level != "video" and (facts.has_videos or held.has_names or numbered)
        levels: dict[Level, LevelSummary] = {level: self._units.summary(level, of_videos=has_videos)}
        videos = self._table_of_videos(how.aggregation if has_videos else None)
        if videos is not None:
            levels["video"] = level_summary(videos, videos, how)
        elif has_videos:
            levels["video"] = self._videos.summary("video", of_videos=False)
        return levels

    def _read(self) -> None:
        with ExitStack() as stack, writing(self._folder):
            files = [stack.enter_context(path.open("wb")) for path in self._files]
            for piece in self._source.pieces(set(self._columns.values())):
                with counted_from(self.rows):
                    rows = self._held.records(piece, self.rows)
                self._units.add(rows["label"], rows["score"], rows["status"])
                _share_out(rows, "video", files)
                self.rows += len(piece)

    def _table_of_videos(self, aggregation: str | None) -> ScoreTable | None:
        """The table of videos in the order in which they first come, None for none or where they are too many.

        Every row is looked at for coming twice.
        """
        found, first, count = list[ScoreTable](), list[NDArray[np.int64]](), 0
        for rows in self._checked():
            if aggregation is None:
                continue
            by_video = self._held.table(rows, rows["video"])
            videos = by_video.to_videos(aggregation)
            self._videos.add(videos.labels, videos.scores, videos.status.codes)
            count += len(videos)
            if count <= MOST_IN_MEMORY:
                first.append(rows["row"][by_video.videos().first])
                found.append(videos)
            else:
                first, found = [], []
        return joined_videos(found, np.argsort(np.concatenate(first))) if found else None

    def _checked(self) -> Iterator[Records]:
        """Yield the rows of each file. Where videos have names, one key may stand in two: there keys are sorted too."""
        if not self._held.has_names:
            for rows in _emptied(self._files):
                self._check(rows)
                yield rows
            return
        of_keys = [path.with_suffix(".keys") for path in self._files]
        with ExitStack() as stack, writing(self._folder):
            files = [stack.enter_context(path.open("wb")) for path in of_keys]
            for rows in _emptied(self._files):
                yield rows
                _share_out(rows, "key", files)
        for rows in _emptied(of_keys):
            self._check(rows[np.argsort(rows["row"])])

    def _check(self, rows: Records) -> None:
        """Refuse a row that comes twice, or a key of two labels, by what the file says there and not by its bits."""
        table, column = self._held.table(rows, rows["key"]), self._columns.get("key", "")
        try:
            check_rows(table, column)
        except BadRowError as error:
            places = [int(rows["row"][row]) for row in error.rows]
            one, other = (name for (name,) in self._source.pick((column,), places))
            if one == other:
                number = table.key.text(error.rows[0])
                raise BadRowError(str(error).replace(repr(number), repr(one), 1), *places) from error


def _share_out(rows: Records, by: str, files: Sequence[BinaryIO]) -> None:
    """Append rows to files by the first of the 64 bits of a field, so that what is equal there is in one."""
    part = (rows[by] >> np.uint64(32)) * np.uint64(len(files)) >> np.uint64(32)
    order = np.argsort(part, kind="stable")
    ends = np.cumsum(np.bincount(part.astype(np.intp), minlength=len(files)))
    for file, own in zip(files, np.split(rows[order], ends[:-1]), strict=True):
        own.tofile(file)


def _emptied(paths: Sequence[Path]) -> Iterator[Records]:
    """Yield the rows of each file, which is removed then."""
    for path in paths:
        yield np.fromfile(path, ROW)
        path.unlink()


def _said(rows: int, *, has_videos: bool) -> str:
    left = "intervals of frames or clips, which are alike within a video, " if has_videos else ""
    return (
        f"{rows:,} rows are more than are held in memory: their figures are exact, by a sort in files; left out are "
        f"{left}breakdowns and ties of rows, DeepfakeBench's own figures, reports and bootstrap"
    )
