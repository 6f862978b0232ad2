"""All files of a timeline, made afresh from it: the timeline, tables, pictures, and what was asked for besides."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deepfakebench_ext.analysis.assembling import Shown
from deepfakebench_ext.analysis.formats.subtitles import subrip, webvtt
from deepfakebench_ext.analysis.formats.timeline_document import timeline_document
from deepfakebench_ext.analysis.formats.timeline_reading import TIMELINE
from deepfakebench_ext.analysis.keyframes import keyframe_pictures
from deepfakebench_ext.analysis.overlay import OVERLAY, write_overlay
from deepfakebench_ext.analysis.page import timeline_page
from deepfakebench_ext.analysis.timeline import Timeline
from deepfakebench_ext.common.atomic_files import atomic_writer, making, write_bytes_atomic
from deepfakebench_ext.common.csv_files import write_csv
from deepfakebench_ext.common.run_names import SCORES_CSV
from deepfakebench_ext.common.wording import counted
from deepfakebench_ext.report.run_page import HTML

KEYFRAMES, SEGMENTS_CSV, VTT, SRT = "keyframes", "segments.csv", "segments.vtt", "segments.srt"
SEGMENT_COLUMNS = (
    *("segment_id", "track", "shot", "start_s", "end_s", "score", "peak_s", "peak_score", "scored_share", "keyframe"),
    *("head", "calibrated"),
)
SCORE_COLUMNS = ("track", "shot", "time_s", "start_s", "end_s", "score", "units", "head")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outputs:
    """What is written beside the timeline, its tables and its keyframes.

    Attributes:
        report: The page.
        overlay: A copy of the film with boxes.
        subtitles: The segments as WebVTT and SubRip.
    """

    report: bool = True
    overlay: bool = False
    subtitles: bool = False


def calibration_words(timeline: Timeline) -> str:
    """What marks are worth, in a sentence that goes wherever they go."""
    chosen = timeline.chosen
    if chosen is None:
        return f"not calibrated: no real video chose the threshold of {timeline.policy.onset:g}"
    figure = chosen.held_out if chosen.held_out.value is not None else chosen.measured
    ends = "" if figure.low is None else f" (95 %: {figure.low:.2g} to {figure.high:.2g})"
    return (
        f"{figure.value:.2g} s of false alarms a minute of real video{ends}, measured on "
        f"{counted(chosen.videos, 'real video')} of {chosen.seconds / 60:.3g} minutes together; threshold "
        f"{timeline.policy.onset:.4g}, at most {chosen.limit:g} s a minute allowed"
    )


def beware_words(timeline: Timeline) -> str:
    """The same as short as it must be to stand on a picture or in a subtitle; empty where nothing is to beware."""
    if not timeline.detector["head_trained"]:
        return "untrained: noise"
    return "not calibrated" if timeline.chosen is None else ""


def write_outputs(
    folder: Path, video: Path, timeline: Timeline, shown: Sequence[Shown], outputs: Outputs, *, damage: str
) -> None:
    """Write every file, in place of those of another policy. The timeline comes last: where it is, all is.

    What is not asked for this time goes: it would be of the policy of another time.

    Raises:
        OutputError: A file cannot be written.
        MediaError: The film cannot be decoded again.
    """
    pictures, beware = _keyframes(folder, video, shown), beware_words(timeline)
    document = timeline_document(timeline)
    with making(folder):
        for name, is_wanted in (
            (HTML, outputs.report),
            (VTT, outputs.subtitles),
            (SRT, outputs.subtitles),
            (OVERLAY, outputs.overlay),
        ):
            if not is_wanted:
                (folder / name).unlink(missing_ok=True)
    if outputs.report:
        _text(folder / HTML, timeline_page(timeline, document, pictures, calibration_words(timeline), damage))
    _tables(folder, timeline)
    if outputs.subtitles:
        _text(folder / VTT, webvtt(timeline.segments, note=calibration_words(timeline), beware=beware))
        _text(folder / SRT, subrip(timeline.segments, beware=beware))
    if outputs.overlay:
        write_overlay(folder / OVERLAY, video, timeline, beware)
    _text(folder / TIMELINE, json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def _keyframes(folder: Path, video: Path, shown: Sequence[Shown]) -> dict[str, bytes]:
    place = folder / KEYFRAMES
    with making(folder):
        place.mkdir(exist_ok=True)
        for old in place.glob("segment_*.jpg"):
            old.unlink()
    pictures = dict(keyframe_pictures(video, shown))
    for name, data in pictures.items():
        write_bytes_atomic(folder / name, data)
    return pictures


def _tables(folder: Path, timeline: Timeline) -> None:
    head = "trained" if timeline.detector["head_trained"] else "untrained"
    calibrated = "no" if timeline.chosen is None else "yes"
    pictures = {frame.segment: frame.file for frame in timeline.keyframes if frame.kind == "peak"}
    segments = [
        (
            *(number, each.track, each.shot, each.start_s, each.end_s, each.score, each.peak_s, each.peak_score),
            *(each.scored_share, pictures.get(number, ""), head, calibrated),
        )
        for number, each in enumerate(timeline.segments, 1)
    ]
    scores = [
        (
            track.scores.track,
            track.scores.shot,
            span.at_us / 1e6,
            span.start_s,
            span.end_s,
            span.score,
            span.units,
            head,
        )
        for track in timeline.tracks
        for span in track.scores.spans
    ]
    for name, columns, rows in (
        (SEGMENTS_CSV, SEGMENT_COLUMNS, segments),
        (SCORES_CSV, SCORE_COLUMNS, scores),
    ):
        write_csv(folder / name, columns, (dict(zip(columns, map(str, row), strict=True)) for row in rows))


def _text(path: Path, text: str) -> None:
    with atomic_writer(path) as file:
        file.write(text)
