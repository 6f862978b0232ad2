import contextlib
import os
import stat
import sys
from pathlib import Path

import pytest

from deepfakebench_ext.common.atomic_files import (
    atomic_writer,
    check_writable,
    new_folder,
    remove_unfinished,
    write_bytes_atomic,
)
from deepfakebench_ext.common.errors import ConfigError, OutputError


@contextlib.contextmanager
def full_disk(limit):
    """Let this process write no file beyond `limit` bytes, as a disk with no more room."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_text_arrives_as_utf8_with_the_line_ends_it_was_given(tmp_path):
    with atomic_writer(tmp_path / "a.txt") as file:
        file.write("café\n換\r\n")
    assert (tmp_path / "a.txt").read_bytes() == "café\n換\r\n".encode()
    assert names(tmp_path) == ["a.txt"]


def test_names_that_are_not_unicode_are_escaped_and_the_file_stays_valid(tmp_path):
    with atomic_writer(tmp_path / "a.txt") as file:
        file.write("face\udcff.png\n")
    assert (tmp_path / "a.txt").read_text(encoding="utf-8") == "face\\udcff.png\n"


def test_an_existing_file_stays_whole_until_the_end(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")
    with atomic_writer(target) as file:
        file.write("new")
        file.flush()
        assert target.read_text() == "old"
    assert target.read_text() == "new"


@pytest.mark.parametrize("failure", [ValueError("bug"), KeyboardInterrupt()])
def test_a_failing_block_changes_nothing_and_keeps_its_error(tmp_path, failure):
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(type(failure)), atomic_writer(target) as file:
        file.write("half")
        raise failure
    assert target.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are a Unix thing")
@pytest.mark.parametrize("size", [100, 100_000])  # below the buffer it fails at the flush, above it at a write
def test_a_full_disk_is_an_output_error_and_changes_nothing(tmp_path, size):
    target = tmp_path / "scores.csv"
    target.write_text("old")
    with full_disk(50), pytest.raises(OutputError) as caught, atomic_writer(target) as file:
        file.write("x" * size)
    assert str(target) in str(caught.value)
    assert "Nothing was replaced" in str(caught.value)
    assert isinstance(caught.value.__cause__, OSError)
    assert target.read_text() == "old"
    assert names(tmp_path) == ["scores.csv"]


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are a Unix thing")
def test_a_full_disk_is_an_output_error_for_binary_files_too(tmp_path):
    with full_disk(50), pytest.raises(OutputError, match=r"curves\.png"):
        write_bytes_atomic(tmp_path / "curves.png", bytes(1000))
    assert names(tmp_path) == []


def test_data_reach_the_disk_before_the_name_does(tmp_path, monkeypatch):
    def refuse(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OutputError, match="No space left on device"), atomic_writer(tmp_path / "a.txt") as file:
        file.write("x")
    assert names(tmp_path) == []


def test_a_missing_folder_is_an_output_error(tmp_path):
    with pytest.raises(OutputError, match=r"cannot write .*a\.txt"), atomic_writer(tmp_path / "none" / "a.txt") as file:
        file.write("x")


def test_a_folder_that_is_a_file_is_an_output_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="Not a directory"):
        write_bytes_atomic(tmp_path / "file" / "a.png", b"x")


def test_a_folder_in_the_place_of_the_file_is_an_output_error(tmp_path):
    (tmp_path / "a.txt").mkdir()
    with pytest.raises(OutputError), atomic_writer(tmp_path / "a.txt") as file:
        file.write("x")
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_an_output_error(tmp_path):
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(OutputError), atomic_writer(tmp_path / "a.txt") as file:
            file.write("x")
    finally:
        tmp_path.chmod(0o755)


@pytest.mark.skipif(sys.platform == "win32", reason="Unix permissions")
def test_results_are_as_readable_as_the_users_other_files(tmp_path):
    (tmp_path / "plain.txt").write_text("")
    write_bytes_atomic(tmp_path / "a.png", b"x")
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("plain.txt", "a.png")}
    assert len(modes) == 1


def test_what_a_killed_process_left_of_a_new_folder_goes_and_what_is_being_made_stays(tmp_path):
    left, other = tmp_path / ".new.12345678.tmp", tmp_path / ".newer.12345678.tmp"
    for each in (left, other):
        each.mkdir()
        (each / "half").touch()
        os.utime(each, (1, 1))
    with new_folder(tmp_path / "new") as first:
        os.utime(first, (1, 1))
        with new_folder(tmp_path / "new") as second:
            assert names(tmp_path) == sorted([first.name, second.name, other.name])
        (tmp_path / "new").rmdir()
    assert names(tmp_path) == [other.name, "new"]


def test_a_folder_that_a_killed_process_left_keeps_nobody_from_writing_beside_it(tmp_path):
    left = tmp_path / ".new.12345678.tmp"
    left.mkdir()
    os.utime(left, (1, 1))
    check_writable(tmp_path)
    remove_unfinished(tmp_path, deep=True)
    assert names(tmp_path) == [left.name]


def test_a_new_folder_takes_the_place_of_an_empty_one_that_a_link_leads_to(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to("disk")
    with new_folder(tmp_path / "link") as unfinished:
        (unfinished / "made").touch()
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "disk/made").is_file()


def test_a_new_folder_is_not_the_current_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"^\. is the current folder; give a new one"), new_folder(Path()):
        pytest.fail("begun")
