"""Units of a command, such as films, of which each is done once by whichever process and thread comes to it first.

A unit that fails is tried again after all others; one that failed, or killed its process, too often is given up with
the reason, and the command ends with all others.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import CancelledError, ThreadPoolExecutor, as_completed
from typing import Generic, Protocol, TypeVar

from deepfakebench_ext.engine.claims import MOST_IN_A_ROW, OF_THE_RUN, Claims

logger = logging.getLogger(__name__)

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)
_PAUSE_S = 1.0


class Work(Protocol[T_contra]):
    """What is done with a unit. Safe in several threads."""

    def is_done(self, unit: T_contra) -> bool:
        """Return whether what it comes to is there, whoever did it."""

    def do(self, unit: T_contra) -> None:
        """Do it; what it came to is kept whole or not at all."""

    def give_up(self, unit: T_contra, reason: str) -> None:
        """Keep that it cannot be done, and why."""

    def stop(self) -> None:
        """Let all that is being done end soon, with a `CancelledError`."""


class Units(Generic[T]):
    """Does units beside other processes, until all are done or given up."""

    def __init__(self, claims: Claims, units: Mapping[str, T], work: Work[T], *, workers: int = 1) -> None:
        """Say what is done.

        Args:
            claims: Who is at which.
            units: By their names, which are the same in all processes, in the order in which they are taken.
            work: What is done with each.
            workers: Threads that do one each; 1 takes the thread that this is called in.
        """
        self._claims, self._left, self._work, self._workers = claims, dict(units), work, workers
        self._failed: set[str] = set()  # since one was done

    def to_the_end(self, watch: Callable[[int], None]) -> None:
        """Do what nobody else does, wait for the others, and take over from those that end.

        Args:
            watch: Told how many are left, after each and while it waits.

        Raises:
            ConfigError, OutputError: What no other unit would fare better with; what is done is kept.
            Exception: Whatever the last of several units failed with that failed one after the other in this process.
        """
        while left := self._drop_done():
            for done, _ in enumerate(self._round(self._left, fresh=True), 1):
                watch(left - done)
            watch(self._drop_done())
            for name in [each for each in self._left if self._claims.was_tried(each)]:
                self._again(name)
                watch(self._drop_done())
            if self._drop_done() == left:
                time.sleep(_PAUSE_S)

    def _again(self, name: str) -> None:
        """Do one that failed before, where nobody else is at it."""
        if name not in self._left:
            return
        if self._claims.has_failed(name):
            time.sleep(_PAUSE_S)  # what passes by itself has that long to do so
        unit = self._left[name]
        list(self._round({name: unit}, fresh=False))
        reason = self._claims.given_up.get(name)
        if reason is not None and not self._work.is_done(unit):
            self._work.give_up(unit, reason)

    def _drop_done(self) -> int:
        self._left = {name: unit for name, unit in self._left.items() if not self._work.is_done(unit)}
        return len(self._left)

    def _round(self, units: Mapping[str, T], *, fresh: bool) -> Iterator[None]:
        """Do those that nobody is at, or has done; yield after each."""
        if self._workers == 1 or len(units) == 1:
            for name, unit in units.items():
                if self._one(name, unit, fresh=fresh):
                    yield
            return
        with ThreadPoolExecutor(self._workers, thread_name_prefix="unit") as pool:
            futures = [pool.submit(self._one, name, unit, fresh=fresh) for name, unit in units.items()]
            try:
                for future in as_completed(futures):
                    if future.result():
                        yield
            except BaseException:
                self._work.stop()
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _one(self, name: str, unit: T, *, fresh: bool) -> bool:
        """Do a unit; return whether it was this process's."""
        claim = self._claims.take(name, lambda: self._work.is_done(unit), fresh=fresh)
        if claim is None:
            return False
        try:
            self._work.do(unit)
        except (CancelledError, *OF_THE_RUN):
            claim.give_back()
            raise
        except Exception as error:
            claim.failed(f"{type(error).__name__}: {error}")
            self._failed.add(name)
            if len(self._failed) >= MOST_IN_A_ROW:
                raise
            logger.warning("%s failed, and is tried again: %s", unit, error)
            return True
        except BaseException:
            claim.give_back()
            raise
        claim.done()
        self._failed.clear()
        return True
