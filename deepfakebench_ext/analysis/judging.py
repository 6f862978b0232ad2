"""Timelines against the truth: which video is which, all figures, and what is left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np

from deepfakebench_ext.analysis.formats.timeline_reading import SaidVideo
from deepfakebench_ext.analysis.formats.truth import TrueVideo
from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.notices import Notice
from deepfakebench_ext.common.wording import counted
from deepfakebench_ext.metrics.bootstrap import Bootstrap
from deepfakebench_ext.metrics.figure import Figure, Floats
from deepfakebench_ext.metrics.segments import activitynet, avdeepfake1m
from deepfakebench_ext.metrics.segments.figures import segment_figures
from deepfakebench_ext.metrics.segments.judged import JudgedVideo
from deepfakebench_ext.metrics.segments.stretches import MICROSECONDS, Stretch, union

_SHOWN = 3
OUTSIDE_S = 0.5
"""A true stretch may reach so far over the ends of its video before it is said."""


@dataclass(frozen=True, slots=True)
class TimelineFigures:
    """Every figure of a set of timelines.

    Attributes:
        figures: Ours, name to figure with its interval.
        peers: Evaluator to name to value, as its own code computes it; None where undefined there.
        real: Real videos of the truth.
        manipulated: Videos of the truth with manipulated stretches.
        analysed: Videos of the truth that have a timeline.
        stretches: Manipulated stretches.
        notices: What the figures do not say of themselves.
        bootstrap: How videos were drawn; None where they were not.
    """

    figures: Mapping[str, Figure]
    peers: Mapping[str, Mapping[str, float | None]]
    real: int
    manipulated: int
    analysed: int
    stretches: int
    notices: tuple[Notice, ...]
    bootstrap: Bootstrap | None


def judge(said: Sequence[SaidVideo], true: Sequence[TrueVideo], bootstrap: Bootstrap | None) -> TimelineFigures:
    """Figures of timelines against the truth of their videos.

    Raises:
        ConfigError: No timeline has a truth, one video has two timelines, or a timeline may be of two videos.
    """
    pairs, unknown = paired(said, true)
    videos = [_judged(video, pairs.get(video.file)) for video in true]
    return TimelineFigures(
        segment_figures(videos, bootstrap),
        _peers(videos),
        sum(video.is_real for video in videos),
        sum(not video.is_real for video in videos),
        len(pairs),
        sum(len(video.truth) for video in videos),
        tuple(_notices(list(pairs.values()), unknown, videos)),
        bootstrap,
    )


def paired(said: Sequence[SaidVideo], true: Sequence[TrueVideo]) -> tuple[dict[str, SaidVideo], list[SaidVideo]]:
    """The timeline of each video of the truth by its `file`, and the timelines of no such video.

    A digest decides where both have one, and among videos of the same bytes their paths. Else the files must be the
    same, or one must end in the whole of the other, folder by folder: `b/a.mp4` is `/data/b/a.mp4` and `a.mp4`, but not
    `xb/a.mp4`. Suffixes are not looked at, as ActivityNet names videos without.

    Raises:
        ConfigError: As `judge`.
    """
    known = _Known(true)
    pairs: dict[str, SaidVideo] = {}
    unknown = []
    for each in said:
        found = known.of(each)
        if len(found) > 1:
            files = _some(repr(video.file) for video in found)
            raise ConfigError(f"{each.path} is of {each.file!r}, which may be {files} of the truth; give longer paths")
        if not found:
            unknown.append(each)
        elif other := pairs.get(found[0].file):
            raise ConfigError(f"{other.path} and {each.path} are both of {found[0].file!r}; give one timeline a video")
        else:
            pairs[found[0].file] = each
    if not pairs:
        raise ConfigError(
            f"none of {counted(len(said), 'timeline')} is of a video of the truth: they are of "
            f"{_some(one.file for one in said)}, the truth is of {_some(one.file for one in true)}"
        )
    return pairs, unknown


class _Known:
    """The videos of the truth, found by their digests and by the last parts of their paths."""

    def __init__(self, true: Sequence[TrueVideo]) -> None:
        self._by_digest: dict[str, list[TrueVideo]] = {}
        self._by_name: dict[str, list[TrueVideo]] = {}
        for video in true:
            if video.sha256 is not None:
                self._by_digest.setdefault(video.sha256, []).append(video)
            self._by_name.setdefault(_parts(video.file)[-1], []).append(video)

    def of(self, said: SaidVideo) -> list[TrueVideo]:
        """Those that it may be."""
        if said.sha256 is not None and (alike := self._by_digest.get(said.sha256)):
            return _nearest(alike, said.file) or alike
        listed = self._by_name.get(_parts(said.file)[-1], ())
        return _nearest([video for video in listed if said.sha256 is None or video.sha256 is None], said.file)


def _nearest(videos: Sequence[TrueVideo], file: str) -> list[TrueVideo]:
    """The videos of the same path; without any, those of which one path is the end of the other."""
    own = _parts(file)
    near = [video for video in videos if _is_end(_parts(video.file), own)]
    return [video for video in near if _parts(video.file) == own] or near


def _parts(file: str) -> list[str]:
    """Folders and name of a path, the name without its suffix."""
    path = PurePosixPath(file)
    return [*path.parent.parts, path.stem]


def _is_end(first: Sequence[str], second: Sequence[str]) -> bool:
    """Whether one path is the end of the other, part by part."""
    shared = min(len(first), len(second))
    return list(first[-shared:]) == list(second[-shared:])


def _judged(true: TrueVideo, said: SaidVideo | None) -> JudgedVideo:
    truth = union(true.segments)
    duration = said.duration_us if said is not None else true.duration_us
    if duration is None:
        raise ConfigError(f"{true.file} has no timeline, and the truth no duration of it; give one of them")
    if said is None:
        return JudgedVideo(true.file, duration, truth, analysed=False)
    return JudgedVideo(true.file, duration, truth, True, said.marked, said.boxes, said.scores)


def _peers(videos: Sequence[JudgedVideo]) -> dict[str, dict[str, float | None]]:
    listed = [
        avdeepfake1m.ListedVideo(_rows(video).astype(np.float32), _ends_of(video.truth).astype(np.float32))
        for video in videos
    ]
    proposals = {video.key: _rows(video) for video in videos}
    labels = {video.key: _ends_of(video.truth) for video in videos}
    return {
        "avdeepfake1m": {
            **{f"ap@{t}": avdeepfake1m.average_precision(listed, t) for t in avdeepfake1m.AP_THRESHOLDS},
            **{f"ar@{n}": avdeepfake1m.average_recall(listed, n) for n in avdeepfake1m.AR_PROPOSALS},
        },
        "activitynet": {
            **{f"ap@{t}": activitynet.average_precision(proposals, labels, t) for t in activitynet.THRESHOLDS},
            "map@0.5:0.95": activitynet.mean_average_precision(proposals, labels),
        },
    }


def _rows(video: JudgedVideo) -> Floats:
    rows = [(box.score, box.start_us / MICROSECONDS, box.end_us / MICROSECONDS) for box in video.boxes]
    return np.array(rows, np.float64).reshape(len(rows), 3)


def _ends_of(stretches: Sequence[Stretch]) -> Floats:
    ends = [(each.start_s, each.end_s) for each in stretches]
    return np.array(ends, np.float64).reshape(len(ends), 2)


def _notices(
    paired_: Sequence[SaidVideo], unknown: Sequence[SaidVideo], videos: Sequence[JudgedVideo]
) -> Iterator[Notice]:
    if untrained := [each for each in paired_ if not each.head_trained]:
        text = f"{counted(len(untrained), 'timeline')} of an untrained head: the scores, and every figure, are noise"
        yield Notice("untrained", text, "severe")
    if bare := [each for each in paired_ if not each.calibrated]:
        yield Notice(
            "uncalibrated",
            f"{counted(len(bare), 'timeline')} not calibrated: no real video chose the threshold of the segments, so "
            "false alarms, delay, boundaries and union are of an arbitrary one",
        )
    if outside := [video for video in videos if _is_outside(video)]:
        worst = outside[0]
        yield Notice(
            "outside_video",
            f"{counted(len(outside), 'video')} with true stretches outside of the video, such as {worst.key}: from "
            f"{worst.truth[0].start_s:g} to {worst.truth[-1].end_s:g} s in {worst.duration_us / MICROSECONDS:g} s; are "
            "these seconds, and of this video?",
        )
    if absent := [video for video in videos if not video.analysed]:
        names = _some(video.key for video in absent)
        text = f"{counted(len(absent), 'video')} without a timeline, such as {names}: manipulated stretches are missed"
        yield Notice("no_timeline", text)
    if unknown:
        names = _some(each.file for each in unknown)
        text = f"{counted(len(unknown), 'timeline')} of videos that the truth does not list, such as {names}: left out"
        yield Notice("not_in_truth", text)


def _is_outside(video: JudgedVideo) -> bool:
    """Whether the truth has time that the video has not, by more than rounding and a longer sound make."""
    slack = round(OUTSIDE_S * MICROSECONDS)
    return any(each.start_us < -slack or each.end_us > video.duration_us + slack for each in video.truth)


def _some(names: Iterable[str]) -> str:
    return ", ".join(list(names)[:_SHOWN])
