"""The curves of a timeline as SVG: a lane a face, the shots, the threshold, the marked stretches, and what is unscored.

Pure. All texts in it are numbers of ours; nothing of a file's goes in.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from deepfakebench_ext.analysis.cut import Segment
from deepfakebench_ext.analysis.spans import ScoredSpan
from deepfakebench_ext.analysis.timeline import FaceTrack, Timeline
from deepfakebench_ext.metrics.segments.stretches import MICROSECONDS

WIDTH, LEFT, LANE, GAP = 1000, 70, 64, 14
MOST_LANES = 60
"""Faces that are drawn: those with marks first, then those scored longest."""
_TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)


def lanes_svg(timeline: Timeline) -> str:
    """The drawing of a timeline."""
    scale = _Scale(timeline.video.duration_us)
    lanes = _drawn(timeline)
    height = (len(lanes) or 1) * (LANE + GAP) + 40
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        'font-family="sans-serif" font-size="12">'
    ]
    for number, shot in enumerate(timeline.shots):
        if number % 2:
            parts.append(_rect(scale, shot.start_us, shot.end_us, 0, height - 40, "currentColor", 0.06))
    for row, track in enumerate(lanes):
        own = [each for each in timeline.segments if each.track == track.scores.track]
        parts.extend(_lane(track, own, scale, row * (LANE + GAP), timeline.policy.onset))
    parts.extend(_axis(scale, height - 34))
    return "".join([*parts, "</svg>"])


class _Scale:
    """From times to pixels."""

    def __init__(self, duration_us: int) -> None:
        self.duration_us = duration_us

    def x(self, time_us: int) -> float:
        return LEFT + (WIDTH - LEFT - 10) * time_us / self.duration_us


def _drawn(timeline: Timeline) -> list[FaceTrack]:
    marked = {each.track for each in timeline.segments}

    def rank(track: FaceTrack) -> tuple[bool, int]:
        return track.scores.track not in marked, -sum(span.length_us for span in track.scores.spans)

    chosen = sorted(timeline.tracks, key=rank)[:MOST_LANES]
    return sorted(chosen, key=lambda track: track.scores.track)


def _lane(track: FaceTrack, segments: Sequence[Segment], scale: _Scale, top: int, onset: float) -> Iterable[str]:
    yield f'<text x="4" y="{top + LANE / 2 + 4:g}" fill="currentColor">face {track.scores.track}</text>'
    yield _rect(scale, track.where.start_us, track.where.end_us, top, LANE, "currentColor", 0.08)
    for each in segments:
        yield _rect(scale, each.start_us, each.end_us, top, LANE, "#d62828", 0.3)
    line = _y(onset, top)
    left, right = scale.x(track.where.start_us), scale.x(track.where.end_us)
    yield (
        f'<line x1="{left:.1f}" x2="{right:.1f}" y1="{line:.1f}" y2="{line:.1f}" stroke="#d62828" '
        'stroke-dasharray="4 3"/>'
    )
    path = _curve(track.scores.spans, scale, top)
    yield f'<path d="{path}" fill="none" stroke="#2463b5" stroke-width="1.5"/>' if path else ""


def _curve(spans: Sequence[ScoredSpan], scale: _Scale, top: int) -> str:
    """Steps: each score as long as it stands, broken where there is none."""
    path, end = [], None
    for span in spans:
        start, stop, y = scale.x(span.start_us), scale.x(span.end_us), _y(span.score, top)
        path.append(f"{'L' if end == span.start_us else 'M'}{start:.1f} {y:.1f}H{stop:.1f}")
        end = span.end_us
    return "".join(path)


def _y(score: float, top: int) -> float:
    return top + LANE - LANE * score


def _rect(scale: _Scale, start_us: int, end_us: int, top: int, height: int, colour: str, opacity: float) -> str:
    left, right = scale.x(start_us), scale.x(end_us)
    width = max(right - left, 1.0)
    return (
        f'<rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="{height}" fill="{colour}" '
        f'fill-opacity="{opacity:g}"/>'
    )


def _axis(scale: _Scale, top: int) -> Iterable[str]:
    step = next((tick for tick in _TICKS if scale.duration_us / MICROSECONDS / tick <= 12), _TICKS[-1])
    number = 0
    while number * step * MICROSECONDS <= scale.duration_us:
        x = scale.x(round(number * step * MICROSECONDS))
        yield f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{top + 6}" stroke="currentColor"/>'
        yield f'<text x="{x:.1f}" y="{top + 20}" text-anchor="middle" fill="currentColor">{number * step:g} s</text>'
        number += 1
