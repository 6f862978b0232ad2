"""Films that are written."""

from __future__ import annotations

import numpy as np
import pytest

from deepfakebench_ext.media.film_writer import FilmWriter

pytest.importorskip("av", reason="PyAV is not installed (extra `video`)")


def test_the_same_frames_give_the_same_bytes_whatever_stands_in_freed_memory(tmp_path):
    # A width that is no multiple of 64, and content that moves: where x264 looks ahead in memory that it never wrote.
    rng = np.random.default_rng(0)
    small = rng.integers(0, 255, (25, 49, 3), np.uint8).repeat(8, axis=0).repeat(8, axis=1)
    frames = [np.roll(small, at, axis=1) for at in range(30)]
    files = set()
    for _ in range(12):
        with FilmWriter(tmp_path / "a.mp4") as film:
            for at, frame in enumerate(frames):
                rng.integers(0, 255, int(rng.integers(1_000, 400_000)), np.uint8)
                film.add(frame, at / 25)
        files.add((tmp_path / "a.mp4").read_bytes())
    assert len(files) == 1
