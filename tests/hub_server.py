"""A local HTTP server that speaks the protocol of the Hugging Face hub, and a process that asks it through our code.

Run as a program, this file is that process: huggingface_hub reads its environment when it is imported, so another
endpoint needs another process. It answers one JSON line for each JSON line it is sent.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

_RESOLVE = re.compile(r"/(?P<repo>(datasets/)?[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<file>.+)")
_API = re.compile(r"/api/(models/)?(?P<repo>(datasets/)?[^/]+/[^/]+)(/revision/(?P<revision>[^/]+))?")
_TREE = re.compile(r"/api/(?P<repo>datasets/[^/]+/[^/]+)/tree/(?P<revision>[^/]+)(/(?P<folder>.*))?")
_PAGE = b"<!DOCTYPE html><html><body>Please log in to this network.</body></html>"


@dataclass
class Repo:
    """One repository.

    Attributes:
        commits: Commit -> file name -> content.
        refs: Branch or tag -> commit.
        refuses: Status and X-Error-Code that every request is answered with.
        faults: File name -> what goes wrong with it: `error` 500; `portal` a web page and no header of the hub's;
            `page` a web page in the place of the content; `cut` half of the content and then the end of the
            connection, `cut once` the first time; `hang up` the end of the connection at once.
        says: Its own words for why it refuses.
    """

    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    refuses: tuple[int, str] | None = None
    faults: dict[str, str] = field(default_factory=dict)
    says: str = ""


class FakeHub:
    """The server. `requests` lists what it was asked, as `METHOD repo revision file`."""

    def __init__(self) -> None:
        self.repos: dict[str, Repo] = {}
        self.requests: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.hub = self  # type: ignore[attr-defined]
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> FakeHub:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def add(self, name: str, files: Mapping[str, Any], *, refs: tuple[str, ...] = ("main",)) -> str:
        """Add a commit to a repository, let `refs` point to it, and return its 40 digits. Mappings become JSON."""
        content = {file: _bytes(value) for file, value in files.items()}
        sha = hashlib.sha1(repr((name, refs, sorted(content.items()))).encode()).hexdigest()
        repo = self.repos.setdefault(name, Repo())
        repo.commits[sha] = content
        repo.refs |= dict.fromkeys(refs, sha)
        return sha

    def asked(self, name: str) -> list[str]:
        """What was asked of one repository, in order, as `METHOD file`."""
        lines = [line.split(" ") for line in self.requests]
        return [f"{method} {file}" for method, repo, _, file in lines if repo == name]


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else json.dumps(value).encode()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def log_message(self, *args: object) -> None:
        """Keep quiet."""

    def _answer(self) -> None:
        hub: FakeHub = self.server.hub  # type: ignore[attr-defined]
        path = self.path.partition("?")[0]
        match = _RESOLVE.fullmatch(path) or _TREE.fullmatch(path) or _API.fullmatch(path)
        if match is None:
            return self._error(404, "RepoNotFound")
        revision = unquote(match["revision"] or "main")
        file = unquote(match.groupdict().get("file", "tree" if match.re is _TREE else "api"))
        hub.requests.append(f"{self.command} {match['repo']} {revision} {file}")
        repo = hub.repos.get(match["repo"])
        if repo is None:
            return self._error(404, "RepoNotFound")
        if repo.refuses:
            return self._error(*repo.refuses, says=repo.says)
        sha = repo.refs.get(revision, revision)
        if sha not in repo.commits:
            return self._error(404, "RevisionNotFound")
        if match.re is _API:
            return self._send(200, json.dumps({"id": match["repo"], "sha": sha, "siblings": []}).encode(), {})
        if match.re is _TREE:
            return self._tree(repo.commits[sha], unquote(match["folder"] or ""))
        return self._file(repo, sha, file)

    def _tree(self, files: Mapping[str, bytes], folder: str) -> None:
        """What lies in a folder: directly, or in all depths where the request is `recursive`."""
        start, is_deep = f"{folder}/" if folder else "", "recursive=true" in self.path.lower()
        found: dict[str, dict[str, Any]] = {}
        for name, content in sorted(files.items()):
            inside = name.removeprefix(start)
            if not name.startswith(start):
                continue
            above = inside.split("/")[:-1]
            for depth in range(1, len(above) + 1 if is_deep else min(len(above), 1) + 1):
                path = start + "/".join(above[:depth])
                found.setdefault(path, {"type": "directory", "path": path, "oid": "0" * 40, "size": 0})
            if is_deep or not above:
                oid = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
                found[name] = {"type": "file", "path": name, "size": len(content), "oid": oid}
        if not found:
            return self._error(404, "EntryNotFound")
        return self._send(200, json.dumps(list(found.values())).encode(), {"Content-Type": "application/json"})

    def _file(self, repo: Repo, sha: str, file: str) -> None:
        fault = repo.faults.get(file)
        content = repo.commits[sha].get(file)
        if fault == "error":
            return self._error(500, "")
        if fault == "portal":
            return self._send(200, _PAGE, {"Content-Type": "text/html"})
        if fault == "hang up":
            self.close_connection = True
            return None
        if content is None:
            return self._error(404, "EntryNotFound", sha)
        headers = {"ETag": f'"{hashlib.sha256(content).hexdigest()}"', "X-Repo-Commit": sha}
        if fault == "page" and self.command == "GET":
            return self._send(200, _PAGE, headers)
        begin = re.fullmatch(r"bytes=([0-9]+)-[0-9]*", self.headers.get("Range", ""))
        if begin is not None and self.command == "GET":
            said = {"Content-Range": f"bytes {begin[1]}-{len(content) - 1}/{len(content)}"}
            return self._send(206, content[int(begin[1]) :], {**headers, **said})
        if fault in ("cut", "cut once") and self.command == "GET":
            if fault == "cut once":
                del repo.faults[file]
            self.close_connection = True
            return self._send(200, content, headers, only=len(content) // 2)
        return self._send(200, content, headers)

    def _error(self, status: int, code: str, sha: str | None = None, says: str = "") -> None:
        said = {"X-Repo-Commit": sha or "", "X-Error-Message": says}
        self._send(status, b"", {"X-Error-Code": code, **{name: value for name, value in said.items() if value}})

    def _send(self, status: int, body: bytes, headers: Mapping[str, str], *, only: int | None = None) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[:only])


@dataclass
class Answer:
    """What our code made of a request: a result or an error, and what it said and how long it waited meanwhile."""

    result: Any
    error: str | None
    kind: str | None
    log: list[str]
    slept: float
    torch: bool


class Client:
    """A process in which nothing is patched but `time.sleep`, whose seconds are counted instead of waited."""

    def __init__(self, endpoint: str, home: Path, *, offline: bool = False) -> None:
        import deepfakebench_ext

        clean = {
            k: v for k, v in os.environ.items() if not k.upper().startswith(("HF_", "HUGGINGFACE", "TRANSFORMERS_"))
        }
        clean = {k: v for k, v in clean.items() if not k.upper().endswith("_PROXY")}
        package = str(Path(deepfakebench_ext.__file__).parents[1])
        own = {
            "HF_ENDPOINT": endpoint,
            "HF_HOME": str(home),
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "PYTHONPATH": os.pathsep.join(filter(None, [package, clean.get("PYTHONPATH")])),
            **({"HF_HUB_OFFLINE": "1"} if offline else {}),
        }
        home.mkdir(parents=True, exist_ok=True)
        self.chatter = home / "stderr.txt"
        self._stderr = self.chatter.open("a")
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            env={**clean, **own},
            cwd=home,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            text=True,
        )

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.communicate()  # closes its input, at which it ends
        self._stderr.close()

    def ask(self, what: str, *args: Any) -> Answer:
        """Run one of the functions below there."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps([what, *args]) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"the client died: {self.chatter.read_text()}"
        return Answer(**json.loads(line))


def resolve(spec: str) -> dict[str, Any]:
    from deepfakebench_ext.models.weights.source import resolve_weights

    source = resolve_weights(spec)
    assert source.folder is not None
    return {
        "kind": source.kind,
        "revision": source.revision,
        "files": [path.name for path in source.files],
        "folder": sorted(path.name for path in source.folder.iterdir()),
        "sha256": source.sha256(),
    }


def report(config: Any, weights: str | None) -> dict[str, Any]:
    from deepfakebench_ext import load_detector

    made = load_detector(config, weights).report
    return {"kind": made.kind, "revision": made.revision, "matched": made.matched, "missing": list(made.missing)}


def config_brought_by(weights: str) -> dict[str, Any]:
    from deepfakebench_ext import load_detector
    from deepfakebench_ext.models.built_from import config_for
    from deepfakebench_ext.models.config import load_config

    path = config_for(weights)
    detector = load_detector(path, weights, device="cpu")
    stored = {level: each.value for level, each in detector.stored_thresholds.items()}
    return {"name": Path(path).name, "l2_normalise": load_config(path).l2_normalise, "stored": stored}


def read_samples(url: str) -> list[list[Any]]:
    """Key, label and content of each image behind a URL, as a run takes them."""
    from deepfakebench_ext.common.digests import content_of
    from deepfakebench_ext.data.readers.at_hand import sample_at_hand
    from deepfakebench_ext.data.samples.folders import collect_samples
    from deepfakebench_ext.remote.typed import place

    found = []
    for sample in collect_samples(place(url), kind="image"):
        with sample_at_hand(sample) as local:
            found.append([sample.key, sample.label, local.fault or content_of(local.file)])
    return found


def make_clip(folder: str) -> dict[str, Any]:
    """Make a CLIP folder, and in it `detector.pth`; return the architecture of the latter."""
    import tiny
    import torch

    from deepfakebench_ext.host import torchvision_ops

    torchvision_ops.make_importable()  # transformers is imported here before any of our detectors
    tiny.save_folder(tiny.clip_model(), Path(folder))
    torch.save(tiny.clip_detector_state(), Path(folder) / "detector.pth")
    return {"model_type": "clip_vision_model", **tiny.CLIP}


def _run(line: str, said: list[str], slept: list[float]) -> Answer:
    said.clear()
    slept.clear()
    what, *args = json.loads(line)
    result, error, kind = None, None, None
    try:
        result = globals()[what](*args)
    except Exception as caught:  # told to the test, whatever it is
        error, kind = str(caught), type(caught).__name__
    return Answer(result, error, kind, list(said), sum(slept), "torch" in sys.modules)


def _serve() -> None:
    import logging

    slept: list[float] = []
    said: list[str] = []
    time.sleep = slept.append  # type: ignore[assignment]
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("deepfakebench_ext")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        print(json.dumps(vars(_run(line, said, slept))), file=answers, flush=True)


if __name__ == "__main__":
    _serve()
