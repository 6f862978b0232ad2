"""DeepfakeBench's own figures of a table of scores, beside ours. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

import numpy as np

from deepfakebench_ext.media.video import VIDEO_SUFFIXES
from deepfakebench_ext.metrics.counts import Counts
from deepfakebench_ext.metrics.deepfakebench import differences, host_figures
from deepfakebench_ext.metrics.figure import Figure, Integers
from deepfakebench_ext.metrics.score_table import UNKNOWN, Coder, ScoreTable

_VIDEO_AUC = "video_auc"


@dataclass(frozen=True, slots=True)
class HostSummary:
    """DeepfakeBench's own figures.

    Attributes:
        figures: Its name to figure; without `video_auc` where there are no videos.
        differences: A sentence on each that is not ours, with the cause.
    """

    figures: Mapping[str, Figure]
    differences: tuple[str, ...]


def host_summary(table: ScoreTable, ours: Mapping[str, Figure], videos: Counts | None, aggregation: str) -> HostSummary:
    """Return what DeepfakeBench's test script would print, and where and why it differs.

    Args:
        table: Frames or clips.
        ours: Our figures of all levels.
        videos: Our counts of videos; None where there are none.
        aggregation: The rule by which ours have scores.
    """
    rows = table.usable()
    scores = table.scores[rows]
    single = scores.astype(np.float32)
    exact = single if (single == scores).all() else scores  # detectors score in single precision
    labels = table.labels[rows].astype(np.int64)
    is_clips = table.level == "clip"
    if videos is not None:
        found = host_figures(labels, exact, _folders(table, rows), clips=is_clips)
        lines = differences(ours, found, videos=videos.real + videos.fake, aggregation=aggregation)
        return HostSummary(found.figures, tuple(lines))
    # As clips: the only figure that this changes is the one left out.
    found = host_figures(labels, exact, np.zeros(len(rows), np.int64), clips=True)
    figures = {name: figure for name, figure in found.figures.items() if name != _VIDEO_AUC}
    return HostSummary(figures, tuple(differences(ours, replace(found, figures=figures, clips=is_clips), videos=0)))


def _folders(table: ScoreTable, rows: Integers) -> Integers:
    """(N,) Number of the folder's name in which DeepfakeBench would see each frame, as far as keys tell.

    An image lies in a folder; a video that is a row's key is one, of the file's name without suffix.
    """
    is_video = (table.video.codes[rows] == UNKNOWN) & table.has_videos
    numbers, codes, keys = Coder(), table.key.codes[rows], table.key.names
    folders = np.empty(len(rows), np.int64)
    for chosen, name_of in ((is_video, _own_name), (~is_video, _name_above)):
        if chosen.any():
            by_key = np.fromiter((numbers[name_of(key)] for key in keys), np.int64, len(keys))
            folders[chosen] = by_key[codes[chosen]]
    return folders


def _own_name(key: str) -> str:
    name = key.rpartition("/")[2]
    suffix = PurePosixPath(name).suffix
    return name[: -len(suffix)] if suffix.lower() in VIDEO_SUFFIXES else name


def _name_above(key: str) -> str:
    return key.rpartition("/")[0].rpartition("/")[2]
