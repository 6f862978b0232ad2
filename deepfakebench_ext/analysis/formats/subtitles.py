"""Segments as subtitles of the video: WebVTT and SubRip. Pure.

Both count milliseconds. Starts are rounded down and ends up, so that no marked moment is without its line.
"""

from __future__ import annotations

from collections.abc import Sequence

from deepfakebench_ext.analysis.cut import Segment

_MILLISECOND_US = 1000


def webvtt(segments: Sequence[Segment], *, note: str, beware: str = "") -> str:
    """The text of a `.vtt` file.

    Args:
        segments: In the order in which they are shown; several may be at once.
        note: What the marks are worth, for whoever opens the file.
        beware: What stands in each line, since a player shows no note; such as `not calibrated`.
    """
    cues = [f"{place}\n{_times(each, '.')}\n{_line(each, beware)}\n" for place, each in enumerate(segments, 1)]
    return "\n".join(["WEBVTT\n", f"NOTE {_escaped(note)}\n", *cues])


def subrip(segments: Sequence[Segment], *, beware: str = "") -> str:
    """The text of a `.srt` file, empty without segments."""
    return "\n".join(f"{place}\n{_times(each, ',')}\n{_line(each, beware)}\n" for place, each in enumerate(segments, 1))


def _line(segment: Segment, beware: str) -> str:
    share = "" if segment.scored_us == segment.length_us else f", {segment.scored_share:.0%} scored"
    said = f"{segment.score:.2f}, peak {segment.peak_score:.2f}{share}"
    return f"SUSPECT face {segment.track}: {said}{beware and f' ({beware})'}"


def _times(segment: Segment, point: str) -> str:
    start, end = max(segment.start_us, 0) // _MILLISECOND_US, -(-max(segment.end_us, 0) // _MILLISECOND_US)
    return f"{_clock(start, point)} --> {_clock(end, point)}"


def _clock(milliseconds: int, point: str) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    minutes, second = divmod(seconds, 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{second:02}{point}{rest:03}"


def _escaped(text: str) -> str:
    """On one line, and without the arrow that ends a note."""
    return " ".join(text.split()).replace("-->", "->")
