"""How far something is: a bar on a terminal, and lines now and then in a log file."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from typing import Any

from deepfakebench_ext.common.wording import clock_time

logger = logging.getLogger(__name__)

_SHARE, _LONGEST_S, _SHORTEST_S = 0.05, 30.0, 5.0


class Progress:
    """A context manager that is told how much is done.

    Where stderr is a terminal it is a bar of tqdm's. Else it logs a line each 5 % or 30 s, whichever comes first, but
    no two within 5 s. Under `--quiet` it says nothing.
    """

    def __init__(
        self,
        total: int,
        unit: str,
        *,
        done: int = 0,
        name: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin at `done` of `total`."""
        self.more = ""  # what is to be said beside
        self.total, self.done, self.bar = total, done, _bar(total, unit, done, name)
        self._unit, self._name, self._clock = unit, f"{name}: " if name else "", clock
        self._first, self._began = done, clock()
        self._said_at, self._said = self._began, done

    def __enter__(self) -> Progress:
        """Return itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """Leave the bar as it is."""
        self.close()

    def close(self) -> None:
        """Leave the bar as it is."""
        if self.bar is not None:
            self.bar.close()

    def at(self, done: int) -> None:
        """Take that so much is done."""
        if self.bar is not None:
            self.bar.set_postfix_str(self.more, refresh=False)
            self.bar.update(done - self.done)
        self.done = done
        if self.bar is None and self._is_due():
            self._said_at, self._said = self._clock(), done
            logger.info("%s", self.line())

    def restart(self, done: int) -> None:
        """Take that so much was done before, in no time of this process."""
        self._first = self.done = self._said = done
        if self.bar is not None:
            self.bar.initial = self.bar.n = done

    def line(self) -> str:
        """Return how far it is: `120 of 600 samples, 23.1 a second, 0:21 left`."""
        took_s, made = self._clock() - self._began, self.done - self._first
        more = f"; {self.more}" if self.more else ""
        start = f"{self._name}{self.done} of {self.total} {self._unit}s"
        if made <= 0 or took_s <= 0:
            return start + more
        left = clock_time((self.total - self.done) * took_s / made)
        return f"{start}, {made / took_s:.3g} a second, {left} left{more}"

    def _is_due(self) -> bool:
        waited_s = self._clock() - self._said_at
        is_far = self.done - self._said >= _SHARE * self.total
        return self.done < self.total and (waited_s >= _LONGEST_S or (is_far and waited_s >= _SHORTEST_S))


def _bar(total: int, unit: str, done: int, name: str) -> Any:
    """A bar, where somebody looks at it."""
    if not sys.stderr.isatty() or not logger.isEnabledFor(logging.INFO):
        return None
    from tqdm import tqdm

    return tqdm(total=total, initial=done, unit=unit, desc=name or None, dynamic_ncols=True)
