"""What the packets of one stream say, taken down one after the other."""

from __future__ import annotations

from collections.abc import Sequence

from av.packet import Packet
from av.video.stream import VideoStream

from deepfakebench_ext.media.keyframes import KeyCheck
from deepfakebench_ext.media.packet_index import Entry, entries


class Census:
    """Presentation timestamps of the packets of one stream, to count what can be decoded of it.

    Attributes:
        breaks_off: Whether a packet was not whole, or one could not be read.
    """

    def __init__(self, check: KeyCheck | None = None) -> None:
        """Begin; with a check, where decoding can begin is found too."""
        self.breaks_off = False
        self._timestamps: list[int] = []
        self._first_key: tuple[int, int] | None = None
        self._check = check
        self._all: list[int] = []
        self._keys: list[int] = []

    def add(self, packet: Packet[VideoStream]) -> None:
        """Take the next packet, in order of decoding."""
        timestamp = (packet.dts if packet.pts is None else packet.pts) or 0
        self.breaks_off |= packet.is_corrupt
        if packet.is_keyframe and self._first_key is None:
            self._first_key = (len(self._timestamps), timestamp)
        if not packet.is_discard:
            self._timestamps.append(timestamp)
        if self._check is None:
            return
        if packet.pts is None:
            self._check = None
        elif packet.is_keyframe and not packet.is_discard and self._check.begins(bytes(packet)):
            self._keys.append(len(self._all))
        self._all.append(timestamp)

    def decodable(self) -> list[int]:
        """Return timestamps in order of decoding, all of them where no packet calls itself a keyframe."""
        if self._first_key is None:
            return self._timestamps
        start, earliest = self._first_key
        return [timestamp for timestamp in self._timestamps[start:] if timestamp >= earliest]

    def entries(self, shown: Sequence[int]) -> tuple[Entry, ...]:
        """Return where decoding can begin; nowhere if that is in doubt."""
        return () if self._check is None or self.breaks_off else entries(self._all, self._keys, shown)
