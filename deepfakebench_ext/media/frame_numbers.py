"""Whether pictures of H.264 are missing that others lean on, by the numbers in their headers. PURE: bytes, no I/O.

FFmpeg makes up for such pictures, otherwise where pictures that nothing leans on are passed over, and says nothing.
"""

from __future__ import annotations

from deepfakebench_ext.media.nal_units import beginnings, length_bytes

_PICTURES, _IDR, _SET = frozenset((1, 2, 5)), 5, 7
# What headers begin with that says how many planes of colour are coded.
_WITH_CHROMA = frozenset((100, 110, 122, 244, 44, 83, 86, 118, 128, 134, 135, 138, 139))
_THREE_FULL_PLANES, _MOST_ZEROS = 3, 32
_SET_BYTES, _HEADER_BYTES = 64, 24


class FrameNumbers:
    """Follows the numbers of the pictures of a stream, in order of decoding."""

    def __init__(self, extradata: bytes | None) -> None:
        """Take what the container says beside the packets."""
        said = extradata or b""
        self._length = length_bytes("h264", said)
        self._counting: tuple[int, int] | None = None
        self._last: int | None = None
        try:
            for unit in _sets_of(said) if self._length else beginnings(said, 0, _SET_BYTES):
                self._take_set(unit)
        except (ValueError, IndexError):
            self._counting = None

    @property
    def knows(self) -> bool:
        """Whether it can tell so far."""
        return self._counting is not None

    def follows(self, packet: bytes) -> bool:
        """Return whether nothing that others lean on is missing between the picture before and this one."""
        try:
            for unit in beginnings(packet, self._length, _SET_BYTES):
                self._take_set(unit)
                if unit and unit[0] & 31 in _PICTURES:
                    return self._take_picture(unit)
        except (ValueError, IndexError):
            return False
        return False

    def _take_set(self, unit: bytes) -> None:
        if not unit or unit[0] & 31 != _SET:
            return
        counting = _counting(unit)
        if self._counting not in (None, counting):
            raise ValueError("sets that count otherwise")
        self._counting = counting

    def _take_picture(self, unit: bytes) -> bool:
        if self._counting is None:
            return False
        width, planes = self._counting
        bits = _Bits(unit[:_HEADER_BYTES])
        for _ in range(3):  # its first macroblock, its kind, its settings
            bits.number()
        bits.take(planes)
        number = bits.take(width)
        begins = unit[0] & 31 == _IDR or self._last is None
        follows = begins or number in (self._last, ((self._last or 0) + 1) % (1 << width))
        if unit[0] >> 5 & 3:  # others lean on it
            self._last = number
        return follows


class _Bits:
    """Reads the bits behind the first byte of a unit."""

    def __init__(self, unit: bytes) -> None:
        payload = unit[1:].replace(b"\0\0\3", b"\0\0")
        self._value, self._left = int.from_bytes(payload, "big"), 8 * len(payload)

    def take(self, count: int) -> int:
        """Return the next bits as a number."""
        self._left -= count
        if self._left < 0:
            raise ValueError("a header that ends too early")
        return self._value >> self._left & ((1 << count) - 1)

    def number(self) -> int:
        """Return the next number in Exp-Golomb code."""
        zeros = 0
        while not self.take(1):
            zeros += 1
            if zeros > _MOST_ZEROS:
                raise ValueError("no number")
        return (1 << zeros) - 1 + self.take(zeros)


def _sets_of(extradata: bytes) -> list[bytes]:
    """The sequence parameter sets of an `avcC`."""
    found, at = [], 6
    for _ in range(extradata[5] & 31):
        size = int.from_bytes(extradata[at : at + 2], "big")
        found.append(extradata[at + 2 : at + 2 + min(size, _SET_BYTES)])
        at += 2 + size
    return found


def _counting(unit: bytes) -> tuple[int, int]:
    """Bits of a picture's number, and of its plane of colour before that, by a sequence parameter set.

    Raises:
        ValueError: It ends too early, or has matrices of its own, behind which nothing is looked at.
    """
    bits, planes = _Bits(unit), 0
    profile, _ = bits.take(8), bits.take(16)
    bits.number()
    if profile in _WITH_CHROMA:
        if bits.number() == _THREE_FULL_PLANES:
            planes = 2 * bits.take(1)
        bits.number()
        bits.number()
        bits.take(1)
        if bits.take(1):
            raise ValueError("matrices")
    return bits.number() + 4, planes
