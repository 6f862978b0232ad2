"""From a sample to what a detector takes: an image, the frames of a video, or its clips. Decoding happens here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from deepfakebench_ext.data.preprocess import PreprocessSpec, resize_and_crop
from deepfakebench_ext.errors import MediaError
from deepfakebench_ext.media.image import is_image_name, read_rgb
from deepfakebench_ext.media.sampling import ClipSampling, FrameSampling
from deepfakebench_ext.media.video import RGB, Frame, frames_at_rate, sampled
from deepfakebench_ext.types import Prediction, Sample


@dataclass(frozen=True, slots=True, eq=False)
class Unit:
    """One image, frame or clip after reading.

    Attributes:
        prediction: What is known of it before it is scored, or why it cannot be.
        pixels: uint8 (3, H, W), or (T, 3, H, W) for a clip; None where there is nothing to score.
    """

    prediction: Prediction
    pixels: torch.Tensor | None


def is_video(sample: Sample) -> bool:
    """Return whether a sample is a video: a file that is no image, or a folder of frames."""
    return not is_image_name(sample.path.name)


class Reader:
    """Reads samples for one detector. Safe in several threads."""

    def __init__(
        self, preprocess: PreprocessSpec, *, clips: ClipSampling | None = None, frames: FrameSampling | None = None
    ) -> None:
        """Say what is read.

        Args:
            preprocess: How a frame is prepared.
            clips: Which clips of a video are read, for a video detector; None for an image detector.
            frames: Which frames of a video are read, for an image detector; None takes 32 evenly spread ones.
        """
        self._preprocess = preprocess
        self._clips = clips
        self._frames = frames or FrameSampling.from_options()

    def to_dict(self) -> dict[str, Any]:
        """Return what is recorded of it: everything that decides which pixels a detector sees."""
        sampling = self._clips or self._frames
        return {"preprocess": self._preprocess.to_dict(), "sampling": sampling.to_dict()}

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
            elif not is_video(sample):
                yield Unit(Prediction(sample.key, None), self._prepared(read_rgb(sample.path)))
            elif self._frames.fps is not None:
                yield from self._rate_units(sample, self._frames.fps)
            else:
                yield from self._frame_units(sample, self._frames)
        except MediaError as error:
            yield Unit(Prediction(sample.key, None, "unreadable", str(error), decoded=0), None)

    def _prepared(self, rgb: RGB) -> torch.Tensor:
        return resize_and_crop(rgb, self._preprocess)

    def _frame_units(self, sample: Sample, sampling: FrameSampling) -> Iterator[Unit]:
        def unit(frame: Frame) -> Unit:
            return Unit(Prediction(sample.key, None, start_s=frame.time_s), self._prepared(frame.rgb))

        done = sampled(sample.path, sampling.indices, unit)
        for index, item in enumerate(done.items):
            known = replace(item.prediction, index=index, planned=sampling.num_frames or 0)
            yield Unit(known, item.pixels)

    def _rate_units(self, sample: Sample, fps: float) -> Iterator[Unit]:
        for index, frame in enumerate(frames_at_rate(sample.path, fps)):
            known = Prediction(sample.key, None, index=index, start_s=frame.time_s)
            yield Unit(known, self._prepared(frame.rgb))

    def _clip_units(self, sample: Sample, sampling: ClipSampling) -> Iterator[Unit]:
        plans: list[tuple[tuple[int, ...], ...]] = []

        def plan(num_frames: int) -> tuple[int, ...]:
            plans.append(sampling.clips(num_frames))
            return tuple(index for clip in plans[-1] for index in clip)

        done = sampled(sample.path, plan, lambda frame: (frame.time_s, self._prepared(frame.rgb)))
        planned = sampling.clip_len * sampling.num_clips
        if not plans[-1]:
            reason = f"{done.num_frames} frames, and a clip spans {sampling.span}; --short_video repeat_last or wrap"
            yield Unit(Prediction(sample.key, None, "too_short", reason, planned=planned, decoded=0), None)
        items = iter(done.items)
        for index, clip in enumerate(plans[-1]):
            frames = [next(items) for _ in clip]
            known = Prediction(
                sample.key,
                None,
                index=index,
                start_s=frames[0][0],
                end_s=frames[-1][0],
                planned=planned,
                decoded=len(clip),
            )
            yield Unit(known, torch.stack([pixels for _, pixels in frames]))
