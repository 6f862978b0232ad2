"""From a sample to what a detector takes: an image, the frames of a video, or its clips; whole or cut to the face."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch

from deepfakebench_ext.common.errors import MediaError
from deepfakebench_ext.common.types import Prediction, Sample
from deepfakebench_ext.data.preprocess.transform import PreprocessSpec, resize_and_crop
from deepfakebench_ext.data.readers.unit import Unit
from deepfakebench_ext.data.samples.kinds import is_video
from deepfakebench_ext.faces.cache import CachedFrame
from deepfakebench_ext.faces.crop import Miss
from deepfakebench_ext.faces.reader import FaceReader
from deepfakebench_ext.media.image import read_rgb
from deepfakebench_ext.media.sampling import ClipSampling, FrameSampling
from deepfakebench_ext.media.video import Frame, frames_at_rate, sampled

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class _Shot:
    """One frame ready for the network; or without a face, or unreadable, and so without pixels."""

    index: int
    time_s: float | None
    pixels: torch.Tensor | None
    face_found: bool = True
    reason: str = ""
    is_unreadable: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class _Taken:
    """What the sampling took of a sample: its frames, how many it asked for, how many there are, and what is amiss."""

    shots: Iterable[_Shot]
    planned: int
    num_frames: int = 1
    damage: str = ""


class Reader:
    """Reads samples for one detector. Safe in several threads."""

    def __init__(
        self,
        preprocess: PreprocessSpec,
        *,
        clips: ClipSampling | None = None,
        frames: FrameSampling | None = None,
        faces: FaceReader | None = None,
    ) -> None:
        """Say what is read.

        Args:
            preprocess: How a frame or crop is prepared.
            clips: Which clips of a video are read, for a video detector; None for an image detector.
            frames: Which frames of a video are read, for an image detector; None takes 32 evenly spread ones.
            faces: What cuts frames to the face; None leaves them whole.
        """
        self.preprocess = preprocess
        self._clips = clips
        self._frames = frames or FrameSampling.from_options()
        self._faces = faces

    def to_dict(self) -> dict[str, Any]:
        """Return what is recorded of it: everything that decides which pixels a detector sees."""
        sampling = self._clips or self._frames
        faces = None if self._faces is None else self._faces.to_dict()
        return {"preprocess": self.preprocess.to_dict(), "sampling": sampling.to_dict(), "faces": faces}

    def look_ahead(self, samples: Sequence[Sample], batch_size: int, workers: int) -> tuple[int, int]:
        """Return how many samples may be read ahead, and how many units of each may wait.

        An image is one unit, so that two batches of them are little; of videos, a few are read at a time.
        """
        if any(map(is_video, samples)):
            return workers + 1, max(2, batch_size)
        return max(2 * batch_size, 2 * workers), 1

    def units(self, sample: Sample) -> Iterator[Unit]:
        """Yield the units of a sample, at least one; what cannot be read is a unit that says why."""
        try:
            taken = self._taken(sample)
            if self._clips is not None:
                yield from _clip_units(sample, taken, self._clips)
            else:
                for index, shot in enumerate(taken.shots):
                    yield Unit(_known(sample, index, [shot], taken), shot.pixels)
        except MediaError as error:
            planned = self._asked() if is_video(sample) else 1
            yield Unit(Prediction(sample.key, None, "unreadable", str(error), planned=planned, decoded=0), None)

    def _asked(self) -> int:
        """How many frames are asked of a long video; 0 where that hangs on its length."""
        if self._clips is not None:
            return self._clips.clip_len * self._clips.num_clips
        return self._frames.num_frames or 0

    def _taken(self, sample: Sample) -> _Taken:
        """Return the frames of a sample; by time they come one by one, so that a film fits into memory."""
        path, fps, faces = sample.path, self._frames.fps, self._faces
        if not is_video(sample):
            if faces is None:
                return _Taken([self._whole(Frame(read_rgb(path), 0, None))], 1)
            return _Taken(self._cut(faces.image(path).frames), 1)
        if self._clips is None and fps is not None:
            if faces is None:
                return _Taken(map(self._whole, frames_at_rate(path, fps)), 0)
            return _Taken(self._cut(faces.frames_at_rate(path, fps)), 0)
        if faces is None:
            done = sampled(path, self._indices, self._whole, lost=_lost)
            return self._found(done.items, done.num_frames, done.scan.num_frames, done.damage)
        crops = faces.frames(path, self._frames) if self._clips is None else faces.clips(path, self._clips)
        about = crops.info
        return self._found(self._cut(crops.frames), about["num_frames"], about["scanned"], about["damage"])

    def _indices(self, num_frames: int) -> Sequence[int]:
        if self._clips is None:
            return self._frames.indices(num_frames)
        return [index for clip in self._clips.clips(num_frames) for index in clip]

    def _found(self, shots: Iterable[_Shot], num_frames: int, promised: int, damage: str) -> _Taken:
        planned = self._asked() if self._clips is None else len(set(self._indices(promised)))
        return _Taken(shots, planned, num_frames, damage)

    def _whole(self, frame: Frame) -> _Shot:
        return _Shot(frame.index, frame.time_s, resize_and_crop(frame.rgb, self.preprocess))

    def _cut(self, crops: Iterable[CachedFrame]) -> Iterator[_Shot]:
        for crop in crops:
            result = crop.result
            if isinstance(result, Miss):
                yield _Shot(crop.index, crop.pts_s, None, False, result.reason, result.is_unreadable)
            else:
                yield _Shot(crop.index, crop.pts_s, resize_and_crop(result.rgb, self.preprocess), result.face_found)


def _lost(index: int, error: MediaError) -> _Shot:
    return _Shot(index, None, None, reason=str(error), is_unreadable=True)


def _clip_units(sample: Sample, taken: _Taken, sampling: ClipSampling) -> Iterator[Unit]:
    shots, seen = list(taken.shots), set[int]()
    if not shots:
        reason = f"{taken.num_frames} frames, and a clip spans {sampling.span}; --short_video repeat_last or wrap"
        yield Unit(Prediction(sample.key, None, "too_short", reason, planned=sampling.span, decoded=0), None)
    for index, clip in enumerate(_chunks(shots, sampling.clip_len)):
        pixels = [shot.pixels for shot in clip if shot.pixels is not None]
        known = _known(sample, index, clip, taken, seen)
        yield Unit(known, torch.stack(pixels) if len(pixels) == len(clip) else None)
        seen.update(shot.index for shot in clip)


def _known(sample: Sample, index: int, shots: Sequence[_Shot], taken: _Taken, seen: Collection[int] = ()) -> Prediction:
    """What is known of a frame or clip before it is scored; `seen` are the frames that earlier clips have."""
    missed = [shot for shot in shots if shot.pixels is None]
    lost = [shot for shot in missed if shot.is_unreadable]
    there = {shot.index: shot.face_found for shot in shots if not shot.is_unreadable}
    faceless = [number for number, found in there.items() if not found]
    times_s = [shot.time_s for shot in shots if shot.time_s is not None]
    return Prediction(
        sample.key,
        None,
        "unreadable" if lost else "no_face" if missed else "ok",
        _in_words([shot.reason for shot in lost or missed], len(shots)) or taken.damage,
        index=index,
        start_s=min(times_s, default=None),
        end_s=max(times_s, default=None) if len(shots) > 1 else None,
        planned=taken.planned,
        decoded=sum(number not in seen for number in there),
        faceless=len(faceless),
        faceless_before=sum(number in seen for number in faceless),
    )


def _in_words(reasons: Sequence[str], num_shots: int) -> str:
    if not reasons or num_shots == 1:
        return "".join(reasons)
    return f"{reasons[0]} in {len(reasons)} of {num_shots} frames"


def _chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
