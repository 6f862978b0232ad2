"""Real services on loopback ports of their own: `dfb-ext serve` and `worker`, PostgreSQL, Redis."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import tiny
import torch
import yaml

_READY_S = 90
_BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
_numbers = itertools.count()


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def until(holds: Callable[[], Any], what: str, seconds: float = _READY_S) -> Any:
    """What `holds` returns, once it is true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := holds():
            return found
        time.sleep(0.1)
    raise AssertionError(f"not within {seconds} s: {what}")


def weights(folder: Path) -> list[str]:
    """Options that name a tiny image detector, made in `folder`."""
    (folder / "clip.yaml").write_text(yaml.safe_dump(tiny.CLIP_YAML))
    torch.save(tiny.clip_detector_state(), folder / "w.pth")
    named = ["--detector_config", str(folder / "clip.yaml"), "--weights", str(folder / "w.pth")]
    return [*named, "--dtype", "float32", "--device", "cpu"]


def command(*words: str) -> list[str]:
    """`dfb-ext` with these words, by this interpreter."""
    return [sys.executable, "-m", "deepfakebench_ext", *words]


class Service:
    """`dfb-ext serve`, started and ended as a user does it.

    Attributes:
        data_dir: Its data folder.
        url: Where it answers.
        log: What it prints.
    """

    def __init__(self, folder: Path, options: list[str], *more: str) -> None:
        """Say how it is started."""
        self.data_dir, self.log, self.port = folder / "data", folder / "serve.log", free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        where = ["--port", str(self.port), "--data_dir", str(self.data_dir)]
        self._command = command("serve", *options, *where, *more)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Service:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.end()

    def start(self) -> None:
        """Start it."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, env=_alone())

    def end(self) -> int:
        """Let it end; its exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(40)

    def kill(self) -> None:
        """Kill the server, as a crash does."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    @property
    def code(self) -> int | None:
        """What it ended with; None while it runs."""
        assert self._process is not None
        return self._process.poll()

    @property
    def pid(self) -> int:
        """Of the server."""
        assert self._process is not None
        return self._process.pid

    def client(self, **headers: str) -> httpx.Client:
        """An HTTP client of it."""
        return httpx.Client(base_url=self.url, headers=headers, timeout=60)

    def wait_until_ready(self) -> None:
        """Return once it takes jobs and a worker has loaded the detectors."""

        def is_ready() -> bool:
            assert self._process is not None
            assert self._process.poll() is None, self.log.read_text()
            try:
                return httpx.get(f"{self.url}/readyz").status_code == 200
            except httpx.TransportError:
                return False

        until(is_ready, f"ready: {self.log}")


@contextmanager
def worker(folder: Path, options: list[str], *more: str) -> Iterator[subprocess.Popen[bytes]]:
    """`dfb-ext worker`."""
    with (folder / "worker.log").open("ab") as log:
        process = subprocess.Popen(command("worker", *options, *more), stdout=log, stderr=log, env=_alone())
    try:
        yield process
    finally:
        process.terminate()
        process.wait(40)


class Postgres:
    """A PostgreSQL server."""

    def __init__(self, folder: Path) -> None:
        """Make its data."""
        if not _BINARIES:
            pytest.skip("PostgreSQL is not installed (apt-get install postgresql)")
        self._bin, self._folder, self._port = _BINARIES[-1], folder, free_port()
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            os.chown(folder, pwd.getpwnam("postgres").pw_uid, -1)
        self._run("initdb", "-D", str(folder / "data"), "-A", "trust", "-U", "postgres", "--no-sync")

    def start(self) -> None:
        """Start it."""
        options = f"-p {self._port} -k {self._folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        log = str(self._folder / "log")
        self._run("pg_ctl", "-D", str(self._folder / "data"), "-o", options, "-l", log, "-w", "start")

    def stop(self) -> None:
        """Stop it at once, as a crash does."""
        self._run("pg_ctl", "-D", str(self._folder / "data"), "-m", "immediate", "-w", "stop")

    def new_database(self) -> str:
        """The URL of an empty database."""
        name = f"dfb_{next(_numbers)}"
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self._port), "-U", "postgres", name)
        return f"postgresql://postgres@127.0.0.1:{self._port}/{name}"

    def _run(self, program: str, *words: str) -> None:
        as_other = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        done = subprocess.run(
            [*as_other, str(self._bin / program), *words], capture_output=program != "pg_ctl", text=True, cwd="/"
        )
        assert done.returncode == 0, done


def postgres_program(name: str) -> str:
    """Where a program of PostgreSQL lies."""
    return str(_BINARIES[-1] / name)


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server, running."""
    with tempfile.TemporaryDirectory(prefix="dfb_postgres_") as folder:  # pytest's own are closed to other users
        server = Postgres(Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def redis(folder: Path) -> Iterator[str]:
    """The URL of a Redis server, running."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("Redis is not installed (apt-get install redis-server)")
    port = free_port()
    with (folder / "redis.log").open("ab") as log:
        process = subprocess.Popen([program, "--port", str(port), "--save", "", "--dir", str(folder)], stdout=log)
    try:
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait(10)


def _alone() -> dict[str, str]:
    """The environment of a process that shares two cores with others."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
