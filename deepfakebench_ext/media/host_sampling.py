"""Which frames of a video DeepfakeBench tests on: what it does, not what its comments say. Index arithmetic only.

30 frames, frame_num=32, clip_size=8: 3 clips, one every (30 - 8) // (3 - 1) = 11 frames

0 1 2 3 4 5 6 7 . . . 0 1 2 3 4 5 6 7 . . . 0 1 2 3 4 5 6 7
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.media.sampling import first_indices, shorter_than_a_clip


@dataclass(frozen=True, slots=True)
class DeepfakeBenchSampling:
    """DeepfakeBench's choice for testing.

    Attributes:
        frame_num: Its `frame_num` for testing: only so many frames of a video, its first, are looked at.
        clip_size: Its `clip_size`, for video detectors; None takes single frames.
    """

    frame_num: int
    clip_size: int | None = None

    def __post_init__(self) -> None:
        """Check the numbers, also against each other."""
        for name, value in (("frame_num", self.frame_num), ("clip_size", self.clip_size)):
            if value is not None and value < 1:
                raise ConfigError(f"{name} is {value}; it must be at least 1")
        if self.clip_size is not None and self.clip_size > self.frame_num:
            raise ConfigError(
                f"clip_size {self.clip_size} exceeds frame_num {self.frame_num}, so that no video has a clip; "
                f"give --num_frames {self.clip_size} or more"
            )

    @property
    def span(self) -> int:
        """Frames from a clip's first to its last, both included."""
        return self.clip_size or 1

    @property
    def asked(self) -> int:
        """Frames that are asked of a long video."""
        return self.frame_num

    def why_too_short(self, num_frames: int) -> str:
        """Return why a video of `num_frames` frames has no clip."""
        return shorter_than_a_clip(num_frames, self.span, "DeepfakeBench leaves such a video out")

    def groups(self, num_frames: int) -> tuple[tuple[int, ...], ...]:
        """Return the indices of each clip, or of each single frame, in a video of `num_frames` frames."""
        if self.clip_size is None:
            return tuple((index,) for index in deepfakebench_frames(num_frames, self.frame_num))
        return deepfakebench_clips(num_frames, self.frame_num, self.clip_size)

    def to_dict(self) -> dict[str, Any]:
        """Return what is recorded of it, under DeepfakeBench's names."""
        return {"frame_num": self.frame_num, "clip_size": self.clip_size}


def deepfakebench_frames(num_frames: int, frame_num: int) -> tuple[int, ...]:
    """Return the indices of the frames that DeepfakeBench tests on one by one: the first `frame_num`, or all.

    Raises:
        ValueError: `num_frames` is negative, or `frame_num` below 1.

    Source:
        DeepfakeBench training/dataset/abstract_dataset.py:216-226.
    """
    return first_indices(num_frames, frame_num)


def deepfakebench_clips(num_frames: int, frame_num: int, clip_size: int) -> tuple[tuple[int, ...], ...]:
    """Return the indices of each clip that DeepfakeBench tests on: neighbouring frames, no frame in two clips.

    As many clips as fit into the first `frame_num` frames, evenly spread over them; one stands at the begin. A video
    shorter than a clip has none.

    Raises:
        ValueError: `num_frames` is negative, or another number below 1.

    Source:
        DeepfakeBench training/dataset/abstract_dataset.py:216-264.
    """
    if clip_size < 1:
        raise ValueError(f"clip_size ({clip_size}) must be at least 1")
    usable = len(deepfakebench_frames(num_frames, frame_num))
    num_clips = usable // clip_size
    step = (usable - clip_size) // (num_clips - 1) if num_clips > 1 else 0
    return tuple(tuple(range(clip * step, clip * step + clip_size)) for clip in range(num_clips))
