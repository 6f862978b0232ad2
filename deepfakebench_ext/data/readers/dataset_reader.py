"""From a video of a DeepfakeBench dataset to what a detector takes: its frames, one by one, or its clips."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import torch

from deepfakebench_ext.common.errors import ConfigError, MediaError
from deepfakebench_ext.common.types import Prediction, Sample
from deepfakebench_ext.data.preprocess.transform import PreprocessSpec, resize_and_crop
from deepfakebench_ext.data.readers.unit import Unit
from deepfakebench_ext.data.stores.frame_stores import FrameStore
from deepfakebench_ext.media.host_sampling import DeepfakeBenchSampling
from deepfakebench_ext.media.sampling import ClipSampling, FrameSampling


class StoredReader:
    """Reads samples that list their frames, for one detector. Safe in several threads."""

    def __init__(
        self,
        store: FrameStore,
        preprocess: PreprocessSpec,
        *,
        frame_num: int | None = None,
        clip_len: int | None = None,
        frames: FrameSampling | None = None,
        clips: ClipSampling | None = None,
    ) -> None:
        """Say what is read: by DeepfakeBench's protocol with `frame_num`, else what `frames` or `clips` takes.

        Args:
            store: Settled for the samples' dataset.
            preprocess: How a frame is prepared.
            frame_num: As DeepfakeBench tests: only so many frames of a video, its first, are looked at.
            clip_len: With `frame_num`, frames of a clip for a video detector; None takes the frames one by one.
            frames: Which frames of the JSON's list are read, for an image detector.
            clips: Which clips of the JSON's list are read, for a video detector.

        Raises:
            ConfigError: A sampling by time, which the frames of a dataset lack, or a number out of range.
            ValueError: Not exactly one of `frame_num`, `frames` and `clips`, or `clip_len` without `frame_num`.
        """
        chosen = [choice for choice in (frame_num, frames, clips) if choice is not None]
        if len(chosen) != 1 or (clip_len is not None and frame_num is None):
            raise ValueError("give one of frame_num (with or without clip_len), frames, clips")
        if frames is not None and frames.fps is not None:
            raise ConfigError("--sampling fps goes by time, which the frames of a dataset lack; use uniform or first")
        self._store, self.preprocess = store, preprocess
        self._sampling = frames or clips or DeepfakeBenchSampling(frame_num or 0, clip_len)
        self._clip_len = clip_len if clips is None else clips.clip_len

    def to_dict(self) -> dict[str, Any]:
        """Return what is recorded of it: everything that decides which pixels a detector sees."""
        return {
            "protocol": "deepfakebench" if isinstance(self._sampling, DeepfakeBenchSampling) else "uniform",
            "preprocess": self.preprocess.to_dict(),
            "sampling": self._sampling.to_dict(),
            "faces": None,
        }

    def look_ahead(self, samples: Sequence[Sample], batch_size: int, workers: int) -> tuple[int, int]:
        """Return how many samples may be read ahead, and how many units of each may wait."""
        return workers + 1, max(2, batch_size)

    def units(self, sample: Sample) -> Iterator[Unit]:
        """Yield the units of a sample, at least one; what cannot be read is a unit that says why.

        A unit has its own frames or none: a clip that lacks one frame is not read.

        Raises:
            ValueError: The sample lists no frames.
        """
        if not sample.frames:
            raise ValueError(f"{sample.key} lists no frames; it is not from a dataset JSON")
        groups = self._groups(len(sample.frames))
        planned, seen = len({at for group in groups for at in group}), set[int]()
        if not groups:
            yield self._too_short(sample)
        for index, group in enumerate(groups):
            yield self._unit(sample, index, group, planned, seen)
            seen.update(group)

    def _groups(self, num_frames: int) -> Sequence[Sequence[int]]:
        if isinstance(self._sampling, DeepfakeBenchSampling):
            return self._sampling.groups(num_frames)
        if isinstance(self._sampling, ClipSampling):
            return self._sampling.clips(num_frames)
        return [(index,) for index in self._sampling.indices(num_frames)]

    def _unit(self, sample: Sample, index: int, places: Sequence[int], planned: int, seen: Collection[int]) -> Unit:
        pixels, reasons, read = [], [], set[int]()
        for at in places:
            try:
                pixels.append(resize_and_crop(self._store.read(sample.frames[at]), self.preprocess))
                read.add(at)
            except MediaError as error:
                reasons.append(str(error))
        known = Prediction(
            sample.key,
            None,
            "unreadable" if reasons else "ok",
            _in_words(reasons, len(places)),
            index=index,
            planned=planned,
            decoded=len(read.difference(seen)),
        )
        if reasons:
            return Unit(known, None)
        return Unit(known, pixels[0] if self._clip_len is None else torch.stack(pixels))

    def _too_short(self, sample: Sample) -> Unit:
        if isinstance(self._sampling, ClipSampling):
            span, remedy = self._sampling.span, "; --short_video repeat_last or wrap"
        else:
            span, remedy = self._clip_len or 1, "; DeepfakeBench leaves such a video out"
        reason = f"{len(sample.frames)} frames, and a clip spans {span}{remedy}"
        return Unit(Prediction(sample.key, None, "too_short", reason, planned=span, decoded=0), None)


def _in_words(reasons: Sequence[str], num_frames: int) -> str:
    if len(reasons) <= 1:
        return "".join(reasons)
    return f"{reasons[0]}; and {len(reasons) - 1} more of {num_frames} frames"
