"""scripts/test_video_api.sh against a real service: what it fetches, and what it says where something is wrong."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import services
import videos

SCRIPT = Path(__file__).parents[2] / "scripts/test_video_api.sh"
TOKEN = "a-token-of-24-characters"
if shutil.which("bash") is None or shutil.which("curl") is None:
    pytest.skip("bash and curl are not both installed (apt-get install bash curl)", allow_module_level=True)


def variables(url: str, token: str = "") -> dict[str, str]:
    return {**os.environ, "DFB_URL": url, "DFB_TOKEN": token, "NO_PROXY": "127.0.0.1"}


def typed(url: str, *words: object, token: str = "") -> subprocess.CompletedProcess[str]:
    given = variables(url, token)
    return subprocess.run([SCRIPT, *map(str, words)], capture_output=True, text=True, env=given, timeout=120)


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / 'an "odd" name; of, a film.mp4'
    videos.stamped_video(path, 40)
    return path


def test_a_video_is_uploaded_followed_and_fetched(service: services.Service, film: Path) -> None:
    done = typed(service.url, film, "out", "fps=5", "threshold=0.2", "overlay=false")
    assert done.returncode == 0, done.stderr
    job = done.stdout.split()[1].rstrip(":")
    with service.client() as client:
        said = client.get(f"/v1/jobs/{job}").json()
        timeline, report = (client.get(f"/v1/jobs/{job}/{name}").content for name in ("result", "report.html"))
        frames = client.get(f"/v1/jobs/{job}/result").json()["keyframes"]
        first = client.get(f"/v1/jobs/{job}/keyframes/1.jpg").content
    assert said["filename"] == film.name.replace('"', "%22") and said["params"]["threshold"] == 0.2
    assert Path("out/timeline.json").read_bytes() == timeline and Path("out/report.html").read_bytes() == report
    assert len(frames) > 0 and len(list(Path("out/keyframes").iterdir())) == len(frames)
    assert Path("out/keyframes/1.jpg").read_bytes() == first
    assert "completed, done, 1.0 done" in done.stdout
    assert done.stdout.endswith(f"timeline.json, report.html and {len(frames)} keyframes are in out\n")


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ([], 2, "usage: test_video_api.sh VIDEO"),
        (["absent.mp4"], 2, "absent.mp4 is no file"),
        (["no.mp4", "out", "fps"], 2, "fps is no option; give NAME=VALUE"),
        (["no.mp4", "out"], 1, "no.mp4 was not taken: 415, no.mp4: "),
        (["no.mp4", "model=absent"], 1, "no.mp4 was not taken: 422, no detector is called 'absent' here"),
        (["no.mp4", "fps=fast"], 1, "no.mp4 was not taken: 422, "),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    service: services.Service, tmp_path: Path, words: list[str], code: int, says: str
) -> None:
    (tmp_path / "no.mp4").write_text("no video")
    done = typed(service.url, *words)
    assert done.returncode == code and done.stderr.startswith(f"error: {says}") and done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_without_a_service_it_says_how_to_start_one(film: Path) -> None:
    done = typed(f"http://127.0.0.1:{services.free_port()}", film)
    assert done.returncode == 1 and "no service answers at" in done.stderr and "dfb-ext serve" in done.stderr


def test_a_token_is_asked_for_and_kept_out_of_sight(tmp_path: Path, weights: list[str], film: Path) -> None:
    (tmp_path / "tokens.txt").write_text(f"alice read,submit {TOKEN}\n")
    options = [*weights, "--token_file", str(tmp_path / "tokens.txt")]
    with services.Service(tmp_path, options) as running:
        running.wait_until_ready()
        refused = typed(running.url, film)
        assert refused.returncode == 1 and "401, give a token of this service" in refused.stderr
        done = typed(running.url, film, "out", token=TOKEN)
    assert done.returncode == 0, done.stderr
    assert Path("out/timeline.json").is_file() and TOKEN not in done.stdout + done.stderr


def test_a_service_that_is_killed_and_started_again_is_waited_for(tmp_path: Path, weights: list[str]) -> None:
    long = tmp_path / "long.mp4"
    videos.stamped_video(long, 1500)
    with services.Service(tmp_path, weights) as running:
        running.wait_until_ready()
        command = [SCRIPT, long, "out", "fps=25"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=variables(running.url)) as script:
            assert script.stdout is not None
            assert any(line.startswith("running, scoring") for line in script.stdout)
            running.kill()
            running.start()
            rest = script.stdout.read()
        assert script.returncode == 0, rest
    assert "completed, done" in rest and Path("out/timeline.json").is_file()


def test_a_job_that_another_cancels_is_no_success(service: services.Service, tmp_path: Path) -> None:
    videos.stamped_video(tmp_path / "long.mp4", 1000)
    command = [SCRIPT, "long.mp4", "out", "fps=25"]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with (
        subprocess.Popen(command, text=True, env=variables(service.url), **streams) as script,
        service.client() as client,
    ):
        assert script.stdout is not None and script.stderr is not None
        job = script.stdout.readline().split()[1].rstrip(":")
        client.post(f"/v1/jobs/{job}/cancel")
        said = script.stderr.read()
    assert script.returncode == 1 and said == "error: the job is cancelled\n"
    assert not Path("out").exists()
