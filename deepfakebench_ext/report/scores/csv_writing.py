"""Scores as tables: `scores.csv` and `videos.csv`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Literal

from deepfakebench_ext.common.csv_files import write_csv
from deepfakebench_ext.common.types import Prediction, Sample, VideoScore

Head = Literal["trained", "untrained"]


def head_of(trained: bool | None) -> Head | None:
    """Return the word for a head that came from weights, or did not; None where unknown."""
    return None if trained is None else "trained" if trained else "untrained"


def trained_of(heads: Collection[str]) -> bool | None:
    """Return whether all heads of these words came from weights; None without a word."""
    return "untrained" not in heads if heads else None


Row = tuple[int, Sample, Prediction]
"""Position in the input list (from 1), the sample, and what became of it."""

Value = str | int | float | None
"""Of a cell: text, a number, or nothing, which is empty in a CSV and null in Parquet."""

SCORES_COLUMNS = (
    *("key", "path", "label", "index", "frame", "frame_file", "start_s", "end_s", "score", "status", "reason"),
    *("frames_faceless", "frames_off_crop", "num_faces", "face_x0", "face_y0", "face_x1", "face_y1", "face_score"),
    *("video", "dataset", "method", "head"),
)
EDGES = ("face_x0", "face_y0", "face_x1", "face_y1")
VIDEOS_COLUMNS = (
    *("key", "path", "label", "score", "status", "reason", "units_scored"),
    *("frames_planned", "frames_decoded", "frames_faceless", "frames_several_faces", "frames_off_crop"),
    *("video", "dataset", "method", "head"),
)


def write_scores_csv(path: Path, rows: Iterable[Row], *, head: Head) -> None:
    """Write one CSV line an image, frame or clip, in the order given, under `SCORES_COLUMNS`.

    Scores have as many digits as give the same float64 back. Unknown labels, absent scores and absent names are empty.

    Raises:
        OutputError: The file cannot be written; what stood there is unchanged.
        ValueError: A prediction belongs to another sample.
    """
    values = (score_values(sample, prediction, head) for _, sample, prediction in rows)
    write_csv(path, SCORES_COLUMNS, (_cells(row) for row in values))


def score_values(sample: Sample, prediction: Prediction, head: Head) -> dict[str, Value]:
    """Return what a file of scores says of one image, frame or clip: each of `SCORES_COLUMNS` to its value.

    Raises:
        ValueError: The prediction belongs to another sample.
    """
    if sample.key != prediction.key:
        raise ValueError(f"the prediction for {prediction.key!r} stands beside the sample {sample.key!r}")
    edges = (None,) * 4 if prediction.bbox_px is None else map(float, prediction.bbox_px)
    return {
        **_sample_columns(sample, head),
        "index": prediction.index,
        "frame": prediction.frame,
        "frame_file": prediction.frame_file,
        "start_s": _number(prediction.start_s),
        "end_s": _number(prediction.end_s),
        "score": _number(prediction.score),
        "status": prediction.status,
        "reason": prediction.reason,
        "frames_faceless": prediction.faceless,
        "frames_off_crop": prediction.off_crop,
        "num_faces": prediction.num_faces,
        **dict(zip(EDGES, edges, strict=True)),
        "face_score": _number(prediction.face_score),
    }


def write_videos_csv(path: Path, videos: Iterable[VideoScore], *, head: Head) -> None:
    """Write one CSV line a video, in the order given, under `VIDEOS_COLUMNS`.

    Raises:
        OutputError: The file cannot be written; what stood there is unchanged.
    """
    write_csv(path, VIDEOS_COLUMNS, (_cells(_video_row(video, head)) for video in videos))


def _video_row(video: VideoScore, head: Head) -> dict[str, Value]:
    return {
        **_sample_columns(video.sample, head),
        "score": _number(video.score),
        "status": video.status,
        "reason": video.reason,
        "units_scored": video.units_scored,
        "frames_planned": video.frames_planned,
        "frames_decoded": video.frames_decoded,
        "frames_faceless": video.frames_faceless,
        "frames_several_faces": video.frames_several,
        "frames_off_crop": video.frames_off_crop,
    }


def _sample_columns(sample: Sample, head: Head) -> dict[str, Value]:
    return {
        "key": sample.key,
        "path": sample.where,
        "label": sample.label,
        "video": sample.video,
        "dataset": sample.dataset,
        "method": sample.method,
        "head": head,
    }


def _number(value: float | None) -> float | None:
    return None if value is None else float(value)


def _cells(values: Mapping[str, Value]) -> dict[str, str]:
    """Values as text; a float's is the shortest that gives the same float64 back."""
    return {name: "" if value is None else str(value) for name, value in values.items()}
