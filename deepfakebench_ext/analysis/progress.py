"""How far a film is, at what rate, and how long it will take: a line now and then, which log files keep too."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from deepfakebench_ext.common.wording import clock_time
from deepfakebench_ext.metrics.segments.stretches import MICROSECONDS

logger = logging.getLogger(__name__)

EVERY_S = 10.0


class Progress:
    """Told after each frame how far the film is; says so at most every `EVERY_S` seconds."""

    def __init__(self, name: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin now."""
        self._name, self._clock = name, clock
        self._began = self._said = clock()
        self._first_us: int | None = None

    def __call__(self, now_us: int, whole_us: int) -> None:
        """Take that the film is at `now_us` of `whole_us`."""
        now = self._clock()
        if self._first_us is None:
            self._first_us, self._began = now_us, now
        if now - self._said < EVERY_S:
            return
        self._said = now
        logger.info("%s", line(self._name, self._first_us, now_us, whole_us, now - self._began))


def line(name: str, first_us: int, now_us: int, whole_us: int, took_s: float) -> str:
    """The line: where the film is, how many seconds of it a second, and the time left at that rate."""
    done_s, now_s, whole_s = ((each) / MICROSECONDS for each in (now_us - first_us, now_us, whole_us))
    if done_s <= 0 or took_s <= 0:
        return f"{name}: {now_s:.1f} of {whole_s:.1f} s"
    rate = done_s / took_s
    left_s = max(whole_s - now_s, 0.0) / rate
    return f"{name}: {now_s:.1f} of {whole_s:.1f} s of film, {rate:.2f} s of it a second, {clock_time(left_s)} left"
