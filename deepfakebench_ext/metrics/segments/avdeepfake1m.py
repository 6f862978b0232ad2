"""AP and AR as the package `avdeepfake1m` 0.0.4 computes them, for figures that stand beside its tables. Pure.

What differs from `detection`, all of it kept: float32 throughout; a hit must overlap by more than the threshold; within
a video each true stretch in turn takes the first free proposal of the file that overlaps it enough, whatever its score;
the area that the highest proposal adds is left out, so that a perfect list of n stretches has an AP of 1 - 1/n; AR
takes the first N proposals of the file, of which one may find several stretches, and a video without proposals is
neither found nor missed. The package itself ends in a panic on such a video.

Source: ControlNet/AV-Deepfake1M src/loc_1d.rs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Single = NDArray[np.float32]

AP_THRESHOLDS = (0.5, 0.75, 0.9, 0.95)
AR_PROPOSALS = (50, 30, 20, 10, 5)
AR_THRESHOLDS = tuple(percent / 100 for percent in range(50, 100, 5))


@dataclass(frozen=True, slots=True)
class ListedVideo:
    """One video as the package's two files list it.

    Attributes:
        proposals: float32 (N, 3): score, start and end in seconds, in the order of the file.
        labels: float32 (M, 2): starts and ends of the true stretches in seconds, in the order of the file.
    """

    proposals: Single
    labels: Single


def average_precision(videos: Sequence[ListedVideo], threshold: float) -> float | None:
    """AP over the videos in the order of the file of labels; None where they have no true stretch."""
    labels = np.float32(sum(len(video.labels) for video in videos))
    if not labels:
        return None
    hits = np.concatenate([_hits(video, np.float32(threshold)) for video in videos])
    scores = np.concatenate([video.proposals[:, 0] for video in videos])
    found = np.cumsum(hits[np.argsort(-scores, kind="stable")], dtype=np.float32)
    precision = found / np.arange(1, len(found) + 1, dtype=np.float32)
    recall = found / labels
    hull = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(recall) * hull[1:]))


def average_recall(videos: Sequence[ListedVideo], proposals: int) -> float:
    """AR of the first proposals of each video; 0 where there is nothing to find, as the package says."""
    found = np.zeros(len(AR_THRESHOLDS), np.int64)
    true = 0
    for video in videos:
        if len(video.proposals):
            true += len(video.labels)
            found += _found(video, proposals)
    if not true:
        return 0.0
    return float(np.mean(found.astype(np.float32) / np.float32(true)))


def _hits(video: ListedVideo, threshold: np.float32) -> NDArray[np.bool_]:
    enough = _overlaps(video.proposals[:, 1:], video.labels) > threshold
    taken = np.zeros(len(video.proposals), bool)
    for label in range(len(video.labels)):
        free = np.flatnonzero(enough[:, label] & ~taken)
        taken[free[:1]] = True
    return taken


def _found(video: ListedVideo, proposals: int) -> NDArray[np.int64]:
    """(T,) True stretches that any of the first proposals finds, at each overlap."""
    best = _overlaps(video.proposals[:proposals, 1:], video.labels).max(axis=0)
    return np.array([np.count_nonzero(best > np.float32(threshold)) for threshold in AR_THRESHOLDS], np.int64)


def _overlaps(proposals: Single, labels: Single) -> Single:
    start, end = proposals[:, None, 0], proposals[:, None, 1]
    inner = np.minimum(end, labels[None, :, 1]) - np.maximum(start, labels[None, :, 0])
    outer = np.maximum(end, labels[None, :, 1]) - np.minimum(start, labels[None, :, 0])
    return np.asarray(np.maximum(inner, np.float32(0)) / outer, dtype=np.float32)
