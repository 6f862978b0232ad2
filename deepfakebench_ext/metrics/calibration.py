"""Maps that make a score mean what it says, fitted on one set of samples and applied to another. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from deepfakebench_ext.common.choices import CALIBRATIONS, Level
from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.metrics.detailed import detailed_figures
from deepfakebench_ext.metrics.figure import Figure, Floats, Integers, check_arrays, one_class_reason
from deepfakebench_ext.metrics.logits import to_logits, to_scores

COMPARED = ("auc", "brier", "log_loss", "ece_equal_width", "ece_equal_mass")
TEMPERATURES = (0.01, 100.0)
"""Limits of the temperature. The best one is 0 where 0.5 parts the classes, and infinite where no shrinking helps."""


class Calibration(Protocol):
    """A fitted map from scores to scores."""

    @property
    def method(self) -> str:
        """One of `CALIBRATIONS`."""

    @property
    def summary(self) -> str:
        """What was fitted, in a line for people, with what it does to the ranking."""

    def apply(self, scores: Floats) -> Floats:
        """Calibrated scores: float64 (N,) in [0, 1] to the same."""


@dataclass(frozen=True, slots=True)
class Logistic:
    """Scores moved on the logit scale: sigmoid(slope * logit + intercept).

    Rising, so that the ranking stays and AUC with it, but for scores that rounding to float64 makes equal.

    Attributes:
        method: `temperature` (no intercept; the temperature is 1 / slope) or `platt`.
        slope: Above 0.
        intercept: 0 for a temperature.
    """

    method: str
    slope: float
    intercept: float = 0.0

    @property
    def summary(self) -> str:
        """What was fitted, in a line for people, with what it does to the ranking."""
        if self.method == "platt":
            return f"Platt: sigmoid({self.slope:.6g} * logit + {self.intercept:.6g}); keeps the ranking"
        temperature = 1 / self.slope
        return f"temperature {temperature:.6g}{self._limit()}: sigmoid(logit / temperature); keeps the ranking"

    def _limit(self) -> str:
        cold, hot = TEMPERATURES
        if self.slope > 0.999 / cold:
            return " (the limit: 0.5 parts the classes without an error)"
        if self.slope < 1.001 / hot:
            return " (the limit: saying 0.5 always would be as good; platt also shifts)"
        return ""

    def apply(self, scores: Floats) -> Floats:
        """Calibrated scores: float64 (N,) in [0, 1] to the same."""
        return to_scores(self.slope * to_logits(scores) + self.intercept)


@dataclass(frozen=True, slots=True)
class Isotonic:
    """Scores moved along a line that never falls, from knot to knot; beyond the last knots it is level.

    Where it is level, different scores become one, and AUC changes: the ties count half.

    Attributes:
        knots: float64 (K,): scores, rising.
        values: float64 (K,) in [0, 1]: what they become, never falling.
    """

    knots: Floats
    values: Floats

    @property
    def method(self) -> str:
        """One of `CALIBRATIONS`."""
        return "isotonic"

    @property
    def summary(self) -> str:
        """What was fitted, in a line for people, with what it does to the ranking."""
        levels = len(np.unique(self.values))
        return f"isotonic: {levels} levels, linear between {len(self.knots)} knots; ties scores, which may change AUC"

    def apply(self, scores: Floats) -> Floats:
        """Calibrated scores: float64 (N,) in [0, 1] to the same."""
        return np.interp(scores, self.knots, self.values)


def fit_calibration(method: str, labels: Integers, scores: Floats) -> Calibration:
    """Fit the map called `method`. The order of the samples does not matter beyond rounding.

    Args:
        method: `temperature` (one number, log loss least), `platt` (two numbers) or `isotonic`.
        labels: Integers (N,), both classes: of samples other than those to be judged.
        scores: float64 (N,): P(fake) in [0, 1].

    Raises:
        ConfigError: No such method; one class is missing; the best Platt map would turn the ranking
            round; isotonic would make all scores one; or the temperature has only scores of 0.5.
        ValueError: The arrays are none that figures are made from.
    """
    check_arrays(labels, scores)
    if method not in CALIBRATIONS:
        raise ConfigError(f"--calibrate {method!r} is not known; allowed are {', '.join(CALIBRATIONS)}")
    if reason := one_class_reason(labels):
        raise ConfigError(f"--calibrate {method} cannot be fitted: {reason}")
    if method == "isotonic":
        return _fit_isotonic(labels, scores)
    return (_fit_temperature if method == "temperature" else _fit_platt)(labels, to_logits(scores))


def before_and_after(
    labels: Integers, scores: Floats, calibration: Calibration, *, level: Level, clusters: Integers | None = None
) -> Mapping[str, tuple[Figure, Figure]]:
    """AUC, Brier score, log loss and both ECE of the scores as they are, and calibrated: name to both.

    Args:
        labels: Integers (N,): 0 real, 1 fake.
        scores: float64 (N,): P(fake) in [0, 1].
        calibration: The map.
        level: What one row stands for.
        clusters: Integers (N,): the video that a frame or clip is from; None where every row stands alone.

    Raises:
        ValueError: The arrays are none that figures are made from.
    """
    before = detailed_figures(labels, scores, level=level, clusters=clusters)
    after = detailed_figures(labels, calibration.apply(scores), level=level, clusters=clusters)
    return {name: (before[name], after[name]) for name in (f"{level}_{figure}" for figure in COMPARED)}


def _fit_temperature(labels: Integers, logits: Floats) -> Logistic:
    """Halve the range of log(slope) where the log loss, convex in the slope, is lowest."""
    if not logits.any():
        raise ConfigError("--calibrate temperature: all scores it is fitted on are 0.5, which no temperature moves")

    def rise(slope: float) -> float:
        return float(((to_scores(slope * logits) - labels) * logits).sum())

    low, high = -np.log(TEMPERATURES[1]), -np.log(TEMPERATURES[0])
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (low, middle) if rise(float(np.exp(middle))) > 0 else (middle, high)
    return Logistic("temperature", float(np.exp((low + high) / 2)))


def _fit_platt(labels: Integers, logits: Floats) -> Logistic:
    """Newton's method with halved steps, on labels drawn in by as much as one more sample of each class would.

    Source: Platt 1999; Lin, Lin and Weng 2007, A note on Platt's probabilistic outputs.
    """
    fakes = int(labels.sum(dtype=np.int64))
    reals = len(labels) - fakes
    targets = np.where(labels == 1, (fakes + 1) / (fakes + 2), 1 / (reals + 2))
    inputs = np.stack([logits, np.ones_like(logits)])
    found = np.array([0.0, np.log((fakes + 1) / (reals + 1))])
    for _ in range(100):
        scores = to_scores(found @ inputs)
        gradient = inputs @ (scores - targets)
        if np.abs(gradient).max() < 1e-10 * len(labels):
            break
        curvature = (inputs * (scores * (1 - scores))) @ inputs.T + 1e-12 * np.eye(2)
        found = _shorten(found, np.linalg.solve(curvature, gradient), inputs, targets)
    if found[0] <= 0:
        raise ConfigError(
            f"--calibrate platt: the best slope for the scores it is fitted on is {found[0]:.4g}, which would turn "
            "their ranking round; is the label order right (--fake_index)?"
        )
    return Logistic("platt", float(found[0]), float(found[1]))


def _shorten(found: Floats, step: Floats, inputs: Floats, targets: Floats) -> Floats:
    """Go against `step`, half as far each time until the loss does not rise."""

    def loss(parameters: Floats) -> float:
        logits = parameters @ inputs
        return float((np.logaddexp(0.0, logits) - targets * logits).sum())

    here = loss(found)
    for _ in range(30):
        if loss(found - step) <= here:
            return found - step
        step = step / 2
    return found


def _fit_isotonic(labels: Integers, scores: Floats) -> Isotonic:
    from sklearn.isotonic import IsotonicRegression

    model = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(scores, labels)
    values = np.asarray(model.y_thresholds_, np.float64)
    if values[0] == values[-1]:
        raise ConfigError(
            "--calibrate isotonic: the scores it is fitted on do not rise with the labels, so that every score would "
            "become one; is the label order right (--fake_index)?"
        )
    return Isotonic(np.asarray(model.X_thresholds_, np.float64), values)
