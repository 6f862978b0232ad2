"""`inference_results*.txt` as a `ScoreTable`: the older tool's two forms, and ours, which has the first one's lines."""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np

from deepfakebench_ext.common.choices import Level
from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.notices import FOUND_IN_SCORES, Notice, notice_of
from deepfakebench_ext.common.regular_files import regular
from deepfakebench_ext.metrics.score_table import UNKNOWN, Column, ScoreTable

TITLE = "Deepfake Detection Results"
DIGITS_NOTICE = Notice(
    "rounded", "scores were read from text with 4 decimals: ties are more than they were, and figures differ a little"
)

_SCORED = re.compile(
    r"\[(?P<index>\d+)/\d+\] (?P<name>.*) \| True: *(?P<true>REAL|FAKE|N/A) \| Pred: [01] \(0=Real, 1=Fake\)"
    r" \| Prob: (?P<score>\S+)(?: \| Path: (?P<path>.*))?"
)
_NOT_SCORED = re.compile(
    r"\[(?P<index>\d+)\] (?P<name>.*) \| Status: (?P<status>\w+) \| Reason: .* \| Path: (?P<path>.*)"
)
_TRUE_LABEL = re.compile(r"\[(\d+)\] .* -> (?:REAL|FAKE)")
_LEVEL = re.compile(r"Level of the figures: (\w+)")
_WARNING = re.compile(r"\[WARNING\] (?P<text>.*?)(?: \[(?P<kind>\w+)\])?")
_LABELS = {"REAL": 0, "FAKE": 1, "N/A": UNKNOWN}


@dataclass(frozen=True, slots=True, eq=False)
class TextScores:
    """What a text holds.

    Attributes:
        table: The scores, of the level that the text says.
        title: What it calls the detector, empty where it does not.
        notices: That its scores are rounded, and those of its warnings that its scores do not show, such as an
            untrained head. The others have numbers of the scores before rounding, and are found anew.
        paths: Where it says that the files lie, one a row; empty texts where it does not.
    """

    table: ScoreTable
    title: str
    notices: tuple[Notice, ...]
    paths: tuple[str, ...]


def is_results_text(path: Path) -> bool:
    """Return whether a file begins as the older tool's results do.

    Raises:
        ConfigError: It cannot be read.
    """
    try:
        with regular(path).open("rb") as file:
            return file.read(len(BOM_UTF8) + len(TITLE)).removeprefix(BOM_UTF8).startswith(TITLE.encode())
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error


def read_results_text(path: Path) -> TextScores:
    """Read the older tool's results, or ours.

    Samples go by their path where the text names it, else by file name; where a name comes several times, by name and
    number in the list (`0001.png#17`).

    Raises:
        ConfigError: A line of a sample that cannot be read, a score that is none, several results in one file, or no
            sample.
    """
    rows, level, title, notices = _parse(path)
    if not rows:
        raise ConfigError(f"{path} lists no sample; was the run that wrote it cut off?")
    keys = _keys(rows)
    _check_distinct(path, rows, keys)
    scores = np.array([np.nan if row.score is None else row.score for row in rows], np.float64)
    none = Column(np.full(len(rows), UNKNOWN, np.int32), ())
    table = ScoreTable(
        level=level,
        labels=np.array([row.label for row in rows], np.int8),
        scores=scores,
        status=Column.of(row.status for row in rows),
        key=Column.of(keys),
        video=none,
        dataset=none,
        method=none,
        index=np.zeros(len(rows), np.int32),
    )
    return TextScores(table, title, (DIGITS_NOTICE, *notices), tuple(row.path for row in rows))


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    index: int
    name: str
    path: str
    label: int
    score: float | None
    status: str


def _parse(path: Path) -> tuple[list[_Row], Level, str, list[Notice]]:
    rows: list[_Row] = []
    level: Level = "frame"
    title, notices, titles = "", [], 0
    for number, line in _lines(path):
        if line.startswith("["):
            if not rows and (said := _WARNING.fullmatch(line)):
                notices.append(notice_of(said["kind"] or "", said["text"]))
            elif (row := _row(path, number, line)) is not None:
                rows.append(row)
        elif line.startswith("Weights: ") and not rows:
            title = line.removeprefix("Weights: ")
        elif match := _LEVEL.match(line):
            level = next((each for each in get_args(Level) if each == match[1]), level)
        elif line.startswith(TITLE):
            titles += 1
    if titles > 1:
        raise ConfigError(f"{path} holds the results of {titles} runs; give their run directories instead")
    kept = [notice for notice in notices if notice.kind not in FOUND_IN_SCORES]
    return sorted(rows, key=lambda row: row.index), level, title, kept


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    try:
        with path.open(encoding="utf-8-sig", errors="backslashreplace") as file:
            yield from ((number, line.rstrip("\n")) for number, line in enumerate(file, start=1))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error


def _row(path: Path, number: int, line: str) -> _Row | None:
    """The sample of a line that begins with `[`; None where it is a repetition or prose."""
    if match := _SCORED.fullmatch(line):
        score = _score(match["score"])
        if score is None:
            raise ConfigError(f"{path}, line {number}: Prob {match['score']!r} is not allowed; allowed is 0 to 1")
        name = match["name"].removeprefix("Image: ").strip()
        return _Row(number, int(match["index"]), name, match["path"] or "", _LABELS[match["true"]], score, "ok")
    if match := _NOT_SCORED.fullmatch(line):
        index, name = int(match["index"]), match["name"].strip()
        return _Row(number, index, name, match["path"], UNKNOWN, None, match["status"])
    if _TRUE_LABEL.fullmatch(line) or not re.match(r"\[\d+/\d+\] ", line):
        return None
    raise ConfigError(f"{path}, line {number}: cannot be read as a sample: {line[:80]!r}")


def _score(text: str) -> float | None:
    try:
        score = float(text)
    except ValueError:
        return None
    return score if 0 <= score <= 1 else None


def _keys(rows: list[_Row]) -> list[str]:
    if all(row.path for row in rows):
        return [row.path for row in rows]
    times = Counter(row.name for row in rows)
    return [row.name if times[row.name] == 1 else f"{row.name}#{row.index}" for row in rows]


def _check_distinct(path: Path, rows: Iterable[_Row], keys: Iterable[str]) -> None:
    lines: dict[str, int] = {}
    for row, key in zip(rows, keys, strict=True):
        first = lines.setdefault(key, row.line)
        if first != row.line:
            raise ConfigError(f"{path}, line {row.line}: {key!r} comes a second time (first in line {first})")
