"""S3 on this machine: moto's server, and before it a proxy that is as bad as networks are."""

from __future__ import annotations

import http.client
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import pytest

_DENIED = b'<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>'
_BUSY = b'<?xml version="1.0"?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>'
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"


class S3:
    """Buckets, and what was asked of them.

    Attributes:
        requests: `METHOD /bucket/key`, in order; of a listing with its `?`.
        busy: How often each path is answered with 503 first.
        cut: How often the connection is cut in the middle of each path's content.
        lists: Whether listings are permitted.
    """

    def __init__(self, port: int) -> None:
        self.requests: list[str] = []
        self.busy: Counter[str] = Counter()
        self.cut: Counter[str] = Counter()
        self.lists = True
        self.lock = threading.Lock()
        self._behind = port
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.s3 = self  # type: ignore[attr-defined]
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def send(self, method: str, path: str, body: bytes = b"") -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self._behind)
        try:
            connection.request(method, path, body=body, headers={"Host": f"127.0.0.1:{self._behind}", **self._extra})
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()

    _extra: dict[str, str] = {"Authorization": "AWS4-HMAC-SHA256 Credential=AKIA/20260101/us-east-1/s3/aws4_request"}  # noqa: RUF012

    def put(self, bucket: str, folder: Path) -> None:
        """Make a bucket, and put all files of a folder into it."""
        assert self.send("PUT", f"/{bucket}")[0] == 200
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                self.write(f"{bucket}/{file.relative_to(folder).as_posix()}", file.read_bytes())

    def write(self, path: str, content: bytes) -> None:
        assert self.send("PUT", f"/{quote(path)}", content)[0] == 200


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._pass()

    def do_GET(self) -> None:
        self._pass()

    def log_message(self, *args: object) -> None:
        """Keep quiet."""

    def _pass(self) -> None:
        s3: S3 = self.server.s3  # type: ignore[attr-defined]
        path = unquote(urlsplit(self.path).path)
        with s3.lock:
            s3.requests.append(f"{self.command} {path}{'?' if 'list-type' in self.path else ''}")
            is_busy, is_cut = (bool(counts[path] > 0) for counts in (s3.busy, s3.cut))
            s3.busy[path] -= is_busy
            s3.cut[path] -= is_cut and not is_busy and self.command == "GET"
        if is_busy:
            return self._send(503, [("Content-Type", "application/xml")], _BUSY)
        if "list-type" in self.path and not s3.lists:
            return self._send(403, [("Content-Type", "application/xml")], _DENIED)
        connection = http.client.HTTPConnection("127.0.0.1", s3._behind)
        connection.request(self.command, self.path, headers=dict(self.headers))
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        headers = [(k, v) for k, v in answer.getheaders() if k.lower() not in ("transfer-encoding", "connection")]
        self._send(answer.status, headers, body, is_cut=is_cut and self.command == "GET")

    def _send(self, status: int, headers: list[tuple[str, str]], body: bytes, *, is_cut: bool = False) -> None:
        self.send_response(status)
        for name, value in headers:
            if name.lower() not in ("server", "date", "content-length"):
                self.send_header(name, value)
        length = dict((name.lower(), value) for name, value in headers).get("content-length", str(len(body)))
        self.send_header("Content-Length", length if self.command == "HEAD" else str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[: len(body) // 2] if is_cut else body)
        self.close_connection = self.close_connection or is_cut


@contextmanager
def moto() -> Iterator[int]:
    """The port of a running moto server."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        yield server.get_host_and_port()[1]
    finally:
        server.stop()


def environment(s3: S3, cache: Path) -> dict[str, str]:
    """What a process needs to ask it."""
    return {
        "AWS_ENDPOINT_URL": s3.endpoint,
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "DFB_CACHE_DIR": str(cache),
    }


def ask_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget what this process knows of stores, as a new one does, and wait for none of them."""
    from deepfakebench_ext.remote import failing, states, stores

    monkeypatch.setattr(failing, "FIRST_WAIT_S", 0.001)
    states._known.clear()
    stores._opened.cache_clear()
