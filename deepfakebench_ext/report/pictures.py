"""Pictures of one or several detectors on the same axes: ROC, PR, DET, histograms, reliability. Needs `plots`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import NormalDist
from typing import Any, Protocol

import numpy as np

from deepfakebench_ext.common.choices import Level
from deepfakebench_ext.common.wording import rounded, shortened
from deepfakebench_ext.metrics.figure import Floats, Integers, check_arrays, one_class_reason
from deepfakebench_ext.metrics.probability_errors import BINS, bins, reliability
from deepfakebench_ext.metrics.ranking import binary_figures, pr_points, roc_points
from deepfakebench_ext.metrics.steps import steps_of
from deepfakebench_ext.metrics.summary import Summary
from deepfakebench_ext.report.canvas import CHANCE, POINT, finish, finish_rates, to_png

SIZE = (5.2, 4.6)
COLOURS = ("#1f5fa8", "#d1495b", "#2a9d5c", "#8a5fbf", "#c77d0a", "#0b8c9e", "#7a5230", "#555555")
"""Repeated where there are more detectors."""
DASHES = ("-", "--", ":", "-.")
"""Each detector has another than the one before, so that of equal curves both are seen."""
POINTS = 2000
"""A curve is drawn through at most so many of its points; no screen shows more."""
NAME_WIDTH = 28
HISTOGRAM_BINS = 40
DET_TICKS = (0.001, 0.01, 0.05, 0.2, 0.5, 0.8, 0.95, 0.99)


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """What one detector gave to its samples.

    Attributes:
        name: What to call it in the legend.
        labels: Integers (N,): 0 real, 1 fake.
        scores: float64 (N,): P(fake) in [0, 1].
    """

    name: str
    labels: Integers
    scores: Floats

    def __post_init__(self) -> None:
        """Refuse arrays that no figure is made from."""
        check_arrays(self.labels, self.scores)

    @classmethod
    def of(cls, summary: Summary) -> Series:
        """Return what a summary's own pictures show: the scores of the level that it is about."""
        return cls(summary.title, *summary.usable(summary.level))


def draw_pictures(series: Sequence[Series], *, level: Level) -> dict[str, bytes]:
    """Return PNGs by name: `roc`, `pr`, `det`, `histogram`, `reliability`; those that the scores define.

    Curves need both classes, and are left out of a detector that lacks one. The same arrays give the same bytes under
    one version of matplotlib; the user's own settings of it change nothing.

    Args:
        series: One a detector.
        level: What one score stands for; named in the legends.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    both = [each for each in series if not one_class_reason(each.labels)]
    some = [each for each in series if len(each.labels)]
    drawn: dict[str, tuple[_Draw, Sequence[Series]]] = {
        "roc": (_on_one_panel(draw_roc), both),
        "pr": (_on_one_panel(draw_precision_recall), both),
        "det": (_on_one_panel(_det), both),
        "histogram": (_histograms, some),
        "reliability": (_on_one_panel(_reliability), some),
    }
    return {
        name: to_png(partial(draw, series=chosen, level=level), figsize=SIZE, layout="constrained")
        for name, (draw, chosen) in drawn.items()
        if chosen
    }


class _Draw(Protocol):
    def __call__(self, on: Any, /, series: Sequence[Series], level: Level) -> None: ...


def _on_one_panel(draw: _Draw) -> _Draw:
    def on_picture(picture: Any, /, series: Sequence[Series], level: Level) -> None:
        draw(picture.subplots(), series, level)

    return on_picture


def draw_roc(axes: Any, series: Sequence[Series], level: Level) -> None:
    """Draw the ROC curve of each detector; of one alone, also the point of equal error."""
    drawn = _Curves(axes)
    for each, line in _lines(series):
        false_positive, true_positive, _ = roc_points(each.labels, each.scores)
        drawn.plot(*_thinned(false_positive, true_positive), each.name, _label(series, each, level, "auc"), **line)
    if len(series) == 1:
        rate = _value(series[0], level, "eer")
        axes.plot(rate, 1 - rate, "o", color=POINT, label=f"{level} EER {rounded(rate)}", zorder=3)
    axes.plot([0, 1], [0, 1], "--", color=CHANCE, lw=1, label="chance")
    x_label, y_label = "false positive rate (real called fake)", "true positive rate (fake called fake)"
    finish_rates(axes, "ROC curve", x_label, y_label, legend="lower right")


def draw_precision_recall(axes: Any, series: Sequence[Series], level: Level) -> None:
    """Draw the precision-recall curve of each detector, and what chance would give."""
    drawn = _Curves(axes)
    for each, line in _lines(series):
        recall, precision, _ = pr_points(each.labels, each.scores)
        # The last precision is 1 by convention and belongs to no threshold; drawn, it would be a spike at recall 0.
        x, y = _thinned(recall, np.append(precision[:-1], precision[-2]))
        drawn.plot(x, y, each.name, _label(series, each, level, "ap"), drawstyle="steps-post", **line)
    for share in sorted({float(each.labels.mean()) for each in series}):
        axes.axhline(share, ls="--", color=CHANCE, lw=1, label=f"chance ({share:.4f}, the share of fakes)")
    x_label, y_label = "recall (fakes found)", "precision (fakes among those called fake)"
    finish_rates(axes, "Precision-recall curve", x_label, y_label, legend="lower left")


def _det(axes: Any, series: Sequence[Series], level: Level) -> None:
    """Miss rate over false alarm rate on axes where normally distributed scores make straight lines."""
    drawn = _Curves(axes)
    for each, line in _lines(series):
        false_positive, true_positive, _ = roc_points(each.labels, each.scores)
        x, y = _thinned(false_positive, 1 - true_positive)
        drawn.plot(_deviates(x), _deviates(y), each.name, _label(series, each, level, "eer"), **line)
    ticks, limits = _deviates(np.array(DET_TICKS)), _deviates(np.array([0.0005, 0.995]))
    names = [f"{tick:.3g}" for tick in DET_TICKS]
    axes.set_xticks(ticks, names, fontsize="small")
    axes.set_yticks(ticks, names, fontsize="small")
    axes.plot(limits, limits, "--", color=CHANCE, lw=1, label="equal error")
    x_label, y_label = "false positive rate (real called fake)", "miss rate (fake called real)"
    finish_rates(axes, "DET (normal deviates)", x_label, y_label, legend="upper right")
    axes.set(xlim=limits, ylim=limits)


def _histograms(picture: Any, series: Sequence[Series], level: Level) -> None:
    edges = np.linspace(0, 1, HISTOGRAM_BINS + 1)
    picture.set_size_inches(SIZE[0], max(SIZE[1], 1.9 * len(series) + 0.8))
    panels = picture.subplots(len(series), 1, sharex=True, squeeze=False)[:, 0]
    for axes, each in zip(panels, series, strict=True):
        for label, name, colour in ((0, "real", COLOURS[0]), (1, "fake", COLOURS[1])):
            chosen = each.scores[each.labels == label]
            shares = np.histogram(chosen, edges)[0] / max(len(chosen), 1)
            axes.stairs(shares, edges, color=colour, fill=True, alpha=0.45, label=f"{name} ({len(chosen)} {level}s)")
        title = "Scores" if len(series) == 1 else shortened(each.name, NAME_WIDTH)
        axes.set(title=title, ylabel="share of the class", xlim=(0, 1))
        finish(axes, legend="upper center")
    panels[-1].set_xlabel("score, P(fake)")


def _reliability(axes: Any, series: Sequence[Series], level: Level) -> None:
    drawn = _Curves(axes)
    for each, line in _lines(series):
        steps = steps_of(each.labels, each.scores)
        mean, share, _ = reliability(steps, bins(steps).equal_width)
        drawn.plot(mean, share, each.name, _label(series, each, level, ""), marker="o", ms=4, **line)
    axes.plot([0, 1], [0, 1], "--", color=CHANCE, lw=1, label="scores mean what they say")
    title = f"Reliability ({BINS} bins of equal width)"
    finish_rates(axes, title, "mean score of the bin", "share of fakes in it", legend="upper left")


class _Curves:
    """The curves of one picture; of one that covers another the legend says so."""

    def __init__(self, axes: Any) -> None:
        self._axes = axes
        self._drawn: list[tuple[str, Floats, Floats]] = []

    def plot(self, x: Floats, y: Floats, name: str, label: str, **line: Any) -> None:
        same = next((known for known, *points in self._drawn if _are_equal(points, (x, y))), None)
        self._drawn.append((name, x, y))
        label = label if same is None else f"{label},\nsame as {shortened(same, NAME_WIDTH)}"
        self._axes.plot(x, y, label=label, **line)


def _are_equal(points: Sequence[Floats], others: Sequence[Floats]) -> bool:
    return all(map(np.array_equal, points, others))


def _lines(series: Sequence[Series]) -> list[tuple[Series, Mapping[str, Any]]]:
    """Each detector with the look of its line."""
    return [
        (each, {"color": COLOURS[number % len(COLOURS)], "ls": DASHES[number % len(DASHES)], "lw": 2})
        for number, each in enumerate(series)
    ]


def _label(series: Sequence[Series], each: Series, level: Level, figure: str) -> str:
    """`video AUC 0.9123`, after the detector's name where there are several."""
    name = "" if len(series) == 1 else shortened(each.name, NAME_WIDTH)
    if not figure:
        return name or f"{level}s"
    return f"{name} {level} {figure.upper()} {rounded(_value(each, level, figure))}".strip()


def _value(each: Series, level: Level, figure: str) -> float:
    value = binary_figures(each.labels, each.scores, level=level)[f"{level}_{figure}"].value
    assert value is not None, "curves are drawn of both classes only"
    return value


def _thinned(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    if len(x) <= POINTS:
        return x, y
    places = np.unique(np.linspace(0, len(x) - 1, POINTS).round().astype(np.intp))
    return x[places], y[places]


def _deviates(rates: Floats) -> Floats:
    inverse = NormalDist().inv_cdf
    return np.array([inverse(min(max(float(rate), 1e-6), 1 - 1e-6)) for rate in rates])
