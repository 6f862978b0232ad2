import numpy as np
import pytest

from deepfakebench_ext.metrics.breakdown import Scored, by_column, by_method
from deepfakebench_ext.metrics.delong import auc_interval
from deepfakebench_ext.metrics.ranking import binary_figures


def scored(labels, scores, **options):
    return Scored(np.array(labels, dtype=np.int64), np.array(scores, dtype=np.float64), "video", **options)


def auc(breakdown, name):
    return {group.name: group.figures["video_auc"].value for group in breakdown.groups}[name]


def faces(size=120, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat([0, 1], size // 2))
    return labels, np.clip(rng.normal(0.4 + 0.2 * labels, 0.2), 0, 1)


# --- methods against all reals --------------------------------------------------------------------------------------


def test_each_method_stands_against_all_reals():
    samples = scored([0, 0, 1, 1, 1, 1], [0.2, 0.6, 0.9, 0.8, 0.5, 0.1])
    breakdown = by_method(samples, ["youtube", None, "DF", "DF", "NT", "NT"])
    assert [(g.name, g.real, g.fake) for g in breakdown.groups] == [("DF", 2, 2), ("NT", 2, 2)]
    assert (auc(breakdown, "DF"), auc(breakdown, "NT")) == (1.0, 0.25)
    assert breakdown.worst == "NT"
    assert breakdown.mean_auc.value == pytest.approx(0.625)
    assert breakdown.pooled_auc.value == pytest.approx(0.625)
    assert breakdown.mean_auc.definition == ("mean of the AUCs of 2 of 2 groups by method, each counting the same")


def test_fakes_of_no_known_method_are_a_group_of_their_own():
    breakdown = by_method(scored([0, 1, 1, 1], [0.2, 0.9, 0.8, 0.1]), ["", "DF", None, ""])
    assert [(g.name, g.fake) for g in breakdown.groups] == [("(none)", 2), ("DF", 1)]


def test_reals_that_the_methods_share_count_once_in_the_mean():
    labels, scores = faces()
    fake = np.flatnonzero(labels == 1)
    methods = np.full(len(labels), "", dtype=object)
    methods[fake] = np.where(np.arange(60) % 2, "A", "B")
    mean = by_method(scored(labels, scores), list(methods)).mean_auc
    whole = auc_interval(labels, scores)
    # The two halves are of one size, so their mean is the AUC of all, and about as certain.
    assert mean.value == pytest.approx(binary_figures(labels, scores, level="video")["video_auc"].value)
    assert mean.high - mean.low == pytest.approx(whole.high - whole.low, rel=0.05)
    assert "counted once" in mean.interval


# --- any column -----------------------------------------------------------------------------------------------------


def test_a_dataset_has_its_own_reals_and_figures():
    labels, scores = faces()
    names = ["Celeb-DF-v2" if n % 3 else "DFDC" for n in range(120)]
    breakdown = by_column(scored(labels, scores), names, column="dataset")
    assert [group.name for group in breakdown.groups] == ["Celeb-DF-v2", "DFDC"]
    chosen = np.arange(120) % 3 == 0
    alone = binary_figures(labels[chosen], scores[chosen], level="video")
    assert {name: breakdown.groups[1].figures[name].value for name in alone} == {n: f.value for n, f in alone.items()}
    first, second = (group.figures["video_auc"].value for group in breakdown.groups)
    assert breakdown.mean_auc.value == pytest.approx((first + second) / 2)


def test_datasets_whose_scores_lie_apart_are_good_one_by_one_and_bad_together():
    samples = scored([0, 1, 0, 1], [0.1, 0.2, 0.8, 0.9])
    breakdown = by_column(samples, ["low", "low", "high", "high"], column="dataset")
    assert breakdown.mean_auc.value == 1.0
    assert breakdown.pooled_auc.value == 0.75
    assert breakdown.mean_auc.low is None  # and no warning speaks of an interval that there is none of
    assert breakdown.mean_auc.warning == "2 groups have an AUC of 0 or 1, which shows no spread"


def test_a_mean_with_a_certain_group_has_an_interval_that_is_too_narrow():
    labels, scores = faces(60)
    perfect = scored([*labels, 0, 0, 1, 1], [*scores, 0.1, 0.2, 0.8, 0.9])
    mean = by_column(perfect, ["a"] * 60 + ["b"] * 4, column="dataset").mean_auc
    assert mean.low is not None
    assert mean.warning == "1 group has an AUC of 0 or 1, which shows no spread: the interval is too narrow"


# --- few samples ----------------------------------------------------------------------------------------------------


def test_a_worst_group_of_one_sample_says_that_it_rests_on_one():
    labels, scores = faces(120)
    breakdown = by_method(scored([*labels, 1], [*scores, 0.01]), ["DF"] * 120 + ["Rare"])
    assert breakdown.worst == "Rare"
    assert [group.warning for group in breakdown.groups] == ["", "only 1 fake"]
    (said,) = breakdown.notices
    assert said.text == (
        "by method, 1 group has fewer than 20 reals or fakes: Rare; what it says of the worst is little"
    )


def test_groups_of_enough_samples_and_of_one_class_have_no_such_warning():
    labels, scores = np.repeat([0, 1], 20), np.linspace(0, 1, 43)
    breakdown = by_column(scored([*labels, 0, 0, 0], scores), ["a"] * 40 + ["b"] * 3, column="dataset")
    assert [group.warning for group in breakdown.groups] == ["", ""]  # the AUC of b is undefined, and says why
    assert breakdown.notices == ()


def test_videos_and_not_frames_are_few():
    labels, scores = faces(100)
    videos = np.where(labels == 1, np.arange(100) % 7, 100 + np.arange(100))
    breakdown = by_column(scored(labels, scores, clusters=videos), ["a"] * 100, column="dataset")
    assert breakdown.groups[0].warning == "only 7 videos (50 fakes)"
    assert "fewer than 20 videos of reals or of fakes: a; what it says is little" in breakdown.notices[0].text


# --- below chance ---------------------------------------------------------------------------------------------------


def test_a_group_below_chance_is_said_though_all_together_are_above_it():
    labels, scores = faces(400)
    names = ["good"] * 300 + ["turned"] * 100
    turned = np.concatenate([scores[:300], 1 - scores[300:]])
    breakdown = by_column(scored(labels, turned), names, column="dataset")
    assert breakdown.pooled_auc.value > 0.5
    figure = breakdown.groups[1].figures["video_auc"]
    (said,) = breakdown.notices
    assert (said.kind, said.subject) == ("turned_round", "dataset")
    assert said.text == (
        "by dataset, 1 group has an AUC below chance, and its interval excludes 0.5: "
        f"turned {figure.value:.4f} ({figure.low:.4f} to {figure.high:.4f}); reals score above these fakes"
    )
    assert figure.warning == "below chance: reals score above fakes"
    assert breakdown.groups[0].figures["video_auc"].warning == ""


def test_a_group_whose_interval_holds_a_half_is_not_called_below_chance():
    labels = np.repeat([0, 1], 30)
    scores = np.concatenate([np.linspace(0.1, 0.9, 30), np.linspace(0.05, 0.85, 30)])
    breakdown = by_column(scored(labels, scores), ["a"] * 60, column="dataset")
    assert breakdown.groups[0].figures["video_auc"].value < 0.5
    assert breakdown.notices == ()


# --- the mean -------------------------------------------------------------------------------------------------------


def test_the_mean_of_separate_datasets_is_as_certain_as_their_parts():
    labels, scores = faces(400)
    names = [("a", "b")[n % 2] for n in range(400)]
    mean = by_column(scored(labels, scores), names, column="dataset").mean_auc
    assert mean.low < mean.value < mean.high
    groups = [auc_interval(labels[n::2], scores[n::2]) for n in (0, 1)]
    expected = np.sqrt(sum((g.high - g.low) ** 2 for g in groups)) / 2
    assert mean.high - mean.low == pytest.approx(expected, rel=0.02)


def test_a_group_of_one_class_is_listed_and_left_out_of_the_mean():
    samples = scored([0, 1, 0, 0], [0.1, 0.2, 0.8, 0.9])
    breakdown = by_column(samples, ["both", "both", "real", "real"], column="compression")
    assert auc(breakdown, "real") is None
    assert breakdown.worst is None
    assert breakdown.mean_auc.value == 1.0
    assert breakdown.mean_auc.warning.startswith("1 group has one class only and is not in the mean")
    assert breakdown.mean_auc.low is None


def test_no_group_of_both_classes_has_no_mean():
    breakdown = by_column(scored([0, 1], [0.1, 0.2]), ["a", "b"], column="split")
    assert breakdown.mean_auc.reason == "no group by split has both classes"
    assert breakdown.pooled_auc.value == 1.0
    empty = by_column(scored([], []), [], column="split")
    assert (empty.groups, empty.pooled_auc.value) == ((), None)


def test_the_mean_is_of_unknown_certainty_where_a_group_has_one_fake():
    breakdown = by_method(scored([0, 0, 0, 1, 1, 1], [0.1, 0.5, 0.7, 0.6, 0.3, 0.6]), ["", "", "", "A", "A", "B"])
    assert breakdown.mean_auc.value == pytest.approx((0.5 + 2 / 3) / 2)
    assert breakdown.mean_auc.low is None
    assert breakdown.mean_auc.interval.startswith("none: ")


def test_videos_stay_together_in_every_group():
    labels, scores = faces(40)
    labels, scores, videos = np.repeat(labels, 20), np.repeat(scores, 20), np.repeat(np.arange(40), 20)
    names = [("a", "b")[n // 20 % 2] for n in range(800)]
    breakdown = by_column(scored(labels, scores, clusters=videos), names, column="dataset")
    assert "clustered by video" in breakdown.groups[0].figures["video_auc"].interval
    alone = by_column(scored(labels, scores), names, column="dataset").mean_auc
    assert breakdown.mean_auc.high - breakdown.mean_auc.low > 3 * (alone.high - alone.low)


def test_each_sample_has_a_value():
    with pytest.raises(ValueError, match="2 labels but 1 values"):
        by_column(scored([0, 1], [0.1, 0.2]), ["a"], column="dataset")
    with pytest.raises(ValueError, match="2 labels but 1 clusters"):
        scored([0, 1], [0.1, 0.2], clusters=np.array([1]))


def test_groups_that_are_left_out_of_the_mean_add_nothing_to_its_variance():
    labels, scores = faces(200)
    alone = by_column(scored(labels, scores), ["a", "b"] * 100, column="dataset").mean_auc
    more = scored([*labels, *[0] * 50], [*scores, *np.linspace(0.0, 0.9, 50)])
    among = by_column(more, ["a", "b"] * 100 + ["reals"] * 50, column="dataset").mean_auc
    assert among.value == pytest.approx(alone.value, abs=1e-15)
    assert (among.low, among.high) == pytest.approx((alone.low, alone.high), abs=1e-12)


def test_the_interval_of_the_mean_ends_at_1():
    labels = np.tile(np.repeat([0, 1], 8), 2)
    scores = np.tile(np.concatenate([np.linspace(0, 0.4, 8), np.linspace(0.35, 0.9, 8)]), 2)
    mean = by_column(scored(labels, scores), ["a"] * 16 + ["b"] * 16, column="dataset").mean_auc
    assert mean.value < 1
    assert mean.high == 1.0  # the value and its reach alone pass it
    assert mean.value - mean.low > 1 - mean.value
    turned = by_column(scored(1 - labels, scores), ["a"] * 16 + ["b"] * 16, column="dataset").mean_auc
    assert turned.low == 0.0
