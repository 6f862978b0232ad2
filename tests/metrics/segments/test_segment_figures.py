import statistics
from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judged_videos import judged_videos, video
from sklearn.metrics import average_precision_score, roc_auc_score

from deepfakebench_ext.metrics.bootstrap import Bootstrap
from deepfakebench_ext.metrics.segments import drawing, times
from deepfakebench_ext.metrics.segments.figures import _kinds, segment_figures
from deepfakebench_ext.metrics.segments.stretches import intersection_over_union
from deepfakebench_ext.metrics.segments.times import ScoredTime

HALVES = [each / 2 for each in range(20)]


def values(videos):
    return {name: figure.value for name, figure in segment_figures(videos).items()}


def at(stretches, second):
    """The stretch that covers the half second from here."""
    return next((each for each in stretches if each.start_us <= second * 1_000_000 < each.end_us), None)


def moments(videos):
    """Every half second as true, marked and score."""
    return [
        (at(each.truth, half) is not None, at(each.marked, half) is not None, at(each.scores, half), each)
        for each in videos
        for half in HALVES
    ]


def delays_by_hand(videos):
    found = []
    for each in videos:
        for true in each.truth:
            starts = [max(true.start_us, mark.start_us) for mark in each.marked]
            inside = [
                start for start, mark in zip(starts, each.marked, strict=True) if start < min(true.end_us, mark.end_us)
            ]
            if inside:
                found.append((min(inside) - true.start_us) / 1e6)
    return found


def boundaries_by_hand(videos):
    """Ends of the pairs of the best of all pairings."""
    errors = []
    for each in videos:
        short, long_ = sorted((each.truth, each.marked), key=len)
        pairings = [list(zip(short, some, strict=True)) for some in permutations(long_, len(short))]
        best = max(pairings, key=lambda pairs: sum(intersection_over_union(*pair) for pair in pairs))
        for a, b in best:
            if intersection_over_union(a, b) > 0:
                errors += [abs(a.start_us - b.start_us) / 1e6, abs(a.end_us - b.end_us) / 1e6]
    return errors


def by_hand(videos):
    """What half-second moments say, where they say it."""
    rows = moments(videos)
    real = [row for row in rows if row[3].is_real and row[3].analysed]
    true = [(each, stretch) for each in videos for stretch in each.truth]
    touched = [any(at([stretch], h) and at(each.marked, h) for h in HALVES) for each, stretch in true]
    either = [row for row in rows if row[0] or row[1]]
    scored = [row for row in rows if row[2] is not None]
    labels, scores = [row[0] for row in scored], [row[2].score for row in scored]
    delays, errors = delays_by_hand(videos), boundaries_by_hand(videos)
    reals = [each for each in videos if each.is_real and each.analysed]
    return {
        "false_alarm_s_per_min": 60 * sum(row[1] for row in real) / len(real) if real else None,
        "real_videos_with_segment": sum(bool(each.marked) for each in reals) / len(reals) if reals else None,
        "segment_found": sum(touched) / len(true) if true else None,
        "detection_delay_s": statistics.median(delays) if delays else None,
        "boundary_error_s": statistics.median(errors) if errors else None,
        "union_iou": sum(row[0] and row[1] for row in either) / len(either) if either else None,
        "time_auc": roc_auc_score(labels, scores) if len(set(labels)) == 2 else None,
        "time_ap": average_precision_score(labels, scores) if len(set(labels)) == 2 else None,
        "time_scored": len(scored) / len(rows),
    }


@given(judged_videos())
@settings(max_examples=60, deadline=None)
def test_every_figure_of_marks_and_times_is_the_one_counted_by_hand(videos):
    got = values(videos)
    for name, want in by_hand(videos).items():
        assert got[name] == (want if want is None else pytest.approx(want, abs=1e-9)), name


@given(judged_videos(), st.data())
@settings(max_examples=50, deadline=None)
def test_a_video_drawn_n_times_counts_as_n_videos(videos, data):
    often = [data.draw(st.integers(0, 3)) for _ in videos]
    copies = [
        replace(each, key=f"{each.key}-{copy}") for each, n in zip(videos, often, strict=True) for copy in range(n)
    ]
    if not copies:
        return
    want = {name: figure for name, figure in values(copies).items() if name != "real_videos_with_segment"}
    for name, kind in _kinds(videos).items():
        for rows in filter(None, (kind.rows, kind.drawn)):
            got = float(rows(np.array([often]))[0])
            assert want[name] == (None if np.isnan(got) else pytest.approx(got, abs=1e-9)), name


@given(judged_videos(min_size=2), st.randoms())
@settings(max_examples=20, deadline=None)
def test_the_order_of_the_videos_changes_nothing(videos, random):
    moved = list(videos)
    random.shuffle(moved)
    assert segment_figures(moved, Bootstrap(100)) == segment_figures(videos, Bootstrap(100))


def test_intervals_hold_the_figure_and_narrow_with_videos():
    def some(count):
        rng = np.random.default_rng(0)
        ends = rng.integers(1, 8, count)
        real = [video(f"r{n}", marked=[(0, end / 2)] if end < 4 else []) for n, end in enumerate(ends)]
        fake = [
            video(f"f{n}", truth=[(2, 4)], marked=[(2 + end / 9, 4)], boxes=[(2 + end / 9, 4, 0.5)])
            for n, end in enumerate(ends)
        ]
        return segment_figures(real + fake, Bootstrap(400))

    few, many = some(25), some(400)
    for name in ("false_alarm_s_per_min", "real_videos_with_segment", "union_iou", "detection_delay_s"):
        assert few[name].low < few[name].value < few[name].high
        assert many[name].high - many[name].low < 0.6 * (few[name].high - few[name].low)
        assert not few[name].warning


def test_a_mean_over_videos_is_drawn_as_its_standard_error_says():
    rng = np.random.default_rng(1)
    lengths = rng.integers(0, 60, 200) / 10
    videos = [video(f"{n:03}", marked=[(0, length)] if length else []) for n, length in enumerate(lengths)]
    figure = segment_figures(videos, Bootstrap(2000))["false_alarm_s_per_min"]
    error = 6 * lengths.std() / np.sqrt(200)
    assert (figure.high - figure.low) / (2 * 1.96) == pytest.approx(error, rel=0.1)


def test_drawing_in_batches_changes_nothing(monkeypatch):
    videos = [video("a", truth=[(1, 2)], boxes=[(1, 3, 0.5)], scores=[(0, 2, 0.5)]), video("b", scores=[(0, 3, 0.25)])]
    want = segment_figures(videos, Bootstrap(100))
    for cells in (7, 1):  # the latter less than one resample takes
        monkeypatch.setattr(drawing, "CELLS", cells)
        assert segment_figures(videos, Bootstrap(100)) == want


@pytest.mark.parametrize(("levels", "off"), [(4096, 0), (500, 0), (64, 0.01)])
def test_resamples_of_grouped_scores_are_near_those_of_all(monkeypatch, levels, off):
    rng = np.random.default_rng(0)
    truth = lambda place: [(0, 5)] if place % 2 else []  # noqa: E731
    scored = [[(second, second + 1, round(x, 6)) for second, x in enumerate(rng.random(10))] for _ in range(50)]
    videos = [video(f"{n:02}", truth=truth(n), scores=each) for n, each in enumerate(scored)]
    monkeypatch.setattr(times, "LEVELS", levels)
    weights = rng.integers(0, 4, (20, 50))
    for name in ("auc", "ap"):
        every = ScoredTime(videos).rows(name)(weights)
        assert ScoredTime(videos).coarse_rows(name)(weights) == pytest.approx(every, abs=off or 1e-12)


def test_what_no_video_defines_has_a_reason_and_no_value():
    real = segment_figures([video(scores=[(0, 5, 0.5)])], Bootstrap(100))
    assert real["false_alarm_s_per_min"].value == 0
    undefined = {name for name, figure in real.items() if figure.value is None}
    assert undefined == {
        *(name for name in real if name.startswith("segment_")),
        *("detection_delay_s", "boundary_error_s", "union_iou", "time_auc", "time_ap"),
    }
    assert real["segment_found"].reason == "no manipulated stretch: the truth lists none"
    assert real["time_auc"].reason == "the scored time is all real, all manipulated, or none"
    fake = segment_figures([video(truth=[(0, 5)])], Bootstrap(100))
    assert fake["false_alarm_s_per_min"].reason == fake["real_videos_with_segment"].reason
    assert fake["segment_found"].value == 0
    assert fake["detection_delay_s"].reason == "no true stretch is marked anywhere"
    nothing = segment_figures([])
    assert {figure.value for figure in nothing.values()} == {None}
    assert nothing["time_scored"].reason == "there are no videos"


def test_a_real_video_without_a_timeline_is_no_proof_of_silence():
    videos = [video("a", marked=[(0, 1)]), video("b", analysed=False)]
    figures = segment_figures(videos)
    assert figures["false_alarm_s_per_min"].value == 6
    assert figures["real_videos_with_segment"].value == 1


def test_no_mark_in_any_real_video_still_has_an_upper_end():
    figure = segment_figures([video(str(n)) for n in range(40)])["real_videos_with_segment"]
    assert (figure.value, figure.low) == (0, 0)
    assert figure.high == pytest.approx(0.0876, abs=1e-4)
    assert figure.interval == "Wilson"


def test_few_videos_are_said():
    videos = [video("a", truth=[(0, 1)]), video("b")]
    figures = segment_figures(videos)
    assert figures["segment_found"].warning == "only 1 manipulated video: under 20, the figure says little"
    assert figures["false_alarm_s_per_min"].warning == "only 1 real video: under 20, the figure says little"


def test_without_a_bootstrap_the_figure_says_so():
    figure = segment_figures([video(truth=[(0, 1)])])["segment_found"]
    assert (figure.low, figure.interval) == (None, "none: it takes a bootstrap, and no resamples were asked for")


def test_a_key_twice_is_refused():
    with pytest.raises(ValueError, match="a is there twice"):
        segment_figures([video(), video()])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"truth": [(1, 2), (2, 3)]}, "truth are not rising and apart"),
        ({"marked": [(3, 4), (1, 2)]}, "marked are not rising and apart"),
        ({"scores": [(0, 2, 0.1), (1, 3, 0.1)]}, "scores overlap"),
        ({"duration": 0}, "must be above 0"),
    ],
)
def test_a_video_out_of_order_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        video(**wrong)


def test_boxes_out_of_order_are_refused():
    good = video(boxes=[(0, 1, 0.1), (2, 3, 0.9)])
    with pytest.raises(ValueError, match="do not fall"):
        replace(good, boxes=good.boxes[::-1])
