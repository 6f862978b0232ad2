"""Every figure of a set of timelines against the truth, each with its 95 % interval over videos. Pure.

A figure and its interval come from the same lines: the figure counts every video once, a resample as often as it was
drawn. The order of the videos changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from deepfakebench_ext.metrics.bootstrap import UNASKED, Bootstrap, percentile_interval
from deepfakebench_ext.metrics.delong import Interval, proportion_interval
from deepfakebench_ext.metrics.figure import Figure
from deepfakebench_ext.metrics.segments.detection import Overlaps, average_precision_rows, average_recall_rows
from deepfakebench_ext.metrics.segments.drawing import Rows, draws
from deepfakebench_ext.metrics.segments.judged import JudgedVideo
from deepfakebench_ext.metrics.segments.marks import (
    alarmed_counts,
    boundary_rows,
    delay_rows,
    false_alarm_rows,
    found_rows,
    scored_rows,
    union_rows,
)
from deepfakebench_ext.metrics.segments.times import LEVELS, ScoredTime

AP_THRESHOLDS = (0.5, 0.75, 0.95)
AR_BOXES = (5, 10, 20, 50)
FEW_VIDEOS = 20
"""Fewer videos of a class than this give intervals too wide, and too narrow for what they should hold, to publish."""

_NO_TRUE = "no manipulated stretch: the truth lists none"
_NO_REAL = "no real video has a timeline"


@dataclass(frozen=True, slots=True)
class _Kind:
    """How a figure is made and read.

    Attributes:
        definition: What it measures, in one line.
        rows: Its values; None for a share of real videos, which has a formula.
        higher_is_better: Which way is good; None for neither.
        undefined: Why it has no value, where it has none.
        of: Which videos it hangs on: `real`, `manipulated` or `all`.
        cells: Numbers that a resample takes.
        drawn: Its values for resamples, where they are made in another way.
    """

    definition: str
    rows: Rows
    higher_is_better: bool | None
    undefined: str
    of: str
    cells: int
    drawn: Rows | None = None


def segment_figures(videos: Sequence[JudgedVideo], bootstrap: Bootstrap | None = None) -> dict[str, Figure]:
    """Name -> figure. What the videos do not define has no value and a reason; it is never 0.

    Args:
        videos: Every video of the truth, also those without a timeline: their stretches are missed.
        bootstrap: How to draw videos for the intervals; None for none.

    Raises:
        ValueError: Two videos share a key.
    """
    ordered = sorted(videos, key=lambda video: video.key)
    if twice := [first.key for first, second in pairwise(ordered) if first.key == second.key]:
        raise ValueError(f"{twice[0]} is there twice; give each video once")
    kinds = _kinds(ordered)
    once = np.ones((1, len(ordered)), np.int64)
    values = {name: float(kind.rows(once)[0]) for name, kind in kinds.items()}
    settings = bootstrap or Bootstrap(0)
    return {name: _figure(kind, values[name], ordered, settings) for name, kind in kinds.items()} | {
        "real_videos_with_segment": _share(ordered)
    }


def _kinds(videos: Sequence[JudgedVideo]) -> dict[str, _Kind]:
    return {**_of_boxes(videos), **_of_marks(videos), **_of_time(videos)}


def _of_boxes(videos: Sequence[JudgedVideo]) -> dict[str, _Kind]:
    found = Overlaps.of(videos)
    boxes = len(found.scores)
    precisions = {
        f"segment_ap_at_iou_{threshold}": _Kind(
            f"average precision of scored boxes over all videos, a hit being a free true stretch overlapped by at "
            f"least {threshold} (intersection over union); 1 is perfect",
            average_precision_rows(found, threshold),
            True,
            _NO_TRUE,
            "all",
            boxes,
        )
        for threshold in AP_THRESHOLDS
    }
    recalls = {
        f"segment_ar_at_{count}": _Kind(
            f"share of true stretches found by the {count} highest boxes of each video, mean over overlaps of 0.5 to "
            "0.95; a video without a timeline has found none",
            average_recall_rows(found, count),
            True,
            _NO_TRUE,
            "manipulated",
            len(videos),
        )
        for count in AR_BOXES
    }
    return precisions | recalls


def _of_marks(videos: Sequence[JudgedVideo]) -> dict[str, _Kind]:
    stretches = sum(len(video.truth) + 2 * len(video.marked) for video in videos)
    kinds: dict[str, tuple[Callable[[Sequence[JudgedVideo]], Rows], str, bool | None, str, str]] = {
        "false_alarm_s_per_min": (
            false_alarm_rows,
            "seconds marked in a minute of real video, at the threshold of the timelines",
            False,
            _NO_REAL,
            "real",
        ),
        "segment_found": (
            found_rows,
            "share of true stretches of which any part is marked",
            True,
            _NO_TRUE,
            "manipulated",
        ),
        "detection_delay_s": (
            delay_rows,
            "median seconds from the start of a true stretch to its first marked moment, over those of which any part "
            "is marked (segment_found says how many)",
            False,
            "no true stretch is marked anywhere",
            "manipulated",
        ),
        "boundary_error_s": (
            boundary_rows,
            "median seconds between the ends of a marked stretch and those of the true stretch that it is for, over "
            "the pairs that touch",
            False,
            "no marked stretch touches a true one",
            "manipulated",
        ),
        "union_iou": (
            union_rows,
            "seconds both marked and manipulated, by seconds that are either, over all videos",
            True,
            "nothing is manipulated and nothing is marked",
            "all",
        ),
    }
    return {
        name: _Kind(text, rows(videos), better, undefined, of, stretches)
        for name, (rows, text, better, undefined, of) in kinds.items()
    }


def _of_time(videos: Sequence[JudgedVideo]) -> dict[str, _Kind]:
    scored = ScoredTime(videos)
    undefined = "the scored time is all real, all manipulated, or none"
    texts = {
        "auc": "chance that a random scored moment of manipulated time has a higher score than one of real time, ties "
        "counted half; the highest face decides",
        "ap": "step-wise average precision of scored time, each score counting as long as it holds, with manipulated "
        "time as the positive class",
    }
    kinds = {
        f"time_{name}": _Kind(
            text, scored.rows(name), True, undefined, "all", min(scored.pieces, LEVELS), scored.coarse_rows(name)
        )
        for name, text in texts.items()
    }
    definition = "share of the time of all videos that has a score: what has no face has none"
    return kinds | {
        "time_scored": _Kind(definition, scored_rows(videos), None, "there are no videos", "all", len(videos))
    }


def _figure(kind: _Kind, value: float, videos: Sequence[JudgedVideo], settings: Bootstrap) -> Figure:
    if np.isnan(value):
        return Figure(None, kind.definition, kind.undefined, higher_is_better=kind.higher_is_better)
    interval = _interval(kind, value, videos, settings) if settings.resamples else UNASKED
    return interval.figure(
        value, kind.definition, higher_is_better=kind.higher_is_better, warning=_few(kind.of, videos)
    )


def _interval(kind: _Kind, value: float, videos: Sequence[JudgedVideo], settings: Bootstrap) -> Interval:
    method = f"bootstrap ({settings.resamples} resamples, seed {settings.seed}) of videos, real and manipulated apart"
    rows = kind.drawn or kind.rows
    drawn = [rows(weights) for weights in draws(videos, settings, max(kind.cells, len(videos)))]
    return percentile_interval(value, np.concatenate(drawn), method)


def _share(videos: Sequence[JudgedVideo]) -> Figure:
    definition = "share of real videos in which anything is marked, at the threshold of the timelines"
    alarmed, real = alarmed_counts(videos)
    if not real:
        return Figure(None, definition, _NO_REAL, higher_is_better=False)
    interval = proportion_interval(alarmed, real)
    return interval.figure(alarmed / real, definition, higher_is_better=False, warning=_few("real", videos))


def _few(of: str, videos: Sequence[JudgedVideo]) -> str:
    counts = {
        "real": sum(video.is_real and video.analysed for video in videos),
        "manipulated": sum(not video.is_real for video in videos),
    }
    chosen = counts if of == "all" else {of: counts[of]}
    name, least = min(chosen.items(), key=lambda each: each[1])
    if least >= FEW_VIDEOS:
        return ""
    return f"only {least} {name} video{'' if least == 1 else 's'}: under {FEW_VIDEOS}, the figure says little"
