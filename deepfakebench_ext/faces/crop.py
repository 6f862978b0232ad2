"""From frames to crops of the face, each a crop or a miss with its reason; never a silent fallback."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from deepfakebench_ext.faces.align import five_points, similarity, square_box, template, transform_points
from deepfakebench_ext.faces.detect import WARP_LIMIT_PX, Face, FaceDetector, confident, foremost
from deepfakebench_ext.faces.settings import FaceSettings
from deepfakebench_ext.faces.track import tracks_of
from deepfakebench_ext.media import shots
from deepfakebench_ext.media.frame import RGB

NO_FACE = "no face found"

# Of a clip's frames that the crop may miss the face in.
_MAX_OFF = 0.5

_Matrix = npt.NDArray[np.float64]
_Region = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True, eq=False)
class FaceCrop:
    """What goes to the network for one frame.

    Attributes:
        rgb: uint8 (h, w, 3) of the settings' `size_px`; the frame itself, at its own size, where `is_full_frame`.
        landmarks_px: (K, 2) float64 x, y in the crop, or None where the frame has none.
        face_found: Whether a face was found in this very frame. A clip's frame without one is cut where the others are.
        is_full_frame: Whether this is the whole frame, for lack of a face.
        reason: Why it is the whole frame, else empty.
        face: The face that the crop follows, as it is in this frame, without landmarks; None where it was not found.
        num_faces: Faces that were found in this frame.
        is_off: Whether this frame of a clip shows faces, and the crop not the one that it follows; or another shot.
    """

    rgb: RGB
    landmarks_px: npt.NDArray[np.float64] | None = None
    face_found: bool = True
    is_full_frame: bool = False
    reason: str = ""
    face: Face | None = None
    num_faces: int = 0
    is_off: bool = False


@dataclass(frozen=True, slots=True)
class Miss:
    """A frame that gave no crop.

    Attributes:
        reason: For people.
        is_unreadable: Whether there is no frame to look for a face in.
        is_off: Whether it is of a clip whose crop would show another place than the face in too many frames.
        num_faces: Faces that were found in this frame, and not used.
    """

    reason: str
    is_unreadable: bool = False
    is_off: bool = False
    num_faces: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """One frame of a sample, as it was taken.

    Attributes:
        index: Of the frame in its video; 0 for an image.
        time_s: When it is shown, in seconds; None for an image.
        end_s: When it is over, likewise.
        result: What goes to the network, or why there is nothing.
        others: The same of each further face that is scored, in the order of `crop_people`.
    """

    index: int
    time_s: float | None
    result: FaceCrop | Miss
    end_s: float | None = None
    others: tuple[FaceCrop | Miss, ...] = ()

    @property
    def faces(self) -> tuple[Shot, ...]:
        """The shot of each face by itself, that of `result` first."""
        return tuple(replace(self, result=each, others=()) for each in (self.result, *self.others))

    @property
    def face_found(self) -> bool:
        """Whether a face was found in this very frame, or none was looked for."""
        return isinstance(self.result, FaceCrop) and self.result.face_found

    @property
    def is_faceless(self) -> bool:
        """Whether no face at all was found in this very frame, nobody else's either."""
        return not self.face_found and not self.is_unreadable and not self.result.num_faces

    @property
    def is_unreadable(self) -> bool:
        """Whether there is no frame."""
        return isinstance(self.result, Miss) and self.result.is_unreadable

    def made(self, transform: Callable[[RGB], RGB]) -> Shot:
        """Return the shot with other pixels; the same where it has none."""
        others = tuple(_made(each, transform) for each in self.others)
        return replace(self, result=_made(self.result, transform), others=others)


def _made(result: FaceCrop | Miss, transform: Callable[[RGB], RGB]) -> FaceCrop | Miss:
    return result if isinstance(result, Miss) else replace(result, rgb=transform(result.rgb))


def crop_frame(rgb: RGB, detector: FaceDetector, settings: FaceSettings) -> FaceCrop | Miss:
    """The largest face (`foremost`) of a uint8 (H, W, 3) RGB frame, aligned by its landmarks, else cut around its box.

    With dlib's landmarks and a square size the pixels are those of DeepfakeBench's preprocessing under the same OpenCV.
    Unlike it, the crop's landmarks are the frame's, moved by the same matrix: it looks for the face in the crop anew,
    and drops the frame where it does not find it again.

    Raises:
        ValueError: `rgb` is not an RGB frame.

    Source:
        DeepfakeBench preprocess.py:120-207.
    """
    return crop_clip([rgb], detector, settings)[0]


def crop_frames(frames: Sequence[RGB], detector: FaceDetector, settings: FaceSettings) -> list[FaceCrop | Miss]:
    """One crop or miss for each frame of a clip: cut at one place, or each at its own, as `settings.per` says.

    Raises:
        ValueError: A frame is not RGB.
    """
    if settings.per == "clip":
        return crop_clip(frames, detector, settings)
    return [crop_frame(rgb, detector, settings) for rgb in frames]


def crop_clip(frames: Sequence[RGB], detector: FaceDetector, settings: FaceSettings) -> list[FaceCrop | Miss]:
    """Crops of uint8 (H, W, 3) RGB frames, all cut at one place: by the median of one person's landmarks, else boxes.

    The person is who is followed from frame to frame within a shot and is largest over all frames together, by the
    rules of `foremost`. Frames in which that face was not found have `face_found` False; those that show other faces
    instead, this one outside the crop, or another shot are off. A miss for one is a miss for all: none has a face, more
    than half are off, or the frames differ in size.

    Raises:
        ValueError: A frame is not RGB.
    """
    return crop_people(frames, detector, replace(settings, face="largest"))[0]


def crop_people(frames: Sequence[RGB], detector: FaceDetector, settings: FaceSettings) -> list[list[FaceCrop | Miss]]:
    """For each person that the settings ask for, what `crop_clip` gives for the foremost, who comes first.

    With `face` `all` whoever gives no crop of a face is left out where another does: who is not to be seen in more than
    half of the frames, or cannot be cut.

    Raises:
        ValueError: A frame is not RGB.
    """
    for rgb in frames:
        _check_frame(rgb)
    sizes = {rgb.shape for rgb in frames}
    if len(sizes) > 1:
        listed = ", ".join(f"{width}x{height}" for height, width, _ in sorted(sizes))
        return [[Miss(f"the frames of the clip differ in size: {listed}; use --crop frame")] * len(frames)]
    found = [confident(detector.detect(rgb), settings.min_face_score) for rgb in frames]
    cuts = shots.cuts(map(shots.reduced, frames)) if len(frames) > 1 else ()
    people = _people(frames, found, cuts)
    if not people:
        return [[_without_face(rgb, NO_FACE, settings) for rgb in frames]]
    wanted = people if settings.face == "all" else people[:1]
    crops = [crop_person(frames, person, found, settings, cuts) for person in wanted]
    return [person for person in crops if all(map(_is_of_face, person))] or crops[:1]


def crop_person(
    frames: Sequence[RGB],
    person: Mapping[int, Face],
    found: Sequence[Sequence[Face]],
    settings: FaceSettings,
    cuts: Sequence[int] = (),
) -> list[FaceCrop | Miss]:
    """Crops of frames of one size, all cut at one place: by the median of a known person's landmarks, else boxes.

    Args:
        frames: uint8 (H, W, 3) RGB.
        person: Their face by the position of its frame, at least one.
        found: All faces of each frame, theirs among them.
        settings: How crops are cut.
        cuts: Positions of frames that begin another shot: where they are in no frame of one, the crop shows nothing
            of them, whether a face is found there or not.
    """
    try:
        place = _place(list(person.values()), settings)
    except ValueError as error:
        return [_without_face(rgb, f"no usable face: {error}", settings) for rgb in frames]
    theirs = {bisect(cuts, at) for at in person}
    off = {
        at
        for at, faces in enumerate(found)
        if not (at in person and _shows(place, person[at], settings)) and (faces or bisect(cuts, at) not in theirs)
    }
    if len(off) > _MAX_OFF * len(frames):
        reason = f"the face that is followed lies off the crop or is another's in {len(off)} of {len(frames)} frames"
        return [
            _without_face(rgb, reason, settings, is_off=True, num_faces=len(faces))
            for rgb, faces in zip(frames, found, strict=True)
        ]
    return [
        replace(_crop(rgb, person.get(at), place, settings), num_faces=len(found[at]), is_off=at in off)
        for at, rgb in enumerate(frames)
    ]


def _is_of_face(result: FaceCrop | Miss) -> bool:
    return isinstance(result, FaceCrop) and not result.is_full_frame


def _people(frames: Sequence[RGB], found: Sequence[Sequence[Face]], cuts: Sequence[int]) -> list[Mapping[int, Face]]:
    """Each person's faces by the position of their frame, the foremost first; empty where no frame has a face."""
    tracks = [track.faces for track in tracks_of(found, cuts)]
    first = foremost([(tuple(faces.values()), faces) for faces in tracks], frames[0].shape[:2]) if tracks else None
    return [] if first is None else [first, *(faces for faces in tracks if faces is not first)]


def _shows(place: _Matrix | _Region, face: Face, settings: FaceSettings) -> bool:
    """Whether the middle of a face lies in the crop."""
    if isinstance(place, tuple):
        x0, y0, x1, y1 = place
        return x0 <= face.centre[0] < x1 and y0 <= face.centre[1] < y1
    points = np.array([face.centre]) if face.landmarks_px is None else five_points(face.landmarks_px)
    x, y = transform_points(points, place).mean(axis=0).tolist()
    return bool(0 <= x < settings.size_px[1] and 0 <= y < settings.size_px[0])


def _place(faces: Sequence[Face], settings: FaceSettings) -> _Matrix | _Region:
    """The (2, 3) matrix to warp by, or the region to cut where there are no landmarks. The median of one is itself."""
    landmarks = [five_points(face.landmarks_px) for face in faces if face.landmarks_px is not None]
    if len(landmarks) < len(faces):
        x0, y0, x1, y1 = (float(edge) for edge in np.median([face.bbox_px for face in faces], axis=0))
        return square_box((x0, y0, x1, y1), settings.size_px, settings.scale)
    points = np.median(landmarks, axis=0).astype(np.float32)
    return similarity(points, template(settings.size_px, settings.scale))


def _crop(rgb: RGB, face: Face | None, place: _Matrix | _Region, settings: FaceSettings) -> FaceCrop:
    plain = None if face is None else replace(face, landmarks_px=None)
    if isinstance(place, tuple):
        return FaceCrop(_resized(_cut(rgb, place), settings.size_px), None, face is not None, face=plain)
    landmarks = None if face is None or face.landmarks_px is None else transform_points(face.landmarks_px, place)
    return FaceCrop(_warped(rgb, place, settings.size_px), landmarks, face is not None, face=plain)


def _without_face(
    rgb: RGB, reason: str, settings: FaceSettings, *, is_off: bool = False, num_faces: int = 0
) -> FaceCrop | Miss:
    if settings.no_face == "skip":
        return Miss(reason, is_off=is_off, num_faces=num_faces)
    return FaceCrop(rgb, None, face_found=False, is_full_frame=True, reason=reason, is_off=is_off, num_faces=num_faces)


def _warped(rgb: RGB, matrix: _Matrix, size_px: tuple[int, int]) -> RGB:
    if max(rgb.shape[:2]) >= WARP_LIMIT_PX:
        rgb, matrix = _around_crop(rgb, matrix, size_px)
    height, width = size_px
    return np.asarray(cv2.warpAffine(rgb, matrix, (width, height)))


def _around_crop(rgb: RGB, matrix: _Matrix, size_px: tuple[int, int]) -> tuple[RGB, _Matrix]:
    """The part of the frame that the crop shows, and the matrix that starts from it."""
    height, width = size_px
    corners = np.array([(0, 0), (width, 0), (0, height), (width, height)], dtype=np.float64)
    seen = transform_points(corners, cv2.invertAffineTransform(matrix))
    limits = np.array([rgb.shape[1], rgb.shape[0]])
    x0, y0 = np.clip(np.floor(seen.min(axis=0)) - 1, 0, limits - 1).astype(int).tolist()
    x1, y1 = np.clip(np.ceil(seen.max(axis=0)) + 2, 1, limits).astype(int).tolist()
    shift = matrix[:, :2] @ np.array([x0, y0], dtype=np.float64)
    return rgb[y0:y1, x0:x1], np.column_stack([matrix[:, :2], matrix[:, 2] + shift])


def _cut(rgb: RGB, region: _Region) -> RGB:
    """The region of the frame, black where the frame ends."""
    x0, y0, x1, y1 = region
    height, width = rgb.shape[:2]
    left, top = max(x0, 0), max(y0, 0)
    right, bottom = max(left, min(x1, width)), max(top, min(y1, height))
    cut = np.zeros((y1 - y0, x1 - x0, 3), np.uint8)
    cut[top - y0 : bottom - y0, left - x0 : right - x0] = rgb[top:bottom, left:right]
    return cut


def _resized(rgb: RGB, size_px: tuple[int, int]) -> RGB:
    height, width = size_px
    shrinks = height < rgb.shape[0]
    return np.asarray(cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR))


def _check_frame(rgb: RGB) -> None:
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or 0 in rgb.shape:
        raise ValueError(f"frame is {rgb.dtype} of shape {rgb.shape}; it must be uint8 of shape (H, W, 3)")
