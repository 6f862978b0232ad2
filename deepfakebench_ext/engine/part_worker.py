"""One of several processes that score a run: it takes the next part that nobody is at, until all are there.

Where two get the same part for all that, both write the same bytes. A part that fails is tried again after all others,
alone, by whoever comes to it first; one that failed too often is given up.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from deepfakebench_ext.common.errors import UnfinishedError
from deepfakebench_ext.common.types import Prediction, Sample
from deepfakebench_ext.common.wording import counted
from deepfakebench_ext.engine.claims import MOST_IN_A_ROW, OF_THE_RUN, TRIES, Claim
from deepfakebench_ext.engine.part_files import PartFiles
from deepfakebench_ext.engine.scorer import Scorer

logger = logging.getLogger(__name__)

_PAUSE_S = 1.0
_FEW = 3


@dataclass(slots=True)
class _Held:
    number: int
    claim: Claim
    keys: frozenset[str]
    predictions: list[Prediction] = field(default_factory=list)


class PartWorker:
    """Scores parts of a run until all that it is asked for are there, whoever scored them.

    Attributes:
        own: Numbers of the parts that it scored itself.
    """

    def __init__(
        self,
        scorer: Scorer,
        files: PartFiles,
        numbers: Sequence[int],
        *,
        batch_size: int,
        workers: int,
        first: list[int] | None = None,
    ) -> None:
        """Say what is scored.

        Args:
            scorer: What gives scores.
            files: Where parts go.
            numbers: Of the parts that are wanted.
            batch_size: Images, frames or clips of a batch.
            workers: Reading threads.
            first: Parts that this process has come to; those are taken first that another worker of the process came
                to, since what it read is at hand.
        """
        self._scorer, self._files = scorer, files
        self._batch_size, self._workers = batch_size, workers
        self._left = list(numbers)
        self._held: deque[_Held] = deque()
        self._first = [] if first is None else first
        self._failed: set[int] = set()  # since one was scored
        self.own: set[int] = set()

    def to_the_end(self, watch: Callable[[Sequence[Prediction]], None]) -> None:
        """Score what nobody else does, wait for the others, and take over from those that end.

        Args:
            watch: Called with the predictions of each batch of this process, and with none while it waits.

        Raises:
            ModelError: As `Scorer.predict`, for several parts one after the other.
            OutputError: Results cannot be written; whole parts are kept.
            UnfinishedError: Names the parts that were given up, once all others are there.
        """
        while left := self._drop_done():
            with closing(self.free()) as batches:
                for predictions in batches:
                    watch(predictions)
            if self._drop_done() < left:
                continue
            if given_up := self._given_up():
                raise UnfinishedError(given_up)
            watch(())
            time.sleep(_PAUSE_S)

    def free(self) -> Generator[Sequence[Prediction], None, None]:
        """Score what nobody else is at, and yield the predictions of each batch.

        Raises:
            ModelError, OutputError: As `to_the_end`.
        """
        if not self._drop_done():
            return
        self._files.prepare()
        try:
            while not (yield from self._scored(self._untried())):
                pass
            while (suspect := next(self._suspects(), None)) is not None:
                yield from self._scored(iter([suspect]))
        finally:
            while self._held:
                self._held.popleft().claim.give_back()

    def _drop_done(self) -> int:
        """Forget the parts that are there; return how many are not."""
        self._left = self._files.missing(self._left)
        return len(self._left)

    def _scored(self, parts: Iterator[Sequence[Sample]]) -> Generator[Sequence[Prediction], None, bool]:
        """Score parts; return whether none failed, which ends it."""
        batches = self._scorer.predict(
            self._files.parts.samples, batch_size=self._batch_size, workers=self._workers, skip=0, parts=parts
        )
        try:
            with closing(batches):
                for predictions in batches:
                    while predictions[0].key not in self._held[0].keys:
                        self._finish()
                    self._held[0].predictions += predictions
                    yield predictions
            while self._held:
                self._finish()
        except OF_THE_RUN:
            raise
        except Exception as error:
            if not self._held:
                raise
            self._take_failure(error)
            return False
        return True

    def _take_failure(self, error: Exception) -> None:
        """Leave the part that failed to be tried again, and what was begun besides to be taken by anybody."""
        first = self._held.popleft()
        first.claim.failed(f"{type(error).__name__}: {error}")
        while self._held:
            self._held.popleft().claim.give_back()
        logger.warning("part %d failed, and is tried again: %s", first.number, error)
        self._failed.add(first.number)
        if len(self._failed) >= MOST_IN_A_ROW:
            raise error

    def _untried(self) -> Iterator[Sequence[Sample]]:
        """Yield the samples of each part that nobody has scored, is at, or failed with."""
        for number in self._in_order():
            if not self._files.is_done(number) and (held := self._take(number, fresh=True)):
                yield held

    def _in_order(self) -> Iterator[int]:
        """Yield the numbers of the parts that are left, those first that are at hand."""
        waiting, wanted, seen, at = deque(self._left), set(self._left), set[int](), 0
        while waiting or at < len(self._first):
            if at < len(self._first):
                number, at = self._first[at], at + 1
            else:
                number = waiting.popleft()
            if number in wanted and number not in seen:
                seen.add(number)
                yield number

    def _suspects(self) -> Iterator[Sequence[Sample]]:
        """Yield the samples of each part that failed before, and that nobody is at."""
        claims = self._files.claims
        names = {number: self._files.path(number).stem for number in self._files.missing(self._left)}
        suspects = [each for each, name in names.items() if claims.was_tried(name) and name not in claims.given_up]
        if any(claims.has_failed(names[number]) for number in suspects):
            time.sleep(_PAUSE_S)  # what passes by itself has that long to do so
        for number in suspects:
            if held := self._take(number, fresh=False):
                yield held

    def _take(self, number: int, *, fresh: bool) -> Sequence[Sample] | None:
        claim = self._files.claims.take(
            self._files.path(number).stem, lambda: not self._files.missing([number]), fresh=fresh
        )
        if claim is None:
            return None
        samples = self._files.parts[number]
        self._held.append(_Held(number, claim, frozenset(sample.key for sample in samples)))
        if number not in self._first:
            self._first.append(number)
        return samples

    def _finish(self) -> None:
        held = self._held[0]
        self.own.add(held.number)
        self._files.write(held.number, held.predictions)
        self._held.popleft().claim.done()
        self._failed.clear()

    def _given_up(self) -> str:
        """What to say where all that is left was given up; empty where it was not."""
        given_up = self._files.claims.given_up
        reasons = {number: given_up.get(self._files.path(number).stem, "") for number in self._left}
        if not all(reasons.values()):
            return ""
        return (
            f"{failed_text(self._files, reasons)}. The others are scored and kept. Mend these samples or leave them "
            f"out; to have them tried once more, run the same command again, and remove {self._files.folder}/*{TRIES} "
            "first where processes were killed"
        )


def failed_text(files: PartFiles, reasons: Mapping[int, str]) -> str:
    """Return which parts failed again and again, by their samples, and of what.

    Args:
        files: Of the run.
        reasons: Number of a part to what it failed of last.
    """
    said = [f"part {number} ({_named(files.parts[number])}): {reason}" for number, reason in reasons.items()]
    more = f"; and {len(said) - _FEW} more" if len(said) > _FEW else ""
    which = f"{counted(len(said), 'part')} of {len(files.parts)}"
    return f"{which} failed again and again: {'; '.join(said[:_FEW])}{more}"


def _named(samples: Sequence[Sample]) -> str:
    first, last = samples[0].key, samples[-1].key
    return first if len(samples) == 1 else f"{len(samples)} samples, {first} to {last}"
