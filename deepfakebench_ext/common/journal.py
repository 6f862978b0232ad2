"""A file of JSON lines that only grows at its end, one line an event, so that a kill costs the last line at most."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from deepfakebench_ext.common.errors import OutputError


class Journal:
    """The journal of one run, written by one process.

    Attributes:
        path: Its file.
    """

    def __init__(self, path: Path, *, kept: str) -> None:
        """Say where it lies; nothing is opened yet.

        Args:
            path: Its file; its folder exists by the time of `open`.
            kept: What is not lost where it cannot be written, as a sentence.
        """
        self.path, self._kept = path, kept
        self._stream: BinaryIO | None = None

    def open(self, size_bytes: int) -> None:
        """Open it, and take back everything after so many bytes.

        Raises:
            OutputError: It cannot be written.
        """
        try:
            self._stream = self.path.open("ab")
            self._stream.truncate(min(size_bytes, self.size_bytes))
        except OSError as error:
            raise self._refused(error) from error

    def add(self, lines: Iterable[Mapping[str, Any]]) -> None:
        """Write these at once and through to the system; it is open.

        Raises:
            OutputError: They cannot be written, for instance because the disk is full.
        """
        assert self._stream is not None
        try:
            self._stream.write("".join(json.dumps(line) + "\n" for line in lines).encode())
            self._stream.flush()
        except OSError as error:
            raise self._refused(error) from error

    @property
    def size_bytes(self) -> int:
        """How long it is."""
        return self.path.stat().st_size if self.path.is_file() else 0

    def close(self) -> None:
        """Close the file."""
        if self._stream is not None:
            with contextlib.suppress(OSError):  # what could not be written was said when it was to be
                self._stream.close()
            self._stream = None

    def _refused(self, error: OSError) -> OutputError:
        return OutputError(
            f"{self.path} cannot be written: {error}. {self._kept}; make room and run the same command again to go on"
        )


def whole_lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a journal, without one that was cut off; none where there is no journal yet."""
    if path.is_file():
        with path.open("rb") as stream:
            yield from (line for line in stream if line.endswith(b"\n"))
