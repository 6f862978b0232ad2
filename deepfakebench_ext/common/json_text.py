"""JSON as we read it: each key of an object once."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from deepfakebench_ext.common.wording import printable

_SHOWN = 80


class DoubledKeyError(ValueError):
    """An object that says a key twice, of which one would be lost."""


def parse_json(content: bytes | str) -> Any:
    """Return what a JSON document holds.

    Raises:
        DoubledKeyError: An object says a key twice; names the key.
        ValueError: It is not JSON, or is nested too deeply.
    """
    try:
        return json.loads(content, object_pairs_hook=_once)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        (twice, _), *_ = Counter(key for key, _ in pairs).most_common(1)
        raise DoubledKeyError(f"the key {printable(twice[:_SHOWN])!r} stands twice in one object; rename or join them")
    return values
