"""The frames of a film as they come: with the cuts between shots, and with whose face is where. One decode.

A few frames are held: a cut is known two frames late, a steady face two more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from deepfakebench_ext.faces.detect import Face, FaceDetector, confident
from deepfakebench_ext.faces.follow import FaceFollower
from deepfakebench_ext.faces.reader import FaceReader
from deepfakebench_ext.faces.smooth import Smoother, TrackedFrame
from deepfakebench_ext.media.frame import RGB, Frame
from deepfakebench_ext.media.shots import ShotDetector, reduced


@dataclass(frozen=True, slots=True, eq=False)
class SeenFrame:
    """One frame, and what is in it.

    Attributes:
        frame: The frame.
        shot: Number of its shot, from 1.
        faces: The faces, by the number of their track, from 1. A track is of one shot.
    """

    frame: Frame
    shot: int
    faces: dict[int, Face]


def seen(frames: Iterable[Frame], detector: FaceDetector | None, *, search_every: int) -> Iterator[SeenFrame]:
    """Yield every frame with its faces, in order.

    Args:
        frames: Of one film.
        detector: What finds faces; None takes each whole frame for the face of one track a shot.
        search_every: Frames from one search for faces to the next, at most; between them faces are followed.
    """
    cut = _in_shots(_with_cuts(frames))
    return map(_whole, cut) if detector is None else _with_faces(cut, detector, search_every)


class SureDetector:
    """A face detector that passes over the faces that it is less sure of."""

    def __init__(self, detector: FaceDetector, least: float) -> None:
        """Say how sure it must be: `FaceSettings.min_face_score`."""
        self._detector, self._least = detector, least

    def detect(self, rgb: RGB) -> list[Face]:
        """The faces that it is sure of."""
        return confident(self._detector.detect(rgb), self._least)


def sure(faces: FaceReader) -> FaceDetector:
    """The face detector of a reader, without the faces that it is less sure of than asked for."""
    least = faces.for_videos.min_face_score
    return faces.detector if least is None else SureDetector(faces.detector, least)


def _with_cuts(frames: Iterable[Frame]) -> Iterator[tuple[Frame, bool]]:
    """Every frame, and whether it begins a shot."""
    detector, held = ShotDetector(), deque[Frame]()
    for frame in frames:
        held.append(frame)
        is_cut = detector.add(reduced(frame.rgb))
        if is_cut is not None:
            yield held.popleft(), is_cut
    for is_cut in detector.finish():
        yield held.popleft(), is_cut


def _in_shots(frames: Iterable[tuple[Frame, bool]]) -> Iterator[tuple[Frame, int]]:
    shot = 1
    for frame, is_cut in frames:
        shot += is_cut
        yield frame, shot


def _whole(cut: tuple[Frame, int]) -> SeenFrame:
    frame, shot = cut
    height, width = frame.rgb.shape[:2]
    return SeenFrame(frame, shot, {shot: Face((0.0, 0.0, float(width), float(height)), None, 1.0)})


def _with_faces(cut: Iterable[tuple[Frame, int]], detector: FaceDetector, search_every: int) -> Iterator[SeenFrame]:
    follower, smoother = FaceFollower(detector, search_every=search_every), Smoother()
    held = deque[tuple[Frame, int]]()

    def ready(frames: Sequence[TrackedFrame]) -> Iterator[SeenFrame]:
        for tracked in frames:
            frame, shot = held.popleft()
            yield SeenFrame(frame, shot, {face.track + 1: face.face for face in tracked.faces})

    before = 1
    for frame, shot in cut:
        if shot != before:
            yield from ready(smoother.finish())
        faces = follower.faces(frame.index, frame.rgb, is_cut=shot != before)
        held.append((frame, shot))
        yield from ready(smoother.add(TrackedFrame(frame.index, faces)))
        before = shot
    yield from ready(smoother.finish())
