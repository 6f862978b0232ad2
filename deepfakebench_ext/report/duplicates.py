"""Files that are the same, byte for byte, and yet labelled real and fake: a mistake in the data."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from deepfakebench_ext.common.digests import sha256_of
from deepfakebench_ext.common.errors import FetchError, MissingExtraError
from deepfakebench_ext.common.notices import Notice
from deepfakebench_ext.common.types import Label
from deepfakebench_ext.common.urls import is_url
from deepfakebench_ext.common.wording import counted
from deepfakebench_ext.metrics.misleading import duplicates_across_classes
from deepfakebench_ext.metrics.score_table import UNKNOWN, ScoreTable
from deepfakebench_ext.remote.states import ask, content_tag, known_state
from deepfakebench_ext.report.seen import Paths

logger = logging.getLogger(__name__)


def check_files(table: ScoreTable, paths: Paths) -> list[Notice]:
    """Return what `duplicate_files` finds, after notices of what was not looked at: not there, or of a silent store.

    A folder of frames is there, though it has no content of its own.

    Args:
        table: As `duplicate_files`.
        paths: As `duplicate_files`.
    """
    places = _places(table, paths)
    files = dict.fromkeys(file for _, file in places if file)
    if not files:
        text = "no row says where its file lies (column path), so no content was compared"
        return [Notice("not_looked_at", text)] if places else []
    urls = [file for file in files if is_url(file)]
    _learn(urls)
    lost = sum(not os.path.exists(file) for file in files if not is_url(file))  # noqa: PTH110 - a million of them
    verb, whose = ("was", "its") if lost == 1 else ("were", "their")
    missing = f"{lost} of {counted(len(files), 'file')} {verb} not found, and {whose} content was not compared"
    untold = sum(not content_tag(url) for url in urls)
    one = "lies behind a URL whose store says nothing of its content, and was"
    several = "lie behind URLs whose stores say nothing of their content, and were"
    unknown = f"{untold} of {counted(len(files), 'file')} {one if untold == 1 else several} not compared"
    texts = [text for text, number in ((missing, lost), (unknown, untold)) if number]
    return [*(Notice("not_looked_at", text) for text in texts), *_duplicates(table, places)]


def duplicate_files(table: ScoreTable, paths: Paths) -> list[Notice]:
    """Return a notice where files of both classes have the same content.

    Only files of a size that both classes have are read, each once. Files that are gone, and folders, are left out. So
    is a file of several keys, such as an LMDB or a video of which each frame is a key: its content says nothing of one.

    Args:
        table: Frames or clips; each key is looked at once.
        paths: Where the files of some of its rows lie.
    """
    places = _places(table, paths)
    _learn([file for _, file in places if is_url(file)])
    return _duplicates(table, places)


def _learn(urls: Sequence[str]) -> None:
    """Ask stores for what is not known of files, as of those that other processes scored."""
    try:
        ask(urls)
    except (FetchError, MissingExtraError) as error:
        logger.warning("which files are the same is not looked at: %s", error)


def _places(table: ScoreTable, paths: Paths) -> list[tuple[int, str]]:
    """The first row of each key, and where its file lies; an empty text where that is not known."""
    _, first = np.unique(table.key.codes, return_index=True)
    rows = first.tolist()
    files = [file if not file or is_url(file) else os.path.abspath(file) for file in paths(rows)]  # noqa: PTH100 - links stay apart
    return list(zip(rows, files, strict=True))


def _duplicates(table: ScoreTable, places: Sequence[tuple[int, str]]) -> list[Notice]:
    keys_of = Counter(file for _, file in places)
    own = [(row, file) for row, file in places if file and keys_of[file] == 1]
    kept = [(row, file) for row, file in own if table.labels[row] != UNKNOWN]
    rows, files = [row for row, _ in kept], [file for _, file in kept]
    labels: list[Label] = [1 if table.labels[row] == 1 else 0 for row in rows]
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
    if is_url(file):
        return known_state(file).size if content_tag(file) else -1
    path = Path(file)
    try:
        return path.stat().st_size if file and path.is_file() else -1
    except (OSError, ValueError):
        return -1


def _digests(files: Sequence[str]) -> list[str]:
    digests = (content_tag(file) if is_url(file) else _digest(Path(file)) for file in files)
    return [digest or f"unreadable {number}" for number, digest in enumerate(digests)]


def _digest(path: Path) -> str:
    try:
        return sha256_of(path)
    except OSError:
        return ""
