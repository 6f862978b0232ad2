"""ROC and precision-recall curves as a picture of their own. Needs the extra `plots`."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from deepfakebench_ext.common.atomic_files import write_bytes_atomic
from deepfakebench_ext.common.choices import Level
from deepfakebench_ext.common.notices import Notice
from deepfakebench_ext.common.wording import printable
from deepfakebench_ext.metrics.figure import one_class_reason
from deepfakebench_ext.report.canvas import to_png
from deepfakebench_ext.report.pictures import Series, draw_precision_recall, draw_roc

WIDTH, PANELS_HEIGHT, LINE_HEIGHT = 10.0, 4.95, 0.24
"""Inches; a heading of more lines makes the picture higher and leaves the panels as they are."""
WRAP_AT = 100
WARNING = "#b00020"


def write_curves(path: Path, series: Series, *, level: Level, notices: Sequence[Notice] = ()) -> None:
    """Write a PNG of the ROC and the precision-recall curve side by side, under the detector's name.

    The legends name AUC, EER and AP as `binary_figures` gives them.

    Args:
        path: PNG file to create or replace.
        series: The scores; both classes.
        level: What one score stands for; named in the legends.
        notices: Printed in red under the heading.

    Raises:
        MissingExtraError: matplotlib is not installed.
        OutputError: The file cannot be written.
        ValueError: One class is missing.
    """
    if reason := one_class_reason(series.labels):
        raise ValueError(f"no curve: {reason}")

    def draw(picture: Any) -> None:
        left, right = _lay_out(picture, series.name, notices)
        draw_roc(left, [series], level)
        draw_precision_recall(right, [series], level)

    write_bytes_atomic(path, to_png(draw))


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
        picture.text(0.5, y, line, color=colour, ha="center", va="center", fontweight="bold")
    picture.set_layout_engine("constrained", rect=(0, 0, 1, PANELS_HEIGHT / height), w_pad=0.12, h_pad=0.08)
    left, right = picture.subplots(1, 2)
    return left, right
