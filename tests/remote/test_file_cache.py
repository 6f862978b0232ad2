"""The cache on this machine: whole files or none, below a size, for many at once."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import pytest

from deepfakebench_ext.common.errors import FetchError
from deepfakebench_ext.remote.cache import FileCache


def name(number: int) -> str:
    return f"{number:02x}{'0' * 38}.jpg"


def filled(size: int) -> Callable[[BinaryIO], None]:
    def fill(file: BinaryIO) -> None:
        file.write(b"x" * (size - file.seek(0, os.SEEK_END)))

    return fill


def never(file: BinaryIO) -> None:
    raise AssertionError("it was filled again")


def kept(folder: Path) -> list[int]:
    return sorted(int(path.name[:2], 16) for path in folder.glob("[0-9a-f][0-9a-f]/*.jpg"))


def test_a_file_is_filled_once(tmp_path: Path) -> None:
    cache = FileCache(tmp_path, 10_000)
    with cache.reading(name(1), 100, filled(100)) as path:
        assert path.read_bytes() == b"x" * 100 and path.suffix == ".jpg"
    with cache.reading(name(1), 100, never):
        pass


def test_what_was_used_longest_ago_goes_and_what_is_read_stays(tmp_path: Path) -> None:
    cache = FileCache(tmp_path, 1000)
    with cache.reading(name(0), 200, filled(200)) as held:
        for number in range(1, 12):
            with cache.reading(name(number), 200, filled(200)):
                assert held.is_file()
            os.utime(held, (1, 1))  # the oldest of all
    assert 0 in kept(tmp_path) and 11 in kept(tmp_path) and 1 not in kept(tmp_path)
    assert sum(path.stat().st_size for path in tmp_path.glob("[0-9a-f][0-9a-f]/*")) <= 1000


def test_what_is_being_read_may_be_more_than_all(tmp_path: Path) -> None:
    cache = FileCache(tmp_path, 1000)
    with ExitStack() as stack:
        for number in range(10):
            stack.enter_context(cache.reading(name(number), 400, filled(400)))
        assert len(kept(tmp_path)) == 10
    with cache.reading(name(10), 400, filled(400)):
        pass
    assert len(kept(tmp_path)) <= 2


def test_a_broken_download_is_gone_on_with(tmp_path: Path) -> None:
    cache, begun = FileCache(tmp_path, 10_000), []

    def half(file: BinaryIO) -> None:
        file.write(b"a" * 50)
        raise FetchError("away")

    with pytest.raises(FetchError, match="away"), cache.reading(name(1), 100, half):
        pass
    assert kept(tmp_path) == []

    def rest(file: BinaryIO) -> None:
        begun.append(file.seek(0, os.SEEK_END))
        file.write(b"b" * 50)

    with cache.reading(name(1), 100, rest) as path:
        assert path.read_bytes() == b"a" * 50 + b"b" * 50 and begun == [50]


def test_a_file_cut_short_by_a_crash_is_filled_anew(tmp_path: Path) -> None:
    cache = FileCache(tmp_path, 10_000)
    with cache.reading(name(1), 100, filled(100)) as path:
        pass
    path.write_bytes(b"x" * 10)
    with cache.reading(name(1), 100, filled(100)) as path:
        assert len(path.read_bytes()) == 100


def test_threads_that_want_one_file_fill_it_once(tmp_path: Path) -> None:
    cache, fills = FileCache(tmp_path, 10_000), []

    def slowly(file: BinaryIO) -> None:
        fills.append(1)
        time.sleep(0.1)
        file.write(b"x" * 100)

    def read() -> None:
        with cache.reading(name(1), 100, slowly) as path:
            assert len(path.read_bytes()) == 100

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert fills == [1]


_READER = """
import os, random, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from deepfakebench_ext.remote.cache import FileCache
cache, rng = FileCache(Path(sys.argv[1]), 3000), random.Random(int(sys.argv[3]))
for _ in range(300):
    number = rng.randrange(12)
    fill = lambda file: file.write(bytes([number]) * (500 - file.seek(0, os.SEEK_END)))
    with cache.reading(f"{number:02x}{'0' * 38}.jpg", 500, fill) as path:
        assert path.read_bytes() == bytes([number]) * 500
        assert path.read_bytes() == bytes([number]) * 500
"""


def test_processes_share_it_and_one_that_is_killed_harms_none(tmp_path: Path) -> None:
    root = str(Path(__file__).parents[2])
    readers = [
        subprocess.Popen([sys.executable, "-c", _READER, str(tmp_path), root, str(seed)], stderr=subprocess.PIPE)
        for seed in range(4)
    ]
    time.sleep(0.3)
    readers[0].kill()
    said = [reader.communicate()[1] for reader in readers]
    assert [reader.returncode for reader in readers[1:]] == [0, 0, 0], said
    cache = FileCache(tmp_path, 3000)
    for number in range(12):
        with cache.reading(name(number), 500, lambda file: None) if number in kept(tmp_path) else ExitStack():
            pass
    assert sum(path.stat().st_size for path in tmp_path.glob("[0-9a-f][0-9a-f]/*")) <= 3000


def test_a_scratch_folder_goes_and_that_of_a_killed_process_with_the_next(tmp_path: Path) -> None:
    cache = FileCache(tmp_path, 1000)
    (tmp_path / "scratch/dead").mkdir(parents=True)
    (tmp_path / "scratch/dead.in_use").touch()
    with cache.scratch() as first, cache.scratch() as second:
        assert first.is_dir() and second.is_dir() and not (tmp_path / "scratch/dead").exists()
    assert list((tmp_path / "scratch").iterdir()) == []


def test_a_cache_that_cannot_be_written_says_how_to_name_another(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(FetchError, match="another folder by DFB_CACHE_DIR"),
        FileCache(tmp_path / "file", 10).reading(name(1), 1, filled(1)),
    ):
        pass


def test_its_folder_is_its_users_own_unless_it_was_there(tmp_path: Path) -> None:
    for folder, mode in ((tmp_path / "new/files", 0o700), (tmp_path / "shared", 0o755)):
        if folder.name == "shared":
            folder.mkdir(mode)
        with FileCache(folder, 1000).reading(name(1), 10, filled(10)):
            assert folder.stat().st_mode & 0o777 == mode
