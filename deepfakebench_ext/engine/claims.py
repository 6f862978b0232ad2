"""Units of work that several processes share: who is at one, how often it was tried, and what it failed of.

Who is at a unit holds a lock on a file, which the system takes back when a process ends, however it ends: no lease, and
so no clock, can be wrong. A try leaves a line before it begins, and takes it back where it ends well; so a unit that
kills whoever takes it is known by the lines that are left.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from deepfakebench_ext.common.atomic_files import making
from deepfakebench_ext.common.errors import ConfigError, FailuresError, MissingExtraError, OutputError

LOCK, TRIES = ".lock", ".tries"
MOST_TRIES = 3
"""Tries that may fail, or kill their process, before a unit is given up."""
MOST_IN_A_ROW = 3
"""Units that may fail one after the other in a process; then it is the process that fails, or what it was asked."""
OF_THE_RUN = (ConfigError, FailuresError, MissingExtraError, OutputError)
"""Errors that no other try mends: of what was asked, of the disk that is written, of a run that cannot end well."""
KILLED = "its process was killed, as by a lack of memory or a crash of a decoder"
"""What a unit failed of whose last try says nothing."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A unit that this process is at.

    Attributes:
        name: Of the unit.
    """

    name: str
    _path: Path
    _lock: FileLock

    def done(self) -> None:
        """Take that its result is there."""
        _tries(self._path).unlink(missing_ok=True)
        self._lock.release()
        _locked(self._path).unlink(missing_ok=True)

    def give_back(self) -> None:
        """Leave it as if it had not been tried."""
        self._write(_lines(self._path)[:-1])

    def failed(self, reason: str) -> None:
        """Leave it to be tried again, by whoever comes next."""
        self._write([*_lines(self._path)[:-1], {"reason": reason}])

    def _write(self, lines: list[dict[str, str]]) -> None:
        try:
            _write(self._path, lines)
        finally:
            self._lock.release()


@dataclass(slots=True)
class Claims:
    """The units of a folder, of which each process takes those that nobody is at.

    Attributes:
        folder: Where locks and tries lie.
        given_up: Name of each unit that was found to have failed too often, to what it failed of last.
    """

    folder: Path
    given_up: dict[str, str] = field(default_factory=dict)

    def take(self, name: str, is_done: Callable[[], bool], *, fresh: bool = False) -> Claim | None:
        """Return a unit that is now this process's; None where it is done, given up, or another's.

        Args:
            name: Of the unit.
            is_done: Whether its result is there; asked once nobody else can be at it.
            fresh: None also for one that was tried before: it may kill its process, and what that has begun besides.

        Raises:
            OutputError: The folder cannot be written.
        """
        path = self.folder / name
        lock = FileLock(_locked(path), thread_local=False)
        with making(self.folder):
            try:
                lock.acquire(timeout=0)
            except Timeout:
                return None
            claim = Claim(name, path, lock)
            if is_done():
                claim.done()
                return None
            lines = _lines(path)
            if len(lines) >= MOST_TRIES:
                self.given_up[name] = lines[-1].get("reason", KILLED)
            if lines and (fresh or name in self.given_up):
                lock.release()
                return None
            with _tries(path).open("a", encoding="utf-8") as file:
                file.write(json.dumps({"by": f"{socket.gethostname()} {os.getpid()}"}) + "\n")
        return claim

    def was_tried(self, name: str) -> bool:
        """Return whether a try of a unit left its line, ended badly or not yet."""
        return _tries(self.folder / name).exists()

    def has_failed(self, name: str) -> bool:
        """Return whether a unit failed with an error."""
        return any("reason" in line for line in _lines(self.folder / name))

    def forgive(self) -> None:
        """Let all that failed with an error be tried anew, but not what kills its process: a command begins.

        Raises:
            OutputError: The folder cannot be written.
        """
        with making(self.folder):
            for tries in self.folder.glob(f"*{TRIES}"):
                path = tries.with_suffix("")
                lock = FileLock(_locked(path), thread_local=False)
                with contextlib.suppress(Timeout), lock.acquire(timeout=0):  # else somebody is at it
                    _write(path, [line for line in _lines(path) if "reason" not in line])


def _locked(path: Path) -> Path:
    return path.with_name(f"{path.name}{LOCK}")


def _tries(path: Path) -> Path:
    return path.with_name(f"{path.name}{TRIES}")


def _lines(path: Path) -> list[dict[str, Any]]:
    """What is known of the tries of a unit; a line that a crash of the machine cut off is one that was killed."""
    try:
        texts = _tries(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []
    return [_line(text) for text in texts]


def _line(text: str) -> dict[str, Any]:
    with contextlib.suppress(ValueError, RecursionError):
        if isinstance(values := json.loads(text), dict):
            return values
    return {}


def _write(path: Path, lines: list[dict[str, Any]]) -> None:
    if lines:
        _tries(path).write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    else:
        _tries(path).unlink(missing_ok=True)
