"""A linked checkout knows our detectors by itself, and unlink gives back the bytes that were there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import tiny
import yaml
from made_host import REPOSITORY, make_host, results, write_dataset, write_yaml
from made_host_files import COMPLETE
from safetensors.torch import save_file

from deepfakebench_ext.common.errors import HostError
from deepfakebench_ext.launcher.link import is_linked, link, unlink

PACKAGE, YAMLS = "training/detectors/__init__.py", "training/config/detector"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_host(tmp_path / "host")


def content(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_only_yamls_that_the_scripts_can_take_are_copied(root: Path) -> None:
    link(root)
    copied = {path.name for path in (root / YAMLS).glob("*.yaml")} - {"made.yaml"}
    assert copied == {"huggingface_clip.yaml", "huggingface_videomae.yaml"}


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b""])
def test_unlink_gives_back_every_byte(end: bytes, root: Path) -> None:
    (root / PACKAGE).write_bytes(b"import a" + end)
    before = content(root)
    link(root)
    assert is_linked(root) and content(root).keys() > before.keys()
    unlink(root)
    assert content(root) == before and not is_linked(root)


def test_linking_twice_changes_nothing(root: Path) -> None:
    link(root)
    once = content(root)
    assert all("already" in line for line in link(root)) and content(root) == once


def test_a_yaml_that_the_user_changed_is_left_there_and_named(root: Path) -> None:
    link(root)
    changed = root / YAMLS / "huggingface_clip.yaml"
    changed.write_bytes(changed.read_bytes().replace(b"nEpochs: 10", b"nEpochs: 12"))
    mine = changed.read_bytes()
    assert [line for line in link(root) if "was changed" in line] == [
        f"{YAMLS}/huggingface_clip.yaml: left as it is, since it is not ours or was changed"
    ]
    said = unlink(root)
    assert changed.read_bytes() == mine and not (root / YAMLS / "huggingface_videomae.yaml").exists()
    assert any("huggingface_clip.yaml: left there" in line for line in said)


def test_a_copy_of_an_older_version_is_renewed_and_taken_back(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import deepfakebench_ext.launcher.link as module

    older = root.parent / "older.yaml"
    older.write_text(yaml.safe_dump({**COMPLETE, "model_name": "huggingface_clip"}))
    with monkeypatch.context() as patched:
        patched.setattr(module, "find_config", lambda name: older)
        link(root)
    assert any(line.endswith("renewed") for line in link(root))
    unlink(root)
    assert not list((root / YAMLS).glob("huggingface_*"))


def test_a_line_that_was_changed_is_not_guessed_at(root: Path) -> None:
    link(root)
    file = root / PACKAGE
    file.write_bytes(file.read_bytes().replace(b"  # by", b"  # changed by"))
    with pytest.raises(HostError, match="was changed; remove it yourself"):
        unlink(root)


def test_what_was_written_after_the_line_stays(root: Path) -> None:
    link(root)
    with (root / PACKAGE).open("ab") as stream:
        stream.write(b"more = 1\n")
    unlink(root)
    assert (root / PACKAGE).read_bytes().endswith(b"import Made\r\nmore = 1\n")


@pytest.mark.host
def test_a_clone_of_deepfakebench_is_linked_and_unlinked_without_a_trace(tmp_path: Path) -> None:
    from deepfakebench_ext.host.checkout import TESTED_COMMIT, changes_in, find_checkout
    from deepfakebench_ext.launcher.install import clone

    checkout = find_checkout()
    if checkout is None:
        pytest.skip("no DeepfakeBench checkout: set DEEPFAKEBENCH_ROOT or put one at vendors/DeepfakeBench")
    root = tmp_path / "vendors/DeepfakeBench"
    clone(root, url=str(checkout), commit=TESTED_COMMIT)
    link(root)
    assert PACKAGE in changes_in(root) and f"{YAMLS}/huggingface_clip.yaml" in changes_in(root)
    unlink(root)
    assert changes_in(root) == ()


def test_a_linked_checkouts_own_command_scores_with_any_weights_of_ours(root: Path, tmp_path: Path) -> None:
    for name in ("absent_package.py", "another_absent_package.py"):
        (tmp_path / name).touch()  # a linked checkout needs all that it imports
    paths = write_dataset(root / "datasets", "A", style="./datasets/rgb/{}")
    own = root / "training/config/test_config.yaml"
    own.write_text(
        own.read_text().replace("lmdb: true", "lmdb: false").replace("./preprocessing/dataset_json", "datasets/json")
    )
    save_file(tiny.clip_detector_state(), tmp_path / "w.safetensors")
    write_yaml(tmp_path / "clip.yaml", tiny.CLIP_YAML)
    link(root)
    command = [sys.executable, "training/test.py", "--detector_path", str(tmp_path / "clip.yaml")]
    command += ["--test_dataset", "A", "--weights_path", str(tmp_path / "w.safetensors")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (REPOSITORY, tmp_path)))}
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    (found,) = results(done)
    assert len(set(found["scores"])) == len(paths)
