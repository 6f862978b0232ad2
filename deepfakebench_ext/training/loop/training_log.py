"""What a training run leaves to be watched: `metrics.jsonl`, a line a step and a line an epoch, and its curves."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from deepfakebench_ext.common.errors import OutputError
from deepfakebench_ext.common.run_names import TRAINING_LOG


class TrainingLog:
    """The journal of one run. Lines are only ever added; what a checkpoint does not know of is taken back.

    No line holds a time, so that a run that was cut off and went on has the same bytes as one that was not.
    """

    def __init__(self, folder: Path, *, writes: bool) -> None:
        """Say where it lies; nothing is opened yet."""
        self.path = folder / TRAINING_LOG
        self._writes = writes
        self._stream: BinaryIO | None = None

    def open(self, size_bytes: int) -> None:
        """Open it and take back everything after `size_bytes`, what the last checkpoint had seen.

        Raises:
            OutputError: It cannot be opened.
        """
        if not self._writes:
            return
        try:
            self._stream = self.path.open("ab")
            self._stream.truncate(min(size_bytes, self.path.stat().st_size))
        except OSError as error:
            raise OutputError(f"{self.path} cannot be written: {error}") from error

    def add(self, values: Mapping[str, Any]) -> None:
        """Write one line, at once.

        Raises:
            OutputError: It cannot be written, for instance because the disk is full.
        """
        if self._stream is None:
            return
        try:
            self._stream.write(json.dumps(values).encode() + b"\n")
            self._stream.flush()
        except OSError as error:
            raise OutputError(
                f"{self.path} cannot be written: {error}. The last good checkpoint is intact; make room and run the "
                f"same command again to go on"
            ) from error

    @property
    def size_bytes(self) -> int:
        """How long it is."""
        return self.path.stat().st_size if self.path.is_file() else 0

    def close(self) -> None:
        """Close the file."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None


def read_log(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield the whole lines of a run's journal."""
    path = folder / TRAINING_LOG
    with path.open("rb") as stream:
        for line in stream:
            if line.endswith(b"\n"):
                yield json.loads(line)
