"""A journal loses its last line at most."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest

from deepfakebench_ext.common.errors import OutputError
from deepfakebench_ext.common.journal import Journal, read_lines


def test_lines_are_on_the_disk_at_once_and_those_after_a_size_are_taken_back(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "a.jsonl", kept="Nothing is lost")
    assert list(read_lines(journal.path)) == []
    journal.open(99)
    journal.add([{"a": 1}, {"b": "é"}])
    assert list(read_lines(journal.path)) == [({"a": 1}, 9), ({"b": "é"}, 25)]
    journal.close()
    again = Journal(journal.path, kept="Nothing is lost")
    again.open(9)
    assert again.size_bytes == 9
    again.close()


def test_a_line_that_was_cut_off_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b'{}\n{"a": 1')
    assert list(read_lines(tmp_path / "a")) == [({}, 3)]


def test_a_full_disk_is_said_with_what_is_kept(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "a", kept="What was scored is kept")
    journal.open(0)
    journal.add([{}])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5, hard))
    try:
        with pytest.raises(OutputError, match=r"cannot be written: .*\. What was scored is kept; make room and run"):
            journal.add([{"a": "b"}])
        journal.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(read_lines(tmp_path / "a")) == [({}, 3)]


@pytest.mark.parametrize("line", [b"\0\0\0", b"[1]", b"{", b"[" * 100_000, b""])
def test_a_damaged_line_is_named(line: bytes, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"{}\n" + line + b"\n{}\n")
    with pytest.raises(OutputError, match=r"a is damaged: line 2 is b'.*move .* away, and run the same command again"):
        list(read_lines(tmp_path / "a"))


@pytest.mark.timeout(20)
def test_what_is_no_file_is_no_journal(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "folder"):
        with pytest.raises(OutputError, match=f"{name} is damaged: .*it is a {name}"):
            list(read_lines(tmp_path / name))
        with pytest.raises(OutputError, match=f"{name} cannot be written: .*it is a {name}"):
            Journal(tmp_path / name, kept="Nothing is lost").open(0)
