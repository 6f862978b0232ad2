"""All result files of a run, made afresh from its samples and predictions."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from deepfakebench_ext.common.atomic_files import atomic_writer
from deepfakebench_ext.common.choices import Level
from deepfakebench_ext.common.errors import MissingExtraError
from deepfakebench_ext.common.notices import Notice
from deepfakebench_ext.common.protocol import EvaluationProtocol
from deepfakebench_ext.common.run_names import (
    CURVES_PNG,
    METRICS_JSON,
    RESULTS_TEXT,
    SCORES_CSV,
    SCORES_PARQUET,
    SETTINGS,
    VIDEOS_CSV,
)
from deepfakebench_ext.common.types import Prediction, Sample, VideoScore
from deepfakebench_ext.metrics.aggregation import aggregation_rule
from deepfakebench_ext.metrics.bootstrap import Bootstrap
from deepfakebench_ext.metrics.score_table import ScoreTable
from deepfakebench_ext.metrics.summary import Summary, SummaryOptions, summarise
from deepfakebench_ext.metrics.thresholds import Threshold
from deepfakebench_ext.report.curves import write_curves
from deepfakebench_ext.report.duplicates import duplicate_files
from deepfakebench_ext.report.metrics_json import summary_text
from deepfakebench_ext.report.pictures import Series
from deepfakebench_ext.report.protocols import protocol_of
from deepfakebench_ext.report.run_page import write_run_page
from deepfakebench_ext.report.scores.csv_writing import Head, Row, write_scores_csv, write_videos_csv
from deepfakebench_ext.report.scores.parquet_files import write_scores_parquet
from deepfakebench_ext.report.scores.text_writing import write_results_text
from deepfakebench_ext.report.scores.videos import (
    crowd_notices,
    damage_notices,
    face_notices,
    picture_notices,
    video_scores,
)
from deepfakebench_ext.report.seen import Looks, Paths, Seen

logger = logging.getLogger(__name__)

MOST_BOOTSTRAPPED = 100_000
"""Frames or clips up to which intervals are bootstrapped: half a minute."""
MOST_CSV_ALONE = 1_000_000
"""Images, frames or clips up to which a CSV is enough; above, Parquet stands beside it."""


def write_report(
    folder: Path,
    samples: Sequence[Sample],
    predictions: Callable[[], Iterable[Prediction]],
    *,
    unit: Level,
    by_video: bool,
    aggregation: str,
    title: str,
    head: Head,
    notices: Sequence[Notice],
    plots: bool,
    thresholds: Mapping[Level, Threshold] | None = None,
) -> Summary:
    """Write every result file into `folder` and return what they say.

    Args:
        folder: The run directory; its `run.json`, where there is one, is the provenance in the report.
        samples: In the order of the run.
        predictions: Gives all predictions afresh at every call, in the order of the samples, one or more for each.
        unit: What one prediction stands for.
        by_video: Whether predictions belong to videos, which then have scores and figures of their own.
        aggregation: The rule that makes one score of a video's.
        title: Heading of the curves and the report.
        head: Whether the scores mean anything.
        notices: Facts to print with the figures.
        plots: Whether to draw.
        thresholds: Level to where decisions are made; 0.5 for others.

    Raises:
        OutputError: A file cannot be written.
    """

    def unit_rows() -> Iterator[Row]:
        return _aligned(samples, predictions())

    table = ScoreTable.from_predictions(samples, predictions(), level=unit, has_videos=by_video)
    paths = _paths(samples, table)
    videos = video_scores(unit_rows(), table.video_codes().tolist(), aggregation_rule(aggregation)) if by_video else []
    summary = summarise(
        table,
        SummaryOptions(
            aggregation=aggregation,
            bootstrap=Bootstrap() if len(table.scores) <= MOST_BOOTSTRAPPED else None,
            thresholds=thresholds or {},
        ),
        title=title,
        trained=head == "trained",
        notices=[
            *notices,
            *face_notices(predictions()),
            *crowd_notices(videos, every_face=any(notice.kind == "every_face" for notice in notices)),
            *damage_notices(predictions()),
            *picture_notices(predictions()),
            *duplicate_files(table, paths),
        ],
        protocol=_protocol(samples, predictions(), _run(folder)),
    )
    rows = {unit: unit_rows}
    if by_video:
        rows["video"] = lambda: _video_rows(videos)
        write_videos_csv(folder / VIDEOS_CSV, videos, head=head)
    write_scores_csv(folder / SCORES_CSV, unit_rows(), head=head)
    if len(table) > MOST_CSV_ALONE:
        _write_parquet(folder / SCORES_PARQUET, unit_rows(), head)
    _write_text(folder / RESULTS_TEXT, summary, rows[summary.level])
    if plots and summary.figures[f"{summary.level}_auc"].value is not None:
        _draw(folder / CURVES_PNG, summary)
    write_run_page(folder, summary, run=_run(folder), looks=_looks(unit_rows), plots=plots)
    with atomic_writer(folder / METRICS_JSON) as file:
        file.write(summary_text(summary))
    return summary


def _write_parquet(path: Path, rows: Iterable[Row], head: Head) -> None:
    try:
        write_scores_parquet(path, rows, head=head)
    except MissingExtraError as error:
        logger.warning("no %s beside %s: %s", SCORES_PARQUET, SCORES_CSV, error)


def _write_text(path: Path, summary: Summary, rows: Callable[[], Iterable[Row]]) -> None:
    write_results_text(
        path,
        rows=rows,
        figures=summary.figures,
        counts=summary.counts[summary.level],
        level=summary.level,
        notices=summary.said,
        aggregation=summary.aggregation,
        host=tuple(summary.host.differences.values()) if summary.host else (),
        threshold=summary.threshold,
    )


def _paths(samples: Sequence[Sample], table: ScoreTable) -> Paths:
    by_key = {sample.key: sample.where for sample in samples}
    return lambda rows: [by_key[table.key.text(row)] for row in rows]


def _looks(unit_rows: Callable[[], Iterator[Row]]) -> Looks:
    def looks(rows: Sequence[int]) -> list[Seen]:
        wanted = set(rows)
        found = {
            number: Seen.of(sample, prediction)
            for number, (_, sample, prediction) in enumerate(unit_rows())
            if number in wanted
        }
        return [found[row] for row in rows]

    return looks


def _protocol(
    samples: Sequence[Sample], predictions: Iterable[Prediction], run: dict[str, Any]
) -> EvaluationProtocol | None:
    """On what and how a run was made; it says what decoded its videos where it has any."""
    if "sampling" not in run:
        return None
    return protocol_of(samples, predictions, run, samples_videos=run.get("video_backend") is not None)


def _run(folder: Path) -> dict[str, Any]:
    path = folder / SETTINGS
    settings: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return settings


def _aligned(samples: Sequence[Sample], predictions: Iterable[Prediction]) -> Iterator[Row]:
    number = 0
    for prediction in predictions:
        while samples[number].key != prediction.key:
            number += 1
        yield number + 1, samples[number], prediction


def _video_rows(videos: Sequence[VideoScore]) -> Iterator[Row]:
    for number, video in enumerate(videos, start=1):
        yield number, video.sample, Prediction(video.sample.key, video.score, video.status, video.reason)


def _draw(path: Path, summary: Summary) -> None:
    try:
        write_curves(path, Series.of(summary), level=summary.level, notices=summary.said)
    except MissingExtraError as error:
        logger.warning("%s", error)
