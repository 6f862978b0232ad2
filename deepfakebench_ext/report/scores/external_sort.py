"""Whole numbers in order, however many: sorted piece by piece into files, and merged by ranges."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deepfakebench_ext.common.errors import OutputError
from deepfakebench_ext.metrics.steps import Tally

Numbers = NDArray[np.uint64]

HELD = 1 << 21
"""Numbers that are held at once: 100 MB with what sorting takes."""


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Say in a sentence what keeps temporary files from being written.

    Raises:
        OutputError: The block raised an OSError.
    """
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"so many scores are sorted in files, which cannot be written to {folder.parent}: {error}; set TMPDIR to a "
            "folder with 70 bytes free for each row"
        ) from error


class SortedNumbers:
    """Numbers that are added in any order, and given back in falling order with how often each came."""

    def __init__(self, folder: Path, *, held: int | None = None) -> None:
        """Begin empty.

        Args:
            folder: Where its files go; who gave it removes it. They take 16 bytes a distinct number.
            held: Numbers that are held at once; None for `HELD`.
        """
        self._folder, self._held = folder, held or HELD
        self._waiting: list[Numbers] = []
        self._number = 0
        self._runs: list[tuple[Path, Path]] = []

    def add(self, numbers: Numbers) -> None:
        """Take further numbers.

        Raises:
            OutputError: They cannot be written.
        """
        self._waiting.append(numbers)
        self._number += len(numbers)
        if self._number >= self._held:
            self._write()

    def falling(self) -> Iterator[tuple[Numbers, Tally]]:
        """Yield all numbers, each once, and how often each came: pieces from the highest down, rising within.

        An even number and the next, which are the two labels of one score, are in one piece.
        """
        if self._number:
            self._write()
        edges = self._edges()
        for low, high in zip(edges[::-1], [None, *edges[:0:-1]], strict=True):
            parts = [self._between(run, low, high) for run in self._runs]
            yield _merged([keys for keys, _ in parts], [counts for _, counts in parts])

    def _write(self) -> None:
        keys, counts = _merged(self._waiting, [np.ones(len(each), np.int64) for each in self._waiting])
        self._waiting, self._number = [], 0
        names = self._folder / f"{len(self._runs)}.keys", self._folder / f"{len(self._runs)}.counts"
        with writing(self._folder):
            for path, values in zip(names, (keys, counts), strict=True):
                _saved(values, path)
        self._runs.append(names)

    def _edges(self) -> Numbers:
        """The lowest number of each range, even, rising from 0: so that none holds many more than `held`."""
        step = max(self._held // (4 * max(len(self._runs), 1)), 1)
        some = [np.array(np.memmap(keys, np.uint64, "r")[::step]) for keys, _ in self._runs]
        samples = np.sort(np.concatenate([np.zeros(1, np.uint64), *some]))
        return np.unique(samples[:: max(self._held // (2 * step), 1)] & ~np.uint64(1))

    @staticmethod
    def _between(run: tuple[Path, Path], low: np.uint64, high: np.uint64 | None) -> tuple[Numbers, Tally]:
        keys = np.memmap(run[0], np.uint64, "r")  # to look for the ends; what is read from a map would stay in memory
        first = int(np.searchsorted(keys, low))
        end = len(keys) if high is None else int(np.searchsorted(keys, high))
        at, count = first * keys.itemsize, end - first  # counts are as wide
        return np.fromfile(run[0], np.uint64, count, offset=at), np.fromfile(run[1], np.int64, count, offset=at)


def _saved(values: NDArray[np.generic], path: Path) -> None:
    values.tofile(path)


def _merged(keys: list[Numbers], counts: list[Tally]) -> tuple[Numbers, Tally]:
    """Distinct numbers, rising, and how often each came in all."""
    if not keys:
        return np.empty(0, np.uint64), np.empty(0, np.int64)
    joined, often = np.concatenate(keys), np.concatenate(counts)
    if not len(joined):
        return joined, often
    order = np.argsort(joined)
    joined, often = joined[order], often[order]
    starts = np.flatnonzero(np.concatenate([[True], joined[1:] != joined[:-1]]))
    return joined[starts], np.add.reduceat(often, starts)
