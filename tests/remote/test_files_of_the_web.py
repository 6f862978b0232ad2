"""Files behind https://, here from a server on this machine that is asked by http://."""

from __future__ import annotations

import base64
import hashlib
import re
import ssl
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import buckets
import pytest
import tiny
import torch
import yaml

from deepfakebench_ext.cli.evaluate import evaluate
from deepfakebench_ext.cli.main import run
from deepfakebench_ext.common.errors import ConfigError, FetchError, MediaError
from deepfakebench_ext.common.urls import is_url, shown, without_secrets
from deepfakebench_ext.data.samples.folders import collect_samples
from deepfakebench_ext.remote import failing
from deepfakebench_ext.remote.fetching import at_hand
from deepfakebench_ext.remote.typed import known, place

TOKEN, PASSWORD = "eyJhbGciOiJIUzI1NiJ9", "correct-horse"


class Web:
    """Files, and how badly they are served.

    Attributes:
        files: By path.
        busy: How often each is answered with 429 first.
        cut: How often the connection is cut in the middle.
        knows_ranges, has_tags: Whether the server does as most do.
        needs_token, needs_password: Whether it answers 403 or 401 to those who have none.
        requests: `METHOD /path range`, in order.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.busy, self.cut = Counter[str](), Counter[str]()
        self.knows_ranges = self.has_tags = True
        self.needs_token = self.needs_password = False
        self.requests: list[str] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self.server.web = self  # type: ignore[attr-defined]
        self.host = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def url(self, path: str) -> str:
        return f"http://{self.host}/{path}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: object) -> None:
        """Keep quiet."""

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        web: Web = self.server.web  # type: ignore[attr-defined]
        parts, asked = urlsplit(self.path), self.headers.get("Range", "")
        path = parts.path[1:]
        web.requests.append(f"{self.command} /{path} {asked}".rstrip())
        if web.needs_token and parse_qs(parts.query).get("token") != [TOKEN]:
            return self._send(403, b"", {})
        right = "Basic " + base64.b64encode(f"user:{PASSWORD}".encode()).decode()
        if web.needs_password and self.headers.get("Authorization") != right:
            return self._send(401, b"", {})
        if path not in web.files:
            return self._send(404, b"", {})
        if self.command == "GET" and web.busy[path]:
            web.busy[path] -= 1
            return self._send(429, b"", {})
        content = web.files[path]
        headers = {"ETag": f'"{hashlib.md5(content).hexdigest()}"'} if web.has_tags else {}
        begin = re.fullmatch(r"bytes=(\d+)-", asked) if web.knows_ranges else None
        start = int(begin[1]) if begin else 0
        if begin:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        is_cut = self.command == "GET" and web.cut[path] > 0
        web.cut[path] -= is_cut
        return self._send(206 if begin else 200, content[start:], headers, is_cut=is_cut)

    def _send(self, status: int, body: bytes, headers: dict[str, str], *, is_cut: bool = False) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body[: len(body) // 2] if is_cut else body)
        self.close_connection = self.close_connection or is_cut


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    monkeypatch.setenv("DFB_CACHE_DIR", str(tmp_path / "cache"))
    buckets.ask_anew(monkeypatch)
    web = Web()
    yield web
    web.server.shutdown()
    web.server.server_close()


def read(url: str) -> bytes:
    with at_hand(known(url)) as path:
        return path.read_bytes()


BIG = bytes(range(256)) * 12_000  # several reads


@pytest.mark.parametrize("knows_ranges", [True, False])
def test_what_breaks_off_is_gone_on_with_even_where_a_server_begins_anew(web: Web, knows_ranges: bool) -> None:
    web.files["a.mp4"], web.knows_ranges = BIG, knows_ranges
    web.cut["a.mp4"], web.busy["a.mp4"] = 3, 2
    assert read(web.url("a.mp4")) == BIG
    ranges = [line for line in web.requests if "bytes=" in line]
    assert len(ranges) == 3 and web.cut["a.mp4"] == 0
    assert not any(line.endswith("bytes=0-") for line in ranges)


def test_a_file_is_fetched_once_and_a_changed_one_again(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    web.files["a.jpg"] = b"one"
    assert read(web.url("a.jpg")) == b"one" == read(web.url("a.jpg"))
    assert [line for line in web.requests if "GET" in line] == ["GET /a.jpg"]
    web.files["a.jpg"] = b"two"
    buckets.ask_anew(monkeypatch)  # the next run
    assert read(web.url("a.jpg")) == b"two"


def test_a_file_that_changes_while_a_run_lasts_is_not_scored_as_another(web: Web) -> None:
    web.files["a.jpg"] = b"one"
    collect_samples(place(web.url("a.jpg")), kind="image")
    web.files["a.jpg"] = b"two"
    with pytest.raises(MediaError, match="has changed since the run began"):
        read(web.url("a.jpg"))


def test_what_a_server_gives_no_tag_of_is_never_found_again(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    web.files["a.jpg"], web.has_tags = b"one", False
    assert read(web.url("a.jpg")) == b"one"
    web.files["a.jpg"] = b"two"
    buckets.ask_anew(monkeypatch)
    assert read(web.url("a.jpg")) == b"two"


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        (lambda web: web.files.clear(), MediaError, "no such file"),
        (lambda web: setattr(web, "needs_token", True), MediaError, "not permitted"),
        (lambda web: setattr(web, "needs_password", True), FetchError, "the credentials are not accepted"),
        (lambda web: web.busy.update({"a.jpg": 99}), FetchError, "could not be had in 8 tries"),
    ],
)
def test_what_a_server_refuses_is_one_sentence(
    web: Web, change: Callable[[Web], None], error: type[Exception], says: str
) -> None:
    web.files["a.jpg"] = b"one"
    change(web)
    with pytest.raises(error, match=says) as raised:
        read(web.url("a.jpg?token=wrong-secret"))
    assert "wrong-secret" not in str(raised.value) and web.url("a.jpg") in str(raised.value)


def test_a_server_that_is_not_reached_has_not_lost_its_files(web: Web) -> None:
    import aiohttp
    from aiohttp.client_reqrep import ConnectionKey

    with pytest.raises(FetchError, match="could not be had in 8 tries"):
        read("http://127.0.0.1:9/a.jpg")
    key = ConnectionKey("h.org", 443, True, True, None, None, None)
    for cause, again in (
        (aiohttp.ClientConnectorDNSError(key, OSError(-2, "Name or service not known")), True),
        (aiohttp.ClientConnectorCertificateError(key, ssl.SSLCertVerificationError("self-signed")), False),
    ):
        error = FileNotFoundError("https://h.org/a.jpg")  # as fsspec calls whatever went wrong
        error.__cause__ = cause
        assert failing.is_passing(error) is again
        assert isinstance(failing.said(error, "https://h.org/a.jpg"), FetchError)


def test_a_web_server_lists_nothing(web: Web) -> None:
    with pytest.raises(ConfigError, match="a web server lists no files; name each"):
        collect_samples(place(web.url("photos/")), kind="image")


def test_secrets_of_urls_open_files_and_are_in_none_that_a_run_leaves(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    tiny.photos(tmp_path / "photos", 1)
    web.files = {f"{name}/000.png": (tmp_path / f"photos/{name}/000.png").read_bytes() for name in ("real", "fake")}
    web.needs_token = web.needs_password = True
    (tmp_path / "clip.yaml").write_text(yaml.safe_dump(tiny.CLIP_YAML))
    torch.save(tiny.clip_detector_state(), tmp_path / "w.pth")
    urls = [f"http://user:{PASSWORD}@{web.host}/{name}?token={TOKEN}" for name in (*web.files, "real/none.png")]
    (tmp_path / "list.csv").write_text("path,label\n" + "".join(f"{url},0\n" for url in urls))
    for given in (["--manifest", "list.csv"], [f"--image={urls[0]}"], [urls[1]], [*urls]):
        words = ["--detector_config", "clip.yaml", "--weights", "w.pth", "--device", "cpu", "--no_plots", *given]
        monkeypatch.setattr(sys, "argv", ["perf_huggingface.py", *words])
        with pytest.raises(SystemExit):
            run(partial(evaluate, words, prog_name="perf_huggingface.py"))
    (tmp_path / "list.csv").unlink()
    printed = "".join(capfd.readouterr())
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert sum(path.name == "scores.csv" for path in written) >= 3 and web.host in printed
    for secret in (TOKEN, PASSWORD):
        assert secret not in printed
        assert [path for path in written if secret.encode() in path.read_bytes() or secret in str(path)] == []


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://u:p@h.org/a b.jpg?X-Amz-Signature=0f#x", "https://h.org/a b.jpg"),
        ("https://h.org:8080/a.jpg", "https://h.org:8080/a.jpg"),
        ("s3://bucket/what?.jpg", "s3://bucket/what?.jpg"),
        ("s3://key:secret@bucket/a.jpg", "s3://bucket/a.jpg"),
        ("hf://datasets/org/name@rev/a.jpg", "hf://datasets/org/name@rev/a.jpg"),
        ("redis://:secret@host/0?x=secret", "redis://host/0"),
        ("C:/photos", "C:/photos"),
    ],
)
def test_a_url_is_shown_without_its_secrets(url: str, name: str) -> None:
    assert shown(url) == name
    assert not is_url(url) or without_secrets(f"error at {url.replace(' ', '%20')}: no").count("secret") == 0
