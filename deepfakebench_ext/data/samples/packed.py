"""Samples by the million, in a fifth of the memory of their objects, which are made when they are asked for. No I/O."""

from __future__ import annotations

import marshal
from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, overload

from deepfakebench_ext.common.types import Sample


class PackedSamples(Sequence[Sample]):
    """Samples in their order, as bytes. Equal to any sequence of the same samples; a part of them copies none."""

    def __init__(self, samples: Iterable[Sample] = ()) -> None:
        """Hold these."""
        self._store = _Store()
        for sample in samples:
            self._store.append(sample)
        self._numbers = range(len(self._store.ends))

    @classmethod
    def _of(cls, store: _Store, numbers: range) -> PackedSamples:
        found = cls.__new__(cls)
        found._store, found._numbers = store, numbers
        return found

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._numbers)

    @overload
    def __getitem__(self, at: int) -> Sample: ...
    @overload
    def __getitem__(self, at: slice) -> PackedSamples: ...
    def __getitem__(self, at: int | slice) -> Sample | PackedSamples:
        """Return one, or a part of them."""
        if isinstance(at, slice):
            return self._of(self._store, self._numbers[at])
        return self._store.made(self._numbers[at])

    def __iter__(self) -> Iterator[Sample]:
        """Yield all."""
        return map(self._store.made, self._numbers)

    def __eq__(self, other: object) -> bool:
        """Return whether the other holds the same samples, in the same order."""
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(one == two for one, two in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]  # as of a list

    def __repr__(self) -> str:
        """Return how many there are, and the first."""
        return f"PackedSamples(<{len(self)}>{f', {self[0]}, ...' if self else ''})"


class _Store:
    """The bytes. Files are kept without their keys, where they end with these: most lie below one folder."""

    def __init__(self) -> None:
        self._bytes, self.ends = bytearray(), array("Q")
        self._folders: list[str] = []
        self._known: dict[str, int] = {}

    def append(self, sample: Sample) -> None:
        key, file = sample.key, sample.file
        place = self._folder(file[: len(file) - len(key)]) if file.endswith(key) else file
        more = (sample.frames, sample.fault) if sample.frames or sample.fault else ()
        self._bytes += marshal.dumps((key, place, sample.label, sample.video, sample.dataset, sample.method, *more))
        self.ends.append(len(self._bytes))

    def _folder(self, text: str) -> int:
        if text not in self._known:
            self._known[text] = len(self._folders)
            self._folders.append(text)
        return self._known[text]

    def made(self, number: int) -> Sample:
        start = self.ends[number - 1] if number else 0
        said: tuple[Any, ...] = marshal.loads(self._bytes[start : self.ends[number]])
        key, place, label, video, dataset, method, *more = said
        file = place if isinstance(place, str) else self._folders[place] + key
        return Sample(key, file, label, video, dataset, method, *more)
