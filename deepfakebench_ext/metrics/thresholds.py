"""Figures of decisions: what becomes of the samples when everything above a threshold is called fake. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from deepfakebench_ext.common.types import FAKE
from deepfakebench_ext.common.wording import rounded
from deepfakebench_ext.metrics.figure import Floats, Integers, check_arrays, one_class_reason
from deepfakebench_ext.metrics.steps import (
    Steps,
    Tally,
    alarm_cut,
    balanced_cut,
    called_fake,
    equal_error_cut,
    steps_of,
)

DECISION_THRESHOLD = 0.5
"""A score above it is called fake. Source: DeepfakeBench training/metrics/utils.py, `acc`."""

DECISION_NAMES = ("accuracy", "balanced_accuracy", "precision", "recall", "f1")


@dataclass(frozen=True, slots=True)
class Threshold:
    """Where decisions are made other than at 0.5.

    Attributes:
        value: A score above it is called fake.
        source: Where the value comes from, for people: `equal error on val.csv`.
    """

    value: float
    source: str

    def __post_init__(self) -> None:
        """Refuse what no score can be compared with."""
        if not math.isfinite(self.value):
            raise ValueError(f"threshold is {self.value!r}; allowed is a finite number, such as 0.5")


@dataclass(frozen=True, slots=True)
class Decided:
    """What became of labelled samples at a threshold: the confusion matrix.

    Attributes:
        reals: Real samples.
        alarms: Those of them that are called fake.
        fakes: Fake samples.
        hits: Those of them that are called fake.
    """

    reals: int
    alarms: int
    fakes: int
    hits: int


def decided(labels: Integers, scores: Floats, threshold: float) -> Decided:
    """The confusion matrix where a score above the threshold is called fake."""
    is_fake, called = labels == FAKE, scores > threshold
    fakes, hits = int(is_fake.sum()), int((is_fake & called).sum())
    return Decided(len(labels) - fakes, int(called.sum()) - hits, fakes, hits)


def equal_error_threshold(labels: Integers, scores: Floats) -> float:
    """The threshold in [0, 1] at which decisions on these samples have FPR nearest to FNR.

    Meant for deciding on other samples: it lies halfway between two neighbouring scores, and a score above it is fake.

    Raises:
        ValueError: The arrays are none that figures are made from, or one class is missing.
    """
    return equal_error_cut(_both_classes(labels, scores))


def balanced_threshold(labels: Integers, scores: Floats) -> float:
    """The threshold in [0, 1] at which decisions on these samples have the best balanced accuracy; else as above.

    Raises:
        ValueError: As `equal_error_threshold`.
    """
    return balanced_cut(_both_classes(labels, scores))


def alarm_rate_threshold(labels: Integers, scores: Floats, false_positive_rate: float) -> float:
    """The lowest threshold in [0, 1] that calls at most this share of the reals fake; else as above.

    Raises:
        ValueError: As `equal_error_threshold`.
    """
    return alarm_cut(_both_classes(labels, scores), false_positive_rate)


def _both_classes(labels: Integers, scores: Floats) -> Steps:
    check_arrays(labels, scores)
    if reason := one_class_reason(labels):
        raise ValueError(f"no threshold can be chosen: {reason}")
    return steps_of(labels, scores)


def decision_rates(steps: Steps, threshold: float) -> dict[str, Floats]:
    """Each of `DECISION_NAMES` to its (B,) values; NaN where a row leaves it undefined (0 / 0)."""
    hits, alarms = called_fake(steps, threshold)
    fakes, reals, called = steps.fakes, steps.reals, hits + alarms
    recall, specificity = _ratio(hits, fakes), _ratio(reals - alarms, reals)
    return {
        "accuracy": _ratio(hits + reals - alarms, fakes + reals),
        "balanced_accuracy": (recall + specificity) / 2,
        "precision": _ratio(hits, called),
        "recall": recall,
        "f1": _ratio(2 * hits, called + fakes),
    }


def decision_values(steps: Steps, threshold: float, one_class: str) -> dict[str, float | str]:
    """Each of `DECISION_NAMES` to its value for the first row of `steps`, or to the reason why there is none.

    With one class only, precision and F1 say nothing of the detector and are undefined; accuracy stands, as does
    recall where all are fake. F1 is 0 where there are fakes and all of them are missed.

    Args:
        steps: One row.
        threshold: A score above it is called fake.
        one_class: Why figures of both classes are undefined; empty where both are there.
    """
    rates = {name: float(values[0]) for name, values in decision_rates(steps, threshold).items()}
    total = int(steps.fakes[0] + steps.reals[0])
    no_calls = f"no predicted fakes: none of {total} scores is above {rounded(threshold, 6, 'g')}"
    return {
        "accuracy": rates["accuracy"] if total else one_class,
        "balanced_accuracy": one_class or rates["balanced_accuracy"],
        "precision": one_class or (no_calls if math.isnan(rates["precision"]) else rates["precision"]),
        "recall": rates["recall"] if steps.fakes[0] else one_class,
        "f1": one_class or rates["f1"],
    }


def decision_counts(steps: Steps, threshold: float) -> dict[str, tuple[int, int]]:
    """Those decisions that are shares of a fixed number of samples, as (successes, trials) of the first row."""
    hits, alarms = (int(counts[0]) for counts in called_fake(steps, threshold))
    fakes, reals = int(steps.fakes[0]), int(steps.reals[0])
    return {
        "accuracy": (hits + reals - alarms, fakes + reals),
        "precision": (hits, hits + alarms),
        "recall": (hits, fakes),
    }


def _ratio(part: Tally, whole: Tally) -> Floats:
    ratio = np.full(len(part), np.nan)
    np.divide(part, whole, out=ratio, where=whole > 0)
    return ratio
