import numpy as np
import pytest

from deepfakebench_ext.metrics.detailed import detailed_figures
from deepfakebench_ext.metrics.figure import Figure
from deepfakebench_ext.metrics.misleading import (
    duplicates_across_classes,
    few_in_groups,
    score_warnings,
    seen_on_both_sides,
)


def texts(notices):
    return [notice.text for notice in notices]


def warnings(labels, scores, clusters=None):
    labels, scores = np.array(labels, dtype=np.int64), np.array(scores, dtype=np.float64)
    figures = detailed_figures(labels, scores, level="video", clusters=clusters)
    return texts(score_warnings(labels, scores, figures, level="video", clusters=clusters))


def good(size=2000):
    """So many samples, and scores so good, that nothing misleads."""
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.repeat([0, 1], size // 2))
    return labels, np.clip(rng.normal(0.35 + 0.3 * labels, 0.15), 0, 1)


def test_good_figures_need_no_warning():
    assert warnings(*good()) == []


def test_an_auc_below_chance_beyond_noise_asks_for_the_label_order():
    labels, scores = good()
    (line,) = [line for line in warnings(1 - labels, scores) if "label order" in line]
    assert line.startswith("video_auc is 0.0")
    assert "excludes 0.5: reals score above fakes; is the label order right (--fake_index)?" in line
    assert not [line for line in warnings([0, 0, 0, 1, 1, 1], [0.6, 0.5, 0.4, 0.35, 0.45, 0.55]) if "order" in line]


def test_few_samples_of_a_class_are_named():
    labels, scores = good()
    kept = np.concatenate([np.flatnonzero(labels == 1)[:19], np.flatnonzero(labels == 0)])
    lines = warnings(labels[kept], scores[kept])
    assert lines[0].startswith("only 19 videos are FAKE: under 20 videos, figures say little")


def test_videos_and_not_frames_are_counted():
    labels, scores = good()
    videos = np.where(labels == 1, np.arange(2000) % 7, 100 + np.arange(2000))
    (line,) = [line for line in warnings(labels, scores, clusters=videos) if "only" in line]
    assert line.startswith("only 7 videos (1000 videos) are FAKE: under 20 videos")


def test_photos_are_images_and_those_of_videos_frames():
    labels, scores = np.array([0, 1] * 5), np.full(10, 0.5)
    figures = detailed_figures(labels, scores, level="frame")
    alone = texts(score_warnings(labels, scores, figures, level="frame"))
    assert alone[0].startswith("only 5 images are REAL: under 20 images")
    assert alone[2].startswith("all 10 image scores are 0.5")
    of_videos = texts(score_warnings(labels, scores, figures, level="frame", clusters=np.arange(10)))
    assert of_videos[2].startswith("all 10 frame scores are 0.5")


def test_equal_scores_are_named():
    lines = warnings([0] * 1000 + [1] * 1000, [0.5] * 2000)
    assert "all 2000 video scores are 0.5: the detector tells nothing apart" in lines


def test_scores_that_many_reals_share_leave_a_gap_in_the_fpr():
    labels, scores = good()
    scores[np.flatnonzero(labels == 0)[:157]] = 1.0
    tied = [line for line in warnings(labels, scores) if "share" in line]
    assert tied == [
        f"{100 * (157 + many) / 1000:g} % of 1000 REAL videos share the highest score, 1: no threshold has an FPR "
        f"between 0 % and {100 * (157 + many) / 1000:g} %"
        for many in [int((scores[labels == 0] == 1).sum()) - 157]
    ]


def test_scores_that_many_share_amid_others_are_named_for_both_classes():
    labels, scores = np.repeat([0, 1], 1000), np.concatenate([np.linspace(0.2, 0.8, 1000)] * 2)
    scores[5:995] = scores[1005:1995] = 0.5
    assert [line for line in warnings(labels, scores) if "share" in line] == [
        "99 % of 1000 REAL videos share one score, 0.5: no threshold has an FPR between 0.5 % and 99.5 %",
        "99 % of 1000 FAKE videos share one score, 0.5: no threshold has a TPR between 0.5 % and 99.5 %",
    ]


def test_reals_of_the_lowest_score_and_fakes_of_the_highest_are_where_they_belong():
    labels = np.repeat([0, 1], 100)
    scores = np.concatenate([np.zeros(40), np.linspace(0.1, 0.8, 60), np.linspace(0.2, 0.9, 60), np.ones(40)])
    assert not [line for line in warnings(labels, scores) if "share" in line]
    assert [line.partition(":")[0] for line in warnings(labels, 1 - scores) if "share" in line] == [
        "40 % of 100 REAL videos share the highest score, 1",
        "40 % of 100 FAKE videos share the lowest score, 0",
    ]
    scores[40:46] = 1.0
    (line,) = [line for line in warnings(labels, scores) if "share" in line]
    assert line.startswith("6 % of 100 REAL videos share the highest score, 1"), "fewer than share the lowest"


@pytest.mark.parametrize(("reals", "tied", "said"), [(100, 5, ["ties"]), (100, 4, []), (40, 4, []), (120, 5, [])])
def test_equal_scores_are_said_from_five_of_a_class_and_a_twentieth_on(reals, tied, said):
    scores = np.concatenate([np.linspace(0, 0.9, reals - tied), [0.95] * tied, np.linspace(0.1, 1, reals)])
    assert kinds(np.repeat([0, 1], reals), scores, figures_of(0.5, 0.5)) == said


def test_a_good_ranking_far_from_a_half_asks_for_a_threshold():
    labels, scores = good()
    (line,) = warnings(labels, scores / 4)
    assert "but balanced accuracy at 0.5 only 0.5000: the scores part elsewhere" in line


def test_lopsided_classes_warn_of_accuracy():
    labels, scores = good(4000)
    kept = np.concatenate([np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)[:500]])
    (line,) = warnings(labels[kept], scores[kept])
    assert line.startswith("2000 of 2500 videos are FAKE: calling all so has an accuracy of 0.8000")


@pytest.mark.parametrize(("labels", "scores"), [([], []), ([0], [0.3]), ([1, 1], [0.2, 0.9])])
def test_one_class_or_none_is_no_reason_to_fail(labels, scores):
    assert all("AUC" not in line and "accuracy" not in line for line in warnings(labels, scores))


def test_videos_on_both_sides_are_named():
    purpose = "the threshold was chosen"
    (said,) = seen_on_both_sides(["a", "b"], purpose=purpose, noun="video")
    assert said.text == "2 videos, such as a, b, are judged and also among those on which the threshold was chosen"
    assert seen_on_both_sides([], purpose=purpose, noun="video") == []


def test_what_is_on_both_sides_is_called_what_it_is():
    (said,) = seen_on_both_sides(["k0"], purpose="the calibration was fitted", noun="sample")
    assert said.text == "1 sample, such as k0, is judged and also among those on which the calibration was fitted"


def test_groups_of_few_samples_are_counted_and_some_named():
    said = few_in_groups("method", list("abcd"), units="reals or fakes", of_worst=True)
    assert said.text == (
        "by method, 4 groups have fewer than 20 reals or fakes: a, b, c, ...; what they say of the worst is little"
    )
    alone = few_in_groups("dataset", ["a"], units="reals or fakes", of_worst=False)
    assert alone.text == "by dataset, 1 group has fewer than 20 reals or fakes: a; what it says is little"
    assert few_in_groups("dataset", [], units="reals or fakes", of_worst=True) is None


def test_files_that_are_the_same_under_both_labels_are_named():
    keys, labels, digests = ["r/1", "f/1", "f/2", "r/2"], [0, 1, 1, 0], ["d1", "d1", "d1", "d2"]
    (line,) = texts(duplicates_across_classes(keys, labels, digests))
    assert line == "3 files, such as r/1 (REAL) and f/1 (FAKE), have the same content under both labels"
    assert duplicates_across_classes(["r/1", "r/2"], [0, 0], ["d", "d"]) == []


def test_of_same_files_all_are_counted_each_once_and_three_pairs_named():
    keys = [f"{label}{n}" for n in range(5) for label in "rf"]
    labels, digests = [0, 1] * 5, [str(n // 2) for n in range(10)]
    (line,) = texts(
        duplicates_across_classes([*keys, "f0"], [*labels, 1], [*digests, "0"])
    )  # f0 twice: a video's two frames
    assert line.startswith("10 files, such as r0 (REAL) and f0 (FAKE), r1 (REAL)")
    assert line.count(" and ") == 3


# --- edges ----------------------------------------------------------------------------------------------------------


def figures_of(auc, balanced=None, high=1.0):
    found = {"video_auc": Figure(auc, "d", low=0.0, high=high)}
    return found | {"video_balanced_accuracy": Figure(balanced, "d", "" if balanced is not None else "none")}


def kinds(labels, scores, figures):
    return [notice.kind for notice in score_warnings(labels, scores, figures, level="video")]


@pytest.mark.parametrize(("count", "said"), [(20, []), (19, ["few_samples"])])
def test_twenty_of_a_class_are_enough_and_nineteen_are_not(count, said):
    labels = np.repeat([0, 1], [count, 20])
    assert kinds(labels, np.linspace(0, 1, len(labels)), figures_of(0.5, 0.5)) == said


@pytest.mark.parametrize(("auc", "said"), [(0.45, ["other_threshold"]), (np.nextafter(0.45, 0), [])])
def test_the_threshold_is_said_from_a_gap_of_a_fifth_on(auc, said):
    labels = np.repeat([0, 1], 20)
    assert 0.45 - 0.25 == 0.2
    assert kinds(labels, np.linspace(0, 1, 40), figures_of(auc, 0.25)) == said


@pytest.mark.parametrize(("high", "said"), [(0.5, []), (np.nextafter(0.5, 0), ["turned_round"])])
def test_an_interval_that_reaches_a_half_is_not_below_chance(high, said):
    labels = np.repeat([0, 1], 20)
    assert kinds(labels, np.linspace(0, 1, 40), figures_of(0.3, 0.5, high)) == said


@pytest.mark.parametrize(("fakes", "said"), [(80, ["lopsided"]), (79, [])])
def test_classes_are_lopsided_from_four_fifths_on(fakes, said):
    labels = np.repeat([0, 1], [20 if fakes == 80 else 21, fakes])
    assert kinds(labels, np.linspace(0, 1, len(labels)), figures_of(0.5, 0.5)) == said
