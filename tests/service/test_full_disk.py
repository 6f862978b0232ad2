"""A disk without room: uploads are refused before they come, and nothing is left of one that it does not hold."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import answering
import bad_uploads
import pytest
import services
from answering import Api, answer_of

from deepfakebench_ext.service.settings import Limits

FILM = bad_uploads.film()
B = "b0undary"
FORM = f"content-type: multipart/form-data; boundary={B}\r\n".encode()
HEAD = b"POST /v1/video/analyze HTTP/1.1\r\nhost: localhost\r\n" + FORM
END = f"\r\n--{B}--\r\n".encode()
PART = f'--{B}\r\nContent-Disposition: form-data; name="file"; filename="a.mp4"\r\n\r\n'.encode()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 20 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20m", "none", disk]).returncode:
        pytest.skip("no file system can be mounted here: it takes root")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


@pytest.fixture
def api(small_disk: Path) -> Iterator[Api]:
    """A service on it that reserves no room beyond that of uploads."""
    limits = Limits(free_bytes=0, upload_bytes=8_000_000, requests_per_s=10_000)
    with answering.answering(small_disk / "data", limits=limits) as answers:
        yield answers


def free(disk: Path) -> int:
    room = os.statvfs(disk)
    return room.f_bavail * room.f_frsize


def fill(disk: Path, left: int) -> None:
    with (disk / "others").open("wb") as others:
        os.posix_fallocate(others.fileno(), 0, free(disk) - left)


def begun(connection: socket.socket, length: int) -> None:
    """Send the head of an upload; return when the room for its body is reserved and the body is waited for."""
    connection.sendall(HEAD + f"content-length: {length}\r\nexpect: 100-continue\r\n\r\n".encode())
    assert connection.recv(1000).startswith(b"HTTP/1.1 100")


def test_an_upload_that_has_no_room_is_refused_before_it_comes(small_disk: Path, api: Api) -> None:
    fill(small_disk, 3_000_000)
    with api.connected() as connection:
        connection.sendall(HEAD + b"content-length: 2000000\r\n\r\n")
        status, _, detail = answer_of(connection)
    assert status == 507 and "too full" in detail
    assert api.holds_nothing()
    with api.client() as client:  # a smaller one has
        assert client.post("/v1/video/analyze", files={"file": FILM}).status_code == 202


def test_uploads_that_are_on_their_way_keep_their_room(api: Api) -> None:
    with api.connected() as first, api.connected() as second:
        first.sendall(HEAD + b"content-length: 6000000\r\n\r\n" + PART)
        second.sendall(HEAD + b"content-length: 6000000\r\n\r\n")
        status, _, detail = answer_of(second)
    assert status == 507 and "too full" in detail


def test_what_asks_for_no_room_is_answered_on_a_full_disk(small_disk: Path, api: Api) -> None:
    with api.client() as client:
        job = client.post("/v1/video/analyze", files={"file": FILM}).json()["job_id"]
        fill(small_disk, 1_000_000)
        assert client.post(f"/v1/jobs/{job}/cancel").json()["state"] == "cancelled"
        assert client.delete(f"/v1/jobs/{job}").status_code == 204


def test_of_an_upload_under_which_the_disk_fills_up_nothing_is_left(small_disk: Path, api: Api) -> None:
    body = PART + bytes(6_000_000) + END
    with api.connected() as connection:
        begun(connection, len(body))
        before = free(small_disk)
        connection.sendall(body[:2_000_000])
        services.until(lambda: before - free(small_disk) > 1_500_000, "some of it is on the disk")
        fill(small_disk, 600_000)
        connection.sendall(body[2_000_000:])
        status, _, detail = answer_of(connection)
    assert status == 507 and detail == "the disk of this service is full; try again later"
    services.until(api.holds_nothing, "nothing is left", 10)


def test_an_upload_whose_copy_or_row_has_no_room_is_answered_so(small_disk: Path, api: Api) -> None:
    """The disk fills up when the form is on its way: its file, or what SQLite writes of its job, does not fit."""
    refused = []
    for left in (0, 4096, 8192, 16384, 65536):
        with api.connected() as connection:
            begun(connection, len(PART) + len(FILM) + len(END))
            fill(small_disk, left)
            connection.sendall(PART + FILM + END)
            status, _, detail = answer_of(connection)
        assert status in (202, 507), (status, detail)
        refused += [left] if status == 507 else []
        (small_disk / "others").unlink()
        assert not list(api.serving.folders.incoming.iterdir())
    assert 0 in refused and not api.serving.folders.uploads() - api.serving.jobs.uploads()
