import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from deepfakebench_ext.metrics.missing_scores import auc_with_missing

LABELS, SCORES = np.array([0, 0, 1, 1]), np.array([0.2, 0.6, 0.4, 0.9])


def test_missing_samples_are_taken_for_real_fake_and_undecided():
    missing = np.array([1, 0, 1])
    figures = auc_with_missing(LABELS, SCORES, missing, level="video")
    for name, stand_in in (("real", 0.0), ("fake", 1.0), ("0.5", 0.5)):
        want = roc_auc_score(np.append(LABELS, missing), np.append(SCORES, [stand_in] * 3))
        assert figures[f"video_auc_missing_as_{name}"].value == pytest.approx(want, abs=1e-12)
    assert figures["video_auc_missing_as_0.5"].definition == "AUC with the 3 missing of 7 samples scored 0.5"


def test_nothing_missing_changes_nothing():
    figures = auc_with_missing(LABELS, SCORES, np.array([], dtype=np.int64), level="video")
    assert {figure.value for figure in figures.values()} == {roc_auc_score(LABELS, SCORES)}


def test_a_class_of_which_nothing_was_scored_comes_in_as_missing():
    figures = auc_with_missing(LABELS[:2], SCORES[:2], np.array([1]), level="clip")
    assert [figure.value for figure in figures.values()] == [0.0, 1.0, 0.5]
    alone = auc_with_missing(LABELS[:2], SCORES[:2], np.array([0]), level="clip")
    assert alone["clip_auc_missing_as_real"].reason.startswith("only real samples")


def test_missing_samples_have_labels():
    with pytest.raises(ValueError, match=r"labels\[0\] is 2"):
        auc_with_missing(LABELS, SCORES, np.array([2]), level="video")
