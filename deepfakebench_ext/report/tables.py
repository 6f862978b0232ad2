"""Machine-readable results: `scores.csv`, one line a sample, and `metrics.json`, every figure with its definition."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal, TextIO, TypedDict

from deepfakebench_ext.metrics.counts import Counts
from deepfakebench_ext.metrics.ranking import Figure, Level
from deepfakebench_ext.report.files import atomic_writer
from deepfakebench_ext.types import Prediction, Sample

Head = Literal["trained", "untrained"]
Row = tuple[int, Sample, Prediction]
"""Position in the input list (from 1), the sample, and what became of it."""

SCHEMA_VERSION = 1
SCORES_COLUMNS = ("key", "path", "label", "score", "status", "reason", "video", "dataset", "method", "head")


class FigureJson(TypedDict):
    """One figure in `metrics.json`.

    Attributes:
        value: The figure, or null where the data do not define it.
        definition: What it measures.
        reason: Why it is undefined; empty when it is defined.
    """

    value: float | None
    definition: str
    reason: str


class CountsJson(TypedDict):
    """Numbers of samples in `metrics.json`.

    Attributes:
        total: Every sample of the input.
        scored: Samples with a score.
        not_scored: Samples without one; `scores.csv` says why.
        real: Scored samples labelled real.
        fake: Scored samples labelled fake.
        unlabelled: Scored samples without a label; no figure includes them.
    """

    total: int
    scored: int
    not_scored: int
    real: int
    fake: int
    unlabelled: int


class MetricsJson(TypedDict):
    """The whole of `metrics.json`.

    Attributes:
        schema_version: 1. Rises when a key changes its meaning or goes.
        level: What one score stands for: `frame`, `clip` or `video`.
        head: `untrained` when the detector's head did not come from a checkpoint: the scores are noise.
        notices: Warnings that belong to the figures, as sentences.
        counts: Numbers of samples.
        figures: Name with its level, such as `frame_auc`, to figure.
    """

    schema_version: int
    level: Level
    head: Head
    notices: list[str]
    counts: CountsJson
    figures: dict[str, FigureJson]


def write_scores_csv(path: Path, rows: Iterable[Row], *, head: Head) -> None:
    """Write one CSV line a sample, in the order given, under `SCORES_COLUMNS`.

    Scores have as many digits as give the same float64 back. Unknown labels, absent scores and absent names are empty.

    Raises:
        OutputError: The file cannot be written; what stood there is unchanged.
        ValueError: A prediction belongs to another sample.
    """
    with atomic_writer(path) as file:
        plain, quoted = _csv_writer(file, csv.QUOTE_MINIMAL), _csv_writer(file, csv.QUOTE_ALL)
        plain.writeheader()
        for _, sample, prediction in rows:
            fields = _csv_row(sample, prediction, head)
            # QUOTE_MINIMAL of some Pythons (3.11.7) leaves a carriage return bare, which readers take for a line end.
            has_return = any("\r" in text for text in fields.values())
            (quoted if has_return else plain).writerow(fields)


def _csv_writer(file: TextIO, quoting: Literal[0, 1]) -> csv.DictWriter[str]:
    return csv.DictWriter(file, SCORES_COLUMNS, extrasaction="raise", lineterminator="\n", quoting=quoting)


def _csv_row(sample: Sample, prediction: Prediction, head: Head) -> dict[str, str]:
    if sample.key != prediction.key:
        raise ValueError(f"the prediction for {prediction.key!r} stands beside the sample {sample.key!r}")
    return {
        "key": sample.key,
        "path": str(sample.path),
        "label": "" if sample.label is None else str(sample.label),
        "score": "" if prediction.score is None else repr(float(prediction.score)),
        "status": prediction.status,
        "reason": prediction.reason,
        "video": sample.video or "",
        "dataset": sample.dataset or "",
        "method": sample.method or "",
        "head": head,
    }


def write_metrics_json(
    path: Path,
    figures: Mapping[str, Figure],
    counts: Counts,
    *,
    level: Level,
    head: Head,
    notices: Sequence[str] = (),
) -> None:
    """Write `MetricsJson`. The same figures give the same bytes: sorted keys, no times, no machine.

    Raises:
        OutputError: The file cannot be written; what stood there is unchanged.
    """
    document = MetricsJson(
        schema_version=SCHEMA_VERSION,
        level=level,
        head=head,
        notices=list(notices),
        counts=_counts_json(counts),
        figures={name: _figure_json(figure) for name, figure in figures.items()},
    )
    with atomic_writer(path) as file:
        file.write(json.dumps(document, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def _figure_json(figure: Figure) -> FigureJson:
    return FigureJson(value=figure.value, definition=figure.definition, reason=figure.reason)


def _counts_json(counts: Counts) -> CountsJson:
    return CountsJson(
        total=counts.total,
        scored=counts.scored,
        not_scored=counts.not_scored,
        real=counts.real,
        fake=counts.fake,
        unlabelled=counts.unlabelled,
    )
