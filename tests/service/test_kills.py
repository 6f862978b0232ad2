"""Server, worker and the process that computes are killed at random moments: each job ends once, with equal bytes."""

from __future__ import annotations

import contextlib
import random
import time
from pathlib import Path

import httpx
import psutil
import pytest
import services
import videos

KILLS = 8
KINDS = ("server", "embedded", "network")
PATIENCE_S = 240


def submit(client: httpx.Client, film: Path, fps: int) -> str:
    with film.open("rb") as file:
        data = {"fps": str(fps), "threshold": "0.3"}
        answer = client.post("/v1/video/analyze", files={"file": (film.name, file)}, data=data)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["job_id"])


def completed(client: httpx.Client, ids: list[str]) -> bool:
    """Whether all are; none may have failed."""
    try:
        jobs = [client.get(f"/v1/jobs/{job}").json() for job in ids]
    except httpx.TransportError:  # the server was killed
        return False
    assert not [job for job in jobs if job["state"] in ("failed", "cancelled")], jobs
    return all(job["state"] == "completed" for job in jobs)


def timelines(client: httpx.Client, ids: list[str]) -> list[bytes]:
    return [client.get(f"/v1/jobs/{job}/result").content for job in ids]


def kill_one(service: services.Service, rng: random.Random) -> str:
    """Kill the server, its worker, or the process that computes, each as often; a killed server is started again."""
    name = rng.choice(KINDS)
    services.until(lambda: processes(service).get(name), name)
    time.sleep(rng.uniform(0.0, 3.0))
    which = processes(service).get(name)  # it may have ended by itself, and another begun
    if which is not None:
        which.kill()
    if name == "server":
        service.kill()
        service.start()
    return name


def processes(service: services.Service) -> dict[str, psutil.Process]:
    """Those of a service that there are now, by their kinds."""
    server = psutil.Process(service.pid)
    found = {"server": server}
    for child in server.children(recursive=True):
        with contextlib.suppress(psutil.Error, IndexError):  # it ended meanwhile, or is not begun
            found[child.cmdline()[2].rpartition(".")[2]] = child
    return found


def run_under_kills(folder: Path, options: list[str], kills: int, num_jobs: int, seed: int) -> dict[str, int]:
    """Run a queue of jobs under so many kills, and compare it with an undisturbed run.

    Returns:
        How often each kind of process was killed.
    """
    film, rng, killed = folder / "film.mp4", random.Random(seed), dict[str, int]()
    videos.stamped_video(film, 150)
    for name in ("calm", "wild"):
        (folder / name).mkdir()
    with services.Service(folder / "calm", options) as calm:
        calm.wait_until_ready()
        with calm.client() as client:
            ids = [submit(client, film, fps) for fps in range(2, 2 + num_jobs)]
            services.until(lambda: completed(client, ids), "completed", PATIENCE_S)
            expected = timelines(client, ids)
    with services.Service(folder / "wild", options) as wild, wild.client() as client:
        wild.wait_until_ready()
        ids = [submit(client, film, fps) for fps in range(2, 2 + num_jobs)]
        while sum(killed.values()) < kills:
            name = kill_one(wild, rng)
            killed[name] = killed.get(name, 0) + 1
            if completed(client, ids):  # before enough of them: the same is asked again, as other jobs
                for job in ids:
                    client.delete(f"/v1/jobs/{job}")
                ids = [submit(client, film, fps) for fps in range(2, 2 + num_jobs)]
        services.until(lambda: completed(client, ids), f"completed: {wild.log}", PATIENCE_S * 2)
        assert timelines(client, ids) == expected
        folders = [path for job in ids for path in (wild.data_dir / "jobs" / job).iterdir()]
        assert len(folders) == num_jobs, folders
    return killed


@pytest.mark.timeout(900)
def test_jobs_outlive_every_process_of_the_service(tmp_path: Path, weights: list[str]) -> None:
    killed = run_under_kills(tmp_path, weights, KILLS, num_jobs=6, seed=1)
    assert sum(killed.values()) == KILLS


@pytest.mark.timeout(300)
def test_a_process_that_is_killed_while_it_loads_is_begun_again(tmp_path: Path, weights: list[str]) -> None:
    with services.Service(tmp_path, weights) as service:
        services.until(lambda: processes(service).get("network"), "the process that computes").kill()
        service.wait_until_ready()
    assert "it is begun again" in service.log.read_text()
