"""A user's program in its process: whatever it does to one file is a reason, and its neighbours keep their scores."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from apis import serving

from deepfakebench_ext.common.errors import ConfigError, ModelError
from deepfakebench_ext.engine.own.detector import OwnDetector
from deepfakebench_ext.engine.own.process import OwnProcess

PROGRAM = """
import ctypes, json, os, subprocess, sys, time
from pathlib import Path

print("what a program prints is no answer")

def score(paths):
    print('{"answers": [1.0]}', flush=True)
    return [one(Path(path).stem) for path in paths]

def one(name):
    if name == "raises":
        raise KeyError(name)
    if name == "leaves":
        sys.exit(7)
    if name == "ends":
        os._exit(3)
    if name == "falls":
        ctypes.string_at(0)
    if name == "hangs":
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
        Path("pid").write_text(str(child.pid))
        time.sleep(1000)
    odd = {"nan": float("nan"), "above": 1.5, "below": -1e-9, "word": "0.5", "none": None, "true": True}
    return odd.get(name, 0.25)

def numpy(paths):
    import numpy as np
    return np.full(len(paths), 0.5, np.float32)

def too_many(paths):
    return [0.5] * (len(paths) + 1)

def table(paths):
    return {path: 0.5 for path in paths}

number = lambda paths: 0.5
limit = 0.5
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text(PROGRAM)
    return tmp_path / "mine.py"


def ask(source: str, *names: str, limit_s: float = 20.0) -> list[float | str]:
    with OwnProcess(OwnDetector.of(source, limit_s)) as process:
        return process.ask(list(names))


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("raises", "KeyError: 'raises' (mine.py line 13)"),
        ("leaves", "SystemExit: 7 (mine.py line 15)"),
        ("ends", "the program ended: exit code 3"),
        ("falls", "the program ended: signal 11 (SIGSEGV)"),
        ("nan", "it gave nan, which is not P(fake), from 0 to 1"),
        ("above", "it gave 1.5, which is not P(fake), from 0 to 1"),
        ("below", "it gave -1e-09, which is not P(fake), from 0 to 1"),
        ("word", "it gave '0.5', a str, and not a number"),
        ("none", "it gave None, a NoneType, and not a number"),
        ("true", "it gave True, a bool, and not a number"),
    ],
)
def test_one_bad_file_is_a_reason_and_its_neighbours_have_scores(program: Path, bad: str, reason: str) -> None:
    assert ask(f"{program}:score", "a", bad, "b") == [0.25, reason, 0.25]


def test_one_that_hangs_is_ended_with_all_that_it_started(program: Path) -> None:
    began = time.monotonic()
    answers = ask(f"{program}:score", "hangs", "a", limit_s=2)
    assert answers == ["no answer within 2 s (--detector_timeout)", 0.25]
    assert time.monotonic() - began < 15
    with pytest.raises(ProcessLookupError):
        for _ in range(100):  # until the system has buried it
            os.kill(int(Path("pid").read_text()), 0)
            if "Z" in Path(f"/proc/{Path('pid').read_text()}/stat").read_text().rpartition(")")[2]:
                raise ProcessLookupError
            time.sleep(0.05)


@pytest.mark.parametrize(
    ("function", "said"),
    [
        ("numpy", [0.5, 0.5]),
        ("too_many", ["it gave 2 scores for 1 file"] * 2),
        ("table", ["it gave a dict, and not a list of 1 number"] * 2),
        ("number", ["it gave 0.5, and not a list of 1 number"] * 2),
    ],
)
def test_an_answer_is_one_number_a_file(program: Path, function: str, said: list[float | str]) -> None:
    assert ask(f"{program}:{function}", "a", "b") == said


def test_a_program_that_does_not_start_is_an_error_and_no_score(program: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("import nowhere_to_be_found\n")
    with pytest.raises(ModelError, match=r"does not start: it has no function other; it has .*score"):
        ask(f"{program}:other", "a")
    with pytest.raises(ModelError, match=r"it has no function limit; it has .*score"):
        ask(f"{program}:limit", "a")
    with pytest.raises(ModelError, match=r"ModuleNotFoundError: .*nowhere_to_be_found.* \(broken.py line 1\)"):
        ask(f"{tmp_path}/broken.py:score", "a")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("xception", "neither FILE.py:FUNCTION nor a URL"),
        ("missing.py:score", "No such file"),
        ("http:///x", "names no host"),
        ("http://me:secret@127.0.0.1/", "a password in a URL would stand in run.json"),
        ("http://127.0.0.1:99999/", "Port out of range"),
    ],
)
def test_what_is_no_program_is_said_before_anything_is_run(source: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        OwnDetector.of(source)


def test_a_changed_file_is_another_detector(program: Path) -> None:
    before = OwnDetector.of(f"{program}:score")
    program.write_text(PROGRAM + "\n")
    assert OwnDetector.of(f"{program}:score").sha256 != before.sha256


def test_an_api_is_given_the_bytes_under_a_name_without_meaning(tmp_path: Path) -> None:
    (tmp_path / "fake_face.PNG").write_bytes(b"\x89PNG\r\n--x")
    with serving(lambda body: (200, b'{"score": 0.75, "label": "fake"}')) as (url, seen):
        assert ask(f"{url}/predict?key=1", str(tmp_path / "fake_face.PNG")) == [0.75]
    ((path, headers, body),) = seen
    assert path == "/predict?key=1"
    assert headers["Content-Type"].startswith("multipart/form-data; boundary=")
    assert b'name="file"; filename="sample.png"\r\n' in body
    assert b"\r\n\r\n\x89PNG\r\n--x\r\n--" in body
    assert b"fake_face" not in body


@pytest.mark.parametrize(
    ("status", "text", "reason"),
    [
        (200, b"not json", "the API answered 'not json', and not"),
        (200, b'{"probability": 0.5}', """the API answered '{"probability": 0.5}', and not {"score": P(fake)}"""),
        (200, b'{"score": NaN}', "it gave nan"),
        (200, b'{"score": "0.5"}', "it gave '0.5', a str, and not a number"),
        (500, b"no face", "the API answered 500: 'no face'"),
        (302, b"", "the API answered 302, a redirect to 'http://127.0.0.1:1/', which is not followed"),
        (0, b"", "the API ended the connection without an answer"),
    ],
)
def test_what_an_api_answers_else_is_a_reason(tmp_path: Path, status: int, text: bytes, reason: str) -> None:
    (tmp_path / "a.png").write_bytes(b"a")
    (tmp_path / "b.png").write_bytes(b"b")
    good = (200, b'{"score": 1}')
    with serving(lambda body: good if b"\r\n\r\nb\r\n" in body else (status, text)) as (url, _):
        first, second = ask(url, "a.png", "b.png")
    assert str(first).startswith(reason)
    assert second == 1.0


def test_an_api_that_is_silent_is_left_at_its_limit(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"a")
    with serving(lambda body: (200, b'{"score": 1}'), wait_s=3) as (url, _):
        assert ask(url, "a.png", limit_s=1) == ["the API did not answer within 1 s"]


def test_an_api_that_is_gone_ends_the_run_and_marks_no_file(tmp_path: Path) -> None:
    with serving(lambda body: (200, b"")) as (url, _):
        pass
    with pytest.raises(ModelError, match=r"nothing answers there .*start it, and the same command goes on"):
        ask(url, "a.png", limit_s=1)
