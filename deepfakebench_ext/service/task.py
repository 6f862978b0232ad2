"""What the process that computes is given to do. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from deepfakebench_ext.service.job import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One upload to be judged; its fields are JSON values.

    Attributes:
        kind: `video`, or `image`.
        model: Name of a served detector.
        params: What was asked of it.
        file: Where the upload lies.
        filename: What it is called in results.
        folder: Where results go.
    """

    kind: Kind
    model: str
    params: dict[str, Any]
    file: str
    filename: str
    folder: str
