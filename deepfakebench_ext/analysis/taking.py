"""What a detector is given of a film: each face at moments, or in clips. The crops are the evaluator's own.

Images: every face at every moment of a rate. Videos: clips of each face, one begun every half of a clip, none over a
gap in which the face was not seen, and none over a cut, at which all tracks end.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import numpy as np

from deepfakebench_ext.analysis.clips import ClipMaker, Cut
from deepfakebench_ext.analysis.film import Clip, Film, Followed, Lapse, Sighting, frame_times
from deepfakebench_ext.analysis.seeing import SeenFrame, seen, sure
from deepfakebench_ext.common.errors import ConfigError, MediaError
from deepfakebench_ext.common.types import Prediction, Sample
from deepfakebench_ext.data.preprocess.normalising import Pixels
from deepfakebench_ext.data.preprocess.transform import PreprocessSpec, resize_and_crop
from deepfakebench_ext.data.readers.reader import Unit
from deepfakebench_ext.faces.crop import FaceCrop, crop_person
from deepfakebench_ext.faces.detect import foremost
from deepfakebench_ext.faces.reader import FaceReader
from deepfakebench_ext.faces.track import SEARCH_EVERY
from deepfakebench_ext.media.sampling import RateGate
from deepfakebench_ext.media.video import Scan, every_frame, scan
from deepfakebench_ext.metrics.segments.stretches import microseconds

Faces = Literal["all", "largest"]

DEFAULT_FPS = 5.0
MIN_FACE_PX = 48
SEARCH_MOMENTS = 4
"""Moments from one search for faces to the next: between them they are followed from frame to frame."""
NO_FACE = "no face found"
NOT_LARGEST = "not the largest face"


@dataclass(frozen=True, slots=True, kw_only=True)
class Taking:
    """What is taken of a film; all of it decides scores.

    Attributes:
        fps: Moments a second at which an image detector scores, and at which boxes are kept.
        clip_len: Frames of a clip, for a video detector; None for an image detector.
        frame_interval: Distance between two frames of a clip.
        faces: `all`, or in each frame the `largest` alone.
        min_face_px: Faces less wide than this are not scored.
    """

    fps: float = DEFAULT_FPS
    clip_len: int | None = None
    frame_interval: int = 1
    faces: Faces = "all"
    min_face_px: int = MIN_FACE_PX

    def __post_init__(self) -> None:
        """Refuse numbers out of range.

        Raises:
            ConfigError: Which, and what is allowed.
        """
        if not 0 < self.fps <= 1000:
            raise ConfigError(f"--fps {self.fps:g} is not allowed: give moments a second, above 0 and at most 1000")
        if self.faces not in get_args(Faces):
            raise ConfigError(f"--faces {self.faces!r} is not allowed; give {' or '.join(get_args(Faces))}")
        for name, least in (("frame_interval", 1), ("min_face_px", 0)):
            if getattr(self, name) < least:
                raise ConfigError(f"--{name} {getattr(self, name)} is not allowed: give {least} or more")


class FilmReader:
    """Reads one film into units, and keeps what it saw.

    Attributes:
        preprocess: How a frame or crop is prepared.
        film: What was seen so far; complete once `units` has come to its end.
    """

    def __init__(
        self,
        preprocess: PreprocessSpec,
        taking: Taking,
        faces: FaceReader | None,
        *,
        tell: Callable[[int, int], None] | None = None,
    ) -> None:
        """Say what is read.

        Args:
            preprocess: How a frame or crop is prepared.
            taking: What is taken of the film.
            faces: What cuts frames to the face; None leaves them whole.
            tell: Told after each frame how far it is and how far it goes, in microseconds.
        """
        self.preprocess, self._taking, self._tell = preprocess, taking, tell
        self._settings = None if faces is None else faces.for_videos
        self._detector = None if faces is None else sure(faces)
        self.film = Film("image" if taking.clip_len is None else "video")
        self._gate, self._tracks, self._open = RateGate(taking.fps), dict[int, Followed](), dict[int | None, Lapse]()
        self._clips = None if taking.clip_len is None else ClipMaker(taking.clip_len, taking.frame_interval)
        self._count, self._shape = 0, (0, 0, 0)

    def to_dict(self) -> dict[str, Any]:
        """What is recorded of it: everything that decides which pixels a detector sees."""
        return {
            "preprocess": self.preprocess.to_dict(),
            "taking": asdict(self._taking),
            "faces": None if self._settings is None else self._settings.to_dict(),
        }

    def units(self, sample: Sample) -> Iterator[Unit]:
        """Yield what is to be scored, in order. Of a film of which no frame can be read, one unit that says why."""
        try:
            promised = scan(sample.path)
            self.film.promised_end_us = _end_us(promised)
            frames = every_frame(sample.path)
            for frame in seen(frames, self._detector, search_every=self._search_every(promised)):
                yield from self._taken(sample, frame)
            if promised.num_frames > self.film.frames or promised.breaks_off:
                self.film.damage = f"cut short or damaged: {self.film.frames} frames of it can be decoded"
            else:
                self.film.promised_end_us = self.film.end_us  # the last frame says how long it lasts, its time does not
        except MediaError as error:
            if not self.film.frames:
                yield Unit(Prediction(sample.key, None, "unreadable", str(error), decoded=0), None)
                return
            self.film.damage = str(error)
        yield from self._ended(sample)
        self.film.tracks = sorted(self._tracks.values(), key=lambda followed: followed.track)
        self.film.lapses.sort(key=lambda lapse: (lapse.start_us, lapse.end_us))

    def _search_every(self, promised: Scan) -> int:
        """Frames from one search to the next: those of some moments, where frames are scored."""
        times_s = promised.times_s or ()
        if self._clips is not None or len(times_s) < 2:
            return SEARCH_EVERY
        step_s = (times_s[-1] - times_s[0]) / (len(times_s) - 1)
        return max(1, math.floor(SEARCH_MOMENTS / self._taking.fps / step_s)) if step_s > 0 else SEARCH_EVERY

    def _taken(self, sample: Sample, frame: SeenFrame) -> Iterator[Unit]:
        start_us, end_us = self._note(frame)
        is_moment = self._gate.lets_pass(frame.frame.time_s or 0.0)
        if is_moment:
            self.film.moments_us.append(start_us)
        left_out = self._left_out(frame)
        tracks = [track for track in frame.faces if track not in left_out]
        self._note_lapses(start_us, end_us, left_out if frame.faces else {None: NO_FACE})
        if self._clips is not None:
            yield from self._in_clips(sample, frame, tracks)
        for track, face in frame.faces.items():
            # A face that is gone before the next moment was somewhere too.
            if is_moment or not self._tracks[track].sightings:
                scored = is_moment and self._clips is None and track in tracks
                pixels = self._pixels([frame], track) if scored else None
                unit = None if pixels is None else self._count
                if pixels is not None:
                    yield self._unit(sample, pixels, frame.frame.time_s, None)
                self._tracks[track].sightings.append(Sighting(start_us, frame.frame.index, face.bbox_px, unit))
        if self._tell is not None:
            self._tell(end_us, self.film.duration_us)

    def _note(self, frame: SeenFrame) -> tuple[int, int]:
        """Keep when the frame is shown, in which shot, and whose faces are in it."""
        start_us, end_us = frame_times(frame.frame.time_s or 0.0, frame.frame.end_s or 0.0)
        film = self.film
        film.start_us = film.start_us if film.frames else start_us
        film.frames, film.end_us = film.frames + 1, max(film.end_us, end_us)
        if frame.shot > len(film.cuts_us) + 1:
            film.cuts_us.append(start_us)
        for track in frame.faces:
            followed = self._tracks.setdefault(track, Followed(track, frame.shot, start_us, end_us))
            followed.end_us = max(followed.end_us, end_us)
        return start_us, end_us

    def _left_out(self, frame: SeenFrame) -> dict[int | None, str]:
        """The faces that are not scored, and why."""
        left_out: dict[int | None, str] = {}
        if self._detector is None:
            return left_out
        largest = foremost([([face], track) for track, face in frame.faces.items()], frame.frame.rgb.shape[:2])
        for track, face in frame.faces.items():
            width = face.bbox_px[2] - face.bbox_px[0]
            if width < self._taking.min_face_px:
                left_out[track] = f"face less than {self._taking.min_face_px} px wide"
            elif self._taking.faces == "largest" and track != largest:
                left_out[track] = NOT_LARGEST
        return left_out

    def _note_lapses(self, start_us: int, end_us: int, reasons: dict[int | None, str]) -> None:
        """Go on with the lapses that last, and begin others."""
        for track, reason in reasons.items():
            lapse = self._open.get(track)
            if lapse is None or lapse.reason != reason or lapse.end_us < start_us:
                lapse = self._open[track] = Lapse(start_us, end_us, reason, track)
                self.film.lapses.append(lapse)
            lapse.end_us = max(lapse.end_us, end_us)

    def _in_clips(self, sample: Sample, frame: SeenFrame, tracks: Sequence[int]) -> Iterator[Unit]:
        assert self._clips is not None
        if frame.frame.rgb.shape != self._shape:
            self._shape = frame.frame.rgb.shape
            yield from self._ended(sample)
        for cut in self._clips.add(frame, tracks):
            yield from self._clip(sample, cut)

    def _ended(self, sample: Sample) -> Iterator[Unit]:
        for cut in () if self._clips is None else self._clips.finish():
            yield from self._clip(sample, cut)

    def _clip(self, sample: Sample, cut: Cut) -> Iterator[Unit]:
        track, frames = cut.track, cut.frames
        (start_us, _), (_, end_us) = (
            frame_times(f.frame.time_s or 0, f.frame.end_s or 0) for f in (frames[0], frames[-1])
        )
        if cut.is_short:
            self.film.lapses.append(Lapse(start_us, end_us, self._too_short(), track))
        elif (pixels := self._pixels(frames, track)) is not None:
            self._tracks[track].clips.append(Clip(start_us, end_us, self._count))
            yield self._unit(sample, pixels, frames[0].frame.time_s, frames[-1].frame.end_s)

    def _too_short(self) -> str:
        span = ((self._taking.clip_len or 1) - 1) * self._taking.frame_interval + 1
        return f"in sight for less than the {span} frames of a clip"

    def _unit(self, sample: Sample, pixels: Pixels, start_s: float | None, end_s: float | None) -> Unit:
        known = Prediction(sample.key, None, index=self._count, start_s=start_s, end_s=end_s)
        self._count += 1
        return Unit(known, pixels)

    def _pixels(self, frames: Sequence[SeenFrame], track: int) -> Pixels | None:
        """(3, H, W) of a face in a frame, (T, 3, H, W) in a clip; None where there is no place to cut it from."""
        crops = self._crops(frames, track)
        if crops is None:
            start_us, end_us = frame_times(frames[0].frame.time_s or 0.0, frames[-1].frame.end_s or 0.0)
            self.film.lapses.append(Lapse(start_us, end_us, "the face cannot be cut out", track))
            return None
        fitted = [resize_and_crop(rgb, self.preprocess) for rgb in crops]
        return fitted[0] if self._clips is None else np.stack(fitted)

    def _crops(self, frames: Sequence[SeenFrame], track: int) -> list[Any] | None:
        pixels = [frame.frame.rgb for frame in frames]
        if self._settings is None:
            return pixels
        if self._settings.per == "frame" and len(frames) > 1:
            alone = [self._crops([frame], track) for frame in frames]
            return None if any(crops is None for crops in alone) else [crop for crops in alone for crop in crops or ()]
        person = {at: frame.faces[track] for at, frame in enumerate(frames)}
        found = [list(frame.faces.values()) for frame in frames]
        cut = crop_person(pixels, person, found, self._settings)
        crops = [crop.rgb for crop in cut if isinstance(crop, FaceCrop) and not crop.is_full_frame]
        return crops if len(crops) == len(frames) else None


def _end_us(promised: Scan) -> int:
    """When the last frame is over, by what the file says: as long after it as the last two are apart."""
    times_s = promised.times_s or (0.0,)
    step_s = float(np.diff(times_s[-2:]).sum())
    return microseconds(times_s[-1] + step_s)
