"""Several detectors over several datasets in one table: Markdown to read, CSV to go on with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deepfakebench_ext.common.choices import Level
from deepfakebench_ext.common.csv_files import write_csv
from deepfakebench_ext.common.notices import Notice
from deepfakebench_ext.common.protocol import EvaluationProtocol, told_apart
from deepfakebench_ext.common.wording import printable, rounded
from deepfakebench_ext.metrics.counts import Counts
from deepfakebench_ext.metrics.figure import Figure
from deepfakebench_ext.report.scores.csv_writing import head_of

FIGURES = ("auc", "ap", "eer")
COLUMNS = (
    *("detector", "weights", "dataset", "status", "reason", "head", "level"),
    *("real", "fake", "not_scored", *FIGURES, "folder", "protocol"),
)


@dataclass(frozen=True, slots=True)
class Cell:
    """What one detector came to on one dataset.

    Attributes:
        detector: Its name in the table.
        weights: What was asked for.
        dataset: Name of the dataset.
        reason: Why there are no figures; empty where there are.
        trained: Whether the detector's head came from the weights; None where nothing was loaded.
        figures: Name with its level, such as `frame_auc`, to figure.
        counts: Level (`frame` or `clip`, and `video`) to numbers of samples.
        statuses: The same levels to numbers by status: `ok`, and each word for what went wrong.
        notices: What is to be said of the figures.
        host_video_auc: DeepfakeBench's own video AUC in words, where it is another; empty where it is not.
        folder: The run directory.
        protocol: On what and how its figures were made; None where there are none.
    """

    detector: str
    weights: str
    dataset: str
    reason: str = ""
    trained: bool | None = None
    figures: Mapping[str, Figure] = field(default_factory=dict)
    counts: Mapping[Level, Counts] = field(default_factory=dict)
    statuses: Mapping[Level, Mapping[str, int]] = field(default_factory=dict)
    notices: tuple[Notice, ...] = ()
    host_video_auc: str = ""
    folder: str = ""
    protocol: EvaluationProtocol | None = None


def write_bench_csv(path: Path, cells: Sequence[Cell]) -> None:
    """Write one line a detector, dataset and level, under `COLUMNS`; a failed pair is one line with its reason.

    Raises:
        OutputError: The file cannot be written; what stood there is unchanged.
    """
    write_csv(path, COLUMNS, (row for cell in cells for row in _rows(cell)))


def _rows(cell: Cell) -> list[dict[str, str]]:
    common = {
        "detector": cell.detector,
        "weights": cell.weights,
        "dataset": cell.dataset,
        "status": "failed" if cell.reason else "ok",
        "reason": cell.reason,
        "head": head_of(cell.trained) or "",
        "folder": cell.folder,
        "protocol": "" if cell.protocol is None else cell.protocol.digest,
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
        means = [_mean(row, level) for level in ("unit", "video")]
        lines.append(_line([_marked(name, row), *texts, *means]))
    return "\n".join([*lines, "", *_notes(cells)]).rstrip() + "\n"


def _line(texts: Sequence[str]) -> str:
    return "| " + " | ".join(printable(text).replace("|", "\\|") for text in texts) + " |"


def _marked(name: str, row: Sequence[Cell]) -> str:
    return f"{name} (UNTRAINED)" if any(cell.trained is False for cell in row) else name


def _text(cell: Cell, level: str) -> str:
    if cell.reason:
        return "failed"
    return _shown(_auc(cell, level), [cell], level)


def _shown(value: float | None, rests_on: Sequence[Cell], level: str) -> str:
    clips = level == "unit" and any("clip" in cell.counts for cell in rests_on)
    return "-" if value is None else rounded(value) + (" (clip)" if clips else "")


def _auc(cell: Cell, level: str) -> float | None:
    units: dict[str, Level] = {"unit": "clip" if "clip" in cell.counts else "frame", "video": "video"}
    figure = cell.figures.get(f"{units[level]}_auc")
    return None if figure is None else figure.value


def _mean(row: Sequence[Cell], level: str) -> str:
    known = [value for cell in row if (value := _auc(cell, level)) is not None]
    return _shown(sum(known) / len(known) if known and len(known) == len(row) else None, row, level)


def _notes(cells: Sequence[Cell]) -> list[str]:
    notes = _failures(cells)
    for cell in cells:
        for name, figure in cell.figures.items():
            if name.endswith("_auc") and figure.value is None:
                notes.append(f"- {cell.detector} on {cell.dataset}: {name} is undefined, {figure.reason}")
        notes += [_not_scored(cell, level) for level, counts in cell.counts.items() if counts.not_scored]
    notes += [f"- {cell.detector} on {cell.dataset}: {cell.host_video_auc}" for cell in cells if cell.host_video_auc]
    notes += dict.fromkeys(f"- {cell.detector}: {_one_line(notice.text)}" for cell in cells for notice in cell.notices)
    notes += _protocols(cells)
    if any(cell.trained is False for cell in cells):
        notes.append("- UNTRAINED: the head did not come from the weights, so its figures are noise")
    if any("clip" in cell.counts for cell in cells):
        notes.append("- (clip): a video detector scores clips, not frames")
    return notes


def _protocols(cells: Sequence[Cell]) -> list[str]:
    """The protocol of each dataset, or in what those of the detectors differ, whose figures then stand side by side."""
    notes = []
    for dataset in dict.fromkeys(cell.dataset for cell in cells):
        known = {cell.detector: cell.protocol for cell in cells if cell.dataset == dataset and cell.protocol}
        notes += [f"- protocol of {dataset} {each.text()}" for each in list(known.values())[:1]]
        notes += [f"- {dataset}: {said}" for said in told_apart(known)]
    return notes


def _failures(cells: Sequence[Cell]) -> list[str]:
    """Say each reason of a detector once, however many datasets it is for."""
    datasets: dict[tuple[str, str], list[str]] = {}
    for cell in cells:
        if cell.reason:
            datasets.setdefault((cell.detector, _one_line(cell.reason)), []).append(cell.dataset)
    return [f"- {detector} on {', '.join(names)} failed: {reason}" for (detector, reason), names in datasets.items()]


def _not_scored(cell: Cell, level: Level) -> str:
    counts = cell.counts[level]
    failed = [f"{status} {number}" for status, number in cell.statuses.get(level, {}).items() if status != "ok"]
    why = f" ({', '.join(failed)})" if failed else ""
    return f"- {cell.detector} on {cell.dataset}: {counts.not_scored} of {counts.total} {level}s were not scored{why}"


def _one_line(text: str) -> str:
    return printable(" ".join(text.split()))
