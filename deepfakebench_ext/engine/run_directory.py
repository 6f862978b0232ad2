"""A run's folder: what was asked for, and an append-only journal of what has been scored so far.

A run that is killed at any point and started again by the same command goes on after the last whole batch and ends
with the same bytes. Its folder's name carries a fingerprint of all that decides a score, so that a changed config
starts a new run instead of mixing into an old one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from filelock import FileLock, Timeout

from deepfakebench_ext.errors import OutputError
from deepfakebench_ext.report.files import atomic_writer
from deepfakebench_ext.types import Prediction, Sample

SETTINGS = "run.json"
JOURNAL = "scores.jsonl"


def fingerprint(settings: Mapping[str, Any]) -> str:
    """Return the SHA-256 (hex) of JSON-like settings, whatever the order of their keys."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


def digest_samples(samples: Iterable[Sample]) -> str:
    """Return the SHA-256 (hex) over keys, labels and the files' sizes and times, so that changed data is a new run."""
    digest = hashlib.sha256()
    for sample in samples:
        try:
            stat = sample.path.stat()
            state = f"{stat.st_size} {stat.st_mtime_ns}"
        except OSError:
            state = "absent"
        digest.update(f"{sample.key}\0{sample.label}\0{state}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


class RunDirectory:
    """One run's folder, locked for this process while open. A context manager."""

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        """Create `folder` if need be, or go on with what is in it.

        Args:
            folder: Where the run lies.
            settings: Written to `run.json`; its `fingerprint` must be that of an older run in the same place.

        Raises:
            OutputError: It cannot be written, another process is using it, or it is another run's.
        """
        self.folder = folder
        self._journal: BinaryIO | None = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(folder / ".lock")
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise OutputError(
                f"another process is writing {folder}; wait for it, or give another --output_dir"
            ) from error
        except OSError as error:
            raise OutputError(f"results cannot be written to {folder}: {error}; give another --output_dir") from error
        self._settle(settings)

    def _settle(self, settings: Mapping[str, Any]) -> None:
        path = self.folder / SETTINGS
        if path.is_file():
            known = json.loads(path.read_text(encoding="utf-8"))
            if known.get("fingerprint") != settings["fingerprint"]:
                raise OutputError(f"{self.folder} holds another run; remove it or give another --output_dir")
            return
        with atomic_writer(path) as stream:
            stream.write(json.dumps(settings, indent=2, ensure_ascii=False) + "\n")

    def __enter__(self) -> RunDirectory:
        """Return the run itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the journal and give the lock back."""
        if self._journal is not None:
            self._journal.close()
        self._lock.release()

    def resume(self, samples: Sequence[Sample], batch_size: int) -> int:
        """Return how many samples are done, and open the journal after them.

        Only whole batches count: the batch that was being written is scored again, so that every batch of the run has
        the composition it would have had undisturbed.

        Raises:
            OutputError: The journal's keys are not these samples'.
        """
        path = self.folder / JOURNAL
        whole: list[int] = [0]  # byte offsets after each whole line
        if path.is_file():
            for line, sample in zip(_whole_lines(path), samples, strict=False):
                if _key(path, line, len(whole)) != sample.key:
                    raise OutputError(f"{path} does not belong to these samples: {sample.key!r} is not in its place")
                whole.append(whole[-1] + len(line))
        scored = len(whole) - 1
        done = scored if scored == len(samples) else scored - scored % batch_size
        self._journal = path.open("ab")
        self._journal.truncate(whole[done])
        return done

    def append(self, predictions: Sequence[Prediction]) -> None:
        """Add the predictions of one batch to the journal, at once and through to the system.

        Raises:
            OutputError: They cannot be written, for instance because the disk is full. What was there stays.
        """
        assert self._journal is not None, "resume() opens the journal"
        lines = "".join(json.dumps(asdict(p), ensure_ascii=True) + "\n" for p in predictions)
        try:
            self._journal.write(lines.encode())
            self._journal.flush()
        except OSError as error:
            raise OutputError(
                f"{self.folder / JOURNAL} cannot be written: {error}. What was scored is kept; make room and run the "
                f"same command again to go on"
            ) from error

    def predictions(self) -> Iterator[Prediction]:
        """Yield what the journal holds, in the order of the samples."""
        for line in _whole_lines(self.folder / JOURNAL):
            yield Prediction(**json.loads(line))


def _key(path: Path, line: bytes, number: int) -> str:
    try:
        return str(json.loads(line)["key"])
    except (ValueError, KeyError, TypeError) as error:
        raise OutputError(
            f"{path}: line {number} is damaged ({line[:40]!r}); move {path.parent} away to score everything anew"
        ) from error


def _whole_lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        for line in stream:
            if line.endswith(b"\n"):
                yield line
