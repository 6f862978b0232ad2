import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.media.sampling import (
    SPREAD,
    ClipSampling,
    FrameSampling,
    RateGate,
    clip_indices,
    clips,
    first_indices,
    uniform_indices,
)

counts = st.integers(1, 64)


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


@given(num_frames=st.integers(0, 5000), count=counts)
def test_uniform_indices_are_what_deepfakebench_extracts_each_once(num_frames, count):
    extracted = np.linspace(0, num_frames - 1, count, endpoint=True, dtype=int) if num_frames else ()
    if count <= num_frames:
        assert uniform_indices(num_frames, count) == tuple(extracted)
    else:
        assert uniform_indices(num_frames, count) == tuple(range(num_frames))


@given(num_frames=st.integers(2, 5000), count=st.integers(2, 64))
def test_uniform_indices_are_distinct_even_and_include_both_ends(num_frames, count):
    indices = uniform_indices(num_frames, count)
    assert (indices[0], indices[-1]) == (0, num_frames - 1)
    steps = {later - earlier for earlier, later in pairwise(indices)}
    assert min(steps) >= 1
    assert max(steps) - min(steps) <= 1


def test_uniform_indices_of_a_known_video():
    assert uniform_indices(600, 8) == (0, 85, 171, 256, 342, 427, 513, 599)
    assert uniform_indices(600, 1) == (0,)
    assert all(type(index) is int for index in uniform_indices(600, 8))


@pytest.mark.parametrize(("num_frames", "expected"), [(270, 32), (32, 32), (5, 5), (0, 0)])
def test_first_indices_are_the_first_frames(num_frames, expected):
    assert first_indices(num_frames, 32) == tuple(range(expected))


@pytest.mark.parametrize("pick", [uniform_indices, first_indices])
@pytest.mark.parametrize(("num_frames", "count"), [(-1, 4), (4, 0), (4, -1)])
def test_impossible_counts_are_errors(pick, num_frames, count):
    with pytest.raises(ValueError, match="must not be negative"):
        pick(num_frames, count)


ticks = st.lists(st.integers(1, 3000), max_size=80).map(lambda steps: np.cumsum([0, *steps]) / 1000)


def rate_indices(times_s, fps):
    gate = RateGate(fps)
    return tuple(index for index, time_s in enumerate(times_s) if gate.lets_pass(time_s))


@given(times_s=ticks, fps=st.sampled_from([0.1, 1.0, 3.0, 5.0, 29.97, 60.0, 1000.0]))
def test_frames_by_rate_are_the_first_at_or_after_each_multiple(times_s, fps):
    times_s = np.where(times_s > 0, times_s + 0.00025, 0)  # what is a mark but for a rounding may go either way
    marks = np.arange(int(times_s[-1] * fps) + 2) / fps
    firsts = np.searchsorted(times_s + 1e-3, marks)
    assert rate_indices(times_s, fps) == tuple(sorted({int(first) for first in firsts if first < len(times_s)}))


@pytest.mark.parametrize("video_fps", [24, 25, 30, 30000 / 1001, 50, 60])
@pytest.mark.parametrize("fps", [1, 5, 10, 24])
def test_a_rate_gives_its_number_of_frames_whatever_the_rounding(video_fps, fps):
    exact = [index / video_fps for index in range(int(video_fps * 20))]
    for times_s in (exact, [round(time_s, 3) for time_s in exact]):
        assert abs(len(rate_indices(times_s, fps)) - 20 * fps) <= 1


def test_a_rate_above_the_videos_takes_each_frame_once():
    assert rate_indices([index / 25 for index in range(50)], 1000) == tuple(range(50))


@pytest.mark.parametrize("fps", [24, 25, 30, 30000 / 1001, 60])
def test_the_videos_own_rate_takes_each_frame_also_in_milliseconds(fps):
    assert rate_indices([round(index / fps, 3) for index in range(500)], fps) == tuple(range(500))


def test_after_a_gap_the_marks_are_where_they_were():
    assert rate_indices([0.0, 0.3, 0.6, 3.2, 3.4, 3.9, 4.0], 1) == (0, 3, 6)


@pytest.mark.parametrize("fps", [0, -1, math.nan, math.inf])
def test_a_rate_is_a_positive_number(fps):
    with pytest.raises(ValueError, match="must be above 0"):
        RateGate(fps)


@given(num_frames=st.integers(0, 500), clip_len=counts, frame_interval=st.integers(1, 8), num_clips=st.integers(1, 12))
def test_clips_are_complete_evenly_spaced_and_in_range(num_frames, clip_len, frame_interval, num_clips):
    for short in ("repeat_last", "wrap", "skip"):
        made = clips(num_frames, clip_len=clip_len, frame_interval=frame_interval, num_clips=num_clips, short=short)
        assert len(set(made)) == len(made) <= num_clips
        for clip in made:
            assert len(clip) == clip_len
            assert all(0 <= index < num_frames for index in clip)
            if num_frames > (clip_len - 1) * frame_interval:
                assert {later - earlier for earlier, later in pairwise(clip)} <= {frame_interval}


@given(clip_len=counts, frame_interval=st.integers(1, 8), num_clips=st.integers(2, 12), rest=st.integers(0, 300))
def test_several_clips_span_the_video_with_even_starts(clip_len, frame_interval, num_clips, rest):
    num_frames = (clip_len - 1) * frame_interval + 1 + rest
    made = clips(num_frames, clip_len=clip_len, frame_interval=frame_interval, num_clips=num_clips, short="skip")
    starts = [clip[0] for clip in made]
    assert starts[0] == 0
    assert made[-1][-1] == num_frames - 1
    assert len(made) == min(num_clips, rest + 1)
    steps = {later - earlier for earlier, later in pairwise(starts)}
    assert not steps or max(steps) - min(steps) <= 1


def test_one_clip_lies_in_the_middle():
    assert clips(101, clip_len=16, frame_interval=4, short="skip") == (
        clip_indices(101, clip_len=16, frame_interval=4),
    )


@pytest.mark.parametrize(
    ("num_frames", "frame_interval", "short", "expected"),
    [
        (5, 1, "repeat_last", ((0, 1, 2, 3, 4, 4, 4, 4),)),
        (5, 1, "wrap", ((0, 1, 2, 3, 4, 0, 1, 2),)),
        (3, 1, "wrap", ((0, 1, 2, 0, 1, 2, 0, 1),)),
        (5, 1, "skip", ()),
        (10, 3, "repeat_last", ((0, 3, 6, 9, 9, 9, 9, 9),)),
        (10, 3, "wrap", ((0, 3, 6, 9, 0, 3, 6, 9),)),
        (1, 1, "repeat_last", ((0,) * 8,)),
        (0, 1, "repeat_last", ()),
        (0, 1, "wrap", ()),
        (8, 1, "skip", (tuple(range(8)),)),
    ],
)
def test_short_videos_follow_the_policy(num_frames, frame_interval, short, expected):
    assert clips(num_frames, clip_len=8, frame_interval=frame_interval, num_clips=3, short=short) == expected


def test_clips_refuse_what_they_do_not_know():
    with pytest.raises(ValueError, match=r"'loop'.* must be one of repeat_last, wrap, skip"):
        clips(100, clip_len=8, short="loop")
    with pytest.raises(ValueError, match="the count"):
        clips(100, clip_len=8, num_clips=0, short="skip")
    with pytest.raises(ValueError, match="must be at least 1"):
        clips(100, clip_len=0, short="skip")


@pytest.mark.parametrize(
    ("options", "record", "taken"),
    [
        ({}, {"policy": "uniform", "num_frames": 32}, uniform_indices(600, 32)),
        ({"policy": "uniform", "num_frames": 4}, {"policy": "uniform", "num_frames": 4}, (0, 199, 399, 599)),
        ({"policy": "first", "num_frames": 3}, {"policy": "first", "num_frames": 3}, (0, 1, 2)),
    ],
)
def test_frame_sampling_says_which_frames_and_records_it(options, record, taken):
    sampling = FrameSampling.from_options(**options)
    assert sampling.to_dict() == record
    assert sampling.indices(600) == taken
    assert FrameSampling(**record) == sampling


def test_sampling_by_fps_goes_by_time():
    assert FrameSampling.from_options("fps").to_dict() == {"policy": "fps", "fps": 1.0}
    assert FrameSampling.from_options("fps", fps=5).fps == 5
    with pytest.raises(ValueError, match="goes by time"):
        FrameSampling.from_options("fps").indices(100)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"policy": "random"}, "--sampling random is unknown; it must be one of uniform, fps, first"),
        (
            {"policy": "uniform", "fps": 5.0},
            "--fps 5.0 means nothing with --sampling uniform, which takes --num_frames",
        ),
        ({"policy": "first", "fps": 5.0}, "--fps 5.0 means nothing with --sampling first, which takes --num_frames"),
        ({"policy": "fps", "num_frames": 8}, "--num_frames 8 means nothing with --sampling fps, which takes --fps"),
        ({"policy": "uniform", "num_frames": 0}, "--num_frames is 0; it must be at least 1"),
        ({"policy": "fps", "fps": 0.0}, "--fps is 0.0; it must be above 0"),
        ({"policy": "fps", "fps": math.nan}, "--fps is nan; it must be above 0"),
    ],
)
def test_frame_options_that_contradict_each_other_are_errors(options, message):
    with pytest.raises(ConfigError, match=message):
        FrameSampling.from_options(**options)


def test_clip_sampling_says_which_clips_and_records_it():
    sampling = ClipSampling(4, frame_interval=3, num_clips=2, short="wrap")
    assert sampling.span == 10
    assert sampling.groups(20) == ((0, 3, 6, 9), (10, 13, 16, 19))
    assert sampling.groups(5) == ((0, 3, 0, 3),)
    assert sampling.to_dict() == {"clip_len": 4, "frame_interval": 3, "num_clips": 2, "short_video": "wrap"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"clip_len": 0}, "clip_len is 0; it must be at least 1"),
        ({"clip_len": 16, "frame_interval": -1}, "--frame_interval is -1; it must be at least 1"),
        ({"clip_len": 16, "num_clips": -1}, "--num_clips is -1; it must be at least 1"),
        ({"clip_len": 16, "short": "loop"}, "--short_video loop is unknown; it must be one of repeat_last, wrap, skip"),
    ],
)
def test_clip_options_out_of_range_are_errors(options, message):
    with pytest.raises(ConfigError, match=message):
        ClipSampling(**options)


@pytest.mark.parametrize(
    ("num_frames", "expected"),
    [(4, [(0, 1, 2, 3)]), (10, [(0, 3, 6, 9)]), (12, [(1, 4, 7, 10)]), (13, [(0, 4, 8, 12)]), (3, [])],
)
def test_a_spread_clip_spans_the_video_as_far_as_even_steps_do(num_frames, expected):
    assert list(ClipSampling(4, SPREAD).groups(num_frames)) == expected


def test_what_is_spread_is_recorded_so_and_its_shortest_span_is_the_clip_itself():
    sampling = ClipSampling(4, SPREAD, 1, "skip")
    assert sampling.to_dict()["frame_interval"] == "spread"
    assert sampling.span == 4
    assert sampling.within(10).frame_interval == 3
    assert ClipSampling(1, SPREAD).groups(7) == ((3,),)  # one frame, in the middle
