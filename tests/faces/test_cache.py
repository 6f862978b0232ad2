"""Crops on disk: found again by content, never wrong, never too large, shared by processes and threads."""

from __future__ import annotations

import logging
import multiprocessing
import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from deepfakebench_ext.common.errors import ConfigError, MediaError, OutputError
from deepfakebench_ext.faces import cache as cache_module
from deepfakebench_ext.faces.cache import CachedCrops, CropCache
from deepfakebench_ext.faces.crop import FaceCrop, Miss, Shot

SETTINGS = {"detector": "dlib", "size_px": [8, 8]}
VIDEO = {"sampling": "uniform", "num_frames": 4}
LARGE = 10**9


def crops_of(value: int, side: int = 8) -> CachedCrops:
    rgb = np.full((side, side, 3), value % 256, np.uint8)
    return CachedCrops((Shot(0, None, FaceCrop(rgb)),))


def value_of(crops: CachedCrops) -> int:
    (frame,) = crops.shots
    assert (frame.result.rgb == frame.result.rgb.flat[0]).all()
    return int(frame.result.rgb.flat[0])


def key_of(number: int) -> str:
    return f"{number:064x}"[::-1]


def entries(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*.crops") if path.is_file()]


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in entries(folder))


@pytest.fixture
def cache(tmp_path):
    return CropCache(tmp_path / "crops", LARGE)


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"pixels")
    return path


# What comes back


def test_an_entry_comes_back_as_it_was(cache):
    rng = np.random.default_rng(0)
    rgb, landmarks = rng.integers(0, 256, (24, 16, 3), dtype=np.uint8), rng.normal(size=(81, 2))
    whole = rng.integers(0, 256, (5, 7, 3), dtype=np.uint8)
    frames = (
        Shot(3, 0.1, FaceCrop(rgb, landmarks)),
        Shot(7, 1 / 3, FaceCrop(rgb[::-1], None, face_found=False)),
        Shot(9, 2.5, Miss("no face found: \udcff 換臉")),
        Shot(12, 9e9, FaceCrop(whole, None, face_found=False, is_full_frame=True, reason="no face")),
    )
    cache.put(key_of(1), CachedCrops(frames, {"decoded": 12, "flags": ["short"]}))
    found = cache.get(key_of(1))
    assert found.info == {"decoded": 12, "flags": ["short"]}
    assert [(frame.index, frame.time_s) for frame in found.shots] == [(frame.index, frame.time_s) for frame in frames]
    assert found.shots[2].result == frames[2].result
    for frame, expected in [(found.shots[at].result, frames[at].result) for at in (0, 1, 3)]:
        np.testing.assert_array_equal(frame.rgb, expected.rgb)
        assert frame.rgb.dtype == np.uint8
        assert frame.rgb.flags.writeable
        np.testing.assert_equal(frame.landmarks_px, expected.landmarks_px)
        assert (frame.face_found, frame.is_full_frame, frame.reason) == (
            expected.face_found,
            expected.is_full_frame,
            expected.reason,
        )


def test_what_was_not_put_is_absent(cache):
    assert cache.get(key_of(1)) is None


def test_an_entry_put_again_replaces_the_older(cache):
    cache.put(key_of(1), crops_of(1))
    cache.put(key_of(1), crops_of(2))
    assert value_of(cache.get(key_of(1))) == 2


def test_another_process_finds_what_this_one_put(cache, tmp_path):
    cache.put(key_of(1), crops_of(9))
    assert value_of(CropCache(tmp_path / "crops", LARGE).get(key_of(1))) == 9


# Keys


def test_a_key_depends_on_content_and_not_on_name_or_place(cache, photo, tmp_path):
    copy = tmp_path / "other.png"
    copy.write_bytes(photo.read_bytes())
    assert cache.key([photo], SETTINGS, VIDEO) == cache.key([copy], SETTINGS, VIDEO)
    assert cache.key([photo], SETTINGS, VIDEO) == CropCache(tmp_path / "new", LARGE).key([photo], SETTINGS, VIDEO)


def test_a_key_depends_on_each_file_their_order_the_settings_and_the_sampling(cache, photo, tmp_path):
    other = tmp_path / "b.jpg"
    other.write_bytes(b"others")
    keys = {
        cache.key(files, settings, identity)
        for files in ([photo], [other], [photo, other], [other, photo])
        for settings in (SETTINGS, {**SETTINGS, "search": "coarse"})
        for identity in (VIDEO, {**VIDEO, "num_frames": 5})
    }
    assert len(keys) == 16


def test_a_rewritten_file_has_another_key(cache, photo):
    before = cache.key([photo], SETTINGS, VIDEO)
    photo.write_bytes(b"PIXELS")
    os.utime(photo, ns=(1, time.time_ns() + 10**9))
    assert cache.key([photo], SETTINGS, VIDEO) != before


def test_a_file_is_read_once(cache, photo, monkeypatch):
    before = cache.key([photo], SETTINGS, VIDEO)
    monkeypatch.setattr(cache_module, "sha256_of", lambda path: pytest.fail(f"read {path} again"))
    assert cache.key([photo], SETTINGS, VIDEO) == before


@pytest.mark.parametrize("kind", ["absent", "folder", "pipe"])
@pytest.mark.timeout(20)
def test_what_cannot_be_read_is_an_error_of_that_file(cache, tmp_path, kind):
    path = tmp_path / "thing.mp4"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    with pytest.raises(MediaError, match=r"thing\.mp4: (No such file|not a regular file)"):
        cache.key([path], SETTINGS, VIDEO)


# Damage


@pytest.mark.parametrize("cut", [0, 1, 20, 30, 40, 60, 200, -1])
def test_an_entry_cut_off_anywhere_is_absent_and_is_replaced(cache, cut, caplog):
    cache.put(key_of(1), crops_of(1))
    (path,) = entries(cache._folder)
    path.write_bytes(path.read_bytes()[:cut])
    assert cache.get(key_of(1)) is None
    assert "is not a whole entry of the crop cache" in caplog.text
    cache.put(key_of(1), crops_of(2))
    assert value_of(cache.get(key_of(1))) == 2


def test_a_single_flipped_bit_is_noticed_wherever_it_is(cache):
    cache.put(key_of(1), crops_of(1, side=2))
    (path,) = entries(cache._folder)
    whole = path.read_bytes()
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert cache.get(key_of(1)) is None, at
    path.write_bytes(whole + b"\0")
    assert cache.get(key_of(1)) is None


def test_an_entry_under_the_name_of_another_is_absent(cache):
    cache.put(key_of(1), crops_of(1))
    (path,) = entries(cache._folder)
    other = cache._path(key_of(2))
    other.parent.mkdir(exist_ok=True)
    shutil.copy(path, other)
    assert cache.get(key_of(2)) is None
    assert value_of(cache.get(key_of(1))) == 1


# Size


def entry_bytes(tmp_path) -> int:
    probe = CropCache(tmp_path / "probe", LARGE)
    probe.put(key_of(0), crops_of(0))
    return size_of(tmp_path / "probe")


def age(cache: CropCache, number: int, seconds: float) -> None:
    path = cache._path(key_of(number))
    os.utime(path, (time.time() - seconds,) * 2)


def test_the_folder_never_grows_beyond_its_limit(tmp_path):
    limit = 10 * entry_bytes(tmp_path)
    cache = CropCache(tmp_path / "crops", limit)
    for number in range(60):
        cache.put(key_of(number), crops_of(number))
        assert size_of(tmp_path / "crops") <= limit
    assert len(entries(tmp_path / "crops")) >= 8
    assert value_of(cache.get(key_of(59))) == 59


def test_what_was_not_used_for_longest_goes_first(tmp_path):
    cache = CropCache(tmp_path / "crops", 10 * entry_bytes(tmp_path))
    for number in range(9):
        cache.put(key_of(number), crops_of(number))
        age(cache, number, 1000 - number)
    assert cache.get(key_of(0)) is not None  # used just now
    cache.put(key_of(9), crops_of(9))
    cache.put(key_of(10), crops_of(10))
    kept = [number for number in range(11) if cache.get(key_of(number)) is not None]
    assert kept[0] == 0
    assert kept[-2:] == [9, 10]
    assert 1 not in kept


def test_many_small_entries_are_looked_at_in_batches_and_still_stay_within_the_limit(tmp_path, monkeypatch):
    looks = []
    evict = cache_module._evict
    monkeypatch.setattr(cache_module, "_evict", lambda *arguments: (looks.append(1), evict(*arguments)))
    limit = 200 * entry_bytes(tmp_path)
    cache = CropCache(tmp_path / "crops", limit)
    for number in range(400):
        cache.put(key_of(number), crops_of(number))
    assert size_of(tmp_path / "crops") <= limit
    assert 60 < len(looks) < 150


def test_an_entry_larger_than_the_limit_is_not_kept_and_drives_no_other_out(tmp_path):
    cache = CropCache(tmp_path / "crops", 2 * entry_bytes(tmp_path))
    cache.put(key_of(1), crops_of(1))
    cache.put(key_of(2), crops_of(2, side=100))
    assert cache.get(key_of(2)) is None
    assert value_of(cache.get(key_of(1))) == 1


def test_files_of_others_in_the_folder_are_left_alone(tmp_path):
    cache = CropCache(tmp_path / "crops", 3 * entry_bytes(tmp_path))
    cache.put(key_of(0), crops_of(0))
    theirs = [tmp_path / "crops/notes.txt", entries(tmp_path / "crops")[0].parent / "photo.jpg"]
    for path in theirs:
        path.write_bytes(b"x" * 10_000)
    for number in range(1, 20):
        cache.put(key_of(number), crops_of(number))
    assert all(path.stat().st_size == 10_000 for path in theirs)


def test_what_a_killed_writer_left_behind_is_removed_after_an_hour(tmp_path):
    cache = CropCache(tmp_path / "crops", LARGE)
    cache.put(key_of(0), crops_of(0))
    folder = entries(tmp_path / "crops")[0].parent
    old, new = folder / "a.tmp", folder / "b.tmp"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - 7200,) * 2)
    CropCache(tmp_path / "crops", LARGE).put(key_of(1), crops_of(1))
    assert not old.exists()
    assert new.exists()


# Failures


def test_a_limit_that_holds_nothing_is_an_error(tmp_path):
    with pytest.raises(ConfigError, match="holds nothing"):
        CropCache(tmp_path, 0)


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"--crop_cache .* cannot be created: .*; give another"):
        CropCache(tmp_path / "file/crops", LARGE)


def test_a_cache_that_cannot_be_written_says_so_once_and_stops_nothing(cache, caplog):
    shutil.rmtree(cache._folder)
    cache._folder.touch()
    with caplog.at_level(logging.WARNING):
        for number in range(3):
            cache.put(key_of(number), crops_of(number))
    assert caplog.text.count("the crop cache cannot be written") == 1


def test_a_failed_write_leaves_no_file(cache, monkeypatch):
    def full(self, data):
        self.touch()
        raise OSError(28, "No space left on device")

    cache.put(key_of(1), crops_of(1))
    monkeypatch.setattr(Path, "write_bytes", full)
    cache.put(key_of(1), crops_of(2))
    monkeypatch.undo()
    assert value_of(cache.get(key_of(1))) == 1
    assert [path.suffix for path in cache._folder.rglob("*") if path.is_file()].count(".tmp") == 0


# Several at once


def _use(folder: str, seed: int, limit: int) -> int:
    """Put and get entries in random order; return how many were found. An entry with a wrong value raises."""
    cache = CropCache(Path(folder), limit)
    found = 0
    for number in np.random.default_rng(seed).integers(0, 30, 150).tolist():
        crops = cache.get(key_of(number))
        if crops is None:
            cache.put(key_of(number), crops_of(number))
        else:
            found += 1
            assert value_of(crops) == number
    return found


def test_threads_and_processes_share_a_folder_and_see_only_whole_entries(tmp_path, caplog):
    folder, limit = tmp_path / "crops", 20 * entry_bytes(tmp_path)
    with multiprocessing.get_context("spawn").Pool(2) as processes, ThreadPoolExecutor(2) as threads:
        here = [threads.submit(_use, str(folder), seed, limit) for seed in (1, 2)]
        there = processes.starmap(_use, [(str(folder), seed, limit) for seed in (3, 4)])
        assert min([*there, *(job.result() for job in here)]) > 0
    assert "not a whole entry" not in caplog.text
    assert size_of(folder) <= limit * 1.25
    assert [path for path in folder.rglob("*.tmp")] == []


def test_one_process_at_a_time_evicts_and_a_hanging_one_is_not_waited_for(tmp_path, monkeypatch):
    evicted = []
    monkeypatch.setattr(cache_module, "_evict", lambda *arguments: evicted.append(arguments))
    monkeypatch.setattr(cache_module, "_PATIENCE_S", 0.05)
    cache = CropCache(tmp_path / "crops", LARGE)
    with FileLock(tmp_path / "crops" / cache_module._LOCK):
        cache.put(key_of(1), crops_of(1))
    assert evicted == [] and cache.get(key_of(1)) is not None
    CropCache(tmp_path / "crops", LARGE).put(key_of(2), crops_of(2))
    assert len(evicted) == 1
