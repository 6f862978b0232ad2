"""`dfb-ext host` as a user types it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from made_host import git, make_host

from deepfakebench_ext.cli.main import cli, run

Result = tuple[int, str, str]


@pytest.fixture(autouse=True)
def _no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DEEPFAKEBENCH_ROOT", raising=False)


@pytest.fixture
def dfb_ext(capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """Run the command in this process; gives exit code, stdout, stderr."""

    def _run(*arguments: object) -> Result:
        with pytest.raises(SystemExit) as exit_:
            run(lambda: cli([str(argument) for argument in arguments], prog_name="dfb-ext"))
            sys.exit(0)
        out, err = capsys.readouterr()
        return int(exit_.value.code or 0), out, err

    return _run


def test_without_a_checkout_every_verb_says_how_to_get_one(dfb_ext: Callable[..., Result]) -> None:
    for verb in (("status",), ("link",), ("unlink",), ("run", "training/test.py")):
        code, _, err = dfb_ext("host", *verb)
        assert code == 1 and "dfb-ext host install" in err


def test_a_root_that_is_named_and_broken_is_an_error(dfb_ext: Callable[..., Result], tmp_path: Path) -> None:
    make_host(tmp_path / "vendors/DeepfakeBench")
    code, _, err = dfb_ext("host", "status", "--root", "elsewhere")
    assert code == 1 and "elsewhere is not a DeepfakeBench checkout" in err


def test_install_then_link_then_unlink_then_status(dfb_ext: Callable[..., Result], tmp_path: Path) -> None:
    remote = make_host(tmp_path / "remote", commit=True)
    commit = git(remote, "rev-parse", "HEAD")
    code, out, _ = dfb_ext("host", "install", "--url", remote, "--commit", commit)
    assert code == 0 and "vendors/DeepfakeBench: DeepfakeBench at" in out
    root = tmp_path / "vendors/DeepfakeBench"
    assert dfb_ext("host", "link")[0] == 0 and git(root, "status", "--porcelain") != ""
    assert dfb_ext("host", "unlink")[0] == 0 and git(root, "status", "--porcelain") == ""
    code, out, _ = dfb_ext("host", "status", "--json")
    found = json.loads(out)
    assert code == 0 and found["found_by"] == "vendors/DeepfakeBench" and found["commit"] == commit


def test_install_offline_says_so_plainly(dfb_ext: Callable[..., Result], tmp_path: Path) -> None:
    code, _, err = dfb_ext("host", "install", "--url", "http://127.0.0.1:9/none.git")
    assert code == 1 and "http://127.0.0.1:9/none.git cannot be cloned" in err and "--path DIR" in err
    assert list((tmp_path / "vendors").iterdir()) == []


def test_a_path_is_linked_and_excludes_cloning(dfb_ext: Callable[..., Result], tmp_path: Path) -> None:
    make_host(tmp_path / "mine")
    assert dfb_ext("host", "install", "--path", "mine", "--url", "x")[0] == 2
    assert dfb_ext("host", "install", "--path", "mine")[0] == 0
    assert (tmp_path / "vendors/DeepfakeBench").resolve() == tmp_path / "mine"


def test_mistakes_before_the_script_are_usage_errors(dfb_ext: Callable[..., Result], tmp_path: Path) -> None:
    make_host(tmp_path / "vendors/DeepfakeBench")
    script = ("training/test.py", "--detector_path", "huggingface_clip", "--weights_path", "")
    assert dfb_ext("host", "run", "--rgb_dir", "a", "--lmdb_dir", "b", *script)[0] == 2
    assert dfb_ext("host", "run", "--set", "wrokers=0", *script)[0] == 2
    assert dfb_ext("host", "run", "--rgbdir", "a", *script)[0] == 2
    assert dfb_ext("host", "run")[0] == 2
