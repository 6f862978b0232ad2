"""Pictures of one or several detectors on the same axes: ROC, PR, DET, histograms, reliability. Needs `plots`."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from deepfakebench_ext.common.errors import MissingExtraError
from deepfakebench_ext.common.wording import printable
from deepfakebench_ext.metrics.figure import Floats, Integers, Level, check_arrays, one_class_reason
from deepfakebench_ext.metrics.probability_errors import BINS, bins, reliability
from deepfakebench_ext.metrics.ranking import binary_figures, pr_points, roc_points
from deepfakebench_ext.metrics.steps import count_steps, ladder

SIZE = (5.2, 4.6)
DPI = 120
COLOURS = ("#1f5fa8", "#d1495b", "#2a9d5c", "#8a5fbf", "#c77d0a", "#0b8c9e", "#7a5230", "#555555")
"""Repeated where there are more detectors, with another dash."""
DASHES = ("-", "--", ":", "-.")
CHANCE = "#8a8a8a"
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
        "roc": (_roc, both),
        "pr": (_precision_recall, both),
        "det": (_det, both),
        "histogram": (_histograms, some),
        "reliability": (_reliability, some),
    }
    return {name: _picture(draw, chosen, level) for name, (draw, chosen) in drawn.items() if chosen}


_Draw = Callable[[Any, Sequence[Series], Level], None]


def _picture(draw: _Draw, series: Sequence[Series], level: Level) -> bytes:
    try:
        import matplotlib
        from matplotlib.figure import Figure as Picture
    except ImportError as error:
        raise MissingExtraError(
            "pictures need matplotlib; type: pip install 'deepfakebench-ext[plots]', or leave them out: --no_plots"
        ) from error
    with matplotlib.rc_context(), warnings.catch_warnings():
        matplotlib.rcdefaults()
        matplotlib.rcParams["text.parse_math"] = False
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # drawn as an empty box
        picture = Picture(dpi=DPI, figsize=SIZE, layout="constrained")
        draw(picture, series, level)
        png = io.BytesIO()
        picture.savefig(png, format="png", metadata={"Software": None})
    return png.getvalue()


def _roc(picture: Any, series: Sequence[Series], level: Level) -> None:
    axes = picture.subplots()
    for each, line in _lines(series):
        false_positive, true_positive, _ = roc_points(each.labels, each.scores)
        x, y = _thinned(false_positive, true_positive)
        axes.plot(x, y, label=_label(series, each, level, "auc"), **line)
    axes.plot([0, 1], [0, 1], "--", color=CHANCE, lw=1, label="chance")
    _finish(axes, "ROC", "false positive rate (real called fake)", "true positive rate (fake called fake)")
    axes.legend(loc="lower right", framealpha=0.8, fontsize="small")


def _precision_recall(picture: Any, series: Sequence[Series], level: Level) -> None:
    axes = picture.subplots()
    for each, line in _lines(series):
        recall, precision, _ = pr_points(each.labels, each.scores)
        # The last precision is 1 by convention and belongs to no threshold; drawn, it would be a spike at recall 0.
        x, y = _thinned(recall, np.append(precision[:-1], precision[-2]))
        axes.plot(x, y, drawstyle="steps-post", label=_label(series, each, level, "ap"), **line)
    shares = {float(each.labels.mean()) for each in series}
    for number, share in enumerate(sorted(shares)):
        axes.axhline(share, ls="--", color=CHANCE, lw=1, label="" if number else "chance (share of fakes)")
    _finish(axes, "Precision and recall", "recall (fakes found)", "precision (fakes among those called fake)")
    axes.legend(loc="lower left", framealpha=0.8, fontsize="small")


def _det(picture: Any, series: Sequence[Series], level: Level) -> None:
    """Miss rate over false alarm rate on axes where normally distributed scores make straight lines."""
    axes = picture.subplots()
    for each, line in _lines(series):
        false_positive, true_positive, _ = roc_points(each.labels, each.scores)
        x, y = _thinned(false_positive, 1 - true_positive)
        axes.plot(_deviates(x), _deviates(y), label=_label(series, each, level, "eer"), **line)
    ticks, limits = _deviates(np.array(DET_TICKS)), _deviates(np.array([0.0005, 0.995]))
    names = [f"{tick:.3g}" for tick in DET_TICKS]
    axes.set_xticks(ticks, names, fontsize="small")
    axes.set_yticks(ticks, names, fontsize="small")
    axes.plot(limits, limits, "--", color=CHANCE, lw=1, label="equal error")
    _finish(axes, "DET (normal deviates)", "false positive rate (real called fake)", "miss rate (fake called real)")
    axes.set(xlim=limits, ylim=limits)
    axes.legend(loc="upper right", framealpha=0.8, fontsize="small")


def _histograms(picture: Any, series: Sequence[Series], level: Level) -> None:
    edges = np.linspace(0, 1, HISTOGRAM_BINS + 1)
    picture.set_size_inches(SIZE[0], max(SIZE[1], 1.9 * len(series) + 0.8))
    panels = picture.subplots(len(series), 1, sharex=True, squeeze=False)[:, 0]
    for axes, each in zip(panels, series, strict=True):
        for label, name, colour in ((0, "real", COLOURS[0]), (1, "fake", COLOURS[1])):
            chosen = each.scores[each.labels == label]
            shares = np.histogram(chosen, edges)[0] / max(len(chosen), 1)
            axes.stairs(shares, edges, color=colour, fill=True, alpha=0.45, label=f"{name} ({len(chosen)} {level}s)")
        title = "Scores" if len(series) == 1 else _shortened(each.name)
        axes.set(title=title, ylabel="share of the class", xlim=(0, 1))
        axes.legend(loc="upper center", framealpha=0.8, fontsize="small")
        _plain(axes)
    panels[-1].set_xlabel("score, P(fake)")


def _reliability(picture: Any, series: Sequence[Series], level: Level) -> None:
    axes = picture.subplots()
    for each, line in _lines(series):
        steps = count_steps(ladder(each.labels, each.scores))
        mean, share, _ = reliability(steps, bins(steps).equal_width)
        axes.plot(mean, share, marker="o", ms=4, label=_label(series, each, level, ""), **line)
    axes.plot([0, 1], [0, 1], "--", color=CHANCE, lw=1, label="scores mean what they say")
    _finish(axes, f"Reliability ({BINS} bins of equal width)", "mean score of the bin", "share of fakes in it")
    axes.legend(loc="upper left", framealpha=0.8, fontsize="small")


def _lines(series: Sequence[Series]) -> list[tuple[Series, Mapping[str, Any]]]:
    """Each detector with the look of its line."""
    return [
        (each, {"color": COLOURS[number % len(COLOURS)], "ls": DASHES[number // len(COLOURS) % len(DASHES)], "lw": 2})
        for number, each in enumerate(series)
    ]


def _label(series: Sequence[Series], each: Series, level: Level, figure: str) -> str:
    """`video AUC 0.9123`, after the detector's name where there are several."""
    name = "" if len(series) == 1 else _shortened(each.name)
    if not figure:
        return name or f"{level}s"
    value = binary_figures(each.labels, each.scores, level=level)[f"{level}_{figure}"].value
    return f"{name} {level} {figure.upper()} {value:.4f}".strip()


def _shortened(name: str) -> str:
    """The end of a long name, which tells more than its beginning."""
    text = printable(name)
    return text if len(text) <= NAME_WIDTH else "..." + text[3 - NAME_WIDTH :]


def _thinned(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    if len(x) <= POINTS:
        return x, y
    places = np.unique(np.linspace(0, len(x) - 1, POINTS).round().astype(np.intp))
    return x[places], y[places]


def _deviates(rates: Floats) -> Floats:
    inverse = NormalDist().inv_cdf
    return np.array([inverse(min(max(float(rate), 1e-6), 1 - 1e-6)) for rate in rates])


def _finish(axes: Any, title: str, x_label: str, y_label: str) -> None:
    axes.set(title=title, xlabel=x_label, ylabel=y_label, xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    _plain(axes)


def _plain(axes: Any) -> None:
    axes.grid(visible=True, color="#dddddd", lw=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
