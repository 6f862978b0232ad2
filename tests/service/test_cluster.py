"""PostgreSQL, Redis and Celery workers, of which each can fail while jobs run."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest
import redis as redis_client
import services
import videos

from deepfakebench_ext.service.wakeups import wakeups


@dataclass
class Cluster:
    """A service whose worker is elsewhere.

    Attributes:
        postgres: The database's server.
        options: What every part of it is told.
        broker: Redis's URL.
        folder: Where it lies.
        client: Of its API.
    """

    postgres: services.Postgres
    options: list[str]
    broker: str
    folder: Path
    client: httpx.Client

    def submit(self, film: Path, fps: int) -> str:
        with film.open("rb") as file:
            answer = self.client.post("/v1/video/analyze", files={"file": (film.name, file)}, data={"fps": str(fps)})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["job_id"])

    def job(self, job: str) -> dict[str, object]:
        answer = self.client.get(f"/v1/jobs/{job}")
        return dict(answer.json()) if answer.status_code == 200 else {"state": "unknown", "progress": 0}

    def wait(self, ids: list[str], seconds: float = 120) -> None:
        services.until(lambda: all(self.job(job)["state"] == "completed" for job in ids), "completed", seconds)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("films") / "film.mp4"
    videos.stamped_video(path, 2000)
    return path


@pytest.fixture
def cluster(tmp_path: Path, postgres: services.Postgres, weights: list[str]) -> Iterator[Cluster]:
    with services.redis(tmp_path) as broker:
        shared = [*weights, "--database", postgres.new_database(), "--broker", broker]
        with services.Service(tmp_path, shared) as service:
            options = [*shared, "--data_dir", str(service.data_dir)]
            services.until(lambda: service.log.read_text().count("Uvicorn running"), "the server")
            with service.client() as client:
                yield Cluster(postgres, options, broker, tmp_path, client)


def until_it_runs(cluster: Cluster, job: str) -> None:
    services.until(lambda: 0 < float(str(cluster.job(job)["progress"])) < 1, "under way")


def test_two_workers_share_jobs_whose_wake_ups_come_twice(cluster: Cluster, film: Path) -> None:
    ids = [cluster.submit(film, fps) for fps in (2, 3, 4, 5)]
    wake = wakeups(cluster.broker)
    with services.worker(cluster.folder, cluster.options), services.worker(cluster.folder, cluster.options):
        for job in ids:
            wake(job)
        wake("job_that_is_none")
        cluster.wait(ids)
    assert [cluster.job(job)["attempts"] for job in ids] == [1, 1, 1, 1]
    log = (cluster.folder / "worker.log").read_text()
    assert [log.count(f"{job}: completed") for job in ids] == [1, 1, 1, 1]


def test_a_flushed_redis_loses_nothing(cluster: Cluster, film: Path) -> None:
    with services.worker(cluster.folder, cluster.options):
        first = cluster.submit(film, 25)
        until_it_runs(cluster, first)
        waiting = cluster.submit(film, 3)
        redis_client.Redis.from_url(cluster.broker).flushall()
        cluster.wait([first, waiting])
    assert cluster.job(waiting)["attempts"] == 1


def test_a_postgresql_that_crashes_under_a_job_loses_nothing(cluster: Cluster, film: Path) -> None:
    with services.worker(cluster.folder, cluster.options):
        job = cluster.submit(film, 25)
        until_it_runs(cluster, job)
        cluster.postgres.stop()
        assert cluster.client.get(f"/v1/jobs/{job}").status_code == 503
        cluster.postgres.start()
        cluster.wait([job])
    said = cluster.job(job)
    assert (said["attempts"], said["error"]) == (1, None)


def test_a_worker_that_is_told_to_end_hands_its_job_back_and_another_goes_on(cluster: Cluster, tmp_path: Path) -> None:
    long = tmp_path / "long.mp4"
    videos.stamped_video(long, 6000)
    job = None
    with services.worker(cluster.folder, cluster.options) as first:
        services.until(lambda: cluster.client.get("/readyz").status_code == 200, "loaded")
        job = cluster.submit(long, 25)
        until_it_runs(cluster, job)
        (network,) = psutil.Process(first.pid).children()
        network.suspend()  # so that it cannot be done in the time that a worker may still take
        first.terminate()
        assert first.wait(20) == 0
    said = cluster.job(job)
    assert (said["state"], said["attempts"]) == ("queued", 1)
    with services.worker(cluster.folder, cluster.options):
        cluster.wait([job])
    assert cluster.job(job)["attempts"] == 2


@pytest.mark.skipif(shutil.which("faketime") is None, reason="faketime is not installed (apt-get install faketime)")
def test_a_worker_whose_clock_is_five_minutes_off_neither_takes_nor_loses_a_job(cluster: Cluster, film: Path) -> None:
    with services.worker(cluster.folder, cluster.options):
        job = cluster.submit(film, 25)
        until_it_runs(cluster, job)
        words = ["faketime", "-f", "+5m", *services.command("worker", *cluster.options)]
        with (cluster.folder / "fast.log").open("wb") as log:
            fast = subprocess.Popen(words, stdout=log, stderr=log, start_new_session=True)
        try:
            cluster.wait([job])
        finally:
            os.killpg(fast.pid, signal.SIGKILL)  # faketime is a process of its own around the worker
            fast.wait()
    assert cluster.job(job)["attempts"] == 1
