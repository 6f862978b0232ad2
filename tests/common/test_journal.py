"""A journal loses its last line at most."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from deepfakebench_ext.common.errors import OutputError
from deepfakebench_ext.common.journal import Journal, whole_lines


def test_lines_are_on_the_disk_at_once_and_those_after_a_size_are_taken_back(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "a.jsonl", kept="Nothing is lost")
    assert list(whole_lines(journal.path)) == []
    journal.open(99)
    journal.add([{"a": 1}, {"b": "é"}])
    assert list(whole_lines(journal.path)) == [b'{"a": 1}\n', b'{"b": "\\u00e9"}\n']
    journal.close()
    again = Journal(journal.path, kept="Nothing is lost")
    again.open(9)
    assert again.size_bytes == 9
    again.close()


def test_a_line_that_was_cut_off_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b'{}\n{"a": 1')
    assert list(whole_lines(tmp_path / "a")) == [b"{}\n"]


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
    assert list(whole_lines(tmp_path / "a")) == [b"{}\n"]
