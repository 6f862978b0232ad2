"""DeepfakeBench's own figures of a table of scores, beside ours. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from deepfakebench_ext.common.suffixes import VIDEO_SUFFIXES
from deepfakebench_ext.metrics.counts import Counts
from deepfakebench_ext.metrics.figure import Figure, Integers
from deepfakebench_ext.metrics.host_figures import DEFINITIONS, differences, host_figures
from deepfakebench_ext.metrics.names import Names
from deepfakebench_ext.metrics.score_table import UNKNOWN, ScoreTable

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
    labels = table.labels[rows]
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
    codes, known = table.key.codes[rows], table.key.names
    keys = known if isinstance(known, Names) else Names.of(known)
    found: list[tuple[NDArray[np.bool_], NDArray[np.intp], Names]] = []
    for chosen, names_of in ((is_video, _own_names), (~is_video, _names_above)):
        is_used = np.zeros(len(keys), bool)
        is_used[codes[chosen]] = True
        used = np.flatnonzero(is_used)
        found.append((chosen, used, names_of(keys if is_used.all() else keys.take(used))))
    starts, lengths = (np.concatenate(parts) for parts in zip(*((n.starts, n.lengths) for *_, n in found), strict=True))
    if (lengths == 0).any():
        return None
    numbers, folders = Names(keys.data, starts, lengths).first_seen()[0], np.empty(len(rows), np.int32)
    for chosen, used, names in found:
        by_key = np.empty(len(keys), np.int32)
        by_key[used], numbers = numbers[: len(names)], numbers[len(names) :]
        folders[chosen] = by_key[codes[chosen]]
    return folders


def _own_names(keys: Names) -> Names:
    """Of each key, what stands behind the last `/`, without the suffix of a video."""
    names = keys.cut(keys.last_of(b"/") + 1, keys.lengths)
    point = names.last_of(b".")
    suffixes = names.cut(np.maximum(point, 0), names.lengths)
    numbers, first = suffixes.first_seen()
    is_video = np.array([text.lower() in VIDEO_SUFFIXES for text in suffixes.take(first)], bool)
    ends = np.where((point > 0) & is_video[numbers], point, names.lengths)
    return names.cut(np.zeros_like(ends), ends)


def _names_above(keys: Names) -> Names:
    """Of each key, the name of the folder above the last `/`; empty where there is none."""
    last = np.maximum(keys.last_of(b"/"), 0)
    return keys.cut(keys.cut(np.zeros_like(last), last).last_of(b"/") + 1, last)
