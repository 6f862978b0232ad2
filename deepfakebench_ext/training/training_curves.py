"""How a training went, as a picture. Needs the extra `plots`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from deepfakebench_ext.common.atomic_files import write_bytes_atomic
from deepfakebench_ext.report.canvas import to_png, whole_numbers
from deepfakebench_ext.training.loop.validation import loss_of

WIDTH, HEIGHT = 10.0, 4.2
LOSS, SMOOTH, FIGURE, BEST = "#9bb8d9", "#1f5fa8", "#2a7f62", "#d1495b"
_WINDOW = 20


def write_training_curves(path: Path, lines: Iterable[Mapping[str, Any]], *, monitor: str, title: str) -> None:
    """Write a PNG of the loss by step and of the watched validation figure by epoch.

    Args:
        path: PNG file to create or replace.
        lines: Of `metrics.jsonl`.
        monitor: Name of the watched figure, such as `video_auc`.
        title: Heading.

    Raises:
        MissingExtraError: matplotlib is not installed.
        OutputError: The file cannot be written.
    """
    lines = list(lines)
    steps = [line for line in lines if line.get("loss") is not None]
    epochs = [line for line in lines if "is_best" in line]

    def draw(picture: Any) -> None:
        left, right = picture.subplots(1, 2)
        picture.suptitle(title, fontsize=10)
        _draw_loss(left, steps, epochs, f"val_{loss_of(monitor)}")
        draw_figure(right, epochs, monitor)

    write_bytes_atomic(path, to_png(draw, figsize=(WIDTH, HEIGHT), layout="constrained"))


def _draw_loss(panel: Any, steps: list[Mapping[str, Any]], epochs: list[Mapping[str, Any]], validation: str) -> None:
    numbers, losses = [line["step"] for line in steps], [line["loss"] for line in steps]
    panel.plot(numbers, losses, color=LOSS, linewidth=0.8, label="of each step")
    means = [
        sum(losses[max(0, at - _WINDOW + 1) : at + 1]) / len(losses[max(0, at - _WINDOW + 1) : at + 1])
        for at in range(len(losses))
    ]
    panel.plot(numbers, means, color=SMOOTH, label=f"mean of the last {_WINDOW}")
    judged = [line for line in epochs if validation in line]  # older journals have none
    if judged:
        marks = {"color": BEST, "marker": "o", "markersize": 3, "linewidth": 1.0}
        panel.plot(
            [line["step"] for line in judged], [line[validation] for line in judged], label="validation", **marks
        )
    panel.set(xlabel="step", ylabel="loss")
    whole_numbers(panel)
    panel.legend(frameon=False)


def draw_figure(panel: Any, epochs: list[Mapping[str, Any]], monitor: str) -> None:
    """Draw the watched figure of each epoch, the best one marked."""
    numbers = [line["epoch"] + 1 for line in epochs]
    values = [line[f"val_{monitor}"] for line in epochs]
    panel.plot(numbers, values, color=FIGURE, marker="o", markersize=3, label="watched")
    figure = f"/{monitor.rpartition('/')[2]}"
    for name in [name for name in (epochs[0] if epochs else ()) if name.endswith(figure) and name != f"val_{monitor}"]:
        each = [line.get(name) for line in epochs]
        panel.plot(numbers, each, marker=".", markersize=3, linewidth=0.8, label=name[4:].removesuffix(figure))
    best = [at for at, line in enumerate(epochs) if line["is_best"]]
    if best:
        panel.plot(numbers[best[-1]], values[best[-1]], "o", color=BEST, label=f"best, epoch {numbers[best[-1]]}")
        panel.legend(frameon=False)
    panel.set(xlabel="epoch", ylabel=f"validation {monitor}")
    whole_numbers(panel)
