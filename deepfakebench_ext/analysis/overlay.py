"""A copy of the film with each face boxed and coloured by its score at that moment: H.264, at the film's own times."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Sequence
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np

from deepfakebench_ext.analysis.film import frame_times
from deepfakebench_ext.analysis.keyframes import with_boxes
from deepfakebench_ext.analysis.timeline import BoxPx, FaceTrack, Timeline
from deepfakebench_ext.common.errors import MissingExtraError
from deepfakebench_ext.media.frame import RGB
from deepfakebench_ext.media.video import every_frame

OVERLAY = "overlay.mp4"
_TICKS = 90_000  # of a second
_GREY = (150, 150, 150)
Colour = tuple[int, int, int]


def check_overlay() -> None:
    """Pass where films can be written.

    Raises:
        MissingExtraError: PyAV is not installed.
    """
    if not find_spec("av"):
        raise MissingExtraError("--overlay writes films through PyAV: pip install 'deepfakebench-ext[video]'")


def write_overlay(path: Path, video: Path, timeline: Timeline) -> None:
    """Write the copy, without sound; it appears under its name when it is whole.

    Raises:
        MediaError: The film cannot be decoded.
        MissingExtraError: PyAV is not installed.
    """
    check_overlay()
    import av

    lanes = [_Lane(track) for track in timeline.tracks]
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with av.open(str(unfinished), "w", format="mp4") as container:
            stream, before = None, -1
            for frame in every_frame(video):
                start_us, _ = frame_times(frame.time_s or 0.0, frame.end_s or 0.0)
                drawn = _even(_drawn(frame.rgb, lanes, start_us, timeline.policy.onset))
                if stream is None:
                    stream = container.add_stream("libx264", rate=25, options={"crf": "20", "preset": "veryfast"})
                    stream.width, stream.height, stream.pix_fmt = drawn.shape[1], drawn.shape[0], "yuv420p"
                    stream.codec_context.time_base = Fraction(1, _TICKS)
                picture = av.VideoFrame.from_ndarray(_fitted(drawn, stream.width, stream.height), format="rgb24")
                before = max(before + 1, round(start_us * _TICKS / 1_000_000))
                picture.pts, picture.time_base = before, Fraction(1, _TICKS)
                container.mux(stream.encode(picture))
            if stream is not None:
                container.mux(stream.encode(None))
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


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
        size = max(0.4, rgb.shape[0] / 900)
        text = "-" if score is None else f"{score:.2f}"
        at = (max(round(x0), 0) + 4, max(round(y0), 0) + round(24 * size))
        cv2.putText(drawn, text, at, cv2.FONT_HERSHEY_SIMPLEX, size, colour, max(1, round(2 * size)), cv2.LINE_AA)
    return drawn


def _even(rgb: RGB) -> RGB:
    """Without the last row or column where their number is odd, which 4:2:0 has not."""
    height, width = (side - side % 2 for side in rgb.shape[:2])
    return np.ascontiguousarray(rgb[:height, :width])


def _fitted(rgb: RGB, width: int, height: int) -> RGB:
    """Of the size of the first frame, where a film changes its own."""
    if rgb.shape[:2] == (height, width):
        return rgb
    return np.asarray(cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA))
