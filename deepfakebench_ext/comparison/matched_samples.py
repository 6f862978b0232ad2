"""Which samples several files of scores have in common, at which level, and what keeps the others out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepfakebench_ext.common.choices import Level
from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.metrics.figure import LEVELS, Floats, Integers
from deepfakebench_ext.metrics.score_table import ScoreTable
from deepfakebench_ext.report.scores.score_files import ScoreFile


@dataclass(frozen=True, slots=True, eq=False)
class Matched:
    """The samples that all detectors scored, and what became of the others.

    Attributes:
        keys: (N) What identifies them, in the order of the first detector.
        labels: int64 (N,): 0 real, 1 fake.
        scores: float64 (N,) of each detector, in the order given.
        rows: intp (N,) of each detector: the samples' rows in its table.
        in_all: Samples that are in every file, scored or not; at least N.
        unscored: For each detector, how many of these it could not score.
        by_number: Whether frames or clips were matched by their number alone, since not all files have their times.
    """

    keys: tuple[str, ...]
    labels: Integers
    scores: tuple[Floats, ...]
    rows: tuple[NDArray[np.intp], ...]
    in_all: int
    unscored: tuple[int, ...]
    by_number: bool


def common_level(names: Sequence[str], files: Sequence[ScoreFile], asked: Level | None) -> Level:
    """Return the level that is compared: the one asked for, else videos where all have them, else what rows are.

    Raises:
        ConfigError: Not all files have that level, or they have none in common.
    """
    if asked is not None and asked not in LEVELS:
        raise ConfigError(f"--level {asked!r} is not known; allowed are {', '.join(LEVELS)}")
    levels = [_levels_of(file.table) for file in files]
    wanted: tuple[Level, ...] = (asked,) if asked else ("video", levels[0][0])
    level = next((each for each in wanted if all(each in have for have in levels)), None)
    if level is None:
        had = "; ".join(
            f"{name} has {' and '.join(f'{x}s' for x in have)}" for name, have in zip(names, levels, strict=True)
        )
        reason = f"not all have {asked}s" if asked else "they have no level in common"
        raise ConfigError(
            f"{reason}: {had}. Where a CSV names the videos of its rows, say how: --video_column NAME; where its rows "
            "are videos, --row_level video"
        )
    return level


def _levels_of(table: ScoreTable) -> tuple[Level, ...]:
    return (table.level, "video") if table.has_videos else (table.level,)


def match_samples(names: Sequence[str], files: Sequence[ScoreFile], tables: Sequence[ScoreTable]) -> Matched:
    """Return the samples that all detectors scored and that have a label.

    Videos and images go by their key, or where an image names its video, by dataset, label, method and that name.
    Frames and clips go by key and time, so that runs that sampled a video otherwise are compared on the frames they
    share; where a file has no times, by key and number.

    Args:
        names: Of the detectors.
        files: As they were read.
        tables: The table of each at the level that is compared.

    Raises:
        ConfigError: The files have no sample in common, or none that all scored; or a file has one twice.
    """
    times = _times(files, tables)
    places = _places_of(names, files, tables, times)
    identities = [list(each) for each in places]
    shared = [key for key in identities[0] if all(key in other for other in places[1:])]
    _check_shared(names, identities, shared)
    usable = [{keys[row] for row in table.usable().tolist()} for table, keys in zip(tables, identities, strict=True)]
    keys = tuple(key for key in shared if all(key in each for each in usable))
    if not keys:
        raise _none_scored(names, usable, shared)
    rows = tuple(np.array([place[key] for key in keys], np.intp) for place in places)
    return Matched(
        keys=keys,
        labels=tables[0].labels[rows[0]].astype(np.int64),
        scores=tuple(table.scores[chosen] for table, chosen in zip(tables, rows, strict=True)),
        rows=rows,
        in_all=len(shared),
        unscored=tuple(_unscored(table, place, shared) for table, place in zip(tables, places, strict=True)),
        by_number=times[0] is None and any(table.index.any() for table in tables if table.level != "video"),
    )


def _unscored(table: ScoreTable, place: dict[str, int], shared: Sequence[str]) -> int:
    return int(np.isnan(table.scores[[place[key] for key in shared]]).sum())


def rows_by_identity(
    names: Sequence[str], files: Sequence[ScoreFile], tables: Sequence[ScoreTable]
) -> list[dict[str, int]]:
    """Return for each table what identifies its samples, as `match_samples` does, to their rows.

    Args:
        names: Of the detectors.
        files: As they were read, with keys that are equal where samples are the same.
        tables: The table of each at one level.

    Raises:
        ConfigError: A file has a sample twice.
    """
    return _places_of(names, files, tables, _times(files, tables))


def _places_of(
    names: Sequence[str],
    files: Sequence[ScoreFile],
    tables: Sequence[ScoreTable],
    times: Sequence[Sequence[str] | None],
) -> list[dict[str, int]]:
    identities = [_identities(table, each) for table, each in zip(tables, times, strict=True)]
    return [_places(*each) for each in zip(names, files, identities, strict=True)]


def _identities(table: ScoreTable, times: Sequence[str] | None) -> list[str]:
    """(N) What identifies each row; `times` are those of its frames or clips, None to go by their numbers."""
    if table.level == "video":
        names = table.video_names()
        return [names[code] for code in table.video_codes().tolist()]
    keys = [table.key.names[code] for code in table.key.codes.tolist()]
    if times is None:
        return [f"{key} #{index}" if index else key for key, index in zip(keys, table.index.tolist(), strict=True)]
    seen: Counter[str] = Counter()
    texts = []
    for key, time in zip(keys, times, strict=True):
        text = f"{key} {time}".rstrip()
        seen[text] += 1
        texts.append(text if seen[text] == 1 else f"{text} ({seen[text]})")  # a short video's clips may be one and all
    return texts


def _times(files: Sequence[ScoreFile], tables: Sequence[ScoreTable]) -> list[list[str] | None]:
    """The times of the rows of each file; None for all where one lacks them, or where they would tell nothing."""
    if all(table.level == "video" or not table.index.any() for table in tables):
        return [None] * len(files)
    found = [_times_of(file, table) for file, table in zip(files, tables, strict=True)]
    return [None] * len(files) if any(each is None for each in found) else found


def _times_of(file: ScoreFile, table: ScoreTable) -> list[str] | None:
    spans = file.cells(("start_s", "end_s"), range(len(table)))
    if not all(spans[row][0] for row in table.usable().tolist()):
        return None
    return [_span(start, end) for start, end in spans]


def _span(start: str, end: str) -> str:
    """`at 1.240 s` or `from 0.000 to 0.600 s`; empty without a time. Decoders differ by less than a millisecond."""
    if not start:
        return ""
    return f"from {float(start):.3f} to {float(end):.3f} s" if end else f"at {float(start):.3f} s"


def _places(name: str, file: ScoreFile, identities: Sequence[str]) -> dict[str, int]:
    places = {key: row for row, key in enumerate(identities)}
    if len(places) != len(identities):
        twice = Counter(identities).most_common(1)[0][0]
        raise ConfigError(f"{name} has {twice!r} twice ({file.path}); if its rows are frames, --row_level frame")
    return places


def _check_shared(names: Sequence[str], identities: Sequence[Sequence[str]], shared: Sequence[str]) -> None:
    if shared:
        return
    samples = (
        f"{name} has {keys[0]!r}, ..." if keys else f"{name} has none"
        for name, keys in zip(names, identities, strict=True)
    )
    raise ConfigError(
        f"no sample is in all {len(names)} files: {'; '.join(samples)}. Samples go by their key: compare runs over the "
        "same --image, --video, --manifest or --test_dataset; where images name their video, dataset, method and video "
        "must be the same in all files"
    )


def _none_scored(names: Sequence[str], usable: Sequence[set[str]], shared: Sequence[str]) -> ConfigError:
    each = ", ".join(f"{name} {sum(key in keys for key in shared)}" for name, keys in zip(names, usable, strict=True))
    return ConfigError(
        f"{len(shared)} samples are in all files, but none of them has a label and a score of all; with both: {each}"
    )
