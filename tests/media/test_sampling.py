from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepfakebench_ext.media.sampling import clip_indices


@given(
    clip_len=st.integers(1, 64), frame_interval=st.integers(1, 16), before=st.integers(0, 500), odd=st.integers(0, 1)
)
def test_a_clip_is_evenly_spaced_complete_and_centred(clip_len, frame_interval, before, odd):
    span = (clip_len - 1) * frame_interval + 1
    num_frames = before + span + before + odd
    indices = clip_indices(num_frames, clip_len=clip_len, frame_interval=frame_interval)
    assert len(indices) == clip_len
    assert {later - earlier for earlier, later in pairwise(indices)} <= {frame_interval}
    assert indices[0] == before
    assert num_frames - 1 - indices[-1] == before + odd


@given(clip_len=st.integers(1, 64), frame_interval=st.integers(1, 16), missing=st.integers(1, 100))
def test_a_video_shorter_than_the_clip_is_an_error(clip_len, frame_interval, missing):
    num_frames = max((clip_len - 1) * frame_interval + 1 - missing, 0)
    with pytest.raises(ValueError, match=f"there are only {num_frames}"):
        clip_indices(num_frames, clip_len=clip_len, frame_interval=frame_interval)


def test_neighbouring_frames_by_default():
    assert clip_indices(20, clip_len=16) == tuple(range(2, 18))


def test_the_error_names_clip_interval_span_and_frames():
    with pytest.raises(ValueError, match="a clip of 16 frames, every 4, spans 61 frames and there are only 60"):
        clip_indices(60, clip_len=16, frame_interval=4)


@pytest.mark.parametrize(("clip_len", "frame_interval"), [(0, 1), (4, 0), (-1, 1)])
def test_counts_below_one_are_errors(clip_len, frame_interval):
    with pytest.raises(ValueError, match="must be at least 1"):
        clip_indices(100, clip_len=clip_len, frame_interval=frame_interval)
