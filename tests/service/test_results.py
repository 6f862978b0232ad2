"""Files of jobs, asked for while they are deleted, and by ranges that are none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from answering import Api, answering
from starlette.testclient import TestClient

from deepfakebench_ext.service.api.results import file_answer
from deepfakebench_ext.service.job import NewJob

FILM = bytes(range(200))


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    with answering(tmp_path / "data") as running:
        yield running


def completed(api: Api) -> str:
    """A job with a result of one file, and an upload."""
    jobs, folders = api.serving.jobs, api.serving.folders
    new = NewJob(
        owner="", kind="video", model="default", params={}, filename="a.mp4", sha256="a" * 64, size_bytes=len(FILM)
    )
    jobs.submit(new, digest=None)
    job = jobs.claim("w", {"default": "d"})
    assert job is not None
    folders.upload(job.sha256).write_bytes(FILM)
    result = folders.job(job.id) / "result-1"
    result.mkdir(parents=True)
    (result / "timeline.json").write_text("{}")
    assert jobs.complete(job, "result-1")
    return job.id


def test_a_file_that_is_deleted_while_it_is_sent_is_sent_whole(tmp_path: Path) -> None:
    file = tmp_path / "video"
    file.write_bytes(FILM)
    whole, part = (file_answer(file, "video/mp4") for _ in range(2))
    file.unlink()
    assert TestClient(whole).get("/").content == FILM
    assert TestClient(part).get("/", headers={"range": "bytes=4-7"}).content == FILM[4:8]


def test_what_was_deleted_as_it_was_asked_for_is_gone(api: Api) -> None:
    job = completed(api)
    api.serving.folders.remove_job(job)  # the row goes first: so is a job seen by a request that came before
    with api.client() as client:
        paths = ("/v1/jobs/{}/result", "/v1/jobs/{}/keyframes/1.jpg", "/video/jobs/{}/status", "/video/jobs/{}/result")
        answers = [client.get(path.format(job)) for path in paths]
    assert [answer.status_code for answer in answers] == [404] * 4
    assert all(answer.json()["detail"] for answer in answers)


@pytest.mark.parametrize(
    ("asked", "status"), [("bytes=200-", 416), ("bytes=9-4", 400), ("bytes=", 400), ("pages=1-2", 400)]
)
def test_a_range_that_is_none_is_refused_with_a_sentence(api: Api, asked: str, status: int) -> None:
    job = completed(api)
    with api.client() as client:
        answer = client.get(f"/v1/jobs/{job}/video", headers={"range": asked})
    assert answer.status_code == status, answer.text
    assert "200 bytes" in answer.json()["detail"]
    assert answer.headers["content-range"] == "bytes */200"
