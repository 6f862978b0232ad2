"""Compiled networks are kept within a size: the least recently used go, never one that somebody holds."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deepfakebench_ext.models.runtimes import network_cache
from deepfakebench_ext.models.runtimes.network_cache import held, make_room

_HOLDS = """
import sys, time
from pathlib import Path
from deepfakebench_ext.models.runtimes.network_cache import held
with held(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """Four networks of 100 bytes, of which `a` was used last and `d` first; 250 may stay."""
    monkeypatch.setattr(network_cache, "LARGEST_BYTES", 250)
    for age, name in enumerate("abcd"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.bin").write_bytes(bytes(100))
        os.utime(tmp_path / name, (time.time() - 100 * (age + 1),) * 2)
    return tmp_path


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.is_dir()}


def test_the_least_recently_used_go_until_all_fit(kept):
    make_room(kept / "a")
    assert names(kept) == {"a", "b"}


def test_what_is_held_is_used_and_stays(kept):
    with held(kept / "d"):
        pass
    make_room(kept / "d")
    assert names(kept) == {"a", "d"}


def test_the_new_one_stays_however_large(kept):
    (kept / "d/model.bin").write_bytes(bytes(1000))
    make_room(kept / "d")
    assert names(kept) == {"d"}


def test_what_another_process_holds_is_left(kept):
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLDS, str(kept / "c")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout.readline() == "held\n"
        os.utime(kept / "c", (1, 1))  # the first to go, were it not held
        make_room(kept / "a")
        assert names(kept) == {"a", "c"}
    finally:
        holder.communicate("")
    os.utime(kept / "c", (1, 1))
    (kept / "e").mkdir()
    (kept / "e/model.bin").write_bytes(bytes(100))
    make_room(kept / "e")
    assert names(kept) == {"a", "e"}


def test_what_a_killed_process_left_goes_and_what_is_being_made_stays(kept):
    for name in (".b.gone", ".x.12345678.tmp", ".y.12345678.tmp"):
        (kept / name).mkdir()
    with held(kept / "y"):
        make_room(kept / "a")
    assert names(kept) == {"a", "b", ".y.12345678.tmp"}
