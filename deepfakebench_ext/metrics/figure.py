"""What a figure is, and the arrays that every figure is made from. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepfakebench_ext.common.wording import rounded

LEVELS = ("frame", "clip", "video")
Floats = NDArray[np.float64]
Integers = NDArray[np.integer[Any]]


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure, or the reason why there is none.

    Attributes:
        value: The figure, or None where the data do not define it.
        definition: What the figure measures, in one line.
        reason: Why it is undefined; empty when it is defined.
        higher_is_better: Which way is good; None for what has no good side, such as a threshold.
        low: Lower end of the 95 % interval, at most `value`; None where there is no interval.
        high: Upper end of the 95 % interval, at least `value`; None where there is no interval.
        interval: How the interval was made; where there is none, why, or empty if none was asked for.
        warning: Why the value should not be relied on although it is defined; empty when nothing is known against it.
    """

    value: float | None
    definition: str
    reason: str = ""
    higher_is_better: bool | None = None
    low: float | None = None
    high: float | None = None
    interval: str = ""
    warning: str = ""

    def __post_init__(self) -> None:
        """Refuse a figure without value and reason, with both, or not finite; an interval beside its value."""
        if (self.value is None) != bool(self.reason):
            raise ValueError(f"value is {self.value!r} and reason is {self.reason!r}; give exactly one of them")
        if self.value is not None and not math.isfinite(self.value):
            raise ValueError(f"value is {self.value!r}; a figure is finite, or None with a reason")
        if self.low is None and self.high is None:
            return
        if self.value is None or self.low is None or self.high is None or not self.low <= self.value <= self.high:
            raise ValueError(f"value is {self.value!r}, interval {self.low!r} to {self.high!r}; it must hold the value")


def with_interval(figure: Figure) -> str:
    """Return the value with its 95 % interval, as far as there is one: `0.9123 (0.8900 to 0.9310)`."""
    if figure.value is None:
        return "-"
    return rounded(figure.value) + (f" ({interval})" if (interval := interval_of(figure)) else "")


def interval_of(figure: Figure) -> str:
    """Return `0.8900 to 0.9310`; empty where there is no interval."""
    return "" if figure.low is None or figure.high is None else f"{rounded(figure.low)} to {rounded(figure.high)}"


def check_arrays(labels: Integers, scores: Floats) -> None:
    """Refuse anything but integer labels (N,) of 0 and 1 beside float64 scores (N,) in [0, 1].

    Raises:
        ValueError: Another type, shape or value; says which and where.
    """
    for name, array in (("labels", labels), ("scores", scores)):
        check_vector(name, array)
    if labels.dtype.kind not in "iu":
        raise ValueError(f"labels must be integers, 0 real and 1 fake, got dtype {labels.dtype}")
    if scores.dtype != np.float64:
        raise ValueError(f"scores must be float64, got {scores.dtype}; use scores.astype(np.float64)")
    check_length("scores", scores, labels)
    check_values("labels", labels, (labels == 0) | (labels == 1), "0 (real) and 1 (fake)")
    check_values("scores", scores, (scores >= 0) & (scores <= 1), "P(fake) from 0 to 1")


def check_clusters(clusters: Integers, labels: Integers) -> None:
    """Refuse anything but one integer a label.

    Raises:
        ValueError: Another type, shape or length.
    """
    check_vector("clusters", clusters)
    if clusters.dtype.kind not in "iu":
        raise ValueError(f"clusters must be integers, one number a video, got dtype {clusters.dtype}")
    check_length("clusters", clusters, labels)


def check_level(level: str) -> None:
    """Refuse a level that does not exist.

    Raises:
        ValueError: It is none of `LEVELS`.
    """
    if level not in LEVELS:
        raise ValueError(f"level is {level!r}; allowed are frame, clip and video")


def check_vector(name: str, array: NDArray[Any]) -> None:
    """Refuse anything but a NumPy array of one dimension.

    Raises:
        ValueError: It is something else; says what under `name`.
    """
    if not isinstance(array, np.ndarray) or array.ndim != 1:
        shape = array.shape if isinstance(array, np.ndarray) else type(array).__name__
        raise ValueError(f"{name} must be a NumPy array of shape (N,), got {shape}")


def check_length(name: str, array: NDArray[Any], labels: Integers) -> None:
    """Refuse an array that does not have one value a label.

    Raises:
        ValueError: The lengths differ.
    """
    if len(array) != len(labels):
        raise ValueError(f"{len(labels)} labels but {len(array)} {name}; give one of each a sample")


def check_values(name: str, array: NDArray[Any], allowed: NDArray[np.bool_], rule: str) -> None:
    """Refuse the first value that is not allowed, with its place.

    Raises:
        ValueError: `allowed` (N,) is not true everywhere.
    """
    if not allowed.all():
        index = int(np.argmin(allowed))
        raise ValueError(f"{name}[{index}] is {array[index]}; allowed is {rule}")


def distinct(numbers: Integers) -> int:
    """How many different numbers there are. They are sorted: `np.unique` hashes them, which takes ten times as long."""
    return int(np.count_nonzero(np.diff(np.sort(numbers)))) + 1 if len(numbers) else 0


def class_size(labels: Integers, label: int, clusters: Integers | None) -> tuple[int, int]:
    """How many samples of a class there are, and of how many videos; of as many where every one stands alone."""
    chosen = labels == label
    samples = int(np.count_nonzero(chosen))
    return samples, samples if clusters is None else distinct(clusters[chosen])


def renumbered(numbers: Integers) -> Integers:
    """(N,) The place of each number among the different ones, from 0 in rising order; without sorting if near 0."""
    if not len(numbers) or numbers.min() < 0 or numbers.max() > 4 * len(numbers):
        return np.unique(numbers, return_inverse=True)[1]
    places = np.cumsum(np.bincount(numbers) > 0) - 1
    return places[numbers]


def one_class_reason(labels: Integers) -> str:
    """Why figures that compare the classes are undefined; empty where both are there."""
    fakes = int(labels.sum(dtype=np.int64))
    return missing_class_reason(len(labels) - fakes, fakes)


def missing_class_reason(reals: int, fakes: int) -> str:
    """As `one_class_reason`, of so many samples."""
    if reals and fakes:
        return ""
    if not reals and not fakes:
        return "no samples: nothing was scored that has a label"
    only, missing = ("real", "fake") if reals else ("fake", "real")
    return f"only {only} samples: the figure needs both classes, and none of the {reals + fakes} samples is {missing}"
