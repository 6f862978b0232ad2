import pytest

from deepfakebench_ext.media.frame import Clock


def told(*said):
    clock = Clock()
    return [round(clock.seconds(time_s), 6) for time_s in said]


def test_times_are_what_is_said_and_not_below_0():
    assert told(0.852, 0.892, 0.972) == [0.852, 0.892, 0.972]
    assert told(-0.08, -0.04, 0.0) == [0.0, 0.04, 0.08]


def test_a_missing_time_is_one_more_step():
    assert told(0.0, 0.1, None, None, 0.4) == [0.0, 0.1, 0.2, 0.3, 0.4]


def test_without_any_times_there_are_25_frames_a_second():
    assert told(None, None, None) == [0.0, 0.04, 0.08]


def test_a_little_disorder_stands_still_and_does_not_add_up():
    assert told(0.0, 0.1, 0.08, 0.2, 0.2, 0.3) == [0.0, 0.1, 0.1, 0.2, 0.2, 0.3]


def test_a_clock_set_anew_goes_on_where_it_was():
    assert told(0.0, 0.5, 1.0, 0.0, 0.5) == [0.0, 0.5, 1.0, 1.5, 2.0]
    assert told(8.0, 8.5, 9.0, 2.0, 2.25, 2.5) == [8.0, 8.5, 9.0, 9.5, 9.75, 10.0]


@pytest.mark.parametrize("gap", [0.04, 5.0, 3600.0])
def test_a_gap_is_kept(gap):
    assert told(0.0, 0.04, 0.04 + gap) == pytest.approx([0.0, 0.04, 0.04 + gap])
