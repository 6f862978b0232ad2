"""The API alone, in this process and on a real port: no worker, and limits as a test wants them."""

from __future__ import annotations

import json
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import services

from deepfakebench_ext.service.api.app import service_app
from deepfakebench_ext.service.api.serving import Serving
from deepfakebench_ext.service.api.tokens import Tokens
from deepfakebench_ext.service.database import open_database
from deepfakebench_ext.service.folders import Folders
from deepfakebench_ext.service.jobs import Jobs
from deepfakebench_ext.service.models_seen import ModelsSeen
from deepfakebench_ext.service.server import http_server
from deepfakebench_ext.service.settings import Limits, ServedModel, ServiceSettings


@dataclass(frozen=True)
class Api:
    """A server that answers.

    Attributes:
        port: On the loopback.
        serving: What its routes share.
    """

    port: int
    serving: Serving

    def client(self, token: str | None = None) -> httpx.Client:
        """An HTTP client of it."""
        headers = {} if token is None else {"authorization": f"Bearer {token}"}
        return httpx.Client(base_url=f"http://127.0.0.1:{self.port}", headers=headers, timeout=60)

    def connected(self) -> socket.socket:
        """A connection to it."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=60)

    def holds_nothing(self) -> bool:
        """Whether no job and no file is there."""
        folders = self.serving.folders
        return not (self.serving.jobs.ids() or folders.uploads() or list(folders.incoming.iterdir()))


@contextmanager
def answering(
    data_dir: Path, *, limits: Limits | None = None, tokens: Tokens | None = None, local_names: bool = True
) -> Iterator[Api]:
    """The API, until the end of the block."""
    limits = limits or Limits(free_bytes=0, requests_per_s=10_000)
    settings = ServiceSettings(data_dir=str(data_dir), models={"default": ServedModel()}, limits=limits)
    folders, database = Folders(settings.folder), open_database(None, settings.folder)
    serving = Serving(
        settings,
        database,
        Jobs(database, limits),
        ModelsSeen(database),
        folders,
        wake=lambda job: None,
        is_ending=lambda: server.should_exit,
    )
    before = tempfile.tempdir
    app = service_app(serving, tokens, local_names=local_names, started=lambda: None, ended=lambda: None)
    port = services.free_port()
    server = http_server(app, "127.0.0.1", port)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        services.until(lambda: server.started, "an answer")
        yield Api(port, serving)
    finally:
        server.should_exit = True
        thread.join()
        database.engine.dispose()
        tempfile.tempdir = before


def answer_of(connection: socket.socket) -> tuple[int, dict[str, str], str]:
    """Status, headers and `detail` of the answer that comes."""
    came = b""
    while b"\r\n\r\n" not in came:
        more = connection.recv(65536)
        if not more:
            raise AssertionError(f"the connection ended after {came!r}")
        came += more
    head, _, body = came.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    while len(body) < int(headers["content-length"]):
        body += connection.recv(65536)
    return int(status.split()[1]), headers, json.loads(body).get("detail", "")
