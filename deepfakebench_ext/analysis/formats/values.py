"""Values of a JSON document, each checked where it is read. Pure."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.metrics.segments.stretches import ScoredStretch, Stretch, microseconds

MOST_S = 1e9
"""Furthest time that is taken: 30 years, whose microseconds still are exact in every program."""


def mapping(value: Any, where: str) -> Mapping[str, Any]:
    """The value, a JSON object.

    Raises:
        ConfigError: It is none; `where` says whose it is.
    """
    if not isinstance(value, Mapping):
        raise ConfigError(f"{where} is {_short(value)}; allowed is an object of names and values")
    return value


def rows(value: Any, where: str) -> Sequence[Any]:
    """The value, a JSON array.

    Raises:
        ConfigError: It is none.
    """
    if not isinstance(value, list):
        raise ConfigError(f"{where} is {_short(value)}; allowed is a list")
    return value


def got(row: Mapping[str, Any], name: str, where: str) -> Any:
    """What the object holds under a name.

    Raises:
        ConfigError: Nothing.
    """
    if name not in row:
        raise ConfigError(f"{where} has no {name!r}; it has {', '.join(map(repr, row)) or 'nothing'}")
    return row[name]


def text(row: Mapping[str, Any], name: str, where: str) -> str:
    """A text under a name.

    Raises:
        ConfigError: It is missing, empty or something else.
    """
    value = got(row, name, where)
    if not isinstance(value, str) or not value:
        raise ConfigError(f"{name!r} of {where} is {_short(value)}; allowed is a text")
    return value


def number(value: Any, where: str) -> float:
    """The value, a finite number.

    Raises:
        ConfigError: It is something else.
    """
    # The bounds come first: an integer of 400 digits is no float, and would not even compare as one.
    if (
        isinstance(value, bool)
        or not isinstance(value, (int, float))
        or not -sys.float_info.max <= value <= sys.float_info.max
    ):
        raise ConfigError(f"{where} is {_short(value)}; allowed is a finite number")
    return float(value)


def whole(row: Mapping[str, Any], name: str, where: str) -> int:
    """A whole number under a name.

    Raises:
        ConfigError: It is missing or something else.
    """
    value = got(row, name, where)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ConfigError(f"{name!r} of {where} is {_short(value)}; allowed is a whole number")
    return value


def digest(row: Mapping[str, Any], where: str) -> str | None:
    """The digest of a video's bytes under `sha256`, in small letters; None where there is none.

    Raises:
        ConfigError: It is empty or no text.
    """
    return None if row.get("sha256") is None else text(row, "sha256", where).lower()


def time_us(value: Any, where: str) -> int:
    """The value, a number of seconds, in microseconds.

    Raises:
        ConfigError: It is no number, or further from 0 than any film is long.
    """
    seconds = number(value, where)
    if abs(seconds) > MOST_S:
        raise ConfigError(f"{where} is {seconds:g} s; allowed are at most {MOST_S:g}")
    return microseconds(seconds)


def stretch(start: Any, end: Any, where: str) -> Stretch:
    """The stretch between two numbers of seconds.

    Raises:
        ConfigError: They are no numbers, or it does not end after it starts.
    """
    try:
        return Stretch(time_us(start, f"the start of {where}"), time_us(end, f"the end of {where}"))
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from error


def scored(start: Any, end: Any, score: Any, where: str) -> ScoredStretch:
    """The stretch between two numbers of seconds, with a score.

    Raises:
        ConfigError: One is no number, the stretch does not end after it starts, or the score is no P(fake).
    """
    ends = stretch(start, end, where)
    try:
        return ScoredStretch(ends.start_us, ends.end_us, number(score, f"the score of {where}"))
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from error


def scored_stretch(row: Mapping[str, Any], where: str) -> ScoredStretch:
    """The stretch and score of an object with `start_s`, `end_s` and `score`.

    Raises:
        ConfigError: One is missing or not allowed.
    """
    return scored(got(row, "start_s", where), got(row, "end_s", where), got(row, "score", where), where)


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."
