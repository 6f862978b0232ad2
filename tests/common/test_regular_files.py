"""Nothing waits for a pipe, and nothing reads a device to its end."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from deepfakebench_ext.common.csv_files import open_csv
from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.regular_files import regular
from deepfakebench_ext.common.yaml_files import read_mapping


def test_files_and_links_to_them_are_passed(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    (tmp_path / "b").symlink_to("a")
    assert regular(tmp_path / "a") == tmp_path / "a"
    assert regular(tmp_path / "b") == tmp_path / "b"
    with pytest.raises(FileNotFoundError):
        regular(tmp_path / "none")


def test_what_is_no_file_is_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(tmp_path / "socket"))
    server.close()
    for name, what in (("pipe", "a pipe"), ("folder", "a folder"), ("socket", "a socket")):
        with pytest.raises(OSError, match=f"it is {what}, and a file is wanted"):
            regular(tmp_path / name)
    with pytest.raises(OSError, match="it is a device"):
        regular(Path("/dev/zero"))


@pytest.mark.timeout(20)
def test_yamls_and_csvs_are_not_read_from_pipes(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x")
    with pytest.raises(ConfigError, match=r"x: .*it is a pipe"):
        read_mapping(tmp_path / "x")
    with pytest.raises(ConfigError, match=r"x cannot be read .*it is a pipe"), open_csv(tmp_path / "x"):
        pass
