"""Rows of scores as records of fixed length, which files can hold, and the tables that they make again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from deepfakebench_ext.metrics.figure import Floats
from deepfakebench_ext.metrics.names import PAD, Names, numbered
from deepfakebench_ext.metrics.score_table import COMPRESSION, UNKNOWN, Coder, Column, ScoreTable
from deepfakebench_ext.report.scores.csv_cells import check_keys, labels, statuses
from deepfakebench_ext.report.scores.pieces import Piece, column_of

NAMED = ("status", "dataset", "method", COMPRESSION)
"""Columns of few names."""
ROW = np.dtype(
    [("video", "u8"), ("key", "u8"), ("row", "i8"), ("score", "f8"), ("index", "i4"), ("label", "i1")]
    + [(name, "i4") for name in NAMED]
)
"""`video` and `key` are 64 bits of what makes them, and `row` its number in the file."""
_FACTOR = np.uint64(0x9E3779B97F4A7C15)
Records = NDArray[np.void]


class HeldRows:
    """What turns rows into records, and records into tables.

    Attributes:
        coders: Columns of few names to the numbers of these.
        heads: Which heads gave the scores, where the file says it.
        has_names: Whether rows name a video that they are of.
        has_index: Whether rows are numbered within their key.
        is_timed: Whether rows have times of ends.
    """

    def __init__(self, columns: Mapping[str, str]) -> None:
        """Say what the file calls each role; `compression`, `head` and `end_s` are roles too."""
        self._columns = columns
        self.coders: dict[str, Coder] = {name: Coder() for name in NAMED}
        self.heads: set[str] = set()
        self.has_names = self.has_index = self.is_timed = False

    def records(self, piece: Piece, row: int) -> Records:
        """Return the records of a piece, whose first row has this number.

        Raises:
            BadRowError: A row that cannot be used, as `table_of`; counted from the first of the piece.
        """
        columns = self._columns
        texts = {role: piece.texts(name) for role, name in columns.items() if role not in ("score", "index", "end_s")}
        rows = np.zeros(len(piece), ROW)
        rows["row"] = row + np.arange(len(piece))
        rows["score"] = piece.scores(columns["score"])
        rows["label"] = labels(*_numbered(texts["label"]))
        if "index" in columns:
            rows["index"] = piece.index(columns["index"])
        given = column_of(*_numbered(texts["status"])) if "status" in texts else None
        found = {"status": statuses(given, rows["score"])}
        found |= {name: column_of(*_numbered(texts[name])) for name in NAMED[1:] if name in texts}
        for name in NAMED:
            rows[name] = self._codes(name, found[name]) if name in found else UNKNOWN
        if "key" in texts:
            check_keys(texts["key"].lengths == 0)
        rows["key"] = texts["key"].bits() if "key" in texts else rows["row"].astype(np.uint64) * _FACTOR
        rows["video"] = self._video_bits(rows, texts)
        if "head" in texts:
            self.heads |= set(texts["head"].take(texts["head"].first_seen()[1])) - {""}
        self.has_index = self.has_index or bool(rows["index"].any())
        self.is_timed = self.is_timed or ("end_s" in columns and piece.says_something(columns["end_s"]))
        return rows

    def _codes(self, name: str, column: Column) -> NDArray[np.int32]:
        coder = self.coders[name]
        numbers = np.array([coder[each] for each in column.names] + [UNKNOWN], np.int32)  # -1 is the last
        found: NDArray[np.int32] = numbers[column.codes]
        return found

    def _video_bits(self, rows: Records, texts: Mapping[str, Names]) -> NDArray[np.uint64]:
        """Of what makes a video: its key; or, where it is named, dataset, label, method, compression and name."""
        found: NDArray[np.uint64] = rows["key"].copy()
        if "video" not in texts or not (named := texts["video"].lengths > 0).any():
            return found
        self.has_names = True
        mixed = texts["video"].bits()
        for name in ("dataset", "label", "method", COMPRESSION):
            mixed = (mixed ^ rows[name].astype(np.int64).view(np.uint64)) * _FACTOR
            mixed ^= mixed >> np.uint64(29)
        found[named] = mixed[named]
        return found

    def table(self, rows: Records, identity: NDArray[np.uint64]) -> ScoreTable:
        """Return records as a table at level `frame` whose keys are told apart by 64 bits, and have no names."""
        names = {name: tuple(coder) for name, coder in self.coders.items()}
        text = {name: Column(rows[name].copy(), names[name]) for name in NAMED}
        codes, first = numbered(identity)
        return ScoreTable(
            level="frame",
            labels=rows["label"].copy(),
            scores=rows["score"].copy(),
            status=text["status"],
            key=Column(codes, _unnamed(len(first))),
            video=Column(np.full(len(rows), UNKNOWN, np.int32), ()),
            dataset=text["dataset"],
            method=text["method"],
            index=rows["index"].copy(),
            has_videos=True,
            columns={COMPRESSION: text[COMPRESSION]},
        )


def _unnamed(count: int) -> Names:
    """Names that nobody is shown."""
    return Names(np.zeros(PAD, np.uint8), np.zeros(count, np.int64), np.zeros(count, np.int32))


def _numbered(texts: Names) -> tuple[NDArray[np.int32], Sequence[str]]:
    codes, first = texts.first_seen()
    return codes, tuple(texts.take(first))


def joined_videos(tables: Sequence[ScoreTable], order: NDArray[np.intp]) -> ScoreTable:
    """Return the rows of tables of videos, whose names are the same, in an order."""

    def column(of: str) -> Column:
        each = [table.column(of) or Column(np.full(len(table), UNKNOWN, np.int32), ()) for table in tables]
        names = max((one.names for one in each), key=len)
        return Column(np.concatenate([one.codes for one in each])[order], names)

    def values(of: str) -> Floats:
        found: Floats = np.concatenate([getattr(table, of) for table in tables])[order]
        return found

    none = Column(np.full(len(order), UNKNOWN, np.int32), ())
    return ScoreTable(
        level="video",
        labels=values("labels").astype(np.int8),
        scores=values("scores"),
        status=column("status"),
        key=Column(np.arange(len(order), dtype=np.int32), _unnamed(len(order))),
        video=none,
        dataset=column("dataset"),
        method=column("method"),
        index=np.zeros(len(order), np.int32),
        columns={COMPRESSION: column(COMPRESSION)},
    )
