"""Figures of a binary detector: how well its scores rank fakes above reals, and its decisions at 0.5.

Pure: arrays in, records out. The level that was scored (frame, clip or video) is part of every figure's name, because
the AUC of frames and the AUC of videos are different numbers. A figure that the data cannot define has no value and a
reason; it is never 0 or 0.5.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

Level = Literal["frame", "clip", "video"]
Floats = NDArray[np.float64]
Curve = tuple[Floats, Floats, Floats]

DECISION_THRESHOLD = 0.5
"""A score above it is called fake. Source: DeepfakeBench training/metrics/utils.py, `acc`."""

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


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure, or the reason why there is none.

    Attributes:
        value: The figure, or None where the data do not define it.
        definition: What the figure measures, in one line.
        reason: Why it is undefined; empty when it is defined.
    """

    value: float | None
    definition: str
    reason: str = ""

    def __post_init__(self) -> None:
        """Refuse a figure without value and reason, with both, or not finite."""
        if (self.value is None) != bool(self.reason):
            raise ValueError(f"value is {self.value!r} and reason is {self.reason!r}; give exactly one of them")
        if self.value is not None and not math.isfinite(self.value):
            raise ValueError(f"value is {self.value!r}; a figure is finite, or None with a reason")


def binary_figures(labels: NDArray[np.integer[Any]], scores: Floats, *, level: Level) -> dict[str, Figure]:
    """Every figure of one set of scores, under names such as `frame_auc`.

    The figures are auc, ap, eer, eer_threshold, and at the threshold of 0.5 accuracy, precision, recall, f1;
    `DEFINITIONS` says what each means. The order of the samples changes no value beyond rounding.

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
    _check_arrays(labels, scores)
    if level not in ("frame", "clip", "video"):
        raise ValueError(f"level is {level!r}; allowed are frame, clip and video")
    values = _ranking_values(labels, scores) | _decision_values(labels, scores)
    return {f"{level}_{name}": _figure(name, values[name]) for name in DEFINITIONS}


def roc_points(labels: NDArray[np.integer[Any]], scores: Floats) -> Curve:
    """ROC curve: false positive rates, true positive rates (both rising from 0 to 1) and thresholds, each (K,).

    There is one point a distinct score; the first threshold is infinite.

    Raises:
        ValueError: As `binary_figures`, or one class is missing.
    """
    _check_curve(labels, scores)
    false_positive, true_positive, thresholds = roc_curve(labels, scores, drop_intermediate=False)
    return false_positive, true_positive, thresholds


def pr_points(labels: NDArray[np.integer[Any]], scores: Floats) -> Curve:
    """Precision-recall curve: recall (falling from 1), precision (K,) each, and thresholds (K - 1,).

    Each precision holds from its recall down to the next smaller one; the last point (0, 1) has no threshold.

    Raises:
        ValueError: As `binary_figures`, or one class is missing.
    """
    _check_curve(labels, scores)
    precision, recall, thresholds = precision_recall_curve(labels, scores)
    return recall, precision, thresholds


def _check_arrays(labels: NDArray[np.integer[Any]], scores: Floats) -> None:
    for name, array in (("labels", labels), ("scores", scores)):
        if not isinstance(array, np.ndarray) or array.ndim != 1:
            shape = array.shape if isinstance(array, np.ndarray) else type(array).__name__
            raise ValueError(f"{name} must be a NumPy array of shape (N,), got {shape}")
    if labels.dtype.kind not in "iu":
        raise ValueError(f"labels must be integers, 0 real and 1 fake, got dtype {labels.dtype}")
    if scores.dtype != np.float64:
        raise ValueError(f"scores must be float64, got {scores.dtype}; use scores.astype(np.float64)")
    if len(labels) != len(scores):
        raise ValueError(f"{len(labels)} labels but {len(scores)} scores; give one of each a sample")
    _check_values("labels", labels, (labels == 0) | (labels == 1), "0 (real) and 1 (fake)")
    _check_values("scores", scores, (scores >= 0) & (scores <= 1), "P(fake) from 0 to 1")


def _check_values(name: str, array: NDArray[Any], allowed: NDArray[np.bool_], rule: str) -> None:
    if not allowed.all():
        index = int(np.argmin(allowed))
        raise ValueError(f"{name}[{index}] is {array[index]}; allowed is {rule}")


def _check_curve(labels: NDArray[np.integer[Any]], scores: Floats) -> None:
    _check_arrays(labels, scores)
    if reason := _one_class_reason(labels):
        raise ValueError(f"no curve: {reason}")


def _one_class_reason(labels: NDArray[np.integer[Any]]) -> str:
    """Why figures that compare the classes are undefined; empty where both are there."""
    fakes = int(labels.sum())
    reals = len(labels) - fakes
    if reals and fakes:
        return ""
    if not reals and not fakes:
        return "no samples: nothing was scored that has a label"
    only, missing = ("real", "fake") if reals else ("fake", "real")
    return f"only {only} samples: the figure needs both classes, and none of the {len(labels)} samples is {missing}"


def _ranking_values(labels: NDArray[np.integer[Any]], scores: Floats) -> dict[str, float | str]:
    """Value, or the reason why there is none, of the figures that need no threshold."""
    if reason := _one_class_reason(labels):
        return dict.fromkeys(("auc", "ap", "eer", "eer_threshold"), reason)
    rate, threshold = _equal_error(labels, scores)
    return {
        "auc": float(roc_auc_score(labels, scores)),
        "ap": float(average_precision_score(labels, scores)),
        "eer": rate,
        "eer_threshold": threshold,
    }


def _equal_error(labels: NDArray[np.integer[Any]], scores: Floats) -> tuple[float, float]:
    """Equal error rate and its threshold. Both classes must be there.

    Every distinct score adds one straight line to the ROC curve. FPR - FNR rises strictly along it, from -1 to 1, so
    exactly one line reaches 0 first, and the rate is read off where it does. The threshold is the score that added
    this line; it is always one of the scores. DeepfakeBench takes the FPR of the nearest point instead, which with
    ties can be far off: for labels 0 0 1 1 and scores 0 0 1 0 it says 0, the lines cross at 1/3.

    Source: DeepfakeBench training/metrics/utils.py, `eer`, not reproduced.
    """
    false_rates, true_rates, thresholds = roc_points(labels, scores)
    fakes = int(labels.sum())
    reals = len(labels) - fakes
    false_positives = np.rint(false_rates * reals).astype(np.int64)
    misses = fakes - np.rint(true_rates * fakes).astype(np.int64)
    gap = false_positives * fakes - misses * reals  # (FPR - FNR) * reals * fakes, in whole numbers: 0 is exactly 0
    end = int(np.argmax(gap >= 0))
    along = -gap[end - 1] / (gap[end] - gap[end - 1])
    rate = (false_positives[end - 1] + along * (false_positives[end] - false_positives[end - 1])) / reals
    return float(rate), float(thresholds[end])


def _decision_values(labels: NDArray[np.integer[Any]], scores: Floats) -> dict[str, float | str]:
    """Value, or the reason why there is none, of the figures at the decision threshold."""
    called_fake = scores > DECISION_THRESHOLD
    fakes, called = int(labels.sum()), int(called_fake.sum())
    hits = int(labels[called_fake].sum())
    one_class = _one_class_reason(labels)
    no_calls = "" if called else f"no predicted fakes: none of {len(labels)} scores is above {DECISION_THRESHOLD}"
    right = len(labels) - called - fakes + 2 * hits
    return {
        "accuracy": right / len(labels) if len(labels) else one_class,
        "precision": one_class or no_calls or hits / called,
        "recall": hits / fakes if fakes else one_class,
        "f1": one_class or 2 * hits / (called + fakes),
    }


def _figure(name: str, value: float | str) -> Figure:
    if isinstance(value, str):
        return Figure(None, DEFINITIONS[name], value)
    return Figure(value, DEFINITIONS[name])
