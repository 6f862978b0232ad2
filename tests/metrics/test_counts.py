import pytest

from deepfakebench_ext.metrics.counts import Counts, count_samples


def test_classes_are_counted_among_the_scored_only():
    labels = [0, 0, 1, None, 1, None]
    statuses = ["ok", "unreadable", "ok", "ok", "too_short", "unreadable"]
    assert count_samples(labels, statuses) == Counts(total=6, scored=3, not_scored=3, real=1, fake=1, unlabelled=1)


def test_nothing_counts_as_nothing():
    assert count_samples([], []) == Counts(total=0, scored=0, not_scored=0, real=0, fake=0, unlabelled=0)


def test_lengths_that_differ_are_an_error():
    with pytest.raises(ValueError, match="2 labels but 1 statuses"):
        count_samples([0, 1], ["ok"])


def test_an_unknown_label_is_named_with_its_place():
    with pytest.raises(ValueError, match=r"labels\[1\] is 2"):
        count_samples([0, 2], ["ok", "ok"])  # type: ignore[list-item]
