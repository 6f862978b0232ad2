"""Our end of the line to the process that runs a user's program (`child.py`)."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from queue import Empty, SimpleQueue
from typing import Any

from deepfakebench_ext.common.errors import ModelError
from deepfakebench_ext.engine.own.detector import OwnDetector

_STARTS_WITHIN = 10
"""Times the limit of a sample: a module that loads a network as it is imported takes its time."""
_MORE_S = 5.0
_POSIX = os.name == "posix"


class OwnProcess:
    """The process: begun when something is first asked, and anew after it ended or hung. A context manager."""

    def __init__(self, detector: OwnDetector) -> None:
        """Say of what; nothing is started yet."""
        self._detector = detector
        self._process: subprocess.Popen[str] | None = None
        self._said: SimpleQueue[dict[str, Any] | None] = SimpleQueue()
        self._listener = threading.Thread()

    def __enter__(self) -> OwnProcess:
        """Return the process itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """End it."""
        self._end()

    def ask(self, paths: Sequence[str]) -> list[float | str]:
        """Return P(fake) of each file, or the reason why there is none.

        Files that fail together are tried again one by one, so that one does no harm to its neighbours.

        Raises:
            ModelError: The program does not start, or nothing answers at the URL.
        """
        if self._process is None:
            self._start()
        answers = self._asked(paths)
        if isinstance(answers, list):
            return answers
        return [answers] if len(paths) == 1 else [self.ask([path])[0] for path in paths]

    def _asked(self, paths: Sequence[str]) -> list[float | str] | str:
        limit_s = len(paths) * self._detector.time_limit_s
        self._write(list(paths))
        # An API's own limits come first: they say more.
        said = self._next(limit_s + (_MORE_S if self._detector.kind == "api" else 0))
        if isinstance(said, str):
            return said
        if "gone" in said:
            raise ModelError(
                f"--detector {self._detector.source}: nothing answers there ({said['gone']}). What was scored is kept; "
                "start it, and the same command goes on"
            )
        answers: list[float | str] | str = said["answers"] if "answers" in said else said["refused"]
        return answers

    def _start(self) -> None:
        detector = self._detector
        self._said = SimpleQueue()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "deepfakebench_ext.engine.own.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            start_new_session=_POSIX,  # so that what it starts itself ends with it
        )
        self._listener = threading.Thread(target=_listen, args=(self._process, self._said), daemon=True)
        self._listener.start()
        what: dict[str, Any] = {"kind": detector.kind, "limit_s": detector.time_limit_s, "url": detector.source}
        if detector.kind == "function":
            file, name = detector.function
            what |= {"file": str(file), "name": name}
        self._write(what)
        said = self._next(_STARTS_WITHIN * detector.time_limit_s)
        reason = said if isinstance(said, str) else said.get("cannot")
        if reason is not None:
            self._end()
            raise ModelError(f"--detector {detector.source} does not start: {reason}")

    def _next(self, limit_s: float) -> dict[str, Any] | str:
        """What it says next, or why it says nothing; then it is ended."""
        assert self._process is not None
        try:
            said = self._said.get(timeout=limit_s)
        except Empty:
            self._end()
            return f"no answer within {limit_s:g} s (--detector_timeout)"
        if said is not None:
            return said
        code = self._process.wait()
        self._end()
        return f"the program ended: {_how(code)}"

    def _write(self, question: Any) -> None:
        assert self._process is not None and self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            return  # it has ended: the end of its output says so to whoever waits

    def _end(self) -> None:
        if self._process is None:
            return
        process, self._process = self._process, None
        if _POSIX:
            with contextlib.suppress(ProcessLookupError, PermissionError):  # nothing of it is left
                os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.wait()
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        self._listener.join(_MORE_S)


def _listen(process: subprocess.Popen[str], said: SimpleQueue[dict[str, Any] | None]) -> None:
    assert process.stdout is not None
    with process.stdout, contextlib.suppress(ValueError):  # a line that was cut off by its end
        for line in process.stdout:
            said.put(json.loads(line))
    said.put(None)


def _how(code: int) -> str:
    """How a process ended, in words."""
    if code >= 0:
        return f"exit code {code}"
    with contextlib.suppress(ValueError):
        return f"signal {-code} ({signal.Signals(-code).name})"
    return f"signal {-code}"
