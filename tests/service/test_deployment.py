"""deploy/: both files are read as their programs read them, and every command in them is run, without a container.

Real servers on loopback stand where the containers would: only hosts, ports and folders are put in their places.
"""

from __future__ import annotations

import configparser
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import click
import compose_spec
import httpx
import psycopg
import pytest
import services
import videos
import yaml

from deepfakebench_ext.cli.main import cli

ROOT = Path(__file__).parents[2]
TOKEN = "a-token-of-24-characters"
OURS = ("api", "worker")
_VARIABLE = re.compile(r"\$\{(\w+)(?::(\?)[^}]*)?\}")


def compose(**variables: str) -> dict[str, Any]:
    """The compose file with these variables, and no other."""
    text = _VARIABLE.sub(lambda found: variables[found[1]], (ROOT / "deploy/compose.yaml").read_text())
    values: dict[str, Any] = yaml.safe_load(text)
    return values


def dockerfile() -> list[tuple[str, str]]:
    """The instructions of the Dockerfile, whole lines each."""
    text = (ROOT / "deploy/Dockerfile").read_text().replace("\\\n", " ")
    lines = [line.split(None, 1) for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(name, rest) for name, rest in lines]


def instruction(name: str) -> str:
    (found,) = [rest for each, rest in dockerfile() if each == name]
    return found


def test_the_compose_file_is_one_by_its_specification() -> None:
    options = compose_spec.PyOptions(apply_merge=True)
    options.from_yaml((ROOT / "deploy/compose.yaml").read_text()).validate()
    values = compose(WEIGHTS="w", POSTGRES_PASSWORD="p")
    mounted = {mount.partition(":")[0] for each in values["services"].values() for mount in each.get("volumes", [])}
    assert {name for name in mounted if not name.startswith(".")} == set(values["volumes"])
    assert all(each["restart"] == "unless-stopped" for each in values["services"].values())
    assert all(values["services"][name]["stop_grace_period"] == "25s" for name in OURS)


def test_no_variable_of_the_compose_file_is_silently_empty() -> None:
    text = (ROOT / "deploy/compose.yaml").read_text()
    assert {found[0] for found in _VARIABLE.findall(text)} == {"WEIGHTS", "POSTGRES_PASSWORD"}
    assert all(must for _, must in _VARIABLE.findall(text)) and text.count("$") == len(_VARIABLE.findall(text))


@pytest.mark.parametrize("name", OURS)
def test_each_command_is_one_of_ours(name: str) -> None:
    verb, *words = compose(WEIGHTS="w.pth", POSTGRES_PASSWORD="p")["services"][name]["command"]
    command = cli.get_command(click.Context(cli), verb)
    assert command is not None
    here = [Path(word).name if word.startswith("/run/secrets/") else word for word in words]
    for name in filter(lambda word: word in ("w.pth", "tokens"), here):
        Path(name).touch()
    given = command.make_context(verb, here).params
    assert given["weights"] == "w.pth" and given["data_dir"] == "/data"


def test_the_dockerfile_installs_and_starts_what_there_is() -> None:
    read = configparser.ConfigParser()
    read.read(ROOT / "setup.cfg")
    (pip,) = [rest for name, rest in dockerfile() if name == "RUN" and rest.startswith("pip")]
    extras = re.search(r"\.\[(.+)\]", pip)
    assert extras is not None and set(extras[1].split(",")) <= set(read["options.extras_require"])
    assert json.loads(instruction("ENTRYPOINT")) == ["dfb-ext"]
    assert "dfb-ext = " in read["options.entry_points"]["console_scripts"]
    done = subprocess.run(services.command(*json.loads(instruction("CMD"))), capture_output=True, text=True)
    assert done.returncode == 0 and "serve" in done.stdout
    assert not any("weights" in rest for name, rest in dockerfile() if name in ("COPY", "ADD"))


def test_what_the_dockerfile_copies_is_all_that_a_wheel_needs(tmp_path: Path) -> None:
    for words in (shlex.split(rest) for name, rest in dockerfile() if name == "COPY"):
        *sources, target = words
        for source in sources:
            place = tmp_path / "src" / (target if len(sources) == 1 and (ROOT / source).is_dir() else source)
            copy = shutil.copytree if (ROOT / source).is_dir() else shutil.copy
            place.parent.mkdir(parents=True, exist_ok=True)
            copy(ROOT / source, place)
    build = "import setuptools.build_meta as build, sys; build.build_wheel(sys.argv[1])"
    done = subprocess.run([sys.executable, "-c", build, tmp_path], cwd=tmp_path / "src", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    done = subprocess.run([sys.executable, ROOT / "scripts/check_wheel.py", wheel], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def places(
    tmp_path_factory: pytest.TempPathFactory, weights: list[str], postgres: services.Postgres
) -> Iterator[dict[str, str]]:
    """What stands in the commands, to what takes its place here."""
    folder = tmp_path_factory.mktemp("deployed")
    empty = postgres.new_database()
    with psycopg.connect(empty, autocommit=True) as connection:
        connection.execute("CREATE ROLE dfb LOGIN")
        connection.execute("CREATE DATABASE dfb OWNER dfb")
    (folder / "tokens.txt").write_text(f"me read,submit {TOKEN}\n")
    address = empty.partition("@")[2].partition("/")[0]
    yield {
        "//dfb@postgres/": f"//dfb@{address}/",
        "/data": str(folder / "data"),
        "/run/secrets/tokens": str(folder / "tokens.txt"),
        "postgres": address,
        "port": str(services.free_port()),
    }


def words(command: list[str], places: dict[str, str]) -> list[str]:
    """A command with hosts and folders of here."""
    moved = []
    for word in command:
        for there, here in places.items():
            if word == there or (there.startswith("//") and there in word):
                word = word.replace(there, here)
        moved.append(word)
    return moved


@contextmanager
def running(command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A program, ended as `docker compose stop` does it."""
    with log.open("ab") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=stream, env=os.environ | {"OMP_NUM_THREADS": "1"})
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(40)


def test_the_commands_serve_a_film_and_end_when_they_are_told_to(
    places: dict[str, str], weights: list[str], tmp_path: Path
) -> None:
    named = dict(zip(weights[::2], weights[1::2], strict=True))
    files = compose(WEIGHTS=named.pop("--weights"), POSTGRES_PASSWORD="p")["services"]
    more = [word for pair in named.items() for word in pair]  # a tiny detector has a YAML of its own
    port, redis_port = places["port"], str(services.free_port())
    here = {**places, "//redis:6379/": f"//127.0.0.1:{redis_port}/"}
    api, work = (services.command(*words(files[name]["command"], here), *more) for name in OURS)
    film = tmp_path / "talk.mp4"
    videos.stamped_video(film, 40)
    with ExitStack() as stack:
        if shutil.which("redis-server") is None:
            pytest.skip("Redis is not installed (apt-get install redis-server)")
        stack.enter_context(running([*files["redis"]["command"], "--port", redis_port], tmp_path / "redis.log"))
        program, *rest = files["redis"]["healthcheck"]["test"][1:]
        services.until(lambda: answers([program, "-p", redis_port, *rest]), "redis is healthy")
        program, *rest = files["postgres"]["healthcheck"]["test"][1:]
        host, _, number = places["postgres"].partition(":")
        assert answers([services.postgres_program(program), *rest, "--host", host, "--port", number])
        serving = stack.enter_context(running([*api, "--port", port], tmp_path / "api.log"))
        working = stack.enter_context(running(work, tmp_path / "worker.log"))
        url = f"http://127.0.0.1:{port}"
        check = instruction("HEALTHCHECK").partition("CMD ")[2].replace(":8000", f":{port}")
        healthy = [sys.executable, *json.loads(check)[1:]]
        services.until(lambda: answers(healthy), "the server is healthy")
        with httpx.Client(base_url=url, headers={"authorization": f"Bearer {TOKEN}"}, timeout=60) as client:
            services.until(lambda: client.get("/readyz").status_code == 200, "a worker has loaded the detector")
            with film.open("rb") as file:
                job = client.post("/v1/video/analyze", files={"file": file}).json()["job_id"]
            services.until(lambda: client.get(f"/v1/jobs/{job}").json()["state"] == "completed", "completed")
            assert client.get(f"/v1/jobs/{job}/result").json()["video"]["file"] == "talk.mp4"
        for process in (working, serving):
            process.send_signal(signal.SIGTERM)
            assert process.wait(25) in (0, -signal.SIGTERM)  # within stop_grace_period
        assert not answers(healthy)


def answers(command: list[str]) -> bool:
    return subprocess.run(command, capture_output=True).returncode == 0
