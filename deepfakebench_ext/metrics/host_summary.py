"""DeepfakeBench's own figures of a table of scores, beside ours. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

import numpy as np

from deepfakebench_ext.common.suffixes import VIDEO_SUFFIXES
from deepfakebench_ext.metrics.counts import Counts
from deepfakebench_ext.metrics.figure import Figure, Integers
from deepfakebench_ext.metrics.host_figures import DEFINITIONS, differences, host_figures
from deepfakebench_ext.metrics.score_table import UNKNOWN, Coder, ScoreTable

_VIDEO_AUC = "video_auc"
NO_FOLDERS = "the keys name no folders, by whose names DeepfakeBench tells videos apart"


@dataclass(frozen=True, slots=True)
class HostSummary:
    """DeepfakeBench's own figures.

    Attributes:
        figures: Its name to figure; without `video_auc` where there are no videos.
        differences: By its name, a sentence on each that is not ours, with the cause; also on `video_auc` where it
            cannot be told.
    """

    figures: Mapping[str, Figure]
    differences: Mapping[str, str]


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
    folders = None if videos is None else np.zeros(len(rows), np.int64) if is_clips else _folders(table, rows)
    if videos is not None and folders is not None:
        found = host_figures(labels, exact, folders, clips=is_clips)
        lines = differences(ours, found, videos=videos.real + videos.fake, aggregation=aggregation)
        return HostSummary(found.figures, lines)
    # As clips: the only figure that this changes is the one left out.
    found = host_figures(labels, exact, np.zeros(len(rows), np.int64), clips=True)
    figures = {name: figure for name, figure in found.figures.items() if name != _VIDEO_AUC}
    lines = differences(ours, replace(found, figures=figures, clips=is_clips), videos=0)
    if videos is not None:
        figures[_VIDEO_AUC] = Figure(None, DEFINITIONS[_VIDEO_AUC], NO_FOLDERS, higher_is_better=True)
        lines[_VIDEO_AUC] = f"DeepfakeBench's {_VIDEO_AUC} cannot be told: {NO_FOLDERS}"
    return HostSummary(figures, lines)


def _folders(table: ScoreTable, rows: Integers) -> Integers | None:
    """(N,) Number of the folder's name in which DeepfakeBench would see each frame; None where keys do not tell.

    An image lies in a folder, which its key must name; a video that is a row's key is one, of the file's name without
    suffix.
    """
    is_video = (table.video.codes[rows] == UNKNOWN) & table.has_videos
    numbers, codes, keys = Coder(), table.key.codes[rows], table.key.names
    folders = np.empty(len(rows), np.int32)
    for chosen, name_of in ((is_video, _own_name), (~is_video, _name_above)):
        if chosen.any():
            by_key = np.fromiter((numbers[name_of(key)] for key in keys), np.int32, len(keys))
            folders[chosen] = by_key[codes[chosen]]
    return None if "" in numbers and (folders == numbers[""]).any() else folders


def _own_name(key: str) -> str:
    name = key.rpartition("/")[2]
    suffix = PurePosixPath(name).suffix
    return name[: -len(suffix)] if suffix.lower() in VIDEO_SUFFIXES else name


def _name_above(key: str) -> str:
    return key.rpartition("/")[0].rpartition("/")[2]
