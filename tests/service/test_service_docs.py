"""What README.md and docs/service.md have users type is run as it is written."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import click
import pytest
import services
import tiny
import videos

from deepfakebench_ext.cli.main import cli
from deepfakebench_ext.service.api.tokens import read_tokens

ROOT = Path(__file__).parents[2]
PAGES = {"README.md": "## Serve", "docs/service.md": "# The service"}
_BLOCK = re.compile(r"^```\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: str) -> list[str]:
    """The blocks of what is typed, from the page's heading on to the next of its rank."""
    heading = PAGES[page]
    text = (ROOT / page).read_text(encoding="utf-8")
    own = text[text.index(f"{heading}\n") + len(heading) :]
    rank = heading.partition(" ")[0]
    return _BLOCK.findall(re.split(rf"^{rank} ", own, maxsplit=1, flags=re.MULTILINE)[0])


def commands(page: str) -> list[str]:
    return [line for block in blocks(page) for line in block.splitlines() if line.startswith("dfb-ext ")]


@pytest.mark.parametrize("page", PAGES)
def test_the_lines_of_curl_are_run_in_their_order(service: services.Service, page: str, tmp_path: Path) -> None:
    if shutil.which("bash") is None or shutil.which("curl") is None:
        pytest.skip("bash and curl are not both installed (apt-get install bash curl)")
    (typed,) = (block for block in blocks(page) if "curl" in block)
    videos.stamped_video(tmp_path / "talk.mp4", 40)
    tiny.photo(tmp_path / "photo.jpg")
    ran = typed.replace("http://127.0.0.1:8000", service.url)
    assert ran.startswith(f"URL={service.url}/v1\n") and "curl -s " in ran
    given = {**os.environ, "NO_PROXY": "127.0.0.1"}
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", ran], capture_output=True, text=True, env=given)
    assert done.returncode == 0, done.stderr
    assert '"state":"completed"' in done.stdout, done.stdout
    assert '"detail"' not in done.stdout
    assert json.loads((tmp_path / "timeline.json").read_text())["video"]["file"] == "talk.mp4"
    assert (tmp_path / "report.html").read_text().startswith("<!")
    if page == "docs/service.md":
        assert (tmp_path / "keyframe.jpg").read_bytes().startswith(b"\xff\xd8")
        assert '"kind":"image"' in done.stdout and '"is_new":false' in done.stdout


@pytest.mark.parametrize(("page", "line"), [(page, line) for page in PAGES for line in commands(page)])
def test_each_command_has_the_options_that_it_is_shown_with(page: str, line: str) -> None:
    _, verb, *words = shlex.split(line, comments=True)
    command = cli.get_command(click.Context(cli), verb)
    assert command is not None
    for name in filter(lambda word: word.endswith((".pth", ".dat", ".txt")), words):
        Path(name).touch()
    command.make_context(verb, words)


def test_the_tokens_that_are_shown_are_read(tmp_path: Path) -> None:
    (shown,) = (block for block in blocks("docs/service.md") if "alice" in block)
    (tmp_path / "tokens.txt").write_text(shown)
    tokens = read_tokens(tmp_path / "tokens.txt")
    alice, ops = (tokens.caller(line.split()[2]) for line in shown.splitlines())
    assert alice is not None and alice.may("submit") and not alice.may("admin")
    assert ops is not None and ops.sees is None


def test_what_containers_ask_for_is_made_as_the_compose_file_reads_it(tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed (apt-get install openssl)")
    (shown,) = (block for block in blocks("docs/service.md") if "docker compose" in block)
    (tmp_path / "w.pth").touch()
    made = shown.partition("docker compose")[0]
    subprocess.run(["bash", "-euc", made], check=True, cwd=tmp_path, env={**os.environ, "HOME": str(tmp_path)})
    variables = dict(line.split("=", 1) for line in (tmp_path / ".env").read_text().splitlines())
    assert set(variables) == {"WEIGHTS", "POSTGRES_PASSWORD"} and len(variables["POSTGRES_PASSWORD"]) == 32
    assert (tmp_path / variables["WEIGHTS"].lstrip("/")).is_file()
    (token,) = [line.split()[2] for line in (tmp_path / "tokens.txt").read_text().splitlines()]
    assert read_tokens(tmp_path / "tokens.txt").caller(token) is not None
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert {"/deploy/.env", "/deploy/tokens.txt", "/deploy/weights/"} <= set(ignored)
