"""What tells a file's content by little of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from deepfakebench_ext.common.digests import ABSENT, content_of, content_of_bytes

EDGE = 1 << 16


@pytest.mark.parametrize("size", [0, 1, EDGE - 1, EDGE, EDGE + 1, 2 * EDGE - 1, 2 * EDGE, 2 * EDGE + 1, 5 * EDGE])
def test_a_file_and_its_bytes_say_the_same_and_edges_and_size_count(tmp_path: Path, size: int) -> None:
    data = bytes(number * 7 % 251 for number in range(size))
    (tmp_path / "a").write_bytes(data)
    told = content_of(tmp_path / "a")
    assert told == content_of_bytes(data)
    others = {content_of_bytes(data + b"x"), content_of_bytes(b"x" + data)}
    if size:
        others |= {content_of_bytes(b"\xff" + data[1:]), content_of_bytes(data[:-1] + b"\xff")}
    assert told not in others


def test_every_byte_of_a_small_file_counts() -> None:
    data = bytearray(2 * EDGE)
    told = content_of_bytes(bytes(data))
    for place in (0, EDGE - 1, EDGE, EDGE + 1, 2 * EDGE - 1):
        data[place] = 1
        assert content_of_bytes(bytes(data)) != told
        data[place] = 0


def test_what_cannot_be_read_is_absent_and_blocks_nobody(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert [content_of(tmp_path / name) for name in ("pipe", "missing", "\0", "")] == [ABSENT] * 4
