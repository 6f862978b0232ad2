"""Stores on loopback, for every test of this room."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import buckets
import pytest


@pytest.fixture(scope="session")
def moto_port() -> Iterator[int]:
    with buckets.moto() as port:
        yield port


@pytest.fixture
def s3(moto_port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[buckets.S3]:
    server = buckets.S3(moto_port)
    server.send("POST", "/moto-api/reset")
    for name, value in buckets.environment(server, tmp_path / "cache").items():
        monkeypatch.setenv(name, value)
    buckets.ask_anew(monkeypatch)
    yield server
    server.close()
