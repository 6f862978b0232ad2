"""The data folder: uploads by their digests, and of each job its attempts and its results.

`incoming/` holds uploads on their way, `videos/<sha256>` whole ones, `jobs/<id>/attempt-<n>` what a worker writes, and
`jobs/<id>/result-<n>` what is published. No name in it is a user's.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from deepfakebench_ext.common.atomic_files import check_writable
from deepfakebench_ext.common.errors import OutputError
from deepfakebench_ext.service.job import ID

_SHA256 = re.compile(r"[0-9a-f]{64}")
_KEPT = ("*.json", "*.jsonl")
INCOMING = "incoming"
_PART = ".part"
_FRESH_S = 5.0
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Part:
    """An upload on its way.

    Attributes:
        path: Where it lies.
        sha256: Of its bytes.
        size_bytes: How many.
    """

    path: Path
    sha256: str
    size_bytes: int


class Folders:
    """Where everything of a service lies.

    Attributes:
        root: The data folder.
        incoming: Uploads on their way.
    """

    def __init__(self, root: Path) -> None:
        """Make the folders.

        Raises:
            OutputError: They cannot be written.
        """
        self.root, self.incoming = root.absolute(), root.absolute() / INCOMING
        for each in (self.root, self.incoming, self._videos, self._jobs):
            check_writable(each)

    def upload(self, sha256: str) -> Path:
        """Where the upload of that digest lies."""
        if not _SHA256.fullmatch(sha256):
            raise ValueError(f"{sha256!r} is no digest")
        return self._videos / sha256

    @contextlib.contextmanager
    def part(self, source: BinaryIO) -> Iterator[Part]:
        """A copy of an upload on its way, removed at the end unless it was moved to its place by then.

        It is locked as long, so that what a killed server left is told from what one is at work on.
        """
        path = self.incoming / f"{secrets.token_hex(8)}{_PART}"
        digest, size = hashlib.sha256(), 0
        try:
            with path.open("xb") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                while chunk := source.read(_CHUNK_BYTES):
                    digest.update(chunk)
                    size += file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
                yield Part(path, digest.hexdigest(), size)
        finally:
            path.unlink(missing_ok=True)

    def keep_upload(self, part: Part) -> None:
        """Move a whole upload to its place."""
        part.path.replace(self.upload(part.sha256))
        folder = os.open(self._videos, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def uploads(self) -> set[str]:
        """Digests of all that lie there."""
        return {each.name for each in self._videos.iterdir()}

    def remove_broken_off(self) -> None:
        """Remove what killed servers left of uploads."""
        for path in self.incoming.glob(f"*{_PART}"):
            with contextlib.suppress(FileNotFoundError, BlockingIOError), path.open("r+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if time.time() - path.stat().st_mtime > _FRESH_S:  # between its making and its lock
                    path.unlink()

    def job(self, job: str) -> Path:
        """Where the folders of a job lie."""
        if not ID.fullmatch(job):
            raise ValueError(f"{job!r} is no job")
        return self._jobs / job

    def begin_attempt(self, job: str, number: int) -> Path:
        """Make the folder of an attempt, with what earlier ones had scored, which it goes on with.

        Raises:
            OutputError: It cannot be written.
        """
        folder = self.job(job) / f"attempt-{number}"
        earlier = sorted(self.job(job).glob("attempt-*"), key=_number)
        with _writing(folder):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            if earlier:
                _copy_journals(earlier[-1], folder)
        return folder

    def publish(self, job: str, run: Path, number: int) -> str:
        """Rename the folder of a finished run, and return the name that it is published under once SQL says so.

        Raises:
            OutputError: It cannot be renamed.
        """
        name = f"result-{number}"
        place = self.job(job) / name
        with _writing(place):
            shutil.rmtree(place, ignore_errors=True)
            run.replace(place)
        return name

    def tidy(self, job: str, result: str | None) -> None:
        """Remove all of a job but its results."""
        for each in self.job(job).glob("*"):
            if each.name != result:
                shutil.rmtree(each, ignore_errors=True)

    def remove_job(self, job: str) -> None:
        """Remove all of a job."""
        shutil.rmtree(self.job(job), ignore_errors=True)

    def remove_upload(self, sha256: str) -> None:
        """Remove an upload."""
        self.upload(sha256).unlink(missing_ok=True)

    def jobs(self) -> set[str]:
        """Ids of all jobs that have a folder."""
        return {each.name for each in self._jobs.iterdir() if ID.fullmatch(each.name)}

    def size_bytes(self, job: str, sha256: str) -> int:
        """How much a job and its upload take."""
        return _size_bytes(self.job(job)) + _size_bytes(self.upload(sha256))

    def taken_bytes(self) -> int:
        """How much all uploads and results take."""
        return _size_bytes(self._videos) + _size_bytes(self._jobs)

    def free_bytes(self) -> int:
        """How much room is left on the disk."""
        return shutil.disk_usage(self.root).free

    @property
    def _videos(self) -> Path:
        return self.root / "videos"

    @property
    def _jobs(self) -> Path:
        return self.root / "jobs"


def _size_bytes(path: Path) -> int:
    """Of a file, or of all in a folder. What is deleted meanwhile takes nothing."""
    size = 0
    for each in [path, *path.rglob("*")]:
        with contextlib.suppress(FileNotFoundError):
            size += each.stat().st_size if each.is_file() else 0
    return size


def _number(attempt: Path) -> int:
    return int(attempt.name.partition("-")[2])


def _copy_journals(source: Path, target: Path) -> None:
    """Copy what runs go on with. A worker that is lost may still be writing it: the last line may be half."""
    for run in (each for each in source.iterdir() if each.is_dir()):
        for pattern in _KEPT:
            for file in run.glob(pattern):
                (target / run.name).mkdir(exist_ok=True)
                shutil.copy(file, target / run.name / file.name)


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"{path.name} cannot be written: {error.strerror or error}") from error
