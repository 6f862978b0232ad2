"""What cannot be scored, counted by its reason while a run goes on, and the run stopped where it cannot end well."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from deepfakebench_ext.common.errors import FailuresError
from deepfakebench_ext.common.types import Prediction
from deepfakebench_ext.common.wording import counted

FLOOR = 20
"""Samples that are tried before a share of them means anything."""


@dataclass(slots=True)
class Failures:
    """Samples without any score, of those that were tried.

    Attributes:
        most: Share of them from 0 to 1, above which `check` stops the run; None never does.
        tried: Samples that are through.
    """

    most: float | None = None
    tried: int = 0
    _by_status: Counter[str] = field(default_factory=Counter)
    _first: str = ""
    _current: Prediction | None = None
    _is_scored: bool = False

    def add(self, predictions: Iterable[Prediction]) -> None:
        """Count predictions; those of a sample come one after the other."""
        for prediction in predictions:
            if self._current is None or self._current.key != prediction.key:
                self.end()
                self._current = prediction
            self._is_scored = self._is_scored or prediction.status == "ok"

    def end(self) -> None:
        """Take that the last sample has no more frames or clips."""
        if self._current is not None:
            self.tried += 1
            if not self._is_scored:
                self._by_status[self._current.status] += 1
                self._first = self._first or f"{self._current.key}: {self._current.reason}"
        self._current, self._is_scored = None, False

    def plus(self, other: Failures) -> Failures:
        """Return what both counted."""
        first = self._first or other._first
        return Failures(self.most, self.tried + other.tried, self._by_status + other._by_status, first)

    def check(self) -> None:
        """Pass a run that can still end well.

        Raises:
            FailuresError: More than `most` of what was tried has no score.
        """
        failed = self._by_status.total()
        if self.most is None or self.tried < FLOOR or failed <= self.most * self.tried:
            return
        raise FailuresError(
            f"{failed} of {counted(self.tried, 'sample')} tried have no score, more than --max_failures {self.most:g} "
            f"allows: {self.text()}. The first is {self._first}. What is scored is kept; mend the samples, or give a "
            "higher --max_failures, and run the same command again"
        )

    def text(self) -> str:
        """Return how many there are by what went wrong: `3 unreadable, 1 no_face`; empty without any."""
        return ", ".join(f"{number} {status}" for status, number in self._by_status.most_common())
