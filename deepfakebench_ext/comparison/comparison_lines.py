"""A comparison as lines of the terminal: who ranks where, and which detectors the samples do not tell apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from deepfakebench_ext.common.wording import counted, printable, shortened
from deepfakebench_ext.comparison.records import Comparison
from deepfakebench_ext.comparison.tables import RANKED_BY, counts_sentences, figure_notes, pair_sentences, rank_table

NAME_WIDTH = 32
"""Longest name of a detector in a line of the table; of longer ones the end is shown."""
PAIRS_SHOWN = 3


def comparison_lines(comparison: Comparison) -> Iterator[str]:
    """Yield what was compared, the ranked detectors, and which pairs differ.

    Of more than `PAIRS_SHOWN` pairs those are named that do not differ; the report says all of each.
    """
    yield f"Comparison of {counted(len(comparison.detectors), 'detector')}"
    yield from map(printable, counts_sentences(comparison))
    yield ""
    table = rank_table(comparison)
    yield f"{table.caption}:"
    yield from _columns([table.header, *table.rows])
    yield ""
    yield from map(printable, figure_notes(comparison, RANKED_BY))
    general, *pairs = pair_sentences(comparison)
    yield printable(general)
    if len(pairs) <= PAIRS_SHOWN:
        yield from map(printable, pairs)
    elif alike := [f"{pair.first} and {pair.second}" for pair in comparison.pairs if not pair.differ]:
        yield printable(f"not told apart: {'; '.join(alike)}")


def _columns(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Rows as lines, each column as wide as its widest cell."""
    names = [shortened(row[1], NAME_WIDTH) for row in rows]
    is_clear = len(set(names)) == len(names)
    cells = [[row[0], name if is_clear else printable(row[1]), *row[2:]] for row, name in zip(rows, names, strict=True)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
