"""How the packets of H.264 and H.265 are parted into units. PURE: bytes, no I/O."""

from __future__ import annotations

from collections.abc import Iterator


def length_bytes(codec: str, extradata: bytes) -> int:
    """Return the bytes of the length before each unit; 0 where start codes part them, or another codec has none.

    Args:
        codec: FFmpeg's name of it.
        extradata: What the container says beside the packets.
    """
    at = {"h264": 4, "hevc": 21}.get(codec)
    if at is None or len(extradata) <= at or extradata[0] != 1:
        return 0
    return (extradata[at] & 3) + 1


def beginnings(packet: bytes, length: int, size: int) -> Iterator[bytes]:
    """Yield the first bytes of each unit, at most `size` of them; `length` as `length_bytes` says."""
    if not length:
        start = packet.find(b"\0\0\1")
        while 0 <= start < len(packet) - 3:
            yield packet[start + 3 : start + 3 + size]
            start = packet.find(b"\0\0\1", start + 3)
        return
    at = 0
    while at + length < len(packet):
        begin = at + length
        end = begin + int.from_bytes(packet[at:begin], "big")
        yield packet[begin : min(begin + size, max(end, begin + 2))]
        at = end
