"""A copy of the film with each face boxed and coloured by its score at that moment: H.264, at the film's own times."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from deepfakebench_ext.analysis.film import frame_times
from deepfakebench_ext.analysis.keyframes import with_boxes
from deepfakebench_ext.analysis.timeline import BoxPx, FaceTrack, Timeline
from deepfakebench_ext.common.wording import rounded
from deepfakebench_ext.media.film_writer import FilmWriter
from deepfakebench_ext.media.frame import RGB
from deepfakebench_ext.media.video import every_frame

OVERLAY = "overlay.mp4"
_GREY, _WHITE = (150, 150, 150), (255, 255, 255)
Colour = tuple[int, int, int]


def write_overlay(path: Path, video: Path, timeline: Timeline, beware: str) -> None:
    """Write the copy, without sound; it appears under its name when it is whole.

    Args:
        path: Of the copy.
        video: The film.
        timeline: What was found in it.
        beware: Stands in the lower left corner, such as `not calibrated`; may be empty.

    Raises:
        MediaError: The film cannot be decoded.
        OutputError: The copy cannot be written.
    """
    lanes = [_Lane(track) for track in timeline.tracks]
    with FilmWriter(path) as film:
        for frame in every_frame(video):
            start_us, _ = frame_times(frame.time_s or 0.0, frame.end_s or 0.0)
            drawn = _drawn(frame.rgb, lanes, start_us, timeline.policy.onset)
            film.add(_written_on(drawn, beware), frame.time_s or 0.0)


class _Lane:
    """Box and score of one face at any moment."""

    def __init__(self, track: FaceTrack) -> None:
        self._track = track
        self._times = [at for at, _ in track.boxes]
        self._starts = [span.start_us for span in track.scores.spans]

    def at(self, time_us: int) -> tuple[BoxPx, float | None] | None:
        """Where the face is, between two boxes on the way from one to the other; None where it is not in sight."""
        if not self._track.where.start_us <= time_us < self._track.where.end_us or not self._times:
            return None
        place = bisect_right(self._times, time_us)
        (first, one), (last, other) = (
            self._track.boxes[max(place - 1, 0)],
            self._track.boxes[min(place, len(self._times) - 1)],
        )
        share = 0.0 if last <= first else min(max((time_us - first) / (last - first), 0.0), 1.0)
        x0, y0, x1, y1 = (a + share * (b - a) for a, b in zip(one, other, strict=True))
        return (x0, y0, x1, y1), self._score(time_us)

    def _score(self, time_us: int) -> float | None:
        place = bisect_right(self._starts, time_us) - 1
        span = self._track.scores.spans[place] if place >= 0 else None
        return span.score if span is not None and time_us < span.end_us else None


def score_colour(score: float | None, onset: float) -> Colour:
    """Grey without a score; green at 0, yellow at the onset, red at 1."""
    if score is None:
        return _GREY
    if score >= onset:
        share = 1.0 if onset >= 1 else (score - onset) / (1 - onset)
        return 214, round(190 * (1 - share)) + 20, 30
    return round(214 * score / onset), 190, 30


def _drawn(rgb: RGB, lanes: Sequence[_Lane], time_us: int, onset: float) -> RGB:
    drawn = rgb
    for lane in lanes:
        found = lane.at(time_us)
        if found is None:
            continue
        (x0, y0, x1, y1), score = found
        colour = score_colour(score, onset)
        drawn = with_boxes(drawn, {(x0, y0, x1, y1): colour})
        at = (max(round(x0), 0) + 4, max(round(y0), 0) + round(24 * _text_size(rgb)))
        _put(drawn, "-" if score is None else rounded(score, 2), at, colour)
    return drawn


def _written_on(rgb: RGB, words: str) -> RGB:
    """The frame with words in its lower left corner."""
    if not words:
        return rgb
    drawn = np.array(rgb)
    _put(drawn, words, (4, rgb.shape[0] - round(10 * _text_size(rgb))), _WHITE)
    return drawn


def _text_size(rgb: RGB) -> float:
    return max(0.4, int(rgb.shape[0]) / 900)


def _put(rgb: RGB, text: str, at: tuple[int, int], colour: Colour) -> None:
    size = _text_size(rgb)
    thickness = max(1, round(2 * size))
    cv2.putText(rgb, text, at, cv2.FONT_HERSHEY_SIMPLEX, size, colour, thickness, cv2.LINE_AA)
