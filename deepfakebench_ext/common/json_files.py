"""JSON objects out of files that others wrote: regular, of bounded size, each key once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deepfakebench_ext.common.json_text import parse_json
from deepfakebench_ext.common.regular_files import regular

_MOST_BYTES = 1 << 26  # the index of the largest sharded models is a tenth of it


def read_object(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file.

    Raises:
        FileNotFoundError: There is nothing at `path`.
        ValueError: Too large, no JSON object, or a key said twice. The message names no path.
        OSError: It is no regular file, or cannot be read.
    """
    if regular(path).stat().st_size > _MOST_BYTES:
        raise ValueError(f"it is larger than {_MOST_BYTES >> 20} MiB, which no such file is")
    values = parse_json(path.read_bytes())
    if not isinstance(values, dict):
        raise ValueError(f"it holds {type(values).__name__}, not a JSON object")  # noqa: TRY004 - a file's content
    return values
