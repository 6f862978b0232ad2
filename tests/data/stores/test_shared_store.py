"""Detectors that go abreast see the frames the store would give each of them, decoded once while they are near."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from deepfakebench_ext.common.errors import MediaError
from deepfakebench_ext.data.stores.shared_store import SharedStore


class Counted:
    """A store of numbered grey frames of 12 bytes that counts its decodes."""

    def __init__(self) -> None:
        self.decoded: list[str] = []

    def settle(self, frames: object) -> None: ...

    def read(self, frame: str) -> np.ndarray:
        if frame == "absent":
            raise MediaError("absent")
        self.decoded.append(frame)
        return np.full((2, 2, 3), int(frame), np.uint8)

    def missing(self, frames: object) -> list[str]:
        return ["absent"]

    def home(self, frame: str) -> Path:
        return Path("home")

    def address(self, frame: str) -> str:
        return f"address of {frame}"


def test_a_frame_that_is_kept_is_not_decoded_again_and_cannot_be_written_to() -> None:
    store = SharedStore(inner := Counted(), 24)
    first, again = store.read("1"), store.read("1")
    assert inner.decoded == ["1"]
    assert again is first
    with pytest.raises(ValueError, match="read-only"):
        first[0] = 0


def test_what_was_asked_for_longest_ago_goes_first_and_memory_stays_within_the_capacity() -> None:
    store = SharedStore(inner := Counted(), 24)
    for frame in ("1", "2", "1", "3", "1", "2"):
        store.read(frame)
    assert inner.decoded == ["1", "2", "3", "2"]


def test_a_missing_frame_stays_an_error_at_every_call() -> None:
    store = SharedStore(Counted(), 24)
    for _ in range(2):
        with pytest.raises(MediaError, match="absent"):
            store.read("absent")


def test_threads_get_the_right_frames() -> None:
    store = SharedStore(Counted(), 60)
    wanted = [str(number % 9) for number in range(900)]
    with ThreadPoolExecutor(8) as pool:
        assert [int(rgb[0, 0, 0]) for rgb in pool.map(store.read, wanted)] == [int(frame) for frame in wanted]
