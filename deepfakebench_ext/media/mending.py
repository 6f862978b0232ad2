"""Files that lack nothing of their picture, and yet stop a decoder: bytes in which the same pixels are found again."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator
from struct import Struct
from typing import Final

from deepfakebench_ext.media.frame import RGB

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_LENGTH = Struct(">I")
# What decides pixels, or which way they are turned. All else (text, colour profiles, times) is left out.
_PNG_CHUNKS = (b"IHDR", b"PLTE", b"tRNS", b"eXIf", b"IDAT", b"IEND")

_JPEG, _END, _SCAN = b"\xff\xd8", b"\xff\xd9", b"\xff\xda"
MENDED: Final = (_PNG, _JPEG)
"""What files begin with that can be mended."""

_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])")
_RESTART, _RESTARTS = re.compile(rb"\xff[\xd0-\xd7]"), 0xDD
_PROGRESSIVE = (0xC2, 0xC6, 0xCA, 0xCE)
_FRAMES = (*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0))
# As the coded picture may go on: one that is whole does not look at it.
_GOES_ON = (b"\x55" * 256, b"\xa9\x1e\x73" * 85)


def without_metadata(png: bytes) -> bytes | None:
    """Return a PNG without what is no part of its picture, be it long, broken or of a wrong checksum.

    None where it is no PNG, or one that ends within a chunk that decides pixels.
    """
    if not png.startswith(_PNG):
        return None
    return _PNG + b"".join(png[start:stop] for start, stop in _png_chunks(png))


def _png_chunks(png: bytes) -> Iterator[tuple[int, int]]:
    """Where the chunks of the picture begin and end; of ancillary ones, those whose checksum is right."""
    start = len(_PNG)
    while start + 8 <= len(png):
        kind = png[start + 4 : start + 8]
        stop = start + 12 + _LENGTH.unpack_from(png, start)[0]
        is_critical = kind[:1].isupper()
        is_right = stop <= len(png) and zlib.crc32(png[start + 4 : stop - 4]) == _LENGTH.unpack_from(png, stop - 4)[0]
        if kind in _PNG_CHUNKS and (is_critical or is_right):
            yield start, stop
        start = stop


def has_end(jpeg: bytes) -> bool:
    """Return whether a JPEG has the marker at which its picture ends. That of a thumbnail before it does not count."""
    return jpeg.rfind(_END) > jpeg.rfind(_SCAN)


def pixels_without_end(jpeg: bytes, decode: Callable[[bytes], RGB]) -> RGB | None:
    """Return the pixels of a JPEG that lacks only its end marker; None where it lacks more, or is no such JPEG.

    That nothing is missing shows where the picture comes out alike, whatever follows its last bytes: of one that was
    cut off, a decoder would go on to read them.

    Args:
        jpeg: All bytes of the file.
        decode: Gives the pixels of a file.

    Raises:
        Exception: What `decode` raises.
    """
    if not jpeg.startswith(_JPEG) or has_end(jpeg) or not _has_all_scans(jpeg):
        return None
    body = jpeg.removesuffix(_END[:1])
    pixels = decode(body + _END)
    return pixels if all((decode(body + more + _END) == pixels).all() for more in _GOES_ON) else None


def _has_all_scans(jpeg: bytes) -> bool:
    """Whether there is a scan for all of the picture: every component, of a progressive file every last bit.

    And each scan has all of its restart markers: at one that is missing, a decoder looks at nothing that follows.
    """
    frame, interval, missing = _Frame(b""), 0, set[tuple[int, int]]()
    for kind, segment, coded in _jpeg_segments(jpeg):
        if kind in _FRAMES and len(segment) >= 6:
            frame = _Frame(segment, kind in _PROGRESSIVE)
            missing = {(component, k) for component in frame.sampling for k in range(64)}
        elif kind == _RESTARTS and len(segment) == 2:
            interval = int.from_bytes(segment, "big")
        elif kind == _SCAN[1] and segment and len(segment) == 4 + 2 * segment[0]:
            own, (first, last, bits) = segment[1:-3:2], segment[-3:]
            if interval and len(_RESTART.findall(coded)) < (frame.units(own) - 1) // interval:
                return False
            if not frame.is_progressive or bits & 15 == 0:
                span = range(first, last + 1) if frame.is_progressive else range(64)
                missing -= {(component, k) for component in own for k in span}
    return bool(frame.sampling) and not missing


class _Frame:
    """What a JPEG says of its picture: its size, and of each component how densely it is sampled across and down."""

    def __init__(self, segment: bytes, is_progressive: bool = False) -> None:
        self.is_progressive = is_progressive
        self._height, self._width = (int.from_bytes(segment[at : at + 2], "big") for at in (1, 3))
        self.sampling = {segment[at]: divmod(segment[at + 1], 16) for at in range(6, len(segment) - 2, 3)}

    def units(self, components: bytes) -> int:
        """Return how many units a scan of these components codes one after the other."""
        across, down = (max((each[axis] for each in self.sampling.values()), default=1) for axis in (0, 1))
        own = self.sampling.get(components[0], (across, down)) if len(components) == 1 else (1, 1)
        return -(-self._width * own[0] // (8 * across)) * -(-self._height * own[1] // (8 * down))


def _jpeg_segments(jpeg: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Marker and content of each segment, and the coded picture between it and the next."""
    found = _MARKER.search(jpeg, len(_JPEG))
    while found:
        start = found.end()
        stop = start + max(2, int.from_bytes(jpeg[start : start + 2], "big"))
        after = _MARKER.search(jpeg, stop)
        yield found[1][0], jpeg[start + 2 : stop], jpeg[stop : after.start() if after else None]
        found = after
