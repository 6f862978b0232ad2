"""Whose face is whose: the faces of successive frames, made into one track for each person. NumPy and SciPy, no I/O.

A track is one face within one shot. It goes on where a face is found near the place that its motion leads to, and ends
at a cut, or when no search has found it for too long; who comes back later is a new track, since places tell nothing of
identity. Frames are numbered by the caller, ascending; all limits are in these numbers.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from deepfakebench_ext.faces.detect import Box, Face

SEARCH_EVERY = 5
"""Of one speaker's boxes 5 frames apart 95 % overlap by an IoU of 0.64 and more, 25 frames apart by 0.45 only."""

PATIENCE = 10
"""Frames that a track outlives the last one in which its face was found or followed; each of them is searched."""

# How far a face may be from where it is expected, in widths of the face: neighbours sit 1.3 and more apart.
_REACH, _REACH_PER_FRAME = 0.75, 0.05
# Steps of dlib's pyramid are 1.2; three of them are another face.
_MAX_SIZE_RATIO = 1.7
_MAX_COAST = 1.5  # widths that a face is expected to move unseen, at most
_PLACES, _FADING = 8, 0.8  # of a track that its motion is taken from, and what each counts beside the next
# A found face is steadied by where the one before has moved to, if they overlap by this IoU: as the mean of so many.
_AGREEING, _MOST_AGREED = 0.5, 3
_CROSSING = 0.05  # IoU from which two faces are about to pass each other


@dataclass(frozen=True, slots=True, eq=False)
class TrackedFace:
    """One face in one frame, and whose it is.

    Attributes:
        track: Number of the track, from 0, never used again.
        face: The face, steadied where it was both found and followed; of one that was only followed, the detector's
            score when it was last found.
        is_found: Whether the detector found it in this very frame, and it was not followed since an earlier one.
    """

    track: int
    face: Face
    is_found: bool


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """One person's faces in a clip.

    Attributes:
        number: Of the track.
        faces: By the position of their frame in the clip.
    """

    number: int
    faces: Mapping[int, Face]


class Tracker:
    """Gives faces to tracks, frame by frame. Holds a few boxes of every living track, however long the film."""

    def __init__(self, *, search_every: int = SEARCH_EVERY, patience: int = PATIENCE) -> None:
        """Begin without any track.

        Args:
            search_every: Frames from one search for faces to the next, at most.
            patience: Frames that a track outlives the last one in which its face was found or followed.

        Raises:
            ValueError: A number out of range.
        """
        if search_every < 1 or patience < 0:
            raise ValueError(f"search_every ({search_every}) must be at least 1, patience ({patience}) not negative")
        self._every, self._patience = search_every, patience
        self._living: list[_Path] = []
        self._born = 0
        self._searched_at: int | None = None

    def is_due(self, index: int) -> bool:
        """Whether faces have to be searched for in this frame, and cannot be followed from the frame before.

        So it is every `search_every` frames, after a cut, after a search that missed a face, and where faces cross.
        """
        if self._searched_at is None or index - self._searched_at >= self._every:
            return True
        return any(not path.is_in_sight for path in self._living) or _cross(
            [path.face.bbox_px for path in self._living]
        )

    def in_sight(self) -> dict[int, Face]:
        """The faces to follow into the next frame, by track: all that the last search found."""
        return {path.number: path.face for path in self._living if path.is_in_sight}

    def search(self, index: int, faces: Sequence[Face], moved: Mapping[int, Face] | None = None) -> list[TrackedFace]:
        """Give the faces that a search found to tracks, as they are closest together, and open tracks for the rest.

        Args:
            index: Of the frame.
            faces: That the search found.
            moved: By track, where the faces of the frame before have moved to, as far as is known: what is found is
                steadied by them, since a detector jumps from one place and size to the next, and a face does not.

        Raises:
            ValueError: `index` does not follow that of the search before.
        """
        if self._searched_at is not None and index <= self._searched_at:
            raise ValueError(f"frame {index} comes after frame {self._searched_at}; frames must ascend")
        self._searched_at = index
        self._living = [path for path in self._living if index - path.seen_at <= self._patience]
        pairs = dict(matches([path.expected(index) for path in self._living], [face.bbox_px for face in faces]))
        owners = {place: self._living[at] for at, place in pairs.items()}
        for path in self._living:
            path.is_in_sight = False
        return [self._sighted(owners.get(place), index, face, moved or {}) for place, face in enumerate(faces)]

    def follow(self, index: int, moved: Mapping[int, Face]) -> list[TrackedFace]:
        """Take over where faces have moved to in a frame that is not searched, by track; all that are in sight."""
        for path in self._living:
            if path.is_in_sight:
                path.place(index, moved[path.number])
        return [TrackedFace(number, face, is_found=False) for number, face in self.in_sight().items()]

    def cut(self) -> None:
        """End all tracks: the next frame is of another shot."""
        self._living, self._searched_at = [], None

    def _sighted(self, path: _Path | None, index: int, face: Face, moved: Mapping[int, Face]) -> TrackedFace:
        if path is None:
            path = _Path(self._born, index, face)
            self._born += 1
            self._living.append(path)
        else:
            path.sight(index, face, moved.get(path.number))
        return TrackedFace(path.number, path.face, is_found=True)


def tracks_of(found: Sequence[Sequence[Face]], cuts: Collection[int] = ()) -> tuple[Track, ...]:
    """The tracks of a clip in which faces were searched for in every frame, in the order of their beginnings.

    Args:
        found: The faces of each frame.
        cuts: Positions of frames that begin another shot.
    """
    tracker = Tracker(search_every=1, patience=len(found))
    faces: dict[int, dict[int, Face]] = {}
    for index, here in enumerate(found):
        if index in cuts:
            tracker.cut()
        for tracked in tracker.search(index, here):
            faces.setdefault(tracked.track, {})[index] = tracked.face
    return tuple(Track(number, mine) for number, mine in faces.items())


@dataclass(frozen=True, slots=True)
class Expected:
    """Where a track may be found again.

    Attributes:
        bbox_px: Where its motion leads to.
        last_px: Where it was last.
        reach: How far from either a face may be, in widths.
    """

    bbox_px: Box
    last_px: Box
    reach: float


def matches(expected: Sequence[Expected], found: Sequence[Box]) -> list[tuple[int, int]]:
    """Which expected face is which found one: as many as are near enough, and of these pairings the closest.

    Distance counts the part that two boxes do not share, the way between their centres in widths, and the logarithm of
    their sizes' ratio.

    Returns:
        Positions in `expected` and in `found`; none comes twice.
    """
    costs = np.array([[_cost(track, box) for box in found] for track in expected]).reshape(len(expected), len(found))
    allowed = np.isfinite(costs)
    if not allowed.any():
        return []
    from scipy.optimize import linear_sum_assignment

    # Dearer than all that is allowed together, so that as many pairs as possible are allowed ones.
    forbidden = 1.0 + costs[allowed].sum()
    rows, columns = linear_sum_assignment(np.where(allowed, costs, forbidden))
    return [(int(row), int(column)) for row, column in zip(rows, columns, strict=True) if allowed[row, column]]


def overlap(one: Box, other: Box) -> float:
    """Intersection of two boxes over their union, in [0, 1]; 0 where neither has an area."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / (_area(one) + _area(other) - shared)


class _Path:
    """A living track: its face, and where it was the last few times."""

    def __init__(self, number: int, index: int, face: Face) -> None:
        self.number = number
        self._places: deque[tuple[int, Box]] = deque(maxlen=_PLACES)
        self._agreed = 0
        self.sight(index, face)

    def sight(self, index: int, face: Face, moved: Face | None = None) -> None:
        self.is_in_sight = True
        agrees = moved is not None and overlap(moved.bbox_px, face.bbox_px) > _AGREEING
        self._agreed = min(self._agreed + 1, _MOST_AGREED) if agrees else 0
        self.place(index, _between(face, moved, self._agreed / (self._agreed + 1)) if moved and agrees else face)

    def place(self, index: int, face: Face) -> None:
        self.face, self.seen_at = face, index
        self._places.append((index, face.bbox_px))

    def expected(self, index: int) -> Expected:
        gap, box = index - self._places[-1][0], self.face.bbox_px
        way = self._centre_at(index) - _centre(box)
        too_far = float(np.hypot(*way)) / (_MAX_COAST * _width(box))
        dx, dy = (way / max(1.0, too_far)).tolist()
        moved = (box[0] + dx, box[1] + dy, box[2] + dx, box[3] + dy)
        return Expected(moved, box, _REACH + _REACH_PER_FRAME * (gap - 1))

    def _centre_at(self, index: int) -> npt.NDArray[np.float64]:
        """Where the line through the last places leads to; late ones count more, since nobody walks straight."""
        at = np.array([place for place, _ in self._places], dtype=np.float64)
        centres = np.array([_centre(box) for _, box in self._places])
        weights = _FADING ** np.arange(len(at) - 1, -1, -1)
        weights /= weights.sum()
        middle, mean = weights @ at, weights @ centres
        spread = weights @ (at - middle) ** 2
        slope = (weights * (at - middle)) @ (centres - mean) / spread if spread > 0 else np.zeros(2)
        return np.asarray(mean + slope * (index - middle), dtype=np.float64)


def _between(found: Face, moved: Face, share: float) -> Face:
    """The found face, moved by a share of the way to where it was expected: box, and landmarks where both have them."""
    box = share * np.array(moved.bbox_px) + (1 - share) * np.array(found.bbox_px)
    landmarks = found.landmarks_px
    if landmarks is not None and moved.landmarks_px is not None:
        landmarks = share * moved.landmarks_px + (1 - share) * landmarks
    x0, y0, x1, y1 = box.tolist()
    return replace(found, bbox_px=(x0, y0, x1, y1), landmarks_px=landmarks)


def _cost(track: Expected, box: Box) -> float:
    """How far a found face is from a track; infinite where it cannot be its."""
    width = (_width(track.bbox_px) + _width(box)) / 2
    if width <= 0:
        return math.inf
    size = abs(math.log(_area(box) / _area(track.bbox_px))) / 2 if _area(box) * _area(track.bbox_px) > 0 else math.inf
    way = math.dist(_centre(track.bbox_px), _centre(box)) / width
    nearest = min(way, math.dist(_centre(track.last_px), _centre(box)) / width)
    if nearest > track.reach or size > math.log(_MAX_SIZE_RATIO):
        return math.inf
    return 1 - overlap(track.bbox_px, box) + way + size


def _cross(boxes: Sequence[Box]) -> bool:
    return any(overlap(one, other) > _CROSSING for at, one in enumerate(boxes) for other in boxes[:at])


def _width(box: Box) -> float:
    return box[2] - box[0]


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _centre(box: Box) -> tuple[float, float]:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
