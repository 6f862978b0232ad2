"""What counts as P(fake) in the answer of a user's program. No I/O."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from deepfakebench_ext.common.wording import counted

_SHOWN = 60


class ProgramError(Exception):
    """What a user's program lacks, as a sentence for its author."""


def scores_of(given: Any, count: int) -> list[float | str]:
    """Return the score of each sample, or the reason why it is none, out of what a function returned.

    Args:
        given: A sequence of numbers, also a NumPy array or a tensor of one dimension.
        count: As many as there are samples.

    Raises:
        ProgramError: It is no such sequence, or one of another length.
    """
    if isinstance(given, str | bytes | dict | set):
        raise ProgramError(f"it gave a {type(given).__name__}, and not a list of {counted(count, 'number')}")
    try:
        values: Sequence[Any] = list(given)
    except TypeError as error:
        raise ProgramError(f"it gave {shown(given)}, and not a list of {counted(count, 'number')}") from error
    if len(values) != count:
        raise ProgramError(f"it gave {counted(len(values), 'score')} for {counted(count, 'file')}")
    return [score_of(value) for value in values]


def score_of(value: Any) -> float | str:
    """Return P(fake), or the reason why a value is none."""
    if isinstance(value, bool | str | bytes) or type(value).__name__.startswith("bool") or value is None:
        return f"it gave {shown(value)}, a {type(value).__name__}, and not a number"
    try:
        score = float(value)
    except (TypeError, ValueError, OverflowError):
        return f"it gave {shown(value)}, a {type(value).__name__}, and not a number"
    if math.isnan(score) or not 0 <= score <= 1:
        return f"it gave {score:g}, which is not P(fake), from 0 to 1"
    return score


def shown(value: Any) -> str:
    """The beginning of a value as text."""
    text = " ".join(repr(value).split())
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
