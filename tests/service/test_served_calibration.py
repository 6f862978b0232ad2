"""A service whose threshold was chosen on real videos."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import services
import videos


@pytest.fixture(scope="module")
def calibration(tmp_path_factory: pytest.TempPathFactory, weights: list[str]) -> Path:
    """The folder of one, by its whole path."""
    folder = tmp_path_factory.mktemp("calibration")
    for name, frames in (("a.mp4", 50), ("b.mp4", 60)):
        videos.stamped_video(folder / name, frames)
    typed = services.command("calibrate-timeline", "a.mp4", "b.mp4", *weights, "--output_dir", "out")
    subprocess.run(typed, cwd=folder, check=True, capture_output=True)
    (file,) = folder.glob("out/*/calibration.json")
    return file.parent


@pytest.fixture(scope="module")
def calibrated(
    tmp_path_factory: pytest.TempPathFactory, weights: list[str], calibration: Path
) -> Iterator[services.Service]:
    folder = tmp_path_factory.mktemp("calibrated")
    with services.Service(folder, weights, "--threshold_from", str(calibration)) as running:
        running.wait_until_ready()
        yield running


def post(service: services.Service, film: Path, **fields: str) -> httpx.Response:
    with service.client() as client, film.open("rb") as file:
        return client.post("/v1/video/analyze?wait=30", files={"file": (film.name, file)}, data=fields)


def test_its_threshold_is_that_of_the_command_line(
    calibrated: services.Service, calibration: Path, weights: list[str], tmp_path: Path
) -> None:
    film = tmp_path / "talk.mp4"
    videos.stamped_video(film, 40)
    answer = post(calibrated, film)
    assert answer.status_code == 200, answer.text
    with calibrated.client() as client:
        stored = client.get(f"{answer.headers['location']}/result").content
    typed = ["analyze", film.name, *weights, "--threshold_from", str(calibration), "--output_dir", "typed"]
    subprocess.run(services.command(*typed), cwd=tmp_path, check=True, capture_output=True)
    (file,) = (tmp_path / "typed").glob("*/timeline.json")
    assert stored == file.read_bytes()
    assert answer.json()["result"]["policy"]["calibrated"]
    assert not post(calibrated, film, threshold="0.2").json()["result"]["policy"]["calibrated"]


def test_a_wish_that_it_does_not_hold_for_fails_without_the_services_paths(
    calibrated: services.Service, calibration: Path, tmp_path: Path
) -> None:
    film = tmp_path / "other.mp4"
    videos.stamped_video(film, 30)
    answer = post(calibrated, film, fps="2").json()
    assert answer["state"] == "failed" and "was made with another taking" in answer["error"]
    assert str(calibration.parent) not in answer["error"] and calibration.name in answer["error"]
