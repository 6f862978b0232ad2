"""What decoding hands on: frames, undecided pictures, and the clock that all backends share. No I/O."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from deepfakebench_ext.common.errors import MediaError

RGB = npt.NDArray[np.uint8]

# Until a video has shown the distance between two of its frames.
_FIRST_STEP_S = 1 / 25
# Frames a little out of order come with damage; a jump back by more than this is a clock that was set anew.
_RESTART_S = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One frame of a video, upright.

    Attributes:
        rgb: uint8 `(H, W, 3)`, contiguous, owned by whoever receives the frame.
        index: Position in a sequential decode, from 0.
        time_s: Presentation time in seconds, as players count it; None for folders of images.
        end_s: When it is over, likewise.
    """

    rgb: RGB
    index: int
    time_s: float | None
    end_s: float | None = None


class Picture(NamedTuple):
    """A decoded frame that nobody has asked the pixels of yet.

    Attributes:
        time_s: What the file says in seconds, as players count; None where it says nothing.
        rgb: Converts the pixels, see `Frame.rgb`. Only valid until the next picture is decoded.
        length_s: How long it is shown, as the file says; None where it says nothing.
    """

    time_s: float | None
    rgb: Callable[[], RGB]
    length_s: float | None = None


class EndOfVideo(MediaError):
    """A frame was asked for that lies behind the last one that can be decoded.

    Attributes:
        decoded: Frames that can be decoded.
    """

    def __init__(self, message: str, decoded: int) -> None:
        """Keep the number beside the sentence."""
        super().__init__(message)
        self.decoded = decoded


def seconds_of(ticks: int, base: Fraction) -> float:
    """Return `float(ticks * base)`, rounded once as that is, without a fraction made for every frame."""
    return ticks * base.numerator / base.denominator


class Clock:
    """Seconds out of what a file says; never below 0, and never backwards.

    A time that is missing is the one before plus the last distance between two frames. So is a time that lies more than
    half a second before its predecessor, as where two recordings were joined; the clock goes on from there. Where the
    first frame lies before 0, all are moved up to 0.
    """

    def __init__(self) -> None:
        """Start before the first frame."""
        self._origin = 0.0
        self._step = _FIRST_STEP_S
        self._now: float | None = None

    @property
    def step_s(self) -> float:
        """The distance between the last two frames, as far as it is known."""
        return self._step

    def seconds(self, said_s: float | None) -> float:
        """Return the time of the next frame, given what the file says of it."""
        before, self._now = self._now, self._next(said_s)
        if before is not None and self._now > before:
            self._step = self._now - before
        return self._now

    def _next(self, said_s: float | None) -> float:
        if self._now is None:
            self._origin = min(0.0, said_s or 0.0)
            return (said_s or 0.0) - self._origin
        if said_s is not None and said_s - self._origin < self._now - _RESTART_S:
            self._origin = said_s - self._now - self._step
        if said_s is None:
            return self._now + self._step
        return max(self._now, said_s - self._origin)
