"""The frames and clips that DeepfakeBench tests on, as measured on its loader and for any numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.media.host_sampling import DeepfakeBenchSampling, deepfakebench_clips, deepfakebench_frames

COUNTS = st.integers(1, 60)


@pytest.mark.parametrize(
    ("num_frames", "frame_num", "expected"),
    [(10, 4, (0, 1, 2, 3)), (4, 4, (0, 1, 2, 3)), (3, 32, (0, 1, 2)), (0, 5, ())],
)
def test_frames_are_the_first_not_evenly_spread_ones(num_frames: int, frame_num: int, expected: tuple[int]) -> None:
    assert deepfakebench_frames(num_frames, frame_num) == expected


@pytest.mark.parametrize(
    ("num_frames", "frame_num", "clip_size", "starts"),
    [
        (10, 32, 4, [0, 6]),
        (10, 32, 3, [0, 3, 6]),
        (7, 32, 3, [0, 4]),
        (7, 32, 4, [0]),  # one clip: the first frames, not the middle
        (100, 32, 8, [0, 8, 16, 24]),
        (30, 32, 8, [0, 11, 22]),
        (3, 32, 4, []),
        (100, 3, 4, []),
    ],
)
def test_clips_are_those_that_the_loader_was_seen_to_take(
    num_frames: int, frame_num: int, clip_size: int, starts: list[int]
) -> None:
    expected = [list(range(start, start + clip_size)) for start in starts]
    assert [list(clip) for clip in deepfakebench_clips(num_frames, frame_num, clip_size)] == expected


@given(st.integers(0, 200), COUNTS, COUNTS)
def test_no_frame_stands_in_two_clips_or_beyond_the_video(num_frames: int, frame_num: int, clip_size: int) -> None:
    clips = deepfakebench_clips(num_frames, frame_num, clip_size)
    used = [index for clip in clips for index in clip]
    assert used == sorted(set(used))
    assert len(clips) == min(num_frames, frame_num) // clip_size
    assert all(0 <= index < min(num_frames, frame_num) for index in used)


@pytest.mark.parametrize(("num_frames", "frame_num", "clip_size"), [(-1, 4, 2), (9, 0, 2), (9, 4, 0)])
def test_numbers_that_mean_nothing_are_errors(num_frames: int, frame_num: int, clip_size: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        deepfakebench_clips(num_frames, frame_num, clip_size)


@pytest.mark.parametrize(("frame_num", "clip_size"), [(0, None), (4, 0), (4, -1)])
def test_a_choice_needs_numbers_of_at_least_one(frame_num: int, clip_size: int | None) -> None:
    with pytest.raises(ConfigError, match="must be at least 1"):
        DeepfakeBenchSampling(frame_num, clip_size)


def test_a_clip_longer_than_the_frames_looked_at_is_an_error_that_says_what_to_give() -> None:
    with pytest.raises(ConfigError, match="clip_size 8 exceeds frame_num 4, so that no video has a clip"):
        DeepfakeBenchSampling(4, 8)


def test_single_frames_are_groups_of_one() -> None:
    assert DeepfakeBenchSampling(2).groups(5) == ((0,), (1,))
    assert DeepfakeBenchSampling(5, 2).groups(5) == ((0, 1), (3, 4))
    assert DeepfakeBenchSampling(5, 2).to_dict() == {"frame_num": 5, "clip_size": 2}
