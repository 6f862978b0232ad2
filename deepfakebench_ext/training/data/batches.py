"""Batches for training: what is in one, what was left out of it, and reading ahead of the one that is used."""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, TypeAlias, TypeVar

import torch

from deepfakebench_ext.common.errors import MediaError
from deepfakebench_ext.common.types import Status
from deepfakebench_ext.training.data.plan import Slice

logger = logging.getLogger(__name__)

Row: TypeAlias = tuple[str, torch.Tensor, torch.Tensor]
"""What came of one draw: the sample's key, its pixels or features, and their labels."""
T = TypeVar("T")
R = TypeVar("R")

FAILURE_LIMITS: Final[dict[Status, float]] = {"unreadable": 0.05, "too_short": 0.05, "no_face": 0.5}
"""Share of an epoch's draws, by what is wrong with them, above which a training stops."""
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Failure:
    """A draw that gave nothing.

    Attributes:
        key: The sample's.
        status: `unreadable`, `too_short` or `no_face`.
        reason: For people.
    """

    key: str
    status: Status
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """What one process takes of one batch.

    Attributes:
        index: Of the batch in its epoch, from 0.
        pixels: uint8 (B, 3, H, W), or (B, T, 3, H, W); or float32 (B, D), what a frozen backbone says of them. B may be
            0: what cannot be read is left out, and of a last batch a process may get nothing.
        labels: int64 (B,).
        keys: Of the samples, (B).
        rows: Place of each row in its epoch, over all processes, (B).
        global_rows: Rows planned for the batch over all processes, those that could not be read included. A loss that
            is summed over the rows and divided by this number has the same gradient for any number of processes, once
            theirs are added.
        failures: What was left out.
    """

    index: int
    pixels: torch.Tensor
    labels: torch.Tensor
    keys: tuple[str, ...]
    rows: tuple[int, ...]
    global_rows: int
    failures: tuple[Failure, ...]


def batch_of(part: Slice, loaded: Sequence[Row | Failure], *, each: int, empty: torch.Tensor) -> Batch:
    """Return what one process takes of a batch.

    Args:
        part: Which draws of the epoch these are.
        loaded: What came of each.
        each: Rows of a draw.
        empty: No rows, of the shape and type that rows have.
    """
    rows = [row for row in loaded if not isinstance(row, Failure)]
    places = [part.start + number for number, row in enumerate(loaded) if not isinstance(row, Failure)]
    return Batch(
        index=part.index,
        pixels=torch.cat([empty, *(pixels for _, pixels, _ in rows)]),
        labels=torch.cat([torch.empty(0, dtype=torch.int64), *(labels for _, _, labels in rows)]),
        keys=tuple(key for key, _, labels in rows for _ in labels),
        rows=tuple(place * each + row for place in places for row in range(each)),
        global_rows=part.global_items * each,
        failures=tuple(row for row in loaded if isinstance(row, Failure)),
    )


class Failures:
    """What gave nothing in one process, counted by epoch.

    Attributes:
        first: The first failure of each sample, by its key.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self.first: dict[str, Failure] = {}
        self._counts: Counter[Status] = Counter()
        self._planned = 0

    def begin_epoch(self, planned: int) -> None:
        """Count anew, against so many draws of this process."""
        self._counts, self._planned = Counter(), planned

    def add(self, failures: Iterable[Failure]) -> None:
        """Count the failures of a batch; a sample's first is logged.

        Raises:
            MediaError: They are more than `FAILURE_LIMITS` allows; names some.
        """
        for failure in failures:
            if failure.key not in self.first:
                logger.warning("a draw of %s is left out (%s): %s", failure.key, failure.status, failure.reason)
                self.first[failure.key] = failure
            self._counts[failure.status] += 1
            if self._counts[failure.status] > FAILURE_LIMITS[failure.status] * self._planned:
                raise MediaError(self._too_many(failure.status))

    def keys(self, *, faceless: bool) -> set[str]:
        """Return the samples that failed for lack of a face, or those that failed otherwise."""
        return {key for key, failure in self.first.items() if (failure.status == "no_face") == faceless}

    def _too_many(self, status: Status) -> str:
        examples = [f"  {failure.key}: {failure.reason}" for failure in self.first.values() if failure.status == status]
        head = (
            f"{self._counts[status]} of the {self._planned} draws of an epoch gave nothing ({status}), and "
            f"{FAILURE_LIMITS[status]:.0%} is the most that is left out; repair these or take them out of the data:"
        )
        return "\n".join([head, *examples[:_SHOWN]])


def read_ahead(items: Sequence[T], load: Callable[[T], R], *, workers: int, ahead: int) -> Generator[R, None, None]:
    """Yield what becomes of each item, in their order.

    Args:
        items: What to load.
        load: Called in a thread. What it raises is raised here, when the item's turn comes.
        workers: Threads, at least 1.
        ahead: Items begun before the first of them is used, at least 1.
    """
    begun: deque[Future[R]] = deque()
    waiting = iter(items)
    pool = ThreadPoolExecutor(workers, thread_name_prefix="train-read")
    try:
        for item in waiting:
            begun.append(pool.submit(load, item))
            if len(begun) >= ahead:
                yield begun.popleft().result()
        while begun:
            yield begun.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
