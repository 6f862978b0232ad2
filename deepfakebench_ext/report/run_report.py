"""All result files of a run, made afresh from its samples and predictions."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from deepfakebench_ext.errors import MissingExtraError
from deepfakebench_ext.metrics.aggregation import Rule, aggregation_rule
from deepfakebench_ext.metrics.bootstrap import Bootstrap
from deepfakebench_ext.metrics.figure import Level
from deepfakebench_ext.metrics.score_table import ScoreTable
from deepfakebench_ext.report.duplicates import duplicate_files
from deepfakebench_ext.report.files import atomic_writer
from deepfakebench_ext.report.plots import write_curves
from deepfakebench_ext.report.results_text import write_results_text
from deepfakebench_ext.report.run_page import write_run_page
from deepfakebench_ext.report.summary_json import summary_text
from deepfakebench_ext.report.tables import Head, Row, write_scores_csv, write_videos_csv
from deepfakebench_ext.report.thumbnails import Paths
from deepfakebench_ext.summary import How, Summary, summarise
from deepfakebench_ext.types import Prediction, Sample, VideoScore
from deepfakebench_ext.wording import counted

logger = logging.getLogger(__name__)

RESULTS_TEXT = "inference_results_huggingface.txt"
SCORES, VIDEOS, METRICS, CURVES = "scores.csv", "videos.csv", "metrics.json", "curves.png"
MOST_BOOTSTRAPPED = 100_000
"""Frames or clips up to which intervals are bootstrapped: half a minute."""


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
    notices: Sequence[str],
    plots: bool,
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

    Raises:
        OutputError: A file cannot be written.
    """

    def unit_rows() -> Iterator[Row]:
        return _aligned(samples, predictions())

    table = ScoreTable.from_predictions(samples, predictions(), level=unit, has_videos=by_video)
    paths = _paths(samples, table)
    summary = summarise(
        table,
        How(aggregation=aggregation, bootstrap=Bootstrap() if len(table.scores) <= MOST_BOOTSTRAPPED else None),
        title=title,
        trained=head == "trained",
        notices=[
            *notices,
            *face_notices(predictions()),
            *damage_notices(predictions()),
            *duplicate_files(table, paths),
        ],
    )
    rows = {unit: unit_rows}
    if by_video:
        videos = video_scores(unit_rows(), aggregation_rule(aggregation))
        rows["video"] = lambda: _video_rows(videos)
        write_videos_csv(folder / VIDEOS, videos, head=head)
    write_scores_csv(folder / SCORES, unit_rows(), head=head)
    said = [*summary.notices, *summary.warnings]
    write_results_text(
        folder / RESULTS_TEXT,
        rows=rows[summary.level],
        figures=summary.figures,
        counts=summary.counts[summary.level],
        level=summary.level,
        notices=said,
        aggregation=summary.aggregation,
        host=summary.host.differences if summary.host else (),
    )
    if plots and summary.figures[f"{summary.level}_auc"].value is not None:
        _draw(folder / CURVES, rows[summary.level](), summary.level, title, said)
    write_run_page(folder, summary, run=_run(folder), paths=paths, plots=plots)
    with atomic_writer(folder / METRICS) as file:
        file.write(summary_text(summary))
    return summary


def _paths(samples: Sequence[Sample], table: ScoreTable) -> Paths:
    by_key = {sample.key: str(sample.path) for sample in samples}
    return lambda rows: [by_key[table.key.text(row)] for row in rows]


def _run(folder: Path) -> dict[str, Any]:
    path = folder / "run.json"
    settings: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return settings


def video_scores(rows: Iterable[Row], rule: Rule) -> list[VideoScore]:
    """Return one score a video, in the order in which their first predictions come.

    A video's identity is the sample's key, which holds its dataset and label folders; or, for images that a manifest
    says were taken from a video, dataset, label, method and video together. A folder's own name is never enough: two
    manipulations of one source bear the same (facts of DeepfakeBench: metrics/utils.py:41-51 merges them).
    """
    videos: dict[object, _Video] = {}
    for _, sample, prediction in rows:
        named = (sample.dataset, sample.label, sample.method, sample.video)
        identity = named if sample.video is not None else sample.key
        videos.setdefault(identity, _Video(sample, prediction)).add(prediction, planned_each=sample.video is not None)
    return [video.score(rule) for video in videos.values()]


@dataclass(slots=True)
class _Video:
    sample: Sample
    first: Prediction
    scores: list[float] = field(default_factory=list)
    planned: int = 0
    decoded: int = 0
    faceless: int = 0
    damage: str = ""

    def add(self, prediction: Prediction, *, planned_each: bool) -> None:
        self.planned = self.planned + prediction.planned if planned_each else prediction.planned
        self.decoded += prediction.decoded
        self.faceless += prediction.faceless - prediction.faceless_before
        if prediction.score is not None:
            self.scores.append(prediction.score)
        if _is_damage(prediction):
            self.damage = self.damage or prediction.reason

    def score(self, rule: Rule) -> VideoScore:
        failed = not self.scores
        return VideoScore(
            sample=self.sample,
            score=None if failed else rule(np.array(self.scores)),
            status=self.first.status if failed else "ok",
            reason=self.first.reason if failed else self.damage,
            units_scored=len(self.scores),
            frames_planned=self.planned or self.decoded,  # by time, a video is asked for what it has
            frames_decoded=self.decoded,
            frames_faceless=self.faceless,
        )


def _aligned(samples: Sequence[Sample], predictions: Iterable[Prediction]) -> Iterator[Row]:
    number = 0
    for prediction in predictions:
        while samples[number].key != prediction.key:
            number += 1
        yield number + 1, samples[number], prediction


def _video_rows(videos: Sequence[VideoScore]) -> Iterator[Row]:
    for number, video in enumerate(videos, start=1):
        yield number, video.sample, Prediction(video.sample.key, video.score, video.status, video.reason)


def face_notices(predictions: Iterable[Prediction]) -> list[str]:
    """Say what was scored without a face: such scores are the detector's word on something it was not made for."""
    without = [prediction for prediction in predictions if prediction.faceless]
    scored = sum(prediction.score is not None for prediction in without)
    if not without:
        return []
    frames = sum(prediction.faceless - prediction.faceless_before for prediction in without)
    left_out = f", {len(without) - scored} frames or clips have no score for it" if scored < len(without) else ""
    return [f"{frames} frames show no face; {scored} scores rest on such frames{left_out}"]


def damage_notices(predictions: Iterable[Prediction]) -> list[str]:
    """Say which videos were scored on less than their files had promised."""
    damaged, scored = dict[str, str](), set[str]()
    for prediction in predictions:
        if prediction.score is not None:
            scored.add(prediction.key)
        if _is_damage(prediction):
            damaged.setdefault(prediction.key, prediction.reason)
    left = [f"{key} ({reason})" for key, reason in damaged.items() if key in scored]
    return [f"{counted(len(left), 'damaged video')} scored by what can be read, such as {left[0]}"] if left else []


def _is_damage(prediction: Prediction) -> bool:
    """Whether frames of its video are lost; of which the score then says nothing."""
    return bool(prediction.reason) and (prediction.score is not None or prediction.status == "unreadable")


def _labelled(rows: Iterable[Row]) -> tuple[Any, Any]:
    pairs = np.fromiter(
        ((s.label, p.score) for _, s, p in rows if s.label is not None and p.score is not None),
        dtype=[("label", np.int64), ("score", np.float64)],
    )
    # Copies: a field of a structured array is strided over the other.
    return pairs["label"].copy(), pairs["score"].copy()


def _draw(path: Path, rows: Iterable[Row], level: Level, title: str, notices: Sequence[str]) -> None:
    labels, scores = _labelled(rows)
    try:
        write_curves(path, labels, scores, level=level, title=title, notices=notices)
    except MissingExtraError as error:
        logger.warning("%s", error)
