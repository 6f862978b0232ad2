"""Datasets of the hub, read as folders are, from a server that speaks its protocol."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import tiny
from hub_server import Client, FakeHub

from deepfakebench_ext.common.digests import content_of


@pytest.fixture(scope="module")
def hub() -> Iterator[FakeHub]:
    with FakeHub() as server:
        yield server


@pytest.fixture
def client(hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    monkeypatch.setenv("DFB_CACHE_DIR", str(tmp_path / "cache"))
    with Client(hub.endpoint, tmp_path / "home") as process:
        yield process


def test_a_dataset_of_the_hub_is_read_as_its_folder_is(hub: FakeHub, client: Client, tmp_path: Path) -> None:
    folder = tiny.photos(tmp_path / "photos", 2)
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*.png"))}
    hub.add("datasets/org/faces", {f"test/{name}": content for name, content in files.items()} | {"README.md": b"x"})
    hub.repos["datasets/org/faces"].faults["test/fake/000.png"] = "cut once"
    expected = [[name, int(name.startswith("fake")), content_of(folder / name)] for name in sorted(files)]
    answer = client.ask("read_samples", "hf://datasets/org/faces/test")
    assert answer.error is None, hub.requests
    assert (answer.result, answer.torch) == (expected, False)
    assert client.ask("read_samples", "hf://datasets/org/faces@main/test/*/000.png").result == expected[::2]
    assert client.ask("read_samples", "hf://datasets/org/faces/test/real/000.png").result == [
        ["000.png", 0, expected[2][2]]
    ]


def test_a_repository_that_is_not_there_is_one_sentence(hub: FakeHub, client: Client) -> None:
    answer = client.ask("read_samples", "hf://datasets/org/none/a.png")
    assert answer.kind == "ConfigError" and answer.error.startswith("hf://datasets/org/none/a.png: no such file")
    hub.add("datasets/org/closed", {"a.png": b"x"})
    hub.repos["datasets/org/closed"].refuses = (401, "GatedRepo")
    answer = client.ask("read_samples", "hf://datasets/org/closed/a.png")
    assert "hf auth login" in str(answer.error) and answer.slept == 0
