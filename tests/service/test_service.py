"""A whole service as its users have it: one command, and HTTP."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import httpx
import pytest
import services
import tiny
import videos


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("films") / "talk.mp4"
    videos.stamped_video(path, 60)
    return path


def post(client: httpx.Client, film: Path, path: str = "/v1/video/analyze?wait=30", **fields: str) -> httpx.Response:
    with film.open("rb") as file:
        return client.post(path, files={"file": (film.name, file)}, data=fields)


def test_a_film_that_is_posted_has_the_command_lines_timeline(
    service: services.Service, film: Path, weights: list[str]
) -> None:
    with service.client() as client:
        answer = post(client, film, fps="5", threshold="0.3")
        assert answer.status_code == 200, answer.text
        said = answer.json()
        stored = client.get(f"{answer.headers['location']}/result").content
    typed = ["analyze", film.name, *weights, "--fps", "5", "--threshold", "0.3", "--output_dir", "typed"]
    subprocess.run(services.command(*typed), cwd=film.parent, check=True, capture_output=True)
    (file,) = (film.parent / "typed").glob("*/timeline.json")
    assert stored == file.read_bytes()
    assert said["result"] == json.loads(stored)
    assert (said["state"], said["attempts"], said["filename"]) == ("completed", 1, "talk.mp4")


def test_the_same_film_asked_again_is_the_same_job(service: services.Service, film: Path) -> None:
    with service.client() as client:
        first, second = (post(client, film, fps="4").json() for _ in range(2))
    assert (first["is_new"], second["is_new"]) == (True, False)
    assert first["job_id"] == second["job_id"]


def test_an_image_has_the_evaluators_score(service: services.Service, weights: list[str], tmp_path: Path) -> None:
    photo = tiny.photo(tmp_path / "p.png")
    with service.client() as client, photo.open("rb") as file:
        answer = client.post("/v1/image/score", files={"file": ("p.png", file)})
    assert answer.status_code == 200, answer.text
    typed = ["evaluate", "--image", str(photo), *weights, "--output_dir", "typed", "--no_plots"]
    done = subprocess.run(services.command(*typed), cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (journal,) = (tmp_path / "typed").glob("*/scores.jsonl")
    scored = json.loads(journal.read_text().splitlines()[0])
    assert answer.json()["result"]["score"] == scored["score"]


def test_events_tell_each_change_and_end_with_the_job(service: services.Service, film: Path) -> None:
    with service.client() as client:
        job = post(client, film, "/v1/video/analyze", fps="3").json()["job_id"]
        with client.stream("GET", f"/v1/jobs/{job}/events") as stream:
            lines = list(stream.iter_lines())
        told = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
        ids = [int(line.removeprefix("id: ")) for line in lines if line.startswith("id: ")]
        assert ids == [each["version"] for each in told] == sorted(set(ids))
        assert told[-1]["state"] == "completed"
        headers = {"last-event-id": str(ids[-1])}
        with client.stream("GET", f"/v1/jobs/{job}/events", headers=headers) as stream:
            assert not [line for line in stream.iter_lines() if line.startswith("data: ")]


def test_what_came_of_a_job_is_fetched_file_by_file(service: services.Service, film: Path) -> None:
    with service.client() as client:
        fields = {"threshold": "0.2", "overlay": "true", "subtitles": "true"}
        job = post(client, film, **fields).json()["job_id"]
        kinds = {
            name: client.get(f"/v1/jobs/{job}/{name}").headers["content-type"].partition(";")[0]
            for name in ("report.html", "overlay.mp4", "segments.csv", "scores.csv", "segments.vtt", "keyframes/1.jpg")
        }
        part = client.get(f"/v1/jobs/{job}/video", headers={"range": "bytes=4-7"})
        missing = client.get(f"/v1/jobs/{job}/keyframes/9999.jpg")
    assert list(kinds.values()) == ["text/html", "video/mp4", "text/csv", "text/csv", "text/vtt", "image/jpeg"]
    assert (part.status_code, part.content) == (206, film.read_bytes()[4:8])
    assert missing.status_code == 404 and "there is no keyframe 9999" in missing.json()["detail"]


def test_a_job_that_runs_is_cancelled_within_two_seconds_and_deleted(service: services.Service, tmp_path: Path) -> None:
    long = tmp_path / "long.mp4"
    videos.stamped_video(long, 3000)
    with service.client() as client:
        job = post(client, long, "/v1/video/analyze", fps="25").json()["job_id"]
        services.until(lambda: client.get(f"/v1/jobs/{job}").json()["progress"] > 0, "begun")
        assert client.delete(f"/v1/jobs/{job}").status_code == 409
        client.post(f"/v1/jobs/{job}/cancel")
        services.until(lambda: client.get(f"/v1/jobs/{job}").json()["state"] == "cancelled", "cancelled", 2)
        assert client.get(f"/v1/jobs/{job}/result").status_code == 409
        older = client.get(f"/video/jobs/{job}/result")
        assert older.status_code == 400 and older.json()["detail"] == "the job is not completed: cancelled"
        assert client.delete(f"/v1/jobs/{job}").status_code == 204
        assert client.get(f"/v1/jobs/{job}").status_code == 404
    assert not list((service.data_dir / "jobs").glob(f"{job}*"))
    assert not list((service.data_dir / "incoming").iterdir())


def test_programs_of_the_older_app_find_its_paths_and_answers(service: services.Service, film: Path) -> None:
    with service.client() as client:
        job = post(client, film, "/video/analyze", threshold="0.21").json()["job_id"]
        services.until(lambda: client.get(f"/video/jobs/{job}/status").json()["status"] == "completed", "completed")
        status = client.get(f"/video/jobs/{job}/status").json()
        timeline = client.get(f"/video/jobs/{job}/result").json()
        picture = client.get(f"/video/jobs/{job}/{timeline['segments'][0]['keyframe_path']}")
        assert client.get("/video/jobs/job_none/status").status_code == 404
        other = post(client, film, "/api/deepfakebench/analyze", fps="2.0").json()
    assert (status["progress"], status["filename"], status["result"]) == (100, "talk.mp4", timeline)
    assert picture.headers["content-type"] == "image/jpeg"
    assert set(other) == {"job_id", "model"}


def test_the_service_says_what_it_serves(service: services.Service) -> None:
    with service.client() as client:
        (model,) = client.get("/v1/models").json()
        figures = client.get("/metrics").text
        assert client.get("/healthz").json()["status"] == "ok"
    assert (model["name"], model["is_default"], model["loaded"]) == ("default", True, True)
    assert model["about"]["weights"]["head_trained"] and not model["about"]["calibrated"]
    assert 'dfb_jobs{state="completed"}' in figures


def test_detectors_that_cannot_be_loaded_end_the_service_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "w.pth").write_bytes(b"no weights")
    running = services.Service(tmp_path, ["--weights", str(tmp_path / "w.pth")])
    running.start()
    assert services.until(lambda: running.code, "the end") == 1
    assert "w.pth" in running.log.read_text()
