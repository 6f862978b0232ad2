"""One process at a time writes a folder of results."""

from __future__ import annotations

from pathlib import Path

import pytest

from deepfakebench_ext.common.errors import OutputError
from deepfakebench_ext.common.locked_folder import LockedFolder


def test_a_folder_is_made_locked_and_free_again_afterwards(tmp_path: Path) -> None:
    folder = tmp_path / "a/b"
    with LockedFolder(folder), pytest.raises(OutputError, match=r"another process is training in .*a/b; wait for it"):
        LockedFolder(folder, use="training in")
    with LockedFolder(folder):
        pass


def test_what_a_killed_writer_left_beside_the_lock_is_removed(tmp_path: Path) -> None:
    for name in (".own/.a.json.0a1b2c3d.tmp", ".own/kept", ".a.json.0a1b2c3d.tmp"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    with LockedFolder(tmp_path, lock=".own/lock"):
        left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {".own/kept", ".own/lock", ".a.json.0a1b2c3d.tmp"}


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"cannot be written to .*file/run: .* give another --output_dir"):
        LockedFolder(tmp_path / "file/run")
