"""What passes is tried again; what does not is said at once."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
import tiny

from deepfakebench_ext.common import retrying
from deepfakebench_ext.common.errors import MediaError
from deepfakebench_ext.data.stores.frame_stores import RgbStore
from deepfakebench_ext.media.image import read_rgb


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrying, "WAITS_S", (0, 0))


class _Disk:
    """Refuses to say the state of files so many times."""

    def __init__(self, number: int, times: int) -> None:
        self.number, self.left, self.asked, self._stat = number, times, 0, os.stat

    def stat(self, path: Path, **options: bool) -> os.stat_result:
        self.asked += 1
        if self.left:
            self.left -= 1
            raise OSError(self.number, os.strerror(self.number))
        return self._stat(path, **options)


def test_a_picture_on_a_disk_that_stumbles_twice_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny.photo(tmp_path / "a.png", seed=0)
    whole = read_rgb(tmp_path / "a.png")
    for number in (errno.EIO, errno.ESTALE, errno.ETIMEDOUT):
        disk = _Disk(number, 2)
        with monkeypatch.context() as patch:
            patch.setattr(os, "stat", disk.stat)
            assert (read_rgb(tmp_path / "a.png") == whole).all()
        assert disk.left == 0


def test_so_is_a_frame_of_a_dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny.photo(tmp_path / "set/a.png", seed=0)
    store = RgbStore(tmp_path, tmp_path)
    store.settle(["set/a.png"])
    whole = store.read("set/a.png")
    disk = _Disk(errno.ESTALE, 2)
    with monkeypatch.context() as patch:
        patch.setattr(os, "stat", disk.stat)
        assert (store.read("set/a.png") == whole).all()
    assert disk.left == 0


def test_what_does_not_pass_is_said_with_what_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny.photo(tmp_path / "a.png", seed=0)
    for number, asked, reason in ((errno.EIO, 3, "Input/output error"), (errno.EACCES, 1, "no such file")):
        disk = _Disk(number, 9)
        with monkeypatch.context() as patch:
            patch.setattr(os, "stat", disk.stat)
            with pytest.raises(MediaError, match=reason):
                read_rgb(tmp_path / "a.png")
        assert disk.asked == asked
