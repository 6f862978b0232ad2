#!/usr/bin/env python3
"""What a service takes and gives, each measured on a real one: `dfb-ext serve`, with a tiny network on one thread.

    python scripts/bench_service.py             # all three, some 10 minutes on 2 cores
    python scripts/bench_service.py polls       # one of: uploads, polls, jobs

uploads  peak memory of the server under 50 uploads of 300 MB at once, against that before them. 30 GB of disk.
polls    how long 200 clients wait that ask for a job's state each second, while a worker computes.
jobs     jobs an hour, against `dfb-ext analyze` on the folder of the same films, by the median time from the end of one
         film to that of the next. Runs take turns.

Needs the extras video, service and demo.
"""

from __future__ import annotations

import asyncio
import http.client
import itertools
import json
import os
import secrets
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil
import torch
import yaml
from bench_analysis import write_film
from bench_parts import MEAN, STD, TINY, detector, run_named

UPLOADS, UPLOAD_BYTES = 50, 300_000_000
CLIENTS, POLL_EVERY_S, POLL_S = 200, 1.0, 30.0
FILMS, FILM_S, TURNS = 12, 20, 2
DFB = [sys.executable, "-m", "deepfakebench_ext"]
ALONE = {**os.environ, "OMP_NUM_THREADS": "1"}


def weights(folder: Path) -> list[str]:
    """Options that name a tiny random detector."""
    config = {"model_name": "huggingface_clip", "architecture": TINY, "mean": MEAN, "std": STD, "resolution": 224}
    (folder / "clip.yaml").write_text(yaml.safe_dump(config))
    torch.save(detector(TINY).state_dict(), folder / "w.pth")
    return ["--detector_config", str(folder / "clip.yaml"), "--weights", str(folder / "w.pth"), "--device", "cpu"]


def request(port: int, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None) -> dict:
    """The JSON that is answered, and under `code` the status."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    connection.request(method, path, body=body, headers=dict(headers or {}))  # type: ignore[arg-type]
    answer = connection.getresponse()
    said = json.loads(answer.read())
    connection.close()
    return {**said, "code": answer.status}


@contextmanager
def service(folder: Path, options: list[str], *more: str) -> Iterator[tuple[int, psutil.Process]]:
    """A service that is ready, or without a worker one that answers: its port, and its process."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
    where = ["--port", str(port), "--data_dir", str(folder / f"data-{port}"), "--rate_limit", "1000000"]
    with (folder / "serve.log").open("ab") as log:
        process = subprocess.Popen([*DFB, "serve", *options, *where, *more], stdout=log, stderr=log, env=ALONE)
    wanted = "/healthz" if "--no_worker" in more else "/readyz"
    try:
        while True:
            try:
                if request(port, "GET", wanted)["code"] == 200:
                    break
            except OSError:
                if process.poll() is not None:
                    sys.exit((folder / "serve.log").read_text())
            time.sleep(0.2)
        yield port, psutil.Process(process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def multipart(film: bytes, padding: int) -> tuple[Iterator[bytes], dict[str, str]]:
    """A form with a film, made so long by a box that players skip; no two are equal."""
    boundary = secrets.token_hex(16)
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="film.mp4"\r\n\r\n'.encode()
    end = f"\r\n--{boundary}--\r\n".encode()
    box = (padding + 24).to_bytes(4, "big") + b"free" + secrets.token_bytes(16)

    def pieces() -> Iterator[bytes]:
        yield head + film + box
        chunk = bytes(1 << 20)
        for start in range(0, padding, len(chunk)):
            yield chunk[: padding - start]
        yield end

    length = len(head) + len(film) + len(box) + padding + len(end)
    kind = f"multipart/form-data; boundary={boundary}"
    return pieces(), {"content-type": kind, "content-length": str(length)}


def posted(port: int, film: bytes, padding: int = 0) -> dict:
    """The job of a film."""
    body, headers = multipart(film, padding)
    said = request(port, "POST", "/v1/video/analyze", body, headers)
    if said["code"] not in (200, 202):
        sys.exit(f"the service refused a film: {said}")
    return said


def uploads(folder: Path) -> None:
    """Post them all at once, and watch the server."""
    write_film(folder / "film.mp4", 1, (96, 128))
    film = (folder / "film.mp4").read_bytes()
    with service(folder, weights(folder), "--no_worker") as (port, server):
        posted(port, film)
        before = server.memory_info().rss
        threads = [threading.Thread(target=posted, args=(port, film, UPLOAD_BYTES)) for _ in range(UPLOADS)]
        start, peak = time.perf_counter(), before
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            peak = max(peak, server.memory_info().rss)
            time.sleep(0.05)
        took = time.perf_counter() - start
        number = len(request(port, "GET", "/v1/jobs?limit=500")["jobs"])
    print(
        f"uploads  {UPLOADS} of {UPLOAD_BYTES / 1e6:.0f} MB at once in {took:.0f} s ({number - 1} jobs): server "
        f"{before / 1e6:.0f} MB before, at most {(peak - before) / 1e6:+.0f} MB"
    )


async def _poll(port: int, path: str, waits: list[float], delay_s: float) -> None:
    """One client, over one connection."""
    await asyncio.sleep(delay_s)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    end = time.perf_counter() + POLL_S
    while time.perf_counter() < end:
        start = time.perf_counter()
        writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        await reader.readexactly(int(head.partition("content-length: ")[2].partition("\r\n")[0]))
        if " 200 " not in head:
            sys.exit(f"a poll was answered {head}")
        waits.append(time.perf_counter() - start)
        await asyncio.sleep(max(0.0, POLL_EVERY_S - waits[-1]))
    writer.close()


def polls(folder: Path) -> None:
    """Have many clients ask how a long film stands."""
    write_film(folder / "film.mp4", 600, (360, 640))
    film = (folder / "film.mp4").read_bytes()
    with service(folder, weights(folder)) as (port, _):
        job = posted(port, film)["job_id"]
        while request(port, "GET", f"/v1/jobs/{job}")["state"] == "queued":
            time.sleep(0.1)
        waits: list[float] = []

        async def all_of_them() -> None:
            delays = [POLL_EVERY_S * number / CLIENTS for number in range(CLIENTS)]
            await asyncio.gather(*(_poll(port, f"/v1/jobs/{job}", waits, delay_s) for delay_s in delays))

        asyncio.run(all_of_them())
        state = request(port, "GET", f"/v1/jobs/{job}")["state"]
    at = statistics.quantiles(waits, n=100)
    print(
        f"polls    {CLIENTS} clients, {len(waits)} polls, the job is {state}: median {at[49] * 1e3:.1f} ms, p95 "
        f"{at[94] * 1e3:.1f} ms, p99 {at[98] * 1e3:.1f} ms"
    )


def jobs(folder: Path) -> None:
    """Compare a queue of films with a folder of them, by the time from the end of one film to that of the next."""
    options = weights(folder)
    films = [folder / "films" / f"{number}.mp4" for number in range(FILMS)]
    (folder / "films").mkdir()
    for number, film in enumerate(films):
        write_film(film, FILM_S, (360, 640))
        film.write_bytes(film.read_bytes() + (8 + number).to_bytes(4, "big") + b"free" + bytes(number))
    served, typed = [], []
    for turn in range(TURNS):
        served += _steps(_served(folder, options, films))
        typed += _steps(_typed(folder, options, turn))
    hourly = [3600 / statistics.median(steps) for steps in (served, typed)]
    print(
        f"jobs     {FILMS} films of {FILM_S} s: {hourly[0]:.0f} jobs an hour served, {hourly[1]:.0f} by the command "
        f"line: {hourly[0] / hourly[1]:.2f}"
    )


def _steps(ends: list[float]) -> list[float]:
    return [end - start for start, end in itertools.pairwise(sorted(ends))]


def _served(folder: Path, options: list[str], films: list[Path]) -> list[float]:
    """When each job ended."""
    with service(folder, options) as (port, _):
        ids = [posted(port, film.read_bytes())["job_id"] for film in films]
        while True:
            found = [request(port, "GET", f"/v1/jobs/{job}") for job in ids]
            if all(each["state"] == "completed" for each in found):
                return [each["finished_at"] for each in found]
            time.sleep(1)


def _typed(folder: Path, options: list[str], turn: int) -> list[float]:
    """When each timeline was written."""
    out = folder / f"typed-{turn}"
    command = [*DFB, "analyze", str(folder / "films"), *options, "--output_dir", str(out)]
    subprocess.run(command, check=True, capture_output=True, env=ALONE)
    return [each.stat().st_mtime for each in out.glob("*/timeline.json")]


if __name__ == "__main__":
    run_named({"uploads": uploads, "polls": polls, "jobs": jobs})
