"""Figures of a binary detector: how well its scores rank fakes above reals, and its decisions at 0.5.

Pure: arrays in, records out. The level that was scored (frame, clip or video) is part of every figure's name, because
the AUC of frames and the AUC of videos are different numbers. A figure that the data cannot define has no value and a
reason; it is never 0 or 0.5. These are the figures that cost one sort; `detailed` has all of them, with intervals.
"""

from __future__ import annotations

from deepfakebench_ext.common.choices import Level
from deepfakebench_ext.metrics.figure import Figure, Floats, Integers, check_arrays, check_level, one_class_reason
from deepfakebench_ext.metrics.steps import Steps, area, average_precision, equal_error, steps_of
from deepfakebench_ext.metrics.thresholds import DECISION_THRESHOLD, decision_values

Curve = tuple[Floats, Floats, Floats]

DEFINITIONS: dict[str, str] = {
    "auc": "chance that a random fake scores above a random real, ties counted half (Mann-Whitney)",
    "ap": "step-wise average precision with fake as the positive class: sum of precision times step in recall",
    "eer": "rate at which false positives equal false negatives, on the straight lines between ROC points; "
    "tied scores are one line",
    "eer_threshold": "score of the samples that the ROC line through the EER stands for: fake above it, real below it",
    "accuracy": "share of samples decided rightly, where a score > 0.5 is fake",
    "precision": "share of fakes among samples with a score > 0.5",
    "recall": "share of fakes that have a score > 0.5",
    "f1": "harmonic mean of precision and recall, as 2TP / (2TP + FP + FN), where a score > 0.5 is fake",
}
HIGHER_IS_BETTER: dict[str, bool | None] = {**dict.fromkeys(DEFINITIONS, True), "eer": False, "eer_threshold": None}


def binary_figures(labels: Integers, scores: Floats, *, level: Level) -> dict[str, Figure]:
    """The figures that everything shows, without intervals, under names such as `frame_auc`.

    The figures are auc, ap, eer, eer_threshold, and at the threshold of 0.5 accuracy, precision, recall, f1;
    `DEFINITIONS` says what each means. The order of the samples changes no value.

    Undefined are: everything without a sample; everything but accuracy (and recall, where all are fake) with one class
    only; precision where no score is above 0.5. F1 is 0 where there are fakes and all of them are missed.

    Args:
        labels: Integers (N,): 0 real, 1 fake.
        scores: float64 (N,): P(fake) in [0, 1], in the order of the labels.
        level: What one row stands for; becomes part of the names.

    Returns:
        `{level}_{figure}` -> figure, in the order of `DEFINITIONS`.

    Raises:
        ValueError: Arrays of another type or shape, or a value outside its range (says which and where).
    """
    check_arrays(labels, scores)
    check_level(level)
    steps, one_class = steps_of(labels, scores), one_class_reason(labels)
    values = ranking_values(steps, one_class) | decision_values(steps, DECISION_THRESHOLD, one_class)
    return {f"{level}_{name}": _figure(name, values[name]) for name in DEFINITIONS}


def ranking_values(steps: Steps, one_class: str) -> dict[str, float | str]:
    """Value for the first row of `steps`, or the reason why there is none, of the figures that need no threshold."""
    if one_class:
        return dict.fromkeys(("auc", "ap", "eer", "eer_threshold"), one_class)
    rates, places = equal_error(steps)
    return {
        "auc": float(area(steps)[0]),
        "ap": float(average_precision(steps)[0]),
        "eer": float(rates[0]),
        "eer_threshold": float(steps.thresholds[places[0]]),
    }


def roc_points(labels: Integers, scores: Floats) -> Curve:
    """ROC curve: false positive rates, true positive rates (both rising from 0 to 1) and thresholds, each (K,).

    There is one point a distinct score; the first threshold is infinite.

    Raises:
        ValueError: As `binary_figures`, or one class is missing.
    """
    _check_curve(labels, scores)
    from sklearn.metrics import roc_curve  # half a second, and only curves need it

    false_positive, true_positive, thresholds = roc_curve(labels, scores, drop_intermediate=False)
    return false_positive, true_positive, thresholds


def pr_points(labels: Integers, scores: Floats) -> Curve:
    """Precision-recall curve: recall (falling from 1), precision (K,) each, and thresholds (K - 1,).

    Each precision holds from its recall down to the next smaller one; the last point (0, 1) has no threshold.

    Raises:
        ValueError: As `binary_figures`, or one class is missing.
    """
    _check_curve(labels, scores)
    from sklearn.metrics import precision_recall_curve

    precision, recall, thresholds = precision_recall_curve(labels, scores)
    return recall, precision, thresholds


def _check_curve(labels: Integers, scores: Floats) -> None:
    check_arrays(labels, scores)
    if reason := one_class_reason(labels):
        raise ValueError(f"no curve: {reason}")


def _figure(name: str, value: float | str) -> Figure:
    better = HIGHER_IS_BETTER[name]
    if isinstance(value, str):
        return Figure(None, DEFINITIONS[name], value, higher_is_better=better)
    return Figure(value, DEFINITIONS[name], higher_is_better=better)
