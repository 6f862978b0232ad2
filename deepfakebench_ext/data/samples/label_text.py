"""A label as people and tools write it. No I/O."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.label_words import claims
from deepfakebench_ext.common.types import Label

# "1.0" is what pandas writes for 1 in a column with gaps.
_LABELS: dict[str, Label | None] = {"": None, "0": 0, "0.0": 0, "1": 1, "1.0": 1}


def label_of_text(text: str, where: str) -> Label | None:
    """Return the label that a text means: 0, 1, real, fake or a synonym; None of an empty one.

    Args:
        text: Without space around it.
        where: For the message.

    Raises:
        ConfigError: It means none.
    """
    meant = _meant(text)
    if isinstance(meant, str):
        raise ConfigError(f"{where}: unknown label {text!r}; write 0 or real, 1 or fake, or nothing")
    return meant


@lru_cache(maxsize=1000)
def _meant(text: str) -> Label | Literal["unknown"] | None:
    if text in _LABELS:
        return _LABELS[text]
    claim = claims(text)
    return next(iter(claim)) if len(claim) == 1 else "unknown"
