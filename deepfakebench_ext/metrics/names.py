"""Many texts as one array of bytes: a million keys take 50 MB, no objects, and a tenth of a second to tell apart.

Pure. Texts are known by 64 bits that are made of them; that two of the same bits are the same text is looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Places = NDArray[np.int64]
Lengths = NDArray[np.int32]
Bits = NDArray[np.uint64]

PAD = 8
"""Bytes that follow the last text, so that each can be read in words."""
FEW = 4096
"""So many names, and fewer, are kept as the texts that they are."""
_SEED, _FACTOR = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xFF51AFD7ED558CCD)
_WORD = 8
_AT_ONCE = 1 << 18


class Names(Sequence[str]):
    """Texts (N,) in an array of bytes, in UTF-8; lone surrogates as Python's `surrogatepass` has them.

    Attributes:
        data: uint8 (B + 8,): the bytes; not all of them are of a text.
        starts: int64 (N,): where each text begins.
        lengths: int32 (N,): of each in bytes.
    """

    __slots__ = ("data", "lengths", "starts")

    def __init__(self, data: Bytes, starts: Places, lengths: NDArray[np.integer[Any]]) -> None:
        """Take the arrays as they are."""
        self.data, self.starts, self.lengths = data, starts, lengths.astype(np.int32, copy=False)

    @classmethod
    def of(cls, texts: Iterable[str]) -> Names:
        """Return these texts."""
        encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
        lengths = np.fromiter(map(len, encoded), np.int32, len(encoded))
        return cls(padded(b"".join(encoded)), _starts(lengths), lengths)

    @classmethod
    def behind_each_other(cls, data: Bytes, lengths: Lengths) -> Names:
        """Return the texts that stand one behind the other in an array, which has `PAD` more bytes."""
        return cls(data, _starts(lengths), lengths)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.starts)

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> Names: ...
    def __getitem__(self, place: int | slice) -> str | Names:
        """Return a text, or those of a slice."""
        if isinstance(place, slice):
            return Names(self.data, self.starts[place], self.lengths[place])
        start = int(self.starts[place])
        return self.data[start : start + int(self.lengths[place])].tobytes().decode("utf-8", "surrogatepass")

    def __iter__(self) -> Iterator[str]:
        """Yield each text."""
        for first in range(0, len(self), FEW):
            part = self[first : first + FEW].compact()
            whole, ends = part.data.tobytes(), (part.starts + part.lengths).tolist()
            for start, end in zip(part.starts.tolist(), ends, strict=True):
                yield whole[start:end].decode("utf-8", "surrogatepass")

    def take(self, places: NDArray[np.integer[Any]]) -> Names:
        """Return the texts at some places; the bytes stay where they are."""
        return Names(self.data, self.starts[places], self.lengths[places])

    def compact(self) -> Names:
        """Return the same texts, one behind the other, without the bytes that are of none."""
        starts = _starts(self.lengths)
        total = int(self.lengths.sum(dtype=np.int64))
        data = np.zeros(total + PAD, np.uint8)
        target, source = _words(data), _words(self.data)
        # Words are written over the beginning of the texts behind them, whose own first words come last, in order.
        for offset in range((int(self.lengths.max(initial=0)) - 1) // _WORD * _WORD, -1, -_WORD):
            rows = np.flatnonzero(self.lengths > offset)
            target[starts[rows] + offset] = source[self.starts[rows] + offset]
        data[total:] = 0
        return Names(data, starts, self.lengths)

    def bits(self) -> Bits:
        """(N,) 64 bits of each text, the same for the same text."""
        found: Bits = self.lengths.astype(np.uint64) * _SEED
        for first in range(0, len(self), _AT_ONCE):
            part = found[first : first + _AT_ONCE]
            for rows, words in self[first : first + _AT_ONCE]._by_word():
                mixed = (part[rows] ^ words) * _FACTOR
                part[rows] = mixed ^ (mixed >> np.uint64(32))
        return found

    def equals(self, others: Names) -> NDArray[np.bool_]:
        """(N,) Whether each text is that of the others at its place."""
        same: NDArray[np.bool_] = self.lengths == others.lengths
        alike = np.flatnonzero(same)
        for first in range(0, len(alike), _AT_ONCE):
            places = alike[first : first + _AT_ONCE]
            pairs = zip(self.take(places)._by_word(), others.take(places)._by_word(), strict=True)
            for (rows, words), (_, their) in pairs:
                same[places[rows]] &= words == their
        return same

    def _by_word(self) -> Iterator[tuple[slice | NDArray[np.intp], Bits]]:
        """The first eight bytes of all texts, the next of those that are longer, and so on; 0 behind each end."""
        words, shortest = _words(self.data), int(self.lengths.min()) if len(self) else 0
        for offset in range(0, int(self.lengths.max(initial=0)), _WORD):
            rows = slice(None) if shortest > offset else np.flatnonzero(self.lengths > offset)
            found: Bits = words[self.starts[rows] + offset]
            if shortest < offset + _WORD:
                left = self.lengths[rows] - offset
                behind = np.uint64(_WORD) * np.maximum(_WORD - left, 0).astype(np.uint64)
                found = found << behind >> behind
            yield rows, found

    def first_seen(self) -> tuple[NDArray[np.int32], NDArray[np.intp]]:
        """(N,) Number of each text, in the order in which they first come, and (K,) where each first does."""
        codes, first = numbered(self.bits())
        is_first = np.zeros(len(codes), bool)
        is_first[first] = True
        others = np.flatnonzero(~is_first)
        if not self.take(others).equals(self.take(first[codes[others]])).all():
            return _numbered_one_by_one(self)
        return codes, first

    def last_of(self, byte: bytes) -> Lengths:
        """(N,) Place in each text of the last byte of this kind, -1 where there is none."""
        found = np.full(len(self), -1, np.int32)
        for first in range(0, len(self), _AT_ONCE):
            chosen = slice(first, first + _AT_ONCE)
            starts, ends = self.starts[chosen], self.starts[chosen] + self.lengths[chosen]
            before = int(starts.min())
            places = np.flatnonzero(self.data[before : int(ends.max())] == byte[0]) + before
            if len(places):
                last = places[np.maximum(np.searchsorted(places, ends) - 1, 0)]
                found[chosen] = np.where((last >= starts) & (last < ends), last - starts, -1)
        return found

    def with_byte(self, byte: bytes, other: bytes) -> Names:
        """Return the texts with one ASCII character in another's place."""
        if not any((self.data[at : at + _AT_ONCE] == byte[0]).any() for at in range(0, len(self.data), _AT_ONCE)):
            return self
        return Names(np.where(self.data == byte[0], np.uint8(other[0]), self.data), self.starts, self.lengths)

    def fixed(self, width: int) -> Bytes:
        """(N, width) The bytes of each text, 0 behind it; a width in whole words, that holds the longest."""
        found = np.zeros((len(self), width // _WORD), "<u8")
        for place, (rows, words) in enumerate(self._by_word()):
            found[rows, place] = words
        return found.view(np.uint8)

    def cut(self, first: Lengths, end: Lengths) -> Names:
        """Return of each text what lies from a place to another, in bytes from its beginning."""
        return Names(self.data, self.starts + first, end - first)


def padded(data: bytes) -> Bytes:
    """Return bytes as an array that texts can be read from in words."""
    return np.frombuffer(data + bytes(PAD), np.uint8)


def kept(names: Names) -> Sequence[str]:
    """Return distinct names as they are best kept: few as texts."""
    return tuple(names) if len(names) <= FEW else names


def numbered(values: NDArray[np.integer[Any]]) -> tuple[NDArray[np.int32], NDArray[np.intp]]:
    """(N,) Number of each whole number, in the order in which they first come, and (K,) where each first does.

    Rows of one often follow each other: only the first of them is sorted.
    """
    if not len(values):
        return np.empty(0, np.int32), np.empty(0, np.intp)
    is_run = np.concatenate([[True], values[1:] != values[:-1]])
    if is_run.all():
        return _numbered_apart(values)
    runs = np.flatnonzero(is_run)
    codes, first = _numbered_apart(values[runs])
    return np.repeat(codes, np.diff(runs, append=len(values))), runs[first]


def _numbered_apart(values: NDArray[np.integer[Any]]) -> tuple[NDArray[np.int32], NDArray[np.intp]]:
    order = np.argsort(values)
    is_new = np.concatenate([[True], np.diff(values[order]) != 0])
    if is_new.all():  # as keys are
        return np.arange(len(values), dtype=np.int32), np.arange(len(values))
    starts = np.flatnonzero(is_new)
    first = np.minimum.reduceat(order, starts)
    rank = np.empty(len(first), np.int32)
    rank[np.argsort(first)] = np.arange(len(first), dtype=np.int32)
    codes = np.empty(len(values), np.int32)
    codes[order] = np.repeat(rank, np.diff(starts, append=len(values)))
    return codes, np.sort(first)


def _numbered_one_by_one(names: Names) -> tuple[NDArray[np.int32], NDArray[np.intp]]:
    numbers: dict[str, int] = {}
    codes = np.fromiter((numbers.setdefault(name, len(numbers)) for name in names), np.int32, len(names))
    return codes, np.flatnonzero(np.diff(np.maximum.accumulate(codes), prepend=-1))


def _starts(lengths: NDArray[np.integer[Any]]) -> Places:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)[:-1]])[: len(lengths)]


def _words(data: Bytes) -> Bits:
    """The eight bytes that begin at each place."""
    words: Bits = np.lib.stride_tricks.as_strided(
        data[:PAD].view("<u8"), (len(data) - PAD + 1,), (1,), writeable=data.flags.writeable
    )
    return words
