"""A file of JSON lines that only grows at its end, one line an event, so that a kill costs the last line at most."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from deepfakebench_ext.common.errors import OutputError, damaged
from deepfakebench_ext.common.regular_files import regular


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
            if self.path.exists():
                regular(self.path)
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

    def sync(self) -> None:
        """Return when all lines have reached the disk, so that what is said of them later cannot survive them.

        Raises:
            OutputError: They cannot be written.
        """
        assert self._stream is not None
        try:
            os.fsync(self._stream.fileno())
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


def read_lines(path: Path) -> Iterator[tuple[dict[str, Any], int]]:
    """Yield what each whole line of a journal says, and how many bytes end with it; nothing where there is none yet.

    Raises:
        OutputError: The journal, or a line of it, is damaged.
    """
    try:
        if not os.path.lexists(path):
            return
        end = 0
        with regular(path).open("rb") as stream:
            for number, line in enumerate(stream, start=1):
                if line.endswith(b"\n"):  # else it was cut off
                    end += len(line)
                    yield _object(line, path, number), end
    except OSError as error:
        raise damaged(path, error) from error


def _object(line: bytes, path: Path, number: int) -> dict[str, Any]:
    try:
        values = json.loads(line)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise damaged(path, f"line {number} is {line[:40]!r}")
    return values
