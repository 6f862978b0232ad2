"""From a sample to what a detector takes: an image, the frames of a video, or its clips; whole or cut to the face."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import torch

from deepfakebench_ext.data.preprocess import PreprocessSpec, resize_and_crop
from deepfakebench_ext.errors import MediaError
from deepfakebench_ext.faces.cache import CachedFrame
from deepfakebench_ext.faces.crop import Miss
from deepfakebench_ext.faces.reader import FaceReader
from deepfakebench_ext.media.image import is_image_name, read_rgb
from deepfakebench_ext.media.sampling import ClipSampling, FrameSampling
from deepfakebench_ext.media.video import Frame, frames_at_rate, sampled
from deepfakebench_ext.types import Prediction, Sample

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Unit:
    """One image, frame or clip after reading.

    Attributes:
        prediction: What is known of it before it is scored, or why it cannot be.
        pixels: uint8 (3, H, W), or (T, 3, H, W) for a clip; None where there is nothing to score.
    """

    prediction: Prediction
    pixels: torch.Tensor | None


@dataclass(frozen=True, slots=True, eq=False)
class _Shot:
    """One frame ready for the network, or without a face and so without pixels."""

    time_s: float | None
    pixels: torch.Tensor | None
    face_found: bool = True
    reason: str = ""


class SampleReader(Protocol):
    """What an evaluation needs of whatever reads its samples. Safe in several threads.

    Attributes:
        preprocess: How a frame is prepared; the predictor normalises by it.
    """

    preprocess: PreprocessSpec

    def to_dict(self) -> dict[str, Any]:
        """Return what is recorded of it: everything that decides which pixels a detector sees."""

    def look_ahead(self, samples: Sequence[Sample], batch_size: int, workers: int) -> tuple[int, int]:
        """Return how many samples may be read ahead, and how many units of each may wait."""

    def units(self, sample: Sample) -> Iterator[Unit]:
        """Yield the units of a sample, at least one; what cannot be read is a unit that says why."""


def is_video(sample: Sample) -> bool:
    """Return whether a sample is a video: a file that is no image, a folder of frames, or a list of frames."""
    return bool(sample.frames) or not is_image_name(sample.path.name)


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
            if self._clips is not None:
                yield from self._clip_units(sample, self._clips)
            else:
                planned = self._frames.num_frames if is_video(sample) else 1
                for index, shot in enumerate(self._shots(sample)):
                    yield _unit(sample, index, [shot], planned or 0, shot.pixels)
        except MediaError as error:
            yield Unit(Prediction(sample.key, None, "unreadable", str(error), decoded=0), None)

    def _shots(self, sample: Sample) -> Iterable[_Shot]:
        """Return the single frames of a sample; by time they come one by one, so that a film fits into memory."""
        path, fps, faces = sample.path, self._frames.fps, self._faces
        if not is_video(sample):
            return (
                [self._whole(Frame(read_rgb(path), 0, None))] if faces is None else self._cut(faces.image(path).frames)
            )
        if fps is not None:
            return (
                map(self._whole, frames_at_rate(path, fps))
                if faces is None
                else self._cut(faces.frames_at_rate(path, fps))
            )
        if faces is None:
            return sampled(path, self._frames.indices, self._whole).items
        return self._cut(faces.frames(path, self._frames).frames)

    def _clip_units(self, sample: Sample, sampling: ClipSampling) -> Iterator[Unit]:
        planned = sampling.clip_len * sampling.num_clips
        if self._faces is None:
            done = sampled(sample.path, lambda n: [i for clip in sampling.clips(n) for i in clip], self._whole)
            shots, num_frames = list(done.items), done.num_frames
        else:
            crops = self._faces.clips(sample.path, sampling)
            shots, num_frames = list(self._cut(crops.frames)), int(crops.info["num_frames"])
        if not shots:
            reason = f"{num_frames} frames, and a clip spans {sampling.span}; --short_video repeat_last or wrap"
            yield Unit(Prediction(sample.key, None, "too_short", reason, planned=planned, decoded=0), None)
        for index, clip in enumerate(_chunks(shots, sampling.clip_len)):
            pixels = [shot.pixels for shot in clip if shot.pixels is not None]
            whole = torch.stack(pixels) if len(pixels) == len(clip) else None
            yield _unit(sample, index, clip, planned, whole)

    def _whole(self, frame: Frame) -> _Shot:
        return _Shot(frame.time_s, resize_and_crop(frame.rgb, self.preprocess))

    def _cut(self, crops: Iterable[CachedFrame]) -> Iterator[_Shot]:
        for crop in crops:
            if isinstance(crop.result, Miss):
                yield _Shot(crop.pts_s, None, False, crop.result.reason)
            else:
                yield _Shot(crop.pts_s, resize_and_crop(crop.result.rgb, self.preprocess), crop.result.face_found)


def _unit(sample: Sample, index: int, shots: Sequence[_Shot], planned: int, pixels: torch.Tensor | None) -> Unit:
    missed = [shot.reason for shot in shots if shot.pixels is None]
    reason = (
        "" if not missed else missed[0] if len(shots) == 1 else f"{missed[0]} in {len(missed)} of {len(shots)} frames"
    )
    known = Prediction(
        sample.key,
        None,
        "no_face" if missed else "ok",
        reason,
        index=index,
        start_s=shots[0].time_s,
        end_s=shots[-1].time_s if len(shots) > 1 else None,
        planned=planned,
        decoded=len(shots),
        faceless=sum(not shot.face_found for shot in shots),
    )
    return Unit(known, pixels)


def _chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
