"""A bench shared out over the processes of a launcher, part by part: none of them waits for one that has a long video.

Each goes over all datasets and takes what is free, its detectors abreast: those that follow take the parts that the
first one came to, whose frames are at hand. Then each waits for the others and takes over from those that end.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import TypeVar

from deepfakebench_ext.common.types import Prediction
from deepfakebench_ext.engine.part_files import PartFiles
from deepfakebench_ext.engine.part_worker import PartWorker
from deepfakebench_ext.engine.progress import Progress
from deepfakebench_ext.evaluation.plan import Plan
from deepfakebench_ext.evaluation.sharing import part_files, score_parts

logger = logging.getLogger(__name__)

T = TypeVar("T")
_EVERY_S = 2.0


def score_free(plans: Mapping[T, Plan], dataset: str, *, is_first: bool) -> None:
    """Score all that nobody else is at, with all detectors; what fails is left to `wait_for_all`.

    Args:
        plans: Of one dataset.
        dataset: Its name.
        is_first: Whether the command begins with this process: what failed before is tried anew.
    """
    running: dict[T, _Taking] = {}
    at_hand: list[int] = []
    for name, plan in plans.items():
        files = part_files(plan)
        if is_first:
            files.claims.forgive()
        numbers = range(len(plan.parts))
        worker = PartWorker(
            plan.scorer, files, numbers, batch_size=plan.batch_size, workers=plan.workers, first=at_hand
        )
        running[name] = _Taking(worker, worker.free())
    watch = _Watch([part_files(plan) for plan in plans.values()], dataset)
    with watch.progress, ExitStack() as stack:
        for taking in running.values():
            stack.enter_context(closing(taking.batches))  # type: ignore[type-var]  # a generator: it gives parts back
        while running:
            name = min(running, key=lambda each: running[each].scored)
            try:
                running[name].scored += len(next(running[name].batches))
            except StopIteration:
                del running[name]
            except Exception as error:  # whoever waits comes to it again, and says it
                logger.debug("%s on %s failed", name, dataset, exc_info=error)
                del running[name]
            watch.look()


def wait_for_all(plans: Mapping[T, Plan], dataset: str) -> None:
    """Wait until all is scored, by whom ever, and take over from those that end; process 0 says what failed."""
    for name, plan in plans.items():
        try:
            score_parts(plan)
        except Exception as error:
            logger.debug("%s on %s failed", name, dataset, exc_info=error)


@dataclass(slots=True)
class _Taking:
    worker: PartWorker
    batches: Iterator[Sequence[Prediction]]
    scored: int = 0


class _Watch:
    """Says how much is there of a dataset, of all processes and detectors."""

    def __init__(self, files: Sequence[PartFiles], dataset: str) -> None:
        self._left: dict[PartFiles, Sequence[int]] = {each: range(len(each.parts)) for each in files}
        self.progress = Progress(sum(len(each.parts.samples) for each in files), "sample", name=dataset)
        self._done, self._looked = 0, 0.0
        self.look()
        self.progress.restart(self._done)

    def look(self) -> None:
        """Count the parts that came since the last time, every few seconds."""
        if time.monotonic() - self._looked < _EVERY_S:
            return
        self._looked = time.monotonic()
        for files, numbers in self._left.items():
            left = files.missing(numbers)
            self._done += sum(len(files.parts[number]) for number in set(numbers).difference(left))
            self._left[files] = left
        self.progress.at(self._done)
