"""Which keyframes need nothing from before them, by their own bytes.

A container's mark is not enough: of an open group of pictures, and of a stream that is refreshed row by row, demuxers
call frames keys from which decoding is right only after a while. PURE: bytes, no I/O.
"""

from __future__ import annotations

from deepfakebench_ext.media.nal_units import beginnings, length_bytes

_KIND_BYTES = 2
_IDR_H264 = 5
_SETS_H264 = frozenset((7, 8))
_IDR_HEVC = frozenset((16, 17, 18, 19, 20))
_SETS_HEVC = frozenset((32, 33, 34))


class KeyCheck:
    """Tells which packets a decoder can begin with; one for a stream, given its keyframes in order.

    Where parameter sets stand in the stream itself, a keyframe that does not repeat them is none to begin with.
    """

    def __init__(self, codec: str, extradata: bytes | None) -> None:
        """Take FFmpeg's name of the codec and what the container says beside the packets."""
        self._codec = codec
        self._length = length_bytes(codec, extradata or b"")
        self._sets_in_stream = False

    @property
    def knows(self) -> bool:
        """Whether it can tell at all."""
        return self._codec in ("h264", "hevc", "vp8", "vp9", "mjpeg")

    def begins(self, packet: bytes) -> bool:
        """Return whether a keyframe's packet needs nothing from before it."""
        if self._codec in ("h264", "hevc"):
            units = [unit[0] for unit in beginnings(packet, self._length, _KIND_BYTES)]
            if self._codec == "h264":
                return self._units([unit & 31 for unit in units], {_IDR_H264}, _SETS_H264)
            return self._units([unit >> 1 & 63 for unit in units], _IDR_HEVC, _SETS_HEVC)
        if self._codec == "vp8":
            return not packet[0] & 1
        if self._codec == "vp9":
            return _is_vp9_key(packet[0])
        return self._codec == "mjpeg"

    def _units(self, kinds: list[int], begin: frozenset[int] | set[int], sets: frozenset[int]) -> bool:
        if sets.issubset(kinds):
            self._sets_in_stream = True
        elif sets.intersection(kinds) or self._sets_in_stream:
            return False
        return not begin.isdisjoint(kinds)


def _is_vp9_key(first: int) -> bool:
    """By the uncompressed header of VP9: marker, profile, whether an older frame is shown again, kind of frame."""
    profile = first >> 5 & 1 | first >> 3 & 2
    after = first << (1 if profile == 3 else 0)
    return first >> 6 == 2 and not after >> 3 & 1 and not after >> 2 & 1
