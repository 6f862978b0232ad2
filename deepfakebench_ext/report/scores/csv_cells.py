"""Cells of a file of scores to the arrays of a `ScoreTable`, and what is refused of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from deepfakebench_ext.common.csv_files import is_number
from deepfakebench_ext.common.label_words import claims
from deepfakebench_ext.metrics.figure import Floats
from deepfakebench_ext.metrics.score_table import UNKNOWN, Column, Numbers, ScoreTable

_LABELS = {"": UNKNOWN, "-1": UNKNOWN, "n/a": UNKNOWN, "0": 0, "0.0": 0, "false": 0, "1": 1, "1.0": 1, "true": 1}
OK, NOT_SCORED = "ok", "not_scored"


class BadRowError(Exception):
    """A row that cannot be used.

    Attributes:
        rows: Its number from 0, where another row is the reason after that one's.
    """

    def __init__(self, reason: str, *rows: int) -> None:
        """Say why, and which row."""
        super().__init__(reason)
        self.rows = rows


def floats(cells: Sequence[str]) -> Floats:
    """Scores (N,) float64; NaN where the cell is empty.

    Raises:
        BadRowError: No number, NaN, or outside [0, 1].
    """
    try:
        values = np.array([float(cell) if cell else np.nan for cell in cells], np.float64)
    except ValueError as error:
        row = _first(cells, lambda cell: bool(cell) and not is_number(cell))
        raise BadRowError(f"the score {cells[row]!r} is no number", row) from error
    allowed = (values >= 0) & (values <= 1)
    if int(allowed.sum()) + cells.count("") != len(cells):
        row = next(at for at, cell in enumerate(cells) if cell and not allowed[at])
        raise BadRowError(
            f"the score {cells[row]!r} is not allowed: a score is P(fake) from 0 to 1, and the cell is empty where "
            "there is none; turn logits into probabilities first",
            row,
        )
    return values


def integers(cells: Sequence[str]) -> Numbers:
    """Numbers (N,) int32 of frames or clips; 0 where the cell is empty.

    Raises:
        BadRowError: No whole number from 0 to 2**31 - 1.
    """
    try:
        values = np.array([int(cell) if cell else 0 for cell in cells], np.int64)
    except (ValueError, OverflowError):
        values = np.array([-1])
    if values.min() < 0 or values.max() >= 2**31:
        row = _first(cells, lambda cell: bool(cell) and not (cell.isdecimal() and int(cell) < 2**31))
        raise BadRowError(f"the index {cells[row]!r} is not allowed; allowed is 0, 1, 2, ...", row)
    return values.astype(np.int32)


def labels(codes: Numbers, names: Sequence[str]) -> NDArray[np.int8]:
    """Labels (N,) int8 from the numbers of their names: digits, `real`, `fake` or synonyms; -1 for empty and `N/A`.

    Raises:
        BadRowError: A name that says neither, or both.
    """
    meanings = np.array([_label(name) for name in names] or [UNKNOWN], np.int8)
    found = meanings[codes]
    unknown = np.flatnonzero(found == _NEITHER)
    if len(unknown):
        row = int(unknown[0])
        raise BadRowError(
            f"unknown label {names[codes[row]]!r}; write 0 or real, 1 or fake, or nothing where it is unknown", row
        )
    return found


_NEITHER = -2


def _label(name: str) -> int:
    known = _LABELS.get(name.strip().lower())
    if known is not None:
        return known
    claim = claims(name)
    return next(iter(claim)) if len(claim) == 1 else _NEITHER


def check_keys(is_empty: NDArray[np.bool_]) -> None:
    """Pass keys (N,) of which none is empty.

    Raises:
        BadRowError: One is; its row.
    """
    if is_empty.any():
        raise BadRowError("the key is empty; each row needs one", int(np.argmax(is_empty)))


def statuses(given: Column | None, scores: Floats) -> Column:
    """The column of statuses, checked against the scores or, without one, made from them.

    Raises:
        BadRowError: A score with another status than `ok`, or `ok` without a score.
    """
    scored = ~np.isnan(scores)
    if given is None:
        return Column(np.where(scored, 0, 1).astype(np.int32), (OK, NOT_SCORED))
    ok = given.names.index(OK) if OK in given.names else UNKNOWN - 1
    wrong = np.flatnonzero((given.codes == ok) != scored)
    if len(wrong):
        row = int(wrong[0])
        beside = "a score" if scored[row] else "no score"
        raise BadRowError(f"status {given.text(row)!r} beside {beside}; it is `ok` exactly where there is one", row)
    return given


def check_rows(table: ScoreTable, key_column: str) -> None:
    """Pass a table in which no row comes twice and no sample has two labels.

    Args:
        table: As it was read.
        key_column: What the file calls the column of the keys.

    Raises:
        BadRowError: One does; its row, and the earlier one.
    """
    identity = table.key.codes.astype(np.int64) * (int(table.index.max(initial=0)) + 1) + table.index
    order = np.argsort(identity, kind="stable")
    same = np.flatnonzero(np.diff(identity[order]) == 0)
    if len(same):
        place = same[np.argmin(order[same + 1])]
        earlier, row = int(order[place]), int(order[place + 1])
        raise BadRowError(
            f"{table.key.text(row)!r} comes a second time; each row has a key of its own. If {key_column!r} names a "
            f"video with several frames, say so: --video_column {key_column}; if files of several folders or datasets "
            "have equal names, give a column with the whole path: --key_column NAME",
            row,
            earlier,
        )
    _, first = np.unique(table.key.codes, return_index=True)
    firsts = np.zeros(len(table.key.names), np.int8)
    firsts[table.key.codes[first]] = table.labels[first]
    differing = np.flatnonzero(firsts[table.key.codes] != table.labels)
    if len(differing):
        row = int(differing[0])
        earlier = int(np.argmax(table.key.codes == table.key.codes[row]))
        raise BadRowError(f"{table.key.text(row)!r} has another label here than before", row, earlier)


def _first(cells: Sequence[str], is_wrong: Callable[[str], bool]) -> int:
    return next((row for row, cell in enumerate(cells) if is_wrong(cell)), 0)
