"""Several detectors over several datasets in one table: Markdown to read, CSV to go on with."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deepfakebench_ext.metrics.counts import Counts
from deepfakebench_ext.metrics.ranking import Figure, Level
from deepfakebench_ext.report.files import atomic_writer

FIGURES = ("auc", "ap", "eer")
COLUMNS = (
    *("detector", "weights", "dataset", "status", "reason", "head", "level"),
    *("real", "fake", "not_scored", *FIGURES, "folder"),
)


@dataclass(frozen=True, slots=True)
class Cell:
    """What one detector came to on one dataset.

    Attributes:
        detector: Its name in the table.
        weights: What was asked for.
        dataset: Name of the dataset.
        reason: Why there are no figures; empty where there are.
        trained: Whether the detector's head came from the weights.
        figures: Name with its level, such as `frame_auc`, to figure.
        counts: Level (`frame` or `clip`, and `video`) to numbers of samples.
        folder: The run directory.
    """

    detector: str
    weights: str
    dataset: str
    reason: str = ""
    trained: bool = True
    figures: Mapping[str, Figure] = field(default_factory=dict)
    counts: Mapping[Level, Counts] = field(default_factory=dict)
    folder: str = ""


def write_bench_csv(path: Path, cells: Sequence[Cell]) -> None:
    """Write one line a detector, dataset and level, under `COLUMNS`; a failed pair is one line with its reason.

    Raises:
        OutputError: The file cannot be written; what stood there is unchanged.
    """
    with atomic_writer(path) as file:
        writer = csv.DictWriter(file, COLUMNS, extrasaction="raise", lineterminator="\n")
        writer.writeheader()
        writer.writerows(row for cell in cells for row in _rows(cell))


def _rows(cell: Cell) -> list[dict[str, str]]:
    common = {
        "detector": cell.detector,
        "weights": cell.weights,
        "dataset": cell.dataset,
        "status": "failed" if cell.reason else "ok",
        "reason": cell.reason,
        "head": "trained" if cell.trained else "untrained",
        "folder": cell.folder,
    }
    return [common | _numbers(cell, level) for level in cell.counts] or [common]


def _numbers(cell: Cell, level: Level) -> dict[str, str]:
    counts = cell.counts[level]
    values = {name: cell.figures[f"{level}_{name}"].value for name in FIGURES}
    return {
        "level": level,
        "real": str(counts.real),
        "fake": str(counts.fake),
        "not_scored": str(counts.not_scored),
        **{name: "" if value is None else repr(value) for name, value in values.items()},
    }


def bench_markdown(cells: Sequence[Cell]) -> str:
    """Return the table, detectors down and datasets across: AUC of frames (or clips) and of videos, and their mean.

    A dash is an undefined figure, `failed` a detector that has none there; both are explained below the table, as are
    clips and untrained heads. The mean is over the datasets that have a figure, and stands only where all have.
    """
    detectors = list(dict.fromkeys(cell.detector for cell in cells))
    datasets = list(dict.fromkeys(cell.dataset for cell in cells))
    known = {(cell.detector, cell.dataset): cell for cell in cells}
    columns = [f"{dataset} {level}" for dataset in datasets for level in ("frame", "video")]
    lines = [_line(["AUC", *columns, "mean frame", "mean video"]), _line(["---"] * (len(columns) + 3))]
    for name in detectors:
        row = [known[name, dataset] for dataset in datasets]
        texts = [_text(cell, level) for cell in row for level in ("unit", "video")]
        means = [_mean([_auc(cell, level) for cell in row]) for level in ("unit", "video")]
        lines.append(_line([_marked(name, row), *texts, *means]))
    return "\n".join([*lines, "", *_notes(cells)]).rstrip() + "\n"


def _line(texts: Sequence[str]) -> str:
    return "| " + " | ".join(text.replace("|", "\\|").replace("\n", " ") for text in texts) + " |"


def _marked(name: str, row: Sequence[Cell]) -> str:
    return name if all(cell.trained for cell in row) else f"{name} (UNTRAINED)"


def _text(cell: Cell, level: str) -> str:
    if cell.reason:
        return "failed"
    value = _auc(cell, level)
    return "-" if value is None else f"{value:.4f}" + (" (clip)" if level == "unit" and "clip" in cell.counts else "")


def _auc(cell: Cell, level: str) -> float | None:
    units: dict[str, Level] = {"unit": "clip" if "clip" in cell.counts else "frame", "video": "video"}
    figure = cell.figures.get(f"{units[level]}_auc")
    return None if figure is None else figure.value


def _mean(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{sum(known) / len(known):.4f}" if known and len(known) == len(values) else "-"


def _notes(cells: Sequence[Cell]) -> list[str]:
    notes = [f"- {cell.detector} on {cell.dataset} failed: {_one_line(cell.reason)}" for cell in cells if cell.reason]
    for cell in cells:
        for name, figure in cell.figures.items():
            if name.endswith("_auc") and figure.value is None:
                notes.append(f"- {cell.detector} on {cell.dataset}: {name} is undefined, {figure.reason}")
        notes += [
            f"- {cell.detector} on {cell.dataset}: {counts.not_scored} of {counts.total} {level}s were not scored"
            for level, counts in cell.counts.items()
            if counts.not_scored
        ]
    if any(not cell.trained for cell in cells):
        notes.append("- UNTRAINED: the head did not come from the weights, so its figures are noise")
    if any("clip" in cell.counts for cell in cells):
        notes.append("- (clip): a video detector scores clips, not frames")
    return notes


def _one_line(text: str) -> str:
    return " ".join(text.split())
