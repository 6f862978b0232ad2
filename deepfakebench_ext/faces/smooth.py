"""Steadier faces of a track, so that the jitter of a detector is not taken for motion. NumPy only, no I/O."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from deepfakebench_ext.faces.track import TrackedFace

REACH = 2
"""Frames on either side of a frame that its faces are smoothed over."""


@dataclass(frozen=True, slots=True, eq=False)
class TrackedFrame:
    """One frame's faces, each with its track.

    Attributes:
        index: Of the frame, ascending.
        faces: At most one of a track.
    """

    index: int
    faces: Sequence[TrackedFace]


class Smoother:
    """Hands on frames a little later, their boxes and landmarks smoothed within each track.

    Holds `2 * reach + 1` frames' faces. A frame comes out as soon as those that it is smoothed over have come in.
    """

    def __init__(self, reach: int = REACH) -> None:
        """Begin before the first frame.

        Args:
            reach: Frames on either side that a frame is smoothed over; 0 leaves all as it is.

        Raises:
            ValueError: `reach` is negative.
        """
        if reach < 0:
            raise ValueError(f"reach ({reach}) must not be negative")
        self._reach = reach
        self._held: deque[TrackedFrame] = deque()
        self._out = 0  # of those held, the first ones, which have come out and are only smoothed over

    def add(self, frame: TrackedFrame) -> list[TrackedFrame]:
        """Take the next frame; return those that are ready, in order."""
        self._held.append(frame)
        ready = self._come_out(frame.index - self._reach)
        while self._held[0].index < frame.index - 2 * self._reach:
            self._held.popleft()
            self._out -= 1
        return ready

    def finish(self) -> list[TrackedFrame]:
        """Return all that has not come out: at a cut, and at the end. Another shot may follow."""
        rest = self._come_out(self._held[-1].index) if self._held else []
        self._held.clear()
        self._out = 0
        return rest

    def _come_out(self, last: int) -> list[TrackedFrame]:
        due = [frame for frame in list(self._held)[self._out :] if frame.index <= last]
        self._out += len(due)
        return [
            TrackedFrame(frame.index, [self._smooth(frame.index, tracked) for tracked in frame.faces]) for frame in due
        ]

    def _smooth(self, index: int, tracked: TrackedFace) -> TrackedFace:
        near = [
            (frame.index - index, other.face)
            for frame in self._held
            for other in frame.faces
            if other.track == tracked.track and abs(frame.index - index) <= self._reach
        ]
        at = np.array([distance for distance, _ in near], dtype=np.float64)
        x0, y0, x1, y1 = smoothed(at, np.array([face.bbox_px for _, face in near]), self._reach).tolist()
        landmarks = [face.landmarks_px for _, face in near if face.landmarks_px is not None]
        steady = smoothed(at, np.array(landmarks), self._reach) if len(landmarks) == len(near) else None
        return replace(tracked, face=replace(tracked.face, bbox_px=(x0, y0, x1, y1), landmarks_px=steady))


def smoothed(at: npt.NDArray[np.float64], values: npt.NDArray[np.float64], reach: int) -> npt.NDArray[np.float64]:
    """What the straight line through `values` says at 0, near ones counting more: steady motion stays as it is.

    Args:
        at: (N,) distances in frames, N at least 1, within `reach`.
        values: (N, ...) measured there.
        reach: In frames.

    Source:
        Cleveland, "Robust locally weighted regression and smoothing scatterplots", JASA 1979: its tricube weights.
    """
    weights = (1 - (np.abs(at) / (reach + 1)) ** 3) ** 3
    weights /= weights.sum()
    middle = weights @ at
    flat = values.reshape(len(at), -1)
    mean = weights @ flat
    spread = weights @ (at - middle) ** 2
    slope = (weights * (at - middle)) @ (flat - mean) / spread if spread > 0 else np.zeros_like(mean)
    return np.asarray((mean - slope * middle).reshape(values.shape[1:]), dtype=np.float64)
