"""Faces through a film at a fraction of a search's cost: searched for now and then, and followed between by their flow.

From one frame to the next, points of a face are found again by their look; where most of them agree, the face has moved
as they have, and where they do not, that is said and the frame is searched.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt

from deepfakebench_ext.faces.align import similarity, transform_points
from deepfakebench_ext.faces.detect import Box, Face, FaceDetector
from deepfakebench_ext.faces.track import SEARCH_EVERY, TrackedFace, Tracker
from deepfakebench_ext.media.frame import RGB

# Points are looked for in a picture of the face of this width or up to twice as wide, shrunk by whole numbers, which is
# quicker; around it there is room for where it may go.
_FACE_PX, _MARGIN = 48, 0.75
_GRID = 7
_INNER = 0.35  # half the side of the grid, in widths: the face without its surroundings
_WINDOW, _LEVELS = (13, 13), 3
# There and back again, a point must end within this many pixels of that picture, and so must half of all points.
_RETURN_PX, _MIN_SHARE = 1.0, 0.5
_MAX_STEP = 1.25  # of size, from one frame to the next
# Points that move otherwise than most by this much belong to what passes before or behind the face.
_AGREE_PX = 10.0


class FaceFollower:
    """Finds the faces of successive frames, each with its track. For one film; not safe in several threads."""

    def __init__(self, detector: FaceDetector, *, search_every: int = SEARCH_EVERY) -> None:
        """Begin before the first frame.

        Args:
            detector: Searches at least every `search_every` frames.
            search_every: At most so many frames after a search comes the next.
        """
        self._detector = detector
        self._tracker = Tracker(search_every=search_every)
        self._before: RGB | None = None

    def faces(self, index: int, rgb: RGB, *, is_cut: bool = False) -> list[TrackedFace]:
        """Return the faces of the next frame, uint8 (H, W, 3).

        Args:
            index: Number of the frame, ascending by one from call to call.
            rgb: The frame; it is kept until the next one comes.
            is_cut: Whether it begins another shot.
        """
        before, self._before = self._before, rgb
        if is_cut:
            self._tracker.cut()
        in_sight = self._tracker.in_sight()
        moved = {} if before is None else self._moved(before, rgb, in_sight)
        if self._tracker.is_due(index) or len(moved) < len(in_sight):
            return self._tracker.search(index, self._detector.detect(rgb), moved)
        return self._tracker.follow(index, moved)

    @staticmethod
    def _moved(before: RGB, rgb: RGB, faces: Mapping[int, Face]) -> dict[int, Face]:
        """Where faces are now, by track, but for those that are lost."""
        there = ((track, moved_face(before, rgb, face)) for track, face in faces.items())
        return {track: face for track, face in there if face is not None}


def moved_face(before: RGB, rgb: RGB, face: Face) -> Face | None:
    """A face of the frame before as it is in this one, box and landmarks; None where too few of its points agree.

    Args:
        before: uint8 (H, W, 3).
        rgb: The frame after it, of the same size.
        face: In `before`.

    Source:
        Kalal, Mikolajczyk, Matas, "Forward-backward error: automatic detection of tracking failures", ICPR 2010.
    """
    window = _window(face.bbox_px, before.shape)
    if window is None or before.shape != rgb.shape:
        return None
    left, top, right, bottom, shrink = window
    there, here = (_patch(frame[top:bottom, left:right], shrink) for frame in (before, rgb))
    corner = np.array([left, top], dtype=np.float64)
    pairs = _found_again(there, here, (_grid(face.bbox_px) - corner) / shrink)
    if pairs is None:
        return None
    return _carried(face, similarity(*(points * shrink + corner for points in pairs)))


def _window(box: Box, shape: tuple[int, ...]) -> tuple[int, int, int, int, int] | None:
    """Left, top, right and bottom of what is looked at, and by how much it is shrunk; None for a face off the frame."""
    x0, y0, x1, y1 = box
    margin = _MARGIN * (x1 - x0)
    shrink = max(1, int((x1 - x0) / _FACE_PX))
    left, top = max(0, math.floor(x0 - margin)), max(0, math.floor(y0 - margin))
    columns = (min(shape[1], math.ceil(x1 + margin)) - left) // shrink
    rows = (min(shape[0], math.ceil(y1 + margin)) - top) // shrink
    if min(rows, columns) < _WINDOW[0]:
        return None
    return left, top, left + columns * shrink, top + rows * shrink, shrink


def _patch(rgb: RGB, shrink: int) -> RGB:
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    size = (grey.shape[1] // shrink, grey.shape[0] // shrink)
    return np.asarray(grey if shrink == 1 else cv2.resize(grey, size, interpolation=cv2.INTER_AREA))


def _grid(box: Box) -> npt.NDArray[np.float64]:
    """Points in the inner part of a box."""
    x0, y0, x1, y1 = box
    steps = np.linspace(-_INNER, _INNER, _GRID)
    columns, rows = np.meshgrid((x0 + x1) / 2 + steps * (x1 - x0), (y0 + y1) / 2 + steps * (y1 - y0))
    return np.stack([columns.ravel(), rows.ravel()], axis=1)


def _found_again(
    before: RGB, after: RGB, points: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | None:
    """The points that lead to the same place there and back, and where they lead; None where these are too few."""
    start = points.astype(np.float32)[:, None]
    there, seen = _flow(before, after, start)
    back, seen_back = _flow(after, before, there)
    error = np.linalg.norm(back - start, axis=2).ravel()
    good = seen & seen_back & (error < _RETURN_PX)
    way = (there - start)[:, 0]
    if good.any():
        good &= np.linalg.norm(way - np.median(way[good], axis=0), axis=1) < _AGREE_PX
    if good.mean() < _MIN_SHARE:
        return None
    return points[good], there[:, 0][good].astype(np.float64)


def _flow(
    before: RGB, after: RGB, points: npt.NDArray[np.float32]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Where (N, 1, 2) points lead to, and which of them were found."""
    there, seen, _ = cv2.calcOpticalFlowPyrLK(before, after, points, None, winSize=_WINDOW, maxLevel=_LEVELS)
    return there, seen.ravel() > 0


def _carried(face: Face, matrix: npt.NDArray[np.float64]) -> Face | None:
    """The face moved by a similarity: its landmarks all the way, its box not turned."""
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    if not 1 / _MAX_STEP < scale < _MAX_STEP:
        return None
    x0, y0, x1, y1 = face.bbox_px
    (x, y), half = transform_points(np.array([[(x0 + x1) / 2, (y0 + y1) / 2]]), matrix)[0], scale / 2
    width, height = half * (x1 - x0), half * (y1 - y0)
    landmarks = None if face.landmarks_px is None else transform_points(face.landmarks_px, matrix)
    box = (float(x - width), float(y - height), float(x + width), float(y + height))
    return replace(face, bbox_px=box, landmarks_px=landmarks)
