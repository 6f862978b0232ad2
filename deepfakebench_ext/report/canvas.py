"""What pictures are drawn on: matplotlib without the user's own settings of it. Needs the extra `plots`."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from typing import Any

from deepfakebench_ext.common.errors import MissingExtraError

DPI = 120
CHANCE, POINT = "#8a8a8a", "#222222"


def to_png(draw: Callable[[Any], None], **options: Any) -> bytes:
    """Return a PNG of what `draw` puts on an empty matplotlib figure; the same drawing gives the same bytes.

    Text is taken as it is: no mathematics between dollar signs, and an empty box for what the font lacks.

    Args:
        draw: Is given the figure.
        options: Of the figure, such as `figsize` in inches.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("pictures need matplotlib; type: pip install 'deepfakebench-ext[plots]'") from error
    with matplotlib.rc_context(), warnings.catch_warnings():
        matplotlib.rcdefaults()
        matplotlib.rcParams["text.parse_math"] = False
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure = Figure(dpi=DPI, **options)
        draw(figure)
        png = io.BytesIO()
        figure.savefig(png, format="png", metadata={"Software": None})
    return png.getvalue()


def whole_numbers(axes: Any) -> None:
    """Number the horizontal axis by whole numbers alone, such as epochs."""
    axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)


def finish_rates(axes: Any, title: str, x_label: str, y_label: str, *, legend: str) -> None:
    """Give axes of two rates their title, their limits and their legend, which stands at `legend`."""
    axes.set(title=title, xlabel=x_label, ylabel=y_label, xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    finish(axes, legend=legend)


def finish(axes: Any, *, legend: str) -> None:
    """Give axes their grid and their legend, which stands at `legend`."""
    axes.grid(visible=True, color="#dddddd", lw=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc=legend, framealpha=0.8, fontsize="small")
