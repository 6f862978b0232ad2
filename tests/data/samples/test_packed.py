"""Packed samples are the samples that were packed, in a fraction of their memory."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.types import Sample
from deepfakebench_ext.data.samples.manifest import read_manifest
from deepfakebench_ext.data.samples.packed import PackedSamples

SAMPLES = [
    Sample("a.png", "in/a.png", 1),
    Sample("b/ä\udcff.png", "in/b/ä\udcff.png", 0, "v", "d", "m"),
    Sample("elsewhere.png", "/other/file.png"),
    Sample("s3://bucket/a.png", "s3://bucket/a.png"),
    Sample("d/f/v", "in/d", None, frames=("x\\1.png", "2.png"), fault="gone"),
    Sample("d/f/w", "in/d", fault="gone"),
]


def test_they_are_what_was_packed_one_by_one_in_parts_and_from_the_end() -> None:
    packed = PackedSamples(iter(SAMPLES))
    assert list(packed) == SAMPLES
    assert packed == SAMPLES and packed != SAMPLES[:-1] and packed != [*SAMPLES[:-1], SAMPLES[0]]
    assert [packed[at] for at in range(-6, 6)] == SAMPLES * 2
    for part in (slice(2, 4), slice(None, None, -2), slice(4, 99), slice(3, 3)):
        assert packed[part] == SAMPLES[part]
        assert len(packed[part]) == len(SAMPLES[part])
    assert packed[1:5][1:][0] == SAMPLES[2]
    assert not PackedSamples()
    with pytest.raises(IndexError):
        packed[6]


def test_a_manifest_of_many_takes_less_than_a_hundred_bytes_a_sample(tmp_path: Path) -> None:
    count = 20_000
    rows = (f"{number // 1000:05d}/{number % 1000:03d}.jpg,{number % 2}\n" for number in range(count))
    (tmp_path / "all.csv").write_text("path,label\n" + "".join(rows))
    tracemalloc.start()
    try:
        samples = read_manifest(tmp_path / "all.csv", kind="image")
        kept, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(samples) == count
    assert kept < 60 * count
    assert most < 100 * count


def test_a_file_that_is_listed_twice_is_found_by_its_lines(tmp_path: Path) -> None:
    (tmp_path / "all.csv").write_text("path\na.png\nb.png\n\nc/../b.png\na.png\n")
    with pytest.raises(ConfigError, match=r"all\.csv, line 5: c/\.\./b\.png was already listed in line 3"):
        read_manifest(tmp_path / "all.csv", kind="image")
