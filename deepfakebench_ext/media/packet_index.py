"""Where in a film decoding can begin, and which frames that saves. PURE: numbers, no I/O."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Final

import numpy as np

from deepfakebench_ext.media.frame import Clock, seconds_of

# A gap of fewer frames is decoded: emptying a decoder and filling it again costs as much.
_GAP: Final = 8
# Frames of a sequential decode that jumping has to save: of short films all are decoded, and their damage is seen.
_SAVED: Final = 100
_SAVED_SHARE: Final = 0.2


@dataclass(frozen=True, slots=True)
class Entry:
    """A keyframe that needs nothing from before it, and behind which nothing is shown before it.

    Attributes:
        pts: Its presentation time, in ticks of the stream.
        first: Its number, in order of presentation.
    """

    pts: int
    first: int


@dataclass(frozen=True, slots=True)
class Stop:
    """Frames that are decoded in one go.

    Attributes:
        entry: Where decoding begins.
        wanted: The numbers of the frames, ascending.
    """

    entry: Entry
    wanted: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PacketIndex:
    """What the packets of a stream say, before anything is decoded.

    Attributes:
        pts: Presentation times of the frames that ought to be decodable, ascending, in ticks.
        time_base: Seconds of a tick.
        begin_s: What players call 0.
        breaks_off: Whether the file ends within a packet, or cannot be read on.
        entries: Where decoding can begin, by number, from the film's first frame on; none where that is in doubt.
    """

    pts: tuple[int, ...]
    time_base: Fraction
    begin_s: float
    breaks_off: bool
    entries: tuple[Entry, ...] = ()

    def said_s(self, number: int) -> float:
        """Return when a frame is shown, in seconds as players count, as a decoded frame says it."""
        return seconds_of(self.pts[number], self.time_base) - self.begin_s

    @property
    def times_s(self) -> list[float]:
        """When each frame is shown, likewise."""
        tick_s = float(self.time_base)
        return [pts * tick_s - self.begin_s for pts in self.pts]

    def number(self, pts: int | None) -> int | None:
        """Return the number of the frame at a time in ticks; None where there is none."""
        at = bisect_left(self.pts, pts) if pts is not None else len(self.pts)
        return at if at < len(self.pts) and self.pts[at] == pts else None

    def clocked(self, wanted: Sequence[int]) -> dict[int, tuple[float, float]]:
        """Return when each of some frames is shown, and the distance to the one before, as when all are decoded."""
        clock, found, asked = Clock(), {}, set(wanted)
        for number in range(max(asked) + 1):
            time_s = clock.seconds(self.said_s(number))
            if number in asked:
                found[number] = (time_s, clock.step_s)
        return found

    def stops(self, wanted: Sequence[int]) -> list[Stop]:
        """Return from where to decode some frames; nothing where decoding all up to the last is about as cheap.

        Args:
            wanted: Numbers of frames, ascending and distinct.
        """
        if not self.entries or not wanted or wanted[-1] >= len(self.pts):
            return []
        firsts = [entry.first for entry in self.entries]
        stops: list[Stop] = []
        for number in wanted:
            entry = self.entries[bisect_right(firsts, number) - 1]
            if stops and entry.first - stops[-1].wanted[-1] <= _GAP:
                stops[-1] = Stop(stops[-1].entry, (*stops[-1].wanted, number))
            else:
                stops.append(Stop(entry, (number,)))
        decoded = sum(stop.wanted[-1] + 1 - stop.entry.first for stop in stops)
        saved = wanted[-1] + 1 - decoded
        return stops if saved >= max(_SAVED, _SAVED_SHARE * (wanted[-1] + 1)) else []


def entries(pts: Sequence[int], keys: Sequence[int], shown: Sequence[int]) -> tuple[Entry, ...]:
    """Return the keyframes that part the packets, before and behind, as they part the pictures.

    Args:
        pts: Of all packets, in order of decoding.
        keys: Places in `pts` of those packets that need nothing from before them.
        shown: `pts` of what is shown, ascending. Where two are equal, or the first packet is no key, there are none.
    """
    if not keys or keys[0] != 0 or any(one == other for one, other in pairwise(shown)):
        return ()
    ticks = np.array(pts)
    latest, earliest = np.maximum.accumulate(ticks), np.minimum.accumulate(ticks[::-1])[::-1]
    found = [
        Entry(pts[at], bisect_left(shown, pts[at]))
        for at in keys
        if earliest[at] == pts[at] and (at == 0 or latest[at - 1] < pts[at])
    ]
    return tuple(found) if found and found[0].first == 0 else ()
