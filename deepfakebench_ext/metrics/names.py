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
Bits = NDArray[np.uint64]

PAD = 8
"""Bytes that follow the last text, so that each can be read in words."""
FEW = 4096
"""So many names, and fewer, are kept as the texts that they are."""
_SEED, _FACTOR = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xFF51AFD7ED558CCD)
_WORD = 8


class Names(Sequence[str]):
    """Texts (N,) in an array of bytes, in UTF-8; lone surrogates as Python's `surrogatepass` has them.

    Attributes:
        data: uint8 (B + 8,): the bytes; not all of them are of a text.
        starts: int64 (N,): where each text begins.
        lengths: int64 (N,): of each in bytes.
    """

    __slots__ = ("data", "lengths", "starts")

    def __init__(self, data: Bytes, starts: Places, lengths: Places) -> None:
        """Take the arrays as they are."""
        self.data, self.starts, self.lengths = data, starts, lengths

    @classmethod
    def of(cls, texts: Iterable[str]) -> Names:
        """Return these texts."""
        encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
        lengths = np.fromiter(map(len, encoded), np.int64, len(encoded))
        return cls(padded(b"".join(encoded)), _starts(lengths), lengths)

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
        total = int(self.lengths.sum())
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
        words = _words(self.data)
        for offset in range(0, int(self.lengths.max(initial=0)), _WORD):
            rows = np.flatnonzero(self.lengths > offset)
            mixed = (found[rows] ^ _word(words, self.starts[rows], self.lengths[rows], offset)) * _FACTOR
            found[rows] = mixed ^ (mixed >> np.uint64(32))
        return found

    def equals(self, others: Names) -> NDArray[np.bool_]:
        """(N,) Whether each text is that of the others at its place."""
        same: NDArray[np.bool_] = self.lengths == others.lengths
        own, their = _words(self.data), _words(others.data)
        for offset in range(0, int(self.lengths.max(initial=0)), _WORD):
            rows = np.flatnonzero(same & (self.lengths > offset))
            one = _word(own, self.starts[rows], self.lengths[rows], offset)
            same[rows] = one == _word(their, others.starts[rows], others.lengths[rows], offset)
        return same

    def first_seen(self) -> tuple[NDArray[np.int32], NDArray[np.intp]]:
        """(N,) Number of each text, in the order in which they first come, and (K,) where each first does."""
        codes, first = _numbered(self.bits())
        others = np.flatnonzero(first[codes] != np.arange(len(codes)))
        if not self.take(others).equals(self.take(first[codes[others]])).all():
            return _numbered_one_by_one(self)
        return codes, first

    def last_of(self, byte: bytes) -> Places:
        """(N,) Place in each text of the last byte of this kind, -1 where there is none."""
        found = np.full(len(self), -1, np.int64)
        places = np.flatnonzero(self.data == byte[0])
        if len(places):
            last = places[np.maximum(np.searchsorted(places, self.starts + self.lengths) - 1, 0)]
            is_inside = (last >= self.starts) & (last < self.starts + self.lengths)
            found[is_inside] = (last - self.starts)[is_inside]
        return found

    def fixed(self, width: int) -> Bytes:
        """(N, width) The bytes of each text, 0 behind it; a width in whole words, that holds the longest."""
        found = np.zeros((len(self), width // _WORD), "<u8")
        words = _words(self.data)
        for offset in range(0, int(self.lengths.max(initial=0)), _WORD):
            rows = np.flatnonzero(self.lengths > offset)
            behind = np.uint64(_WORD) * np.maximum(_WORD - (self.lengths[rows] - offset), 0).astype(np.uint64)
            found[rows, offset // _WORD] = words[self.starts[rows] + offset] << behind >> behind
        return found.view(np.uint8)

    def cut(self, first: Places, end: Places) -> Names:
        """Return of each text what lies from a place to another, in bytes from its beginning."""
        return Names(self.data, self.starts + first, end - first)


def padded(data: bytes) -> Bytes:
    """Return bytes as an array that texts can be read from in words."""
    return np.frombuffer(data + bytes(PAD), np.uint8)


def joined(parts: Sequence[Names]) -> Names:
    """Return the texts of several, one behind the other."""
    if not parts:
        return Names.of(())
    sizes = np.array([len(part.data) for part in parts])
    data = np.concatenate([part.data for part in parts])
    before = _starts(sizes)
    starts = np.concatenate([part.starts + place for part, place in zip(parts, before.tolist(), strict=True)])
    return Names(data, starts, np.concatenate([part.lengths for part in parts]))


def kept(names: Names) -> Sequence[str]:
    """Return distinct names as they are best kept: few as texts."""
    return tuple(names) if len(names) <= FEW else names


def in_order(codes: NDArray[np.integer[Any]], first: NDArray[np.intp]) -> tuple[NDArray[np.int32], NDArray[np.intp]]:
    """Return numbers (N,) and first places (K,) with the numbers in the order of these places."""
    order = np.argsort(first)
    rank = np.empty(len(first), np.int32)
    rank[order] = np.arange(len(first), dtype=np.int32)
    return rank[codes], first[order]


def _numbered(bits: Bits) -> tuple[NDArray[np.int32], NDArray[np.intp]]:
    """Numbers of equal bits. Rows of one text often follow each other; only the first of them is sorted."""
    runs = np.flatnonzero(np.concatenate([[True], bits[1:] != bits[:-1]])) if len(bits) else np.empty(0, np.intp)
    own = bits[runs]
    order = np.argsort(own)
    is_new = np.concatenate([[True], np.diff(own[order]) != 0]) if len(own) else np.empty(0, bool)
    group = np.empty(len(own), np.int32)
    group[order] = np.cumsum(is_new, dtype=np.int32) - 1
    starts = np.flatnonzero(is_new)
    first = np.minimum.reduceat(order, starts) if len(starts) else starts
    codes, first = in_order(group, first)
    return np.repeat(codes, np.diff(runs, append=len(bits))), runs[first]


def _numbered_one_by_one(names: Names) -> tuple[NDArray[np.int32], NDArray[np.intp]]:
    numbers: dict[str, int] = {}
    codes = np.fromiter((numbers.setdefault(name, len(numbers)) for name in names), np.int32, len(names))
    return codes, np.flatnonzero(np.diff(np.maximum.accumulate(codes), prepend=-1))


def _starts(lengths: Places) -> Places:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)[:-1]])[: len(lengths)]


def _words(data: Bytes) -> Bits:
    """The eight bytes that begin at each place."""
    words: Bits = np.lib.stride_tricks.as_strided(
        data[:PAD].view("<u8"), (len(data) - PAD + 1,), (1,), writeable=data.flags.writeable
    )
    return words


def _word(words: Bits, starts: Places, lengths: Places, offset: int) -> Bits:
    """The word at an offset of each text, which is longer; what lies behind its end is 0."""
    behind = np.uint64(_WORD) * np.maximum(_WORD - (lengths - offset), 0).astype(np.uint64)
    found: Bits = words[starts + offset] << behind
    return found
