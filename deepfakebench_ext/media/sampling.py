"""Which frames of a video are looked at: index and time arithmetic only. No I/O.

Frames: `uniform_indices` and `first_indices` by number, `RateGate` by time. Clips: `clips`,
`clip_indices`. `FrameSampling` and `ClipSampling` name a choice with its numbers, as it is recorded in the results.

    20 frames, clip_len=4, frame_interval=3: a clip spans (4 - 1) * 3 + 1 = 10 frames

    num_clips=1   . . . . . 0 . . 1 . . 2 . . 3 . . . . .     in the middle
    num_clips=2   0 . . 1 . . 2 . . 3 . . . . . . . . . .     the first begins with the video ...
                  . . . . . . . . . . 0 . . 1 . . 2 . . 3     ... and the last ends with it
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final, get_args

import numpy as np

from deepfakebench_ext.common.choices import FramePolicy, ShortVideo
from deepfakebench_ext.common.errors import ConfigError

DEFAULT_NUM_FRAMES: Final = 32
DEFAULT_FPS: Final = 1.0
SPREAD: Final = 0
"""As `frame_interval` of a `ClipSampling`: so large that a clip spans the video."""

EVERY: Final = 2**31
"""As a number of frames or clips: all that a video has."""

# Matroska, WebM, FLV and ASF round times to a millisecond.
_ROUNDED_S = 1e-3


@dataclass(frozen=True, slots=True)
class FrameSampling:
    """Which single frames of a video are scored.

    Attributes:
        policy: `uniform`: `num_frames` over the whole video; `first`: its first `num_frames`; `fps`: `fps` a second.
        num_frames: For `uniform` and `first`, at least 1; else None.
        fps: For `fps`, above 0; else None.
    """

    policy: FramePolicy
    num_frames: int | None = None
    fps: float | None = None

    @classmethod
    def from_options(
        cls, policy: str = "uniform", *, num_frames: int | None = None, fps: float | None = None
    ) -> FrameSampling:
        """Return the sampling that `--sampling`, `--num_frames` and `--fps` ask for; None is an option not given.

        Raises:
            ConfigError: An unknown policy, a number out of range, or one that the policy does not use.
        """
        if policy == "fps":
            fps = DEFAULT_FPS if fps is None else fps
        elif num_frames is None:
            num_frames = DEFAULT_NUM_FRAMES
        return cls(policy, num_frames, fps)  # type: ignore[arg-type]  # __post_init__ has the say

    def __post_init__(self) -> None:
        """Check the numbers against the policy."""
        _check_choice("--sampling", self.policy, get_args(FramePolicy))
        unused, value, used = (
            ("--num_frames", self.num_frames, "--fps") if self.policy == "fps" else ("--fps", self.fps, "--num_frames")
        )
        if value is not None:
            raise ConfigError(f"{unused} {value} means nothing with --sampling {self.policy}, which takes {used}")
        if self.policy == "fps":
            _check_positive("--fps", self.fps)
        else:
            _check_at_least_one("--num_frames", self.num_frames)

    def indices(self, num_frames: int) -> tuple[int, ...]:
        """Return the indices to look at in a video of `num_frames` frames, ascending.

        Raises:
            ValueError: The policy is `fps`, which goes by time.
        """
        if self.num_frames is None:
            raise ValueError("sampling by fps goes by time; ask a RateGate")
        pick = uniform_indices if self.policy == "uniform" else first_indices
        return pick(num_frames, self.num_frames)

    def groups(self, num_frames: int) -> tuple[tuple[int, ...], ...]:
        """Return `indices`, each by itself."""
        return tuple((index,) for index in self.indices(num_frames))

    @property
    def asked(self) -> int:
        """Frames that are asked of a long video; 0 where that hangs on its length."""
        return self.num_frames or 0

    def to_dict(self) -> dict[str, Any]:
        """Return what is recorded of it: the policy and its number."""
        return {
            "policy": self.policy,
            **({"fps": self.fps} if self.policy == "fps" else {"num_frames": self.num_frames}),
        }


@dataclass(frozen=True, slots=True)
class ClipSampling:
    """Which clips of a video are scored.

    Attributes:
        clip_len: Frames of a clip.
        frame_interval: Distance between two frames of a clip, in frames; `SPREAD` for the largest that fits the video.
        num_clips: Clips of a video, at most.
        short: What becomes of a video shorter than a clip, see `clips`.
    """

    clip_len: int
    frame_interval: int = 1
    num_clips: int = 1
    short: ShortVideo = "skip"

    def __post_init__(self) -> None:
        """Check every number and the policy."""
        _check_at_least_one("clip_len", self.clip_len)
        if self.frame_interval != SPREAD:
            _check_at_least_one("--frame_interval", self.frame_interval)
        _check_at_least_one("--num_clips", self.num_clips)
        _check_choice("--short_video", self.short, get_args(ShortVideo))

    @property
    def span(self) -> int:
        """Frames from a clip's first to its last, both included; of a clip that is spread, the least there can be."""
        return _span(self.clip_len, self.frame_interval or 1)

    def within(self, num_frames: int) -> ClipSampling:
        """Return the sampling with the interval that it has in a video of `num_frames` frames."""
        if self.frame_interval != SPREAD:
            return self
        return replace(self, frame_interval=max(1, (num_frames - 1) // max(1, self.clip_len - 1)))

    @property
    def asked(self) -> int:
        """Frames that are asked of a long video."""
        return self.clip_len * self.num_clips

    def why_too_short(self, num_frames: int) -> str:
        """Return why a video of `num_frames` frames has no clip."""
        return shorter_than_a_clip(num_frames, self.span, "--short_video repeat_last or wrap")

    def groups(self, num_frames: int) -> tuple[tuple[int, ...], ...]:
        """Return the indices of each clip in a video of `num_frames` frames, see `clips`."""
        return clips(
            num_frames,
            clip_len=self.clip_len,
            frame_interval=self.within(num_frames).frame_interval,
            num_clips=self.num_clips,
            short=self.short,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return what is recorded of it, under the names of the options."""
        return {
            "clip_len": self.clip_len,
            "frame_interval": "spread" if self.frame_interval == SPREAD else self.frame_interval,
            "num_clips": self.num_clips,
            "short_video": self.short,
        }


def shorter_than_a_clip(num_frames: int, span: int, remedy: str) -> str:
    """Return how it is said that a video has no clip."""
    return f"{num_frames} frames, and a clip spans {span}; {remedy}"


def uniform_indices(num_frames: int, count: int) -> tuple[int, ...]:
    """Return `count` indices evenly spread over the video, its first and last frame included; ascending, distinct.

    One index is the first frame. Where there are fewer frames than `count`, each of them once.

    Raises:
        ValueError: `num_frames` is negative, or `count` below 1.

    Source:
        DeepfakeBench preprocessing/preprocess.py:273, where frames that are too few come several times.
    """
    _check_counts(num_frames, count)
    return tuple(int(index) for index in np.linspace(0, num_frames - 1, min(count, num_frames), dtype=int))


def first_indices(num_frames: int, count: int) -> tuple[int, ...]:
    """Return the indices of the first `count` frames, or of all where there are fewer.

    Raises:
        ValueError: `num_frames` is negative, or `count` below 1.

    Source:
        DeepfakeBench training/dataset/abstract_dataset.py:216-226: what it does, not what its comments say.
    """
    _check_counts(num_frames, count)
    return tuple(range(min(count, num_frames)))


class RateGate:
    """Lets through, of frames that come one by one, the first at or after each multiple of 1/fps seconds.

    A frame passes once, also where it is the first after several multiples. A frame up to a millisecond early counts
    as in time, since several containers round times to milliseconds. Needs not know where the video ends.
    """

    def __init__(self, fps: float) -> None:
        """Open at time 0.

        Raises:
            ValueError: `fps` is not a positive number.
        """
        if not 0 < fps < math.inf:
            raise ValueError(f"fps ({fps}) must be above 0")
        self._fps = fps
        self._next = 0

    def lets_pass(self, time_s: float) -> bool:
        """Return whether the frame at `time_s` is taken; times must not descend from call to call."""
        late = time_s + _ROUNDED_S
        if late < self._next / self._fps:
            return False
        self._next = max(self._next, math.floor(late * self._fps)) + 1
        return True


def clips(
    num_frames: int, *, clip_len: int, frame_interval: int = 1, num_clips: int = 1, short: ShortVideo
) -> tuple[tuple[int, ...], ...]:
    """Return the indices of each clip's frames, the clips in the order of their starts.

    One clip lies in the middle (`clip_indices`). Of several, the first begins with the video, the last ends with it,
    and the starts between are evenly spread; clips may overlap, and where there are fewer starts than `num_clips`, each
    comes once. A video shorter than a clip's span gives one clip, of every `frame_interval`-th frame there is, filled
    up as `short` says: `repeat_last` with its last frame, `wrap` by beginning again; with `skip` it gives none. So does
    a video without frames.

    Raises:
        ValueError: `num_frames` is negative, another number below 1, or `short` unknown.

    Source:
        Starts as in mmaction2 SampleFrames (test mode); policies as in torchcodec samplers/_common.py.
    """
    _check_counts(num_frames, num_clips)
    span = _span(clip_len, frame_interval)
    if short not in get_args(ShortVideo):
        raise ValueError(f"short ({short!r}) must be one of {', '.join(get_args(ShortVideo))}")
    if num_frames < span:
        if short == "skip" or num_frames == 0:
            return ()
        return (_FILLED[short](tuple(range(0, num_frames, frame_interval)), clip_len),)
    if num_clips == 1:
        return (clip_indices(num_frames, clip_len=clip_len, frame_interval=frame_interval),)
    starts = uniform_indices(num_frames - span + 1, num_clips)
    return tuple(tuple(range(start, start + span, frame_interval)) for start in starts)


def clip_indices(num_frames: int, *, clip_len: int, frame_interval: int = 1) -> tuple[int, ...]:
    """Indices of the clip in the middle of a video, evenly `frame_interval` frames apart, ascending.

    The clip spans `(clip_len - 1) * frame_interval + 1` frames; where the rest is odd, the longer margin follows it.

    Args:
        num_frames: Frames there are; indices are in [0, num_frames).
        clip_len: Frames the clip has.
        frame_interval: Distance between two frames of the clip, in frames; 1 takes neighbours.

    Raises:
        ValueError: The video is shorter than the span, or a count is below 1.
    """
    span = _span(clip_len, frame_interval)
    if num_frames < span:
        raise ValueError(
            f"a clip of {clip_len} frames, every {frame_interval}, spans {span} frames and there are only {num_frames}"
        )
    start = (num_frames - span) // 2
    return tuple(range(start, start + span, frame_interval))


def _repeat_last(indices: tuple[int, ...], clip_len: int) -> tuple[int, ...]:
    return indices + indices[-1:] * (clip_len - len(indices))


def _wrap(indices: tuple[int, ...], clip_len: int) -> tuple[int, ...]:
    return (indices * math.ceil(clip_len / len(indices)))[:clip_len]


_FILLED: dict[str, Callable[[tuple[int, ...], int], tuple[int, ...]]] = {"repeat_last": _repeat_last, "wrap": _wrap}


def _span(clip_len: int, frame_interval: int) -> int:
    if clip_len < 1 or frame_interval < 1:
        raise ValueError(f"clip_len ({clip_len}) and frame_interval ({frame_interval}) must be at least 1")
    return (clip_len - 1) * frame_interval + 1


def _check_counts(num_frames: int, count: int) -> None:
    if num_frames < 0 or count < 1:
        raise ValueError(f"num_frames ({num_frames}) must not be negative, and the count ({count}) be at least 1")


def _check_choice(option: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ConfigError(f"{option} {value} is unknown; it must be one of {', '.join(allowed)}")


def _check_at_least_one(option: str, value: int | None) -> None:
    if value is None or value < 1:
        raise ConfigError(f"{option} is {value}; it must be at least 1")


def _check_positive(option: str, value: float | None) -> None:
    if value is None or not 0 < value < math.inf:
        raise ConfigError(f"{option} is {value}; it must be above 0")
