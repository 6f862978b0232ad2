"""What is uploaded, and what is said where it cannot be: by a server that speaks the hub's protocol for it."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from deepfakebench_ext.common.errors import WeightsError
from deepfakebench_ext.models.weights.hub import create_repository, push_folder


class _Hub(BaseHTTPRequestHandler):
    """Creates a repository, takes every file as a regular one, and keeps what a commit holds."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append(self.path)
        if self.server.refuses:
            return self._answer(401, {"error": "Invalid username or password."})
        if self.path == "/api/repos/create":
            return self._answer(200, {"url": f"{self.server.endpoint}/me/detector"})
        if "/preupload/" in self.path:
            files = [
                {"path": f["path"], "uploadMode": "regular", "shouldIgnore": False} for f in json.loads(body)["files"]
            ]
            return self._answer(200, {"files": files})
        if "/commit/" in self.path:
            lines = [json.loads(line) for line in body.splitlines()]
            self.server.files = {line["value"]["path"] for line in lines if line["key"] == "file"}
            answer = {
                "commitUrl": f"{self.server.endpoint}/me/detector/commit/{0:040d}",
                "commitOid": "0" * 40,
                "pullRequestUrl": None,
            }
            return self._answer(200, {"success": True, "hookOutput": "", **answer})
        return self._answer(200, {})

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        if self.server.refuses and self.path == "/api/whoami-v2":
            return self._answer(401, {"error": "Invalid username or password."})
        return self._answer(200, {"id": "me/detector", "sha": "0" * 40, "siblings": []})

    def _answer(self, status: int, values: dict) -> None:
        body = json.dumps(values).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Keep quiet."""


@pytest.fixture
def hub(monkeypatch):
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Hub)
    server.asked, server.files, server.refuses = [], set(), False
    server.endpoint = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    import huggingface_hub

    real = huggingface_hub.HfApi
    monkeypatch.setattr(huggingface_hub, "HfApi", lambda: real(endpoint=server.endpoint, token="hf_made_up"))
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", server.endpoint)  # older hubs tell ids by it
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)  # it would write logs into HF_HOME
    yield server
    server.shutdown()
    server.server_close()


def test_the_whole_folder_is_uploaded(hub, tmp_path):
    for name in ("README.md", "config.json", "detector.yaml"):
        (tmp_path / name).write_text("---\ntags:\n- deepfake-detection\n---\n" if name == "README.md" else "{}")
    create_repository("me/detector")
    assert hub.asked == ["/api/whoami-v2", "/api/repos/create"]
    assert push_folder(tmp_path, "me/detector") == f"{hub.endpoint}/me/detector"
    assert hub.files == {"README.md", "config.json", "detector.yaml"}


def test_a_refusal_says_how_to_log_in(hub, tmp_path):
    hub.refuses = True
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(WeightsError, match=r"'me/detector' could not be written on the hub: .*hf auth login"):
        push_folder(tmp_path, "me/detector")
    with pytest.raises(WeightsError, match=r"'me/detector' cannot be written on the hub: .*hf auth login"):
        create_repository("me/detector")


def test_a_name_that_no_repository_can_have_is_refused(hub):
    with pytest.raises(WeightsError, match=r"'a/b/c' cannot be written on the hub"):
        create_repository("a/b/c")
