"""What H.264 leaves of a clip: its shape, less of it the worse the quality, and the same each time."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("av")

from deepfakebench_ext.media.h264 import h264

RNG = np.random.default_rng(0)
SMOOTH = np.kron(RNG.integers(60, 200, (6, 8, 3)), np.ones((8, 8, 1))).astype(np.uint8)
CLIP = np.stack([np.roll(SMOOTH, number, axis=1) for number in range(5)])


@pytest.mark.parametrize("shape", [(5, 48, 64), (1, 48, 64), (3, 33, 47), (2, 16, 17)])
def test_a_clip_keeps_its_frames_and_its_size(shape: tuple[int, int, int]) -> None:
    count, height, width = shape
    clip = CLIP[:count, :height, :width]
    before = clip.copy()
    found = h264(clip, 30)
    assert found.shape == clip.shape
    assert found.dtype == np.uint8
    assert np.array_equal(clip, before)
    assert np.array_equal(found, h264(clip, 30))


def test_the_higher_the_number_the_more_is_lost_and_frames_stay_in_their_order() -> None:
    lost = [float(np.abs(h264(CLIP, crf).astype(int) - CLIP).mean()) for crf in (0, 30, 45)]
    assert lost == sorted(lost)
    assert lost[2] > 2 * lost[0]
    found = h264(CLIP, 20).astype(int)
    nearest = [int(np.abs(CLIP.astype(int) - frame).mean(axis=(1, 2, 3)).argmin()) for frame in found]
    assert nearest == [0, 1, 2, 3, 4]
