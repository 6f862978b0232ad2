"""A server that is told to end while callers wait for a job."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import services
import videos
from answering import Api, answering


def test_whoever_waits_for_a_job_is_answered_when_the_server_ends(tmp_path: Path) -> None:
    videos.stamped_video(tmp_path / "talk.mp4", 5)
    film, begun = (tmp_path / "talk.mp4").read_bytes(), threading.Event()
    with ThreadPoolExecutor() as callers:
        with answering(tmp_path / "data") as api:
            waiting = callers.submit(posted, api, film)
            job = services.until(api.serving.jobs.ids, "a job").pop()
            following = callers.submit(followed, api, job, begun)
            assert begun.wait(60)
        assert waiting.result() == (202, "queued")
        assert any('"state":"queued"' in line for line in following.result())


def posted(api: Api, film: bytes) -> tuple[int, str]:
    """Status of an answer that is waited for, and how it says that the job stands."""
    with api.client() as client:
        answer = client.post("/v1/video/analyze?wait=60", files={"file": ("talk.mp4", film)})
    return answer.status_code, answer.json()["state"]


def followed(api: Api, job: str, begun: threading.Event) -> list[str]:
    """The lines of a job's events, to their end."""
    lines = []
    with api.client() as client, client.stream("GET", f"/v1/jobs/{job}/events") as stream:
        for line in stream.iter_lines():
            lines.append(line)
            begun.set()
    return lines
