"""How a run is split into parts of a minute or so, each scored by one process: a stable cut of its samples. No I/O."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.types import Sample
from deepfakebench_ext.data.samples.kinds import is_video

_WRITTEN = re.compile(r"([0-9]{1,6})/([0-9]{1,6})")
_IMAGES = 512
_VIDEO = 32  # images that one counts as


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a run's samples. Batches end with a part, so that whoever scores it computes the same batches.

    A part of images is a whole number of batches. Which samples are in one depends on their order and on the batch size
    alone.

    Attributes:
        samples: All of the run.
        starts: Number of the first sample of each part.
    """

    samples: Sequence[Sample]
    starts: Sequence[int]

    @classmethod
    def of(cls, samples: Sequence[Sample], batch_size: int) -> Parts:
        """Return the parts of samples that are scored in such batches."""
        full = -(-_IMAGES // batch_size) * batch_size
        starts, weight = [], full
        for number, sample in enumerate(samples):
            if weight >= full:
                starts.append(number)
                weight = 0
            weight += _VIDEO if is_video(sample) else 1
        return cls(samples, starts)

    @staticmethod
    def record() -> dict[str, Any]:
        """Return what `run.json` says of how a run is split."""
        return {"images": _IMAGES, "video": _VIDEO}

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.starts)

    def __getitem__(self, number: int) -> Sequence[Sample]:
        """Return the samples of one."""
        return self.samples[self.starts[number] : self._end(number)]

    def after(self, sample: int) -> Iterator[Sequence[Sample]]:
        """Yield the parts from the sample of that number on, of the first what is left."""
        if sample < len(self.samples):
            first = self.holding(sample)
            yield self.samples[sample : self._end(first)]
            yield from (self[number] for number in range(first + 1, len(self)))

    def holding(self, sample: int) -> int:
        """Return the part that the sample of that number is in."""
        return bisect_right(self.starts, sample) - 1

    def _end(self, number: int) -> int:
        return self.starts[number + 1] if number + 1 < len(self.starts) else len(self.samples)


@dataclass(slots=True)
class Drawn:
    """Parts that are drawn one sample after the other, and which of them what comes of a sample belongs to."""

    parts: Iterable[Sequence[Sample]]
    _lasts: deque[str] = field(default_factory=deque)
    _number: int = 0
    _is_last: bool = False

    def samples(self) -> Iterator[Sample]:
        """Yield all samples; the next part is drawn when the one before is used up."""
        for part in self.parts:
            self._lasts.append(part[-1].key)
            yield from part

    def number(self, key: str) -> int:
        """Return the number of the part that a sample is in, from 0; called for all samples in their order."""
        if self._is_last and key != self._lasts[0]:
            self._lasts.popleft()
            self._number, self._is_last = self._number + 1, False
        self._is_last = key == self._lasts[0]
        return self._number


@dataclass(frozen=True, slots=True)
class Shard:
    """One of several shares of a run's parts, each scored by a command of its own.

    Attributes:
        number: Which, from 1.
        count: How many there are.
    """

    number: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Return the shard that `i/n` means.

        Raises:
            ConfigError: It means none.
        """
        found = _WRITTEN.fullmatch(text)
        number, count = (int(found[1]), int(found[2])) if found else (0, 0)
        if not 1 <= number <= count:
            raise ConfigError(f"--shard {text} is not allowed: give 1/4 to 4/4 for four shards")
        return cls(number, count)

    def __str__(self) -> str:
        """Return it as it is written."""
        return f"{self.number}/{self.count}"

    def of(self, parts: int) -> Sequence[int]:
        """Return the numbers of its parts, every so many one, so that shards are even."""
        return range(self.number - 1, parts, self.count)
