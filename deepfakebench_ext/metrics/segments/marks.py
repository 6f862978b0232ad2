"""What users feel of a timeline's marks: false alarms, what they find, how late and how exactly. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

from deepfakebench_ext.metrics.segments.drawing import Rows, median, ratio
from deepfakebench_ext.metrics.segments.judged import JudgedVideo
from deepfakebench_ext.metrics.segments.matching import overlaps
from deepfakebench_ext.metrics.segments.stretches import MICROSECONDS, Stretch, common, total
from deepfakebench_ext.metrics.steps import Tally

SECONDS_A_MINUTE = 60


def false_alarm_rows(videos: Sequence[JudgedVideo]) -> Rows:
    """Figure: marked seconds in a minute of real video, over the real videos that have a timeline."""
    marked = _numbers([total(video.marked) if video.is_real else 0 for video in videos])
    lengths = _numbers([video.duration_us if video.is_real and video.analysed else 0 for video in videos])
    return ratio(SECONDS_A_MINUTE * marked, lengths)


def alarmed_counts(videos: Sequence[JudgedVideo]) -> tuple[int, int]:
    """How many real videos have a mark, of how many that have a timeline."""
    real = [bool(video.marked) for video in videos if video.is_real and video.analysed]
    return sum(real), len(real)


def found_rows(videos: Sequence[JudgedVideo]) -> Rows:
    """Figure: share of the true stretches that a mark touches."""
    touched = _numbers([sum(first is not None for first in _first_marks(video)) for video in videos])
    return ratio(touched, _numbers([len(video.truth) for video in videos]))


def delay_rows(videos: Sequence[JudgedVideo]) -> Rows:
    """Figure: median seconds from the start of a true stretch that a mark touches to the first marked moment in it."""
    delays, owners = [], []
    for place, video in enumerate(videos):
        for true, first in zip(video.truth, _first_marks(video), strict=True):
            if first is not None:
                delays.append((first - true.start_us) / MICROSECONDS)
                owners.append(place)
    return median(np.array(delays, np.float64), _numbers(owners))


def boundary_rows(videos: Sequence[JudgedVideo]) -> Rows:
    """Figure: median seconds between the ends of a marked stretch and those of the true stretch that it is for.

    Each marked stretch is for one true stretch at most: of all ways to pair those that touch, the one whose overlaps
    (intersection over union) add up to most.
    """
    errors: list[float] = []
    owners: list[int] = []
    for place, video in enumerate(videos):
        for marked, true in _pairs(video):
            gaps = abs(marked.start_us - true.start_us), abs(marked.end_us - true.end_us)
            errors += [gap / MICROSECONDS for gap in gaps]
            owners += [place, place]
    return median(np.array(errors, np.float64), _numbers(owners))


def union_rows(videos: Sequence[JudgedVideo]) -> Rows:
    """Figure: seconds both marked and manipulated, by seconds that are either, over all videos."""
    both = [common(video.marked, video.truth) for video in videos]
    either = [total(video.marked) + total(video.truth) - shared for video, shared in zip(videos, both, strict=True)]
    return ratio(_numbers(both), _numbers(either))


def scored_rows(videos: Sequence[JudgedVideo]) -> Rows:
    """Figure: share of the time of all videos that has a score."""
    scored = [min(total(video.scores), video.duration_us) for video in videos]
    return ratio(_numbers(scored), _numbers([video.duration_us for video in videos]))


def _first_marks(video: JudgedVideo) -> list[int | None]:
    """For each true stretch the first marked microsecond in it, None where nothing in it is marked."""
    return [
        min(
            (max(mark.start_us, true.start_us) for mark in video.marked if _touch(mark, true)),
            default=None,
        )
        for true in video.truth
    ]


def _touch(first: Stretch, second: Stretch) -> bool:
    return first.start_us < second.end_us and second.start_us < first.end_us


def _pairs(video: JudgedVideo) -> list[tuple[Stretch, Stretch]]:
    overlap = overlaps(video.marked, video.truth)
    places = zip(*linear_sum_assignment(-overlap), strict=True)
    return [(video.marked[mark], video.truth[true]) for mark, true in places if overlap[mark, true] > 0]


def _numbers(values: Sequence[int]) -> Tally:
    return np.array(values, np.int64)
