"""The worker's end of the line to the process that computes (`network.py`)."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from dataclasses import asdict
from queue import Empty, SimpleQueue
from typing import Any

import psutil

from deepfakebench_ext.service.settings import ServiceSettings
from deepfakebench_ext.service.task import Task

_END_S = 1.5
_SHARE = 0.9


class NetworkEndedError(Exception):
    """The process has ended."""


class NetworkProcess:
    """The process, from its start to its end."""

    def __init__(self, settings: ServiceSettings) -> None:
        """Start it."""
        limit = settings.limits.memory_bytes
        self._most_bytes = limit if limit is not None else int(_SHARE * psutil.virtual_memory().total)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "deepfakebench_ext.service.network"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        self._said: SimpleQueue[dict[str, Any] | None] = SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()
        self._write(settings.model_dump_json())

    def judge(self, task: Task) -> None:
        """Give it a job. Where the process has ended, `next` says so."""
        self._write(json.dumps({"do": "judge", **asdict(task)}))

    def next(self, timeout_s: float) -> dict[str, Any] | None:
        """What it says next; None where it says nothing for so long.

        Raises:
            NetworkEndedError: It has ended.
        """
        try:
            said = self._said.get(timeout=timeout_s)
        except Empty:
            return None
        if said is None:
            code = self._process.wait()
            by = f"signal {-code}" if code < 0 else f"exit code {code}"
            raise NetworkEndedError(f"the process that computes ended by itself ({by})")
        return said

    @property
    def has_ended(self) -> bool:
        """Whether it is gone."""
        return self._process.poll() is not None

    @property
    def has_grown(self) -> bool:
        """Whether it takes more memory than it may."""
        try:
            return bool(psutil.Process(self._process.pid).memory_info().rss > self._most_bytes)
        except psutil.Error:  # it has ended, which `next` says
            return False

    def leave(self) -> bool:
        """Make it leave its job; whether it did so in time. Where not, it is ended."""
        self._write(json.dumps({"do": "stop"}))
        try:
            while (said := self.next(_END_S)) is not None:
                if said["is"] in ("stopped", "done", "refused", "hindered"):
                    return True
        except NetworkEndedError:
            return False
        self.end()
        return False

    def end(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()

    def _write(self, line: str) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            return  # it has ended: the end of its output says so to whoever waits

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._said.put(json.loads(line))
        self._said.put(None)
