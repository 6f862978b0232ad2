"""ROC and precision-recall curves as a picture. Needs the extra `plots`."""

from __future__ import annotations

import io
import textwrap
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepfakebench_ext.common.atomic_files import write_bytes_atomic
from deepfakebench_ext.common.errors import MissingExtraError
from deepfakebench_ext.common.notices import Notice
from deepfakebench_ext.common.wording import printable
from deepfakebench_ext.metrics.ranking import Curve, Floats, Level, binary_figures, pr_points, roc_points

WIDTH, PANELS_HEIGHT, LINE_HEIGHT = 10.0, 4.95, 0.24
"""Inches; a heading of more lines makes the picture higher and leaves the panels as they are."""
DPI = 120
WRAP_AT = 100
CURVE, CHANCE, POINT, WARNING = "#1f5fa8", "#8a8a8a", "#d1495b", "#b00020"


def write_curves(
    path: Path,
    labels: NDArray[np.integer[Any]],
    scores: Floats,
    *,
    level: Level,
    title: str,
    notices: Sequence[Notice] = (),
) -> None:
    """Write a PNG of the ROC and the precision-recall curve side by side.

    The legends name AUC, EER and AP as `binary_figures` gives them. The same arrays give the same bytes under one
    version of matplotlib; the user's own matplotlib settings change nothing.

    Args:
        path: PNG file to create or replace.
        labels: Integers (N,): 0 real, 1 fake; both classes.
        scores: float64 (N,): P(fake) in [0, 1].
        level: What one score stands for; named in the legends.
        title: Heading, taken as it is (no mathematics between dollar signs).
        notices: Printed in red under the heading.

    Raises:
        MissingExtraError: matplotlib is not installed.
        OutputError: The file cannot be written.
        ValueError: One class is missing, or the arrays are not as `binary_figures` wants them.
    """
    roc, precision_recall = roc_points(labels, scores), pr_points(labels, scores)
    figures = binary_figures(labels, scores, level=level)
    values = {
        name.removeprefix(f"{level}_"): figure.value for name, figure in figures.items() if figure.value is not None
    }
    try:
        import matplotlib
        from matplotlib.figure import Figure as Picture
    except ImportError as error:
        raise MissingExtraError(
            "the picture of the curves needs matplotlib; type: pip install 'deepfakebench-ext[plots]'"
        ) from error
    with matplotlib.rc_context(), warnings.catch_warnings():
        matplotlib.rcdefaults()
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # drawn as an empty box
        picture = Picture(dpi=DPI)
        left, right = _lay_out(picture, title, notices)
        _draw_roc(left, roc, values, level)
        _draw_precision_recall(right, precision_recall, values, level, share=float(labels.mean()))
        png = io.BytesIO()
        picture.savefig(png, format="png", metadata={"Software": None})
    write_bytes_atomic(path, png.getvalue())


def _lay_out(picture: Any, title: str, notices: Sequence[Notice]) -> tuple[Any, Any]:
    """Print the heading, size the picture to it, and return the two empty panels."""
    lines = [(line, "black") for line in textwrap.wrap(printable(title), WRAP_AT)]
    said = [f"WARNING: {printable(notice.text)}" for notice in notices]
    lines += [(line, WARNING) for text in said for line in textwrap.wrap(text, WRAP_AT)]
    heading = LINE_HEIGHT * (len(lines) + 0.5)
    height = heading + PANELS_HEIGHT
    picture.set_size_inches(WIDTH, height)
    for number, (line, colour) in enumerate(lines):
        y = 1 - LINE_HEIGHT * (number + 0.75) / height
        picture.text(0.5, y, line, color=colour, ha="center", va="center", fontweight="bold", parse_math=False)
    picture.set_layout_engine("constrained", rect=(0, 0, 1, PANELS_HEIGHT / height), w_pad=0.12, h_pad=0.08)
    left, right = picture.subplots(1, 2)
    return left, right


def _draw_roc(axes: Any, curve: Curve, values: Mapping[str, float], level: Level) -> None:
    false_positive, true_positive, _ = curve
    rate = values["eer"]
    axes.plot(false_positive, true_positive, color=CURVE, lw=2, label=f"{level} AUC {values['auc']:.4f}")
    axes.plot(rate, 1 - rate, "o", color=POINT, label=f"{level} EER {rate:.4f}", zorder=3)
    axes.plot([0, 1], [0, 1], "--", color=CHANCE, lw=1, label="chance")
    _finish(axes, "ROC curve", "false positive rate (real called fake)", "true positive rate (fake called fake)")
    axes.legend(loc="lower right", framealpha=0.8)


def _draw_precision_recall(axes: Any, curve: Curve, values: Mapping[str, float], level: Level, *, share: float) -> None:
    recall, precision, _ = curve
    # The last precision is 1 by convention and belongs to no threshold; drawn, it would be a spike at recall 0.
    steps = np.append(precision[:-1], precision[-2])
    label = f"{level} AP {values['ap']:.4f} (step-wise)"
    axes.plot(recall, steps, color=CURVE, lw=2, drawstyle="steps-post", label=label)
    axes.axhline(share, ls="--", color=CHANCE, lw=1, label=f"chance ({share:.4f}, the share of fakes)")
    _finish(axes, "Precision-recall curve", "recall (fakes found)", "precision (fakes among those called fake)")
    axes.legend(loc="lower left", framealpha=0.8)


def _finish(axes: Any, title: str, x_label: str, y_label: str) -> None:
    axes.set(title=title, xlabel=x_label, ylabel=y_label, xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    axes.grid(visible=True, color="#dddddd", lw=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
