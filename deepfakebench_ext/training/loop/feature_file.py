"""Features of a frozen backbone in a file that only grows, so that a kill costs the last of them at most."""

from __future__ import annotations

import contextlib
import json
import os
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from deepfakebench_ext.common.errors import OutputError
from deepfakebench_ext.common.regular_files import regular

_FORMAT = 1
_WHERE = struct.Struct("<qqq")  # sample, frames or clips that it has, the one that was taken
_SUM = struct.Struct("<I")

Vector = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """What the backbone says of one frame or clip.

    Attributes:
        sample: Number of the sample.
        count: Frames or clips that it has to draw from.
        place: Which of them this is.
        vector: float32 (D,).
    """

    sample: int
    count: int
    place: int
    vector: Vector


def bytes_of(count: int, width: int) -> int:
    """Return what so many features of `width` numbers take."""
    return count * (_WHERE.size + 4 * width + _SUM.size)


class FeatureFile:
    """Features by sample and frame. What does not bear its own checksum, and all after it, is not believed.

    Attributes:
        path: Where it lies.
        width: Numbers of each.
        counts: Frames or clips of each sample that is known.
    """

    def __init__(self, path: Path, identity: str, width: int, *, writes: bool) -> None:
        """Open it; what lies there of another identity or width is replaced.

        Args:
            path: Of the file; its folder exists.
            identity: Of all that decides the features.
            width: Numbers of each.
            writes: Whether this process writes; others open it once that one has.

        Raises:
            OutputError: It cannot be opened.
        """
        self.path, self.width, self._writes = path, width, writes
        self._head = json.dumps({"format": _FORMAT, "identity": identity, "width": width}).encode() + b"\n"
        self._size = bytes_of(1, width)
        self.counts: dict[int, int] = {}
        self._places: dict[tuple[int, int], int] = {}
        try:
            if os.path.lexists(path):
                regular(path)
            self._handle = os.open(path, os.O_RDWR | os.O_CREAT if writes else os.O_RDONLY, 0o666)
        except OSError as error:
            raise self._refused(error) from error
        self._end = self._believed()
        if writes and self._end == 0:
            os.ftruncate(self._handle, 0)
            self._write(self._head)

    def _believed(self) -> int:
        """Index what is whole, and return where that ends; 0 where the file is of something else."""
        if os.pread(self._handle, len(self._head), 0) != self._head:
            return 0
        end = len(self._head)
        while record := self._whole(os.pread(self._handle, self._size, end)):
            self._index(record, end)
            end += self._size
        return end

    def _whole(self, data: bytes) -> Kept | None:
        if len(data) != self._size or zlib.crc32(data[: -_SUM.size]) != _SUM.unpack(data[-_SUM.size :])[0]:
            return None
        sample, count, place = _WHERE.unpack_from(data)
        return Kept(sample, count, place, np.frombuffer(data, np.float32, self.width, _WHERE.size))

    def _index(self, record: Kept, at: int) -> None:
        self.counts[record.sample] = record.count
        self._places[record.sample, record.place] = at

    def __contains__(self, place: tuple[int, int]) -> bool:
        """Whether it holds that frame or clip of that sample."""
        return place in self._places

    def __getitem__(self, place: tuple[int, int]) -> Vector:
        """Return the features (D,) of a frame or clip of a sample.

        Raises:
            OutputError: They are no longer as they were written.
        """
        record = self._whole(os.pread(self._handle, self._size, self._places[place]))
        if record is None or (record.sample, record.place) != place:
            raise OutputError(f"{self.path} was changed while it was in use; run the same command again to go on")
        return record.vector

    def add(self, records: Iterable[Kept]) -> None:
        """Append; in every process alike, of which one writes.

        Raises:
            OutputError: They cannot be written, for instance because the disk is full.
        """
        data = bytearray()
        for record in records:
            body = _WHERE.pack(record.sample, record.count, record.place) + record.vector.astype("<f4").tobytes()
            self._index(record, self._end + len(data))
            data += body + _SUM.pack(zlib.crc32(body))
        if self._writes:
            self._write(bytes(data))
        else:
            self._end += len(data)

    def _write(self, data: bytes) -> None:
        try:
            written = 0
            while written < len(data):
                written += os.pwrite(self._handle, data[written:], self._end + written)
        except OSError as error:
            raise self._refused(error) from error
        self._end += len(data)

    def see_others(self) -> None:
        """Open the file anew, so that what another machine wrote is seen."""
        if not self._writes:
            os.close(self._handle)
            self._handle = os.open(self.path, os.O_RDONLY)

    def close(self) -> None:
        """Close the file."""
        with contextlib.suppress(OSError):
            os.close(self._handle)

    def _refused(self, error: OSError) -> OutputError:
        return OutputError(f"{self.path} cannot be written: {error}; make room and run the same command again to go on")
