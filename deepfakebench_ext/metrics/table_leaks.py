"""What a table of scores shows of leaks: one video on both sides of a split, one file in both classes. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations

import numpy as np

from deepfakebench_ext.common.notices import Notice
from deepfakebench_ext.common.types import Label
from deepfakebench_ext.common.wording import counted
from deepfakebench_ext.metrics.misleading import duplicates_across_classes, seen_on_both_sides
from deepfakebench_ext.metrics.score_table import UNKNOWN, Column, ScoreTable

SPLIT, DIGEST = "split", "sha256"
"""Columns of a table that tell."""
_SHOWN = 3


def table_leaks(table: ScoreTable, fitted: Iterable[tuple[Sequence[str], str]] = ()) -> list[Notice]:
    """Return what to say of each leak.

    Args:
        table: The samples that are judged; its columns `split` and `sha256` are looked at where it has them.
        fitted: Names of those of its videos or samples on which something was done, and what: `the threshold was
            chosen`.
    """
    split, digest = table.columns.get(SPLIT), table.columns.get(DIGEST)
    found = [] if split is None else _split_leaks(table, split)
    found += [] if digest is None else _duplicates(table, digest)
    for names, purpose in fitted:
        found += seen_on_both_sides(names, purpose=purpose, noun=_noun(table))
    return found


def _noun(table: ScoreTable) -> str:
    """What `video_names` are names of."""
    return "video" if table.has_videos or table.level == "video" else "sample"


def _split_leaks(table: ScoreTable, split: Column) -> list[Notice]:
    codes, names = table.video_codes(), table.video_names()
    found = []
    for one, other in combinations(range(len(split.names)), 2):
        both = np.intersect1d(codes[split.codes == one], codes[split.codes == other])
        if len(both):
            some = ", ".join(names[number] for number in both[:_SHOWN])
            verb = "is" if len(both) == 1 else "are"
            text = (
                f"{counted(len(both), _noun(table))}, such as {some}, {verb} in split {split.names[one]!r} and in "
                f"{split.names[other]!r}: what was learnt on one is judged on the other"
            )
            found.append(Notice("leak", text))
    return found


def _duplicates(table: ScoreTable, digest: Column) -> list[Notice]:
    rows = np.flatnonzero((digest.codes != UNKNOWN) & (table.labels != UNKNOWN)).tolist()
    labels: list[Label] = [1 if table.labels[row] == 1 else 0 for row in rows]
    return duplicates_across_classes([table.key.text(row) for row in rows], labels, [digest.text(row) for row in rows])
