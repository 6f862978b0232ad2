"""AP and AR of scored boxes against the true stretches. Pure.

Source: Everingham et al., VOC 2011 (precision made falling, the area from recall 0 on); ActivityNet's detection task
(falling score over all videos, each box the free true stretch that it overlaps most, `>=`). Boxes of equal scores are
one step here, so that no order of files changes a figure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepfakebench_ext.metrics.figure import Floats
from deepfakebench_ext.metrics.segments.drawing import Rows, divided
from deepfakebench_ext.metrics.segments.judged import JudgedVideo
from deepfakebench_ext.metrics.segments.matching import match, overlaps
from deepfakebench_ext.metrics.steps import Tally, count_steps, ladder

AR_THRESHOLDS = tuple(percent / 100 for percent in range(50, 100, 5))
"""Overlaps that an average recall is the mean over."""


@dataclass(frozen=True, slots=True)
class Overlaps:
    """Every box of a set of videos, and how it overlaps the true stretches of its own.

    Attributes:
        by_video: For each video (N_v, M_v) as `matching.overlaps` gives them.
        videos: (N,) The video that each box is of.
        scores: float64 (N,) Their scores.
        true: (V,) How many true stretches each video has.
    """

    by_video: tuple[Floats, ...]
    videos: Tally
    scores: Floats
    true: Tally

    @classmethod
    def of(cls, videos: Sequence[JudgedVideo]) -> Overlaps:
        """Compare the boxes of each video with its truth."""
        sizes = [len(video.boxes) for video in videos]
        return cls(
            tuple(overlaps(video.boxes, video.truth) for video in videos),
            np.repeat(np.arange(len(videos)), sizes),
            np.array([box.score for video in videos for box in video.boxes], np.float64),
            np.array([len(video.truth) for video in videos], np.int64),
        )


def average_precision_rows(found: Overlaps, threshold: float) -> Rows:
    """Figure: the area under the falling hull of precision over recall, at one overlap; NaN without a true stretch."""
    flags = [match(each, threshold) >= 0 for each in found.by_video]
    hit = np.concatenate([np.zeros(0, bool), *flags]).astype(np.int64)
    sorted_ = ladder(hit, found.scores)
    owners = found.videos[sorted_.order]

    def rows(weights: Tally) -> Floats:
        true = weights @ found.true
        if not len(hit):
            return np.where(true > 0, 0.0, np.nan)
        steps = count_steps(sorted_, weights[:, owners])
        precision = steps.hits / np.maximum(steps.hits + steps.alarms, 1)
        hull = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
        return divided(np.sum(np.diff(steps.hits) * hull[:, 1:], axis=1), true)

    return rows


def average_recall_rows(found: Overlaps, boxes: int) -> Rows:
    """Figure: the share of true stretches that the `boxes` highest of each video find, mean over `AR_THRESHOLDS`.

    A video without boxes, or without a timeline, has missed its stretches. One box finds one stretch.
    """
    each_hits = [[_hits(each[:boxes], threshold) for threshold in AR_THRESHOLDS] for each in found.by_video]
    hits = np.array(each_hits, np.int64).reshape(len(found.by_video), len(AR_THRESHOLDS))

    def rows(weights: Tally) -> Floats:
        recalls = divided(weights @ hits, np.repeat((weights @ found.true)[:, None], len(AR_THRESHOLDS), axis=1))
        return np.asarray(recalls.mean(axis=1), dtype=np.float64)

    return rows


def _hits(overlap: NDArray[np.float64], threshold: float) -> int:
    return int(np.count_nonzero(match(overlap, threshold) >= 0))
