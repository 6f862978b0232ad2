"""Files that are the same, byte for byte, and yet labelled real and fake: a mistake in the data."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from deepfakebench_ext.metrics.misleading import duplicates_across_classes
from deepfakebench_ext.metrics.score_table import UNKNOWN, ScoreTable
from deepfakebench_ext.report.thumbnails import Paths
from deepfakebench_ext.types import Label

_CHUNK = 2**20


def duplicate_files(table: ScoreTable, paths: Paths) -> list[str]:
    """Return a warning where files of both classes have the same content.

    Only files of a size that both classes have are read. Files that are gone, and folders, are left out.

    Args:
        table: Frames or clips; each key is looked at once.
        paths: Where the files of some of its rows lie.
    """
    _, first = np.unique(table.key.codes, return_index=True)
    rows = [row for row in first.tolist() if table.labels[row] != UNKNOWN]
    labels: list[Label] = [1 if table.labels[row] == 1 else 0 for row in rows]
    files = list(paths(rows))
    sizes = [_size(file) for file in files]
    shared = {size for size, label in zip(sizes, labels, strict=True) if label} & {
        size for size, label in zip(sizes, labels, strict=True) if not label
    }
    alike = [place for place, size in enumerate(sizes) if size >= 0 and size in shared]
    return duplicates_across_classes(
        [table.key.text(rows[place]) for place in alike],
        [labels[place] for place in alike],
        _digests([files[place] for place in alike]),
    )


def _size(file: str) -> int:
    """Bytes of a file; -1 for what is none."""
    path = Path(file)
    try:
        return path.stat().st_size if file and path.is_file() else -1
    except (OSError, ValueError):
        return -1


def _digests(files: Sequence[str]) -> list[str]:
    return [_digest(Path(file)) or f"unreadable {number}" for number, file in enumerate(files)]


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
    except OSError:
        return ""
    return digest.hexdigest()
