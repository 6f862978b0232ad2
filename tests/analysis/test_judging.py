import json
from pathlib import Path

import pytest
from made_timelines import made, write

from deepfakebench_ext.analysis.formats.timeline_reading import SaidVideo, read_timeline
from deepfakebench_ext.analysis.formats.truth import TrueVideo
from deepfakebench_ext.analysis.judging import judge, paired
from deepfakebench_ext.analysis.judging_text import figure_lines, figures_text
from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.metrics.bootstrap import Bootstrap
from deepfakebench_ext.metrics.segments.stretches import Stretch


def said(file, sha256=None, path=None):
    return SaidVideo(Path(path or f"{file}/timeline.json"), file, sha256, 10_000_000, (), (), (), True, True)


def true(file, sha256=None, *segments, duration=10.0):
    stretches = tuple(Stretch.of_seconds(*each) for each in segments)
    return TrueVideo(file, sha256, None if duration is None else round(duration * 1e6), stretches)


@pytest.mark.parametrize(
    ("timeline", "truth", "same"),
    [
        ("/data/b/a.mp4", "b/a.mp4", True),
        ("a.mp4", "b/a.mp4", True),
        ("b/a.mp4", "b/a.mp4", True),
        ("b/a.mp4", "a", True),
        ("b/a.mp4", "b/a.avi", True),
        ("b/a.mp4", "c/a.mp4", False),
        ("xb/a.mp4", "b/a.mp4", False),
        ("b/xa.mp4", "a.mp4", False),
    ],
)
def test_videos_are_the_same_where_one_path_is_the_end_of_the_other(timeline, truth, same):
    pairs, unknown = paired([said(timeline), said("other.mp4")], [true(truth), true("other.mp4")])
    assert (truth in pairs) == same
    assert len(unknown) == 1 - same


def test_a_digest_decides_over_paths():
    videos = [true("x.mp4", "1" * 64), true("a.mp4", "2" * 64)]
    pairs, _ = paired([said("a.mp4", "1" * 64)], videos)
    assert list(pairs) == ["x.mp4"]
    with pytest.raises(ConfigError, match="none of 1 timeline is of a video of the truth"):
        paired([said("a.mp4", "3" * 64)], videos)


def test_of_videos_of_the_same_bytes_the_path_decides():
    alike = [true("real/0.mp4", "1" * 64), true("real/1.mp4", "1" * 64)]
    timelines = [said("spliced/real/1.mp4", "1" * 64), said("spliced/real/0.mp4", "1" * 64)]
    pairs, unknown = paired(timelines, alike)
    assert unknown == []
    assert {file: each.file for file, each in pairs.items()} == {
        "real/0.mp4": "spliced/real/0.mp4", "real/1.mp4": "spliced/real/1.mp4"
    }  # fmt: skip
    with pytest.raises(ConfigError, match=r"may be 'real/0\.mp4', 'real/1\.mp4'"):
        paired([said("renamed.mp4", "1" * 64)], alike)


def test_the_whole_path_decides_between_two_ends():
    pairs, _ = paired([said("a.mp4")], [true("b/a.mp4"), true("a.mp4")])
    assert list(pairs) == ["a.mp4"]


def test_a_timeline_that_may_be_of_two_videos_is_refused():
    with pytest.raises(ConfigError, match=r"is of 'a\.mp4', which may be 'b/a\.mp4', 'c/a\.mp4' of the truth"):
        paired([said("a.mp4")], [true("b/a.mp4"), true("c/a.mp4")])


def test_two_timelines_of_one_video_are_refused():
    with pytest.raises(ConfigError, match=r"one and two are both of 'a\.mp4'; give one timeline a video"):
        paired([said("a.mp4", path="one"), said("a.mp4", path="two")], [true("a.mp4")])


def test_a_length_is_needed_of_a_video_without_a_timeline():
    with pytest.raises(ConfigError, match=r"b\.mp4 has no timeline, and the truth no duration"):
        judge([said("a.mp4")], [true("a.mp4", duration=None), true("b.mp4", duration=None)], None)
    assert judge([said("a.mp4")], [true("a.mp4", duration=None)], None).analysed == 1


def films(folder):
    """A manipulated film found but for 0.2 s at its start, and a real one marked for 1 s of its 10."""
    fake = made(
        "fake.mp4",
        segments=[(2.2, 4.0, 0.9)],
        proposals=[(2.2, 4.0, 0.9), (6.0, 7.0, 0.2)],
        scores=[(0.0, 2.2, 0.1), (2.2, 4.0, 0.9), (4.0, 10.0, 0.1)],
    )
    real = made("real.mp4", segments=[(1.0, 2.0, 0.6)], proposals=[(1.0, 2.0, 0.6)], scores=[(0.0, 10.0, 0.3)])
    return [write(folder / name, each) for name, each in (("fake", fake), ("real", real))]


def judged(tmp_path, **how):
    timelines = [read_timeline(path) for path in films(tmp_path)]
    return judge(timelines, [true("fake.mp4", None, (2.0, 4.0)), true("real.mp4")], how.get("bootstrap"))


def test_figures_are_those_worked_out_by_hand(tmp_path):
    figures = judged(tmp_path).figures
    want = {
        "segment_ap_at_iou_0.5": 1.0,
        "segment_ap_at_iou_0.95": 0.0,
        "segment_ar_at_5": 0.9,  # an overlap of 0.9 passes nine of ten thresholds
        "false_alarm_s_per_min": 6.0,
        "segment_found": 1.0,
        "detection_delay_s": 0.2,
        "boundary_error_s": 0.1,
        "union_iou": 1.8 / 3,
        "time_auc": (1.8 + 0.2 * 2 * 0 + 0.2 * 0.5 * 8 / 18) / 2,
        "time_scored": 1.0,
        "real_videos_with_segment": 1.0,
    }
    assert {name: figures[name].value for name in want} == pytest.approx(want)


def test_peers_are_beside_ours(tmp_path):
    peers = judged(tmp_path).peers
    # One hit, the highest proposal: all that it adds is left out there.
    assert peers["avdeepfake1m"]["ap@0.5"] == 0
    assert peers["avdeepfake1m"]["ar@5"] == pytest.approx(0.8)  # more than the threshold, of 0.9 too
    assert peers["activitynet"]["ap@0.5"] == 1
    # In floating-point seconds 4.0 - 2.2 is less than 1.8, and the overlap less than 0.9: ours are microseconds.
    assert peers["activitynet"]["map@0.5:0.95"] == pytest.approx(0.8)


def test_notices_say_what_the_figures_do_not(tmp_path):
    document = made("a.mp4", detector={"source": "x", "sha256": "0" * 64, "head_trained": False})
    document["policy"]["calibrated"] = False
    timelines = [read_timeline(write(tmp_path / "a", document)), said("stranger.mp4")]
    notices = judge(timelines, [true("a.mp4"), true("absent.mp4")], None).notices
    assert [notice.text.split(":")[0] for notice in notices] == [
        "1 timeline of an untrained head",
        "1 timeline not calibrated",
        "1 video without a timeline, such as absent.mp4",
        "1 timeline of videos that the truth does not list, such as stranger.mp4",
    ]


@pytest.mark.parametrize(("stretch", "outside"), [((3000, 4200), True), ((-5, 3), True), ((9, 10.4), False)])
def test_true_stretches_outside_of_their_video_are_said(stretch, outside):
    texts = [notice.text for notice in judge([said("a.mp4")], [true("a.mp4", None, stretch)], None).notices]
    start, end = stretch
    words = f"1 video with true stretches outside of the video, such as a.mp4: from {start} to {end} s in 10 s"
    assert any(text.startswith(words) for text in texts) == outside


def test_lines_and_json_hold_the_same(tmp_path):
    result = judged(tmp_path, bootstrap=Bootstrap(100))
    lines = list(figure_lines(result))
    assert lines[0] == "1 real video, 1 manipulated; manipulated stretches: 1; timelines: 2"
    assert "segment_ap_at_iou_0.5        1.0000  ! only 1 real video: under 20, the figure says little" in lines
    assert "avdeepfake1m ap@0.5          0.0000" in lines
    document = json.loads(figures_text(result))
    assert document["figures"]["union_iou"]["value"] == result.figures["union_iou"].value
    assert document["bootstrap"] == {"resamples": 100, "seed": 0}
    assert document["videos"] == {"real": 1, "manipulated": 1, "analysed": 2, "stretches": 1}


def test_undefined_peers_and_figures_say_why():
    result = judge([said("a.mp4")], [true("a.mp4")], None)
    lines = list(figure_lines(result))
    assert "activitynet ap@0.5           undefined (no manipulated stretch)" in lines
    assert "segment_ap_at_iou_0.5        undefined (no manipulated stretch: the truth lists none)" in lines
