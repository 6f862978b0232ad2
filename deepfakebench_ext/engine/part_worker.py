"""One of several processes that score a run: it takes the next part that nobody is at, until all are there.

Who is at a part holds a lock on a file beside it, which the system takes back when a process ends, however it ends: no
lease, and so no clock, can be wrong. Where two get the same part for all that, both write the same bytes.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock, Timeout

from deepfakebench_ext.common.atomic_files import making
from deepfakebench_ext.common.types import Prediction, Sample
from deepfakebench_ext.engine.part_files import LOCK, PartFiles
from deepfakebench_ext.engine.scorer import Scorer

_PAUSE_S = 1.0


@dataclass(slots=True)
class _Claim:
    number: int
    lock: FileLock
    keys: frozenset[str]
    predictions: list[Prediction] = field(default_factory=list)

    def release(self) -> None:
        self.lock.release()


class PartWorker:
    """Scores parts of a run until all that it is asked for are there, whoever scored them.

    Attributes:
        own: Numbers of the parts that it scored itself.
    """

    def __init__(
        self, scorer: Scorer, files: PartFiles, numbers: Sequence[int], *, batch_size: int, workers: int
    ) -> None:
        """Say what is scored.

        Args:
            scorer: What gives scores.
            files: Where parts go.
            numbers: Of the parts that are wanted.
            batch_size: Images, frames or clips of a batch.
            workers: Reading threads.
        """
        self._scorer, self._files = scorer, files
        self._batch_size, self._workers = batch_size, workers
        self._left: deque[int] = deque(numbers)
        self._claims: deque[_Claim] = deque()
        self.own: set[int] = set()

    def to_the_end(self, watch: Callable[[Sequence[Prediction]], None]) -> None:
        """Score what nobody else does, wait for the others, and take over from those that end.

        Args:
            watch: Called with the predictions of each batch of this process, and with none while it waits.

        Raises:
            ModelError: As `Scorer.predict`.
            OutputError: Results cannot be written; whole parts are kept.
        """
        self._files.prepare()
        try:
            while self._drop_done():
                before = len(self._left)
                self._score(watch)
                if self._drop_done() == before:
                    watch(())
                    time.sleep(_PAUSE_S)
        finally:
            while self._claims:
                self._claims.popleft().release()

    def _drop_done(self) -> int:
        """Forget the parts that are there; return how many are not."""
        self._left = deque(number for number in self._left if not self._files.is_done(number))
        return len(self._left)

    def _score(self, watch: Callable[[Sequence[Prediction]], None]) -> None:
        batches = self._scorer.predict(
            self._files.parts.samples,
            batch_size=self._batch_size,
            workers=self._workers,
            skip=0,
            parts=self._claimed(),
        )
        with closing(batches):
            for predictions in batches:
                while predictions[0].key not in self._claims[0].keys:
                    self._finish()
                self._claims[0].predictions += predictions
                watch(predictions)
        while self._claims:
            self._finish()

    def _claimed(self) -> Iterator[Sequence[Sample]]:
        """Yield the samples of each part that nobody has scored or is at."""
        for number in self._left:
            if self._files.is_done(number):
                continue
            path = _lock_path(self._files.path(number))
            lock = FileLock(path)
            with making(path.parent):
                try:
                    lock.acquire(timeout=0)
                except Timeout:
                    continue
            if self._files.is_done(number):
                lock.release()
                path.unlink(missing_ok=True)
                continue
            samples = self._files.parts[number]
            self._claims.append(_Claim(number, lock, frozenset(sample.key for sample in samples)))
            yield samples

    def _finish(self) -> None:
        claim = self._claims[0]
        self.own.add(claim.number)
        self._files.write(claim.number, claim.predictions)
        self._claims.popleft().release()
        _lock_path(self._files.path(claim.number)).unlink(missing_ok=True)


def _lock_path(path: Path) -> Path:
    return path.with_suffix(LOCK)
