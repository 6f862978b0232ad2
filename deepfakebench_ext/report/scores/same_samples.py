"""Whether samples of several files of scores are the same: by where their files lie and what they hold, not by name."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any, Literal

import numpy as np

from deepfakebench_ext.common.digests import sha256_of
from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.notices import Notice
from deepfakebench_ext.common.types import LABEL_NAMES
from deepfakebench_ext.metrics.score_table import COMPRESSION, UNKNOWN, Column, ScoreTable
from deepfakebench_ext.report.scores.score_files import ScoreFile

ASKED, LOOKED_AT = 1000, 8
"""So many shared keys are asked for their paths, and so many of those with two paths for what lies there."""
_DATABASE = "data.mdb"
_IDENTITY = ("dataset", "method", COMPRESSION)


@dataclass(frozen=True, slots=True)
class Sight:
    """What is known of the keys that two files share.

    Attributes:
        verdict: `same` files, `other` files; `named` the same by their dataset, though their files are others;
            `unknown` where paths differ and nothing lies there; `none` are shared.
        paths: Two paths of one key that differ, where the verdict rests on them.
    """

    verdict: Literal["same", "other", "named", "unknown", "none"]
    paths: tuple[str, str] = ("", "")


def plain_keys(table: ScoreTable) -> Sequence[str]:
    r"""Return the table's distinct keys as one spells a path: `./a.png` and `b\\..\\a.png` are `a.png`.

    They stay as they are where two would become one.
    """
    plain = tuple(posixpath.normpath(key.replace("\\", "/")) for key in table.key.names)
    return plain if len(set(plain)) == len(plain) else table.key.names


def look(one: ScoreFile, other: ScoreFile) -> Sight:
    """Return what is known of the keys that two files share: paths are compared, and of some what lies there."""
    own = _first_rows(one.table)
    pairs = [(own[key], row) for key, row in _first_rows(other.table).items() if key in own]
    if not pairs:
        return Sight("none")
    asked = _spread(pairs, ASKED)
    where = zip(one.paths([a for a, _ in asked]), other.paths([b for _, b in asked]), asked, strict=True)
    differing = [(a, b, rows) for a, b, rows in where if a and b and os.path.abspath(a) != os.path.abspath(b)]  # noqa: PTH100
    if not differing:
        return Sight("same")
    seen = [(_alike(Path(a), Path(b)), a, b, rows) for a, b, rows in _spread(differing, LOOKED_AT)]
    others = [(a, b, rows) for alike, a, b, rows in seen if alike is False]
    if others:
        a, b, rows = others[0]
        named = _dataset(one, rows[0]) and _dataset(one, rows[0]) == _dataset(other, rows[1])
        return Sight("named" if named else "other", (a, b))
    return Sight("same") if any(alike for alike, *_ in seen) else Sight("unknown", differing[0][:2])


def shared_videos(judged: ScoreFile, other: ScoreFile) -> list[str]:
    """Return what the videos or other samples are called that both files have; none where their files are others."""
    sight = look(judged, other)
    if sight.verdict == "other":
        return []
    one, two = judged.table, other.table
    if sight.verdict == "none" and (paths := _all_paths([judged, other])) is not None:
        one, two = (_with_keys(table, texts) for table, texts in zip((one, two), paths, strict=True))
    theirs = set(_spelled(two).video_names())
    names = _spelled(one).video_names()
    return sorted({name for name in names if name in theirs})


def align(names: Sequence[str], files: Sequence[ScoreFile]) -> tuple[list[ScoreFile], list[Notice]]:
    """Return the files with keys that are equal exactly where samples are the same, and what is to be said of that.

    Keys stay as they are but for their spelling, unless they would be shared by other files: then the files' paths
    take their place. What one file says of a sample, its label above all, holds in all.

    Args:
        names: Of the detectors.
        files: As they were read.

    Raises:
        ConfigError: Samples share their keys, and their files are others; or two files contradict each other about the
            label of a sample.
    """
    notices = []
    sights = {(a, b): look(files[a], files[b]) for a, b in combinations(range(len(files)), 2)}
    strangers = next((pair for pair, sight in sights.items() if sight.verdict == "other"), None)
    apart = all(sight.verdict == "none" for sight in sights.values())
    paths = _all_paths(files) if strangers or apart else None
    if strangers and paths is None:
        one, two = (names[number] for number in strangers)
        raise ConfigError(
            f"{one} and {two} have samples of the same names and of other files, such as "
            f"{' and '.join(sights[strangers].paths)}; compare runs over the same files"
        )
    for (a, b), sight in sights.items():
        if sight.verdict in ("named", "unknown") and paths is None:
            notices.append(Notice("other_files", _said(names[a], names[b], sight)))
    tables = [
        _spelled(file.table) if paths is None else _with_keys(file.table, paths[number])
        for number, file in enumerate(files)
    ]
    notices += _otherwise_named(names, tables)
    told = _told_by_all(names, tables)
    return [replace(file, table=table) for file, table in zip(files, told, strict=True)], notices


def _otherwise_named(names: Sequence[str], tables: Sequence[ScoreTable]) -> list[Notice]:
    """The warnings that two tables name different datasets, methods or compressions of samples that they share."""
    notices = []
    for (one, own), (other, theirs) in combinations(zip(names, tables, strict=True), 2):
        for name in _IDENTITY:
            said, said_there = (_by_key(table, name) for table in (own, theirs))
            apart = [key for key, text in said.items() if text and said_there.get(key, "") not in ("", text)]
            if apart:
                text = (
                    f"{one} and {other} call the {name} of {len(apart)} of the samples that are taken for the same by "
                    f"their names otherwise, such as {said[apart[0]]} and {said_there[apart[0]]} of {apart[0]}"
                )
                notices.append(Notice("other_files", text))
    return notices


def _by_key(table: ScoreTable, name: str) -> dict[str, str]:
    """What a column says of each key; nothing where there is no such column."""
    column = table.column(name)
    if column is None:
        return {}
    codes, rows = np.unique(table.key.codes, return_index=True)
    return {table.key.names[code]: column.text(row) for code, row in zip(codes.tolist(), rows.tolist(), strict=True)}


def _said(one: str, other: str, sight: Sight) -> str:
    where = f"such as {' and '.join(sight.paths)}"
    if sight.verdict == "named":
        return f"{one} and {other} are of one dataset, and their files are others, {where}: other crops or compression?"
    return (
        f"the samples of {one} and {other} are taken for the same by their names; their paths differ, {where}, and "
        "whether the files do cannot be looked at"
    )


def _first_rows(table: ScoreTable) -> dict[str, int]:
    codes, rows = np.unique(table.key.codes, return_index=True)
    keys = plain_keys(table)
    return {keys[code]: row for code, row in zip(codes.tolist(), rows.tolist(), strict=True)}


def _spread(items: Sequence[tuple[Any, ...]], count: int) -> Sequence[Any]:
    """At most so many of them, from the first to the last."""
    places = np.unique(np.linspace(0, len(items) - 1, min(count, len(items))).round().astype(int))
    return [items[place] for place in places.tolist()]


def _dataset(file: ScoreFile, row: int) -> str:
    return file.table.dataset.text(row)


def _alike(one: Path, other: Path) -> bool | None:
    """Whether two paths lead to the same content; None where that cannot be told."""
    try:
        if one.samefile(other):
            return True
        if one.is_dir() and other.is_dir():
            listed = [sorted((entry.name, entry.stat().st_size) for entry in os.scandir(each)) for each in (one, other)]
            return None if any(name == _DATABASE for each in listed for name, _ in each) else listed[0] == listed[1]
        if one.is_file() and other.is_file():
            return one.stat().st_size == other.stat().st_size and sha256_of(one) == sha256_of(other)
    except (OSError, ValueError):
        return None
    return False


def _all_paths(files: Sequence[ScoreFile]) -> list[list[str]] | None:
    """The path of each row of each file; None where one does not know them all, or all files have no path in common."""
    found = [[path and os.path.abspath(path) for path in file.paths(range(len(file.table)))] for file in files]  # noqa: PTH100
    if not all(map(all, found)):
        return None
    return found if set.intersection(*map(set, found)) else None


def _spelled(table: ScoreTable) -> ScoreTable:
    return replace(table, key=Column(table.key.codes, plain_keys(table)))


def _with_keys(table: ScoreTable, texts: Sequence[str]) -> ScoreTable:
    return replace(table, key=Column.of(texts))


def _told_by_all(names: Sequence[str], tables: Sequence[ScoreTable]) -> list[ScoreTable]:
    """The tables with the labels that any of them has, and the dataset, method, compression that one lacks wholly."""
    known: dict[str, tuple[int, str]] = {}
    for name, table in zip(names, tables, strict=True):
        for key, label in _labels_by_key(table):
            if label != UNKNOWN and (first := known.setdefault(key, (label, name)))[0] != label:
                raise ConfigError(
                    f"{key!r} is {LABEL_NAMES[first[0]]} in {first[1]} and {LABEL_NAMES[label]} in {name}; compare "
                    "runs over the same labels"
                )
    return [_filled(table, known, tables) for table in tables]


def _labels_by_key(table: ScoreTable) -> zip[tuple[str, int]]:
    found = np.full(len(table.key.names), UNKNOWN, np.int8)
    found[table.key.codes] = table.labels
    return zip(table.key.names, found.tolist(), strict=True)


def _filled(table: ScoreTable, known: dict[str, tuple[int, str]], tables: Sequence[ScoreTable]) -> ScoreTable:
    if (table.labels == UNKNOWN).any():
        by_key = np.array([known.get(key, (UNKNOWN, ""))[0] for key in table.key.names], np.int8)
        table = replace(table, labels=np.where(table.labels == UNKNOWN, by_key[table.key.codes], table.labels))
    for name in _IDENTITY:
        theirs = next((each for each in tables if each.column(name) is not None), None)
        if theirs is None or table.column(name) is not None:
            continue
        column = theirs.column(name)
        assert column is not None
        pairs = zip(theirs.key.codes.tolist(), column.codes.tolist(), strict=True)
        said = {theirs.key.names[key]: code for key, code in pairs}
        codes = np.array([said.get(key, UNKNOWN) for key in table.key.names], np.int32)[table.key.codes]
        filled = Column(codes, column.names)
        changed = {"columns": {**table.columns, name: filled}} if name == COMPRESSION else {name: filled}
        table = replace(table, **changed)
    return table
