"""Scores as tables: `scores.csv` and `videos.csv`."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, TextIO

from deepfakebench_ext.common.atomic_files import atomic_writer
from deepfakebench_ext.common.types import Prediction, Sample, VideoScore

Head = Literal["trained", "untrained"]
Row = tuple[int, Sample, Prediction]
"""Position in the input list (from 1), the sample, and what became of it."""

SCORES_COLUMNS = (
    *("key", "path", "label", "index", "start_s", "end_s", "score", "status", "reason", "frames_faceless"),
    *("video", "dataset", "method", "head"),
)
VIDEOS_COLUMNS = (
    *("key", "path", "label", "score", "status", "reason", "units_scored"),
    *("frames_planned", "frames_decoded", "frames_faceless", "video", "dataset", "method", "head"),
)


def write_scores_csv(path: Path, rows: Iterable[Row], *, head: Head) -> None:
    """Write one CSV line an image, frame or clip, in the order given, under `SCORES_COLUMNS`.

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
        **_sample_columns(sample, head),
        "index": str(prediction.index),
        "start_s": _number(prediction.start_s),
        "end_s": _number(prediction.end_s),
        "score": _number(prediction.score),
        "status": prediction.status,
        "reason": prediction.reason,
        "frames_faceless": str(prediction.faceless),
    }


def write_videos_csv(path: Path, videos: Iterable[VideoScore], *, head: Head) -> None:
    """Write one CSV line a video, in the order given, under `VIDEOS_COLUMNS`.

    Raises:
        OutputError: The file cannot be written; what stood there is unchanged.
    """
    with atomic_writer(path) as file:
        writer = csv.DictWriter(file, VIDEOS_COLUMNS, extrasaction="raise", lineterminator="\n")
        writer.writeheader()
        writer.writerows(_video_row(video, head) for video in videos)


def _video_row(video: VideoScore, head: Head) -> dict[str, str]:
    return {
        **_sample_columns(video.sample, head),
        "score": _number(video.score),
        "status": video.status,
        "reason": video.reason,
        "units_scored": str(video.units_scored),
        "frames_planned": str(video.frames_planned),
        "frames_decoded": str(video.frames_decoded),
        "frames_faceless": str(video.frames_faceless),
    }


def _sample_columns(sample: Sample, head: Head) -> dict[str, str]:
    return {
        "key": sample.key,
        "path": str(sample.path),
        "label": "" if sample.label is None else str(sample.label),
        "video": sample.video or "",
        "dataset": sample.dataset or "",
        "method": sample.method or "",
        "head": head,
    }


def _number(value: float | None) -> str:
    return "" if value is None else repr(float(value))
