"""gs:// from a server on this machine that speaks as much of Google Cloud Storage as is asked of it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import buckets
import pytest
import tiny

from deepfakebench_ext.common.digests import content_of
from deepfakebench_ext.common.errors import ExtError
from deepfakebench_ext.data.readers.at_hand import sample_at_hand
from deepfakebench_ext.engine.file_inputs import gather_samples

pytestmark = pytest.mark.skipif(find_spec("gcsfs") is None, reason="gcsfs is not installed (extra `remote`)")
BUCKET = "data"


class _Google(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: object) -> None:
        """Keep quiet."""

    def do_GET(self) -> None:
        files: dict[str, bytes] = self.server.files  # type: ignore[attr-defined]
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        found = re.fullmatch(r"(/download)?/storage/v1/b/([^/]+)(?:/o(?:/(.+))?)?", parts.path)
        name = unquote((found and found[3]) or "")
        if found is None or found[2] != BUCKET or (found[3] and name not in files):
            return self._json(404, {"error": {"code": 404, "message": "Not Found"}})
        if found[3] and (found[1] or query.get("alt") == "media"):
            return self._content(name, files[name])
        if found[3]:
            return self._json(200, _item(name, files[name]))
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        inside = [each for each in sorted(files) if each.startswith(prefix)]
        direct = [each for each in inside if not delimiter or delimiter not in each[len(prefix) :]]
        deeper = {prefix + each[len(prefix) :].split("/")[0] + "/" for each in inside if each not in direct}
        items = [_item(each, files[each]) for each in direct]
        return self._json(200, {"items": items, "prefixes": sorted(deeper)})

    def _content(self, name: str, content: bytes) -> None:
        busy: Counter[str] = self.server.busy  # type: ignore[attr-defined]
        if busy[name]:
            busy[name] -= 1
            return self._json(429, {"error": {"code": 429, "message": "slow down"}})
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        body = content[int(asked[1]) : int(asked[2]) + 1 if asked[2] else None] if asked else content
        return self._send(206 if asked else 200, "image/png", body)

    def _json(self, status: int, values: Any) -> None:
        self._send(status, "application/json", json.dumps(values).encode())

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _item(name: str, content: bytes) -> dict[str, Any]:
    md5 = base64.b64encode(hashlib.md5(content).digest()).decode()
    about = {"kind": "storage#object", "bucket": BUCKET, "name": name, "size": str(len(content)), "md5Hash": md5}
    return {**about, "etag": "x", "generation": "1", "updated": "2026-01-01T00:00:00Z"}


@pytest.fixture
def google(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadingHTTPServer]:
    # Or it asks Google itself, in another protocol, how a bucket is laid out; read when gcsfs is imported.
    monkeypatch.setenv("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
    import fsspec.config

    server = ThreadingHTTPServer(("127.0.0.1", 0), _Google)
    folder = tiny.photos(tmp_path / "photos", 2)
    files = {f"set/{path.relative_to(folder).as_posix()}": path.read_bytes() for path in folder.rglob("*.png")}
    server.files, server.busy = files, Counter[str]()  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    # As FSSPEC_GS would say it before fsspec is imported.
    said = {"endpoint_url": f"http://127.0.0.1:{server.server_port}", "token": "anon"}
    monkeypatch.setitem(fsspec.config.conf, "gs", said)
    monkeypatch.setenv("DFB_CACHE_DIR", str(tmp_path / "cache"))
    buckets.ask_anew(monkeypatch)
    yield server
    server.shutdown()
    server.server_close()


def test_a_folder_of_google_is_read_as_that_on_the_disk(google: Any, tmp_path: Path) -> None:
    google.busy["set/real/000.png"] = 1
    far, near = gather_samples("gs://data/set"), gather_samples(tmp_path / "photos")
    assert [(s.key, s.label) for s in far] == [(s.key, s.label) for s in near]
    for there, here in zip(far, near, strict=True):
        with sample_at_hand(there) as local:
            assert not local.fault and content_of(local.file) == content_of(here.file)
    assert [s.file for s in gather_samples("gs://data/set/real/000.png")] == ["gs://data/set/real/000.png"]


@pytest.mark.parametrize("url", ["gs://data/set/real/none.png", "gs://other/a.png", "gs://data/none/"])
def test_what_google_has_not_is_one_sentence(google: Any, url: str) -> None:
    with pytest.raises(ExtError, match=re.escape(url.rstrip("/"))):
        gather_samples(url)
