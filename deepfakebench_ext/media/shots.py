"""Where a film cuts from one shot to the next, seen in the same decode. NumPy only, no I/O.

Frames are compared as pictures of 64 x 36 pixels in hue, saturation and value. A cut differs from all that goes before
it within three frames, and far more than its neighbours differ among themselves: so a whip pan, whose frames all
differ, is none, nor is a flash, after which the picture is the one of before. A fade is one cut, at the first frame
that shows nothing; what then appears belongs to the same shot. A dissolve of more than two frames is not seen.

    difference to the frame before:   1  1 40  2  1      a cut
                                      1 12 27 22  9      a whip pan
                                      1 45 44  1  1      a flash of one frame
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

SMALL_SIZE = (36, 64)
LAG = 2
"""Frames that have to follow a frame before it is known whether it begins a shot."""

# Of 0 to 255, see `difference`. Within a shot of real films it is 0.3 to 4.8 at the median, where a picture in the
# picture changes 20 to 23, and between shots above 27 in all of 28 cuts; a whip pan has a median of 8 and peaks of 27.
_MIN_DIFFERENCE = 18.0
_MIN_RATIO = 3.0
_MIN_SHOT = 3  # frames
# Mean deviation of the three colours in a frame that shows nothing: black, white, or a fade to them from 85 % on.
_BLANK = 8.0
_CLEAR = 24.0  # from here on it is not on its way there
_SAMPLES = 4  # by 4, of which a pixel of the small picture is the mean
# Greys have no hue: below this saturation it counts less, or noise would be a change of colour.
_COLOURED = 32.0

_Image = npt.NDArray[np.float32]


class ShotDetector:
    """Finds where shots begin, frame by frame. Holds six small pictures, however long the film."""

    def __init__(self) -> None:
        """Begin before the first frame."""
        self._looks: deque[_Look] = deque(maxlen=2 * LAG + 2)
        self._count = 0
        self._began = -_MIN_SHOT  # the first shot may have begun before the first frame

    def add(self, small: npt.NDArray[np.uint8]) -> bool | None:
        """Take the next frame, as `reduced` makes it, and say whether the one `LAG` frames before begins a shot.

        None until there is one. The first frame of a film is not a cut.
        """
        before = self._looks[-1] if self._looks else None
        hsv = _hsv(small)
        change = 0.0 if before is None else difference(before.hsv, hsv)
        self._looks.append(_Look(hsv, change, float(small.std(axis=(0, 1)).mean())))
        self._count += 1
        if self._count <= LAG:
            return None
        return self._decided(self._count - 1 - LAG, len(self._looks) - 1 - LAG)

    def finish(self) -> list[bool]:
        """Say of each of the last frames, which nothing follows, whether it begins a shot."""
        waiting = range(max(0, self._count - LAG), self._count)
        return [self._decided(index, len(self._looks) - self._count + index) for index in waiting]

    def _decided(self, index: int, at: int) -> bool:
        looks = list(self._looks)
        is_cut = index - self._began >= _MIN_SHOT and (_goes_blank(looks, at) or _stands_out(looks, at))
        if is_cut:
            self._began = index
        return is_cut


def cuts(frames: Iterable[npt.NDArray[np.uint8]]) -> tuple[int, ...]:
    """The frames, by position, that begin another shot than the first; `frames` are as `reduced` makes them."""
    detector = ShotDetector()
    decided = [verdict for verdict in map(detector.add, frames) if verdict is not None]
    return tuple(index for index, is_cut in enumerate(decided + detector.finish()) if is_cut)


def reduced(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """A uint8 (H, W, 3) frame as (36, 64, 3), whatever its shape: each pixel the mean of 16 that are evenly spread."""
    (height, width), rows, columns = rgb.shape[:2], *(_SAMPLES * side for side in SMALL_SIZE)
    across = (np.arange(rows) * 2 + 1) * height // (2 * rows)
    along = (np.arange(columns) * 2 + 1) * width // (2 * columns)
    samples = rgb[across[:, None], along].reshape(SMALL_SIZE[0], _SAMPLES, SMALL_SIZE[1], _SAMPLES, 3)
    return np.asarray(samples.mean(axis=(1, 3), dtype=np.float32).round().astype(np.uint8))


def difference(one: _Image, other: _Image) -> float:
    """Mean difference of two (h, w, 3) pictures in hue (a circle of 180), saturation and value (0 to 255).

    Source:
        PySceneDetect's ContentDetector, whose hue is not a circle and counts in greys too.
    """
    apart = np.abs(one - other)
    hue = np.minimum(apart[..., 0], 180 - apart[..., 0])
    coloured = np.minimum(np.minimum(one[..., 1], other[..., 1]) / _COLOURED, 1)
    return float((hue * coloured + apart[..., 1] + apart[..., 2]).mean() / 3)


class _Look(NamedTuple):
    """One frame: its picture, its difference to the one before, and how much its colours deviate from their means."""

    hsv: _Image
    change: float
    contrast: float

    @property
    def is_blank(self) -> bool:
        return self.contrast < _BLANK


def _goes_blank(looks: list[_Look], at: int) -> bool:
    """Whether the picture is gone here; not for a flash, after which it is there again."""
    before, after = looks[max(0, at - LAG - 1) : at], looks[at:]
    if not before or before[-1].is_blank or not looks[at].is_blank:
        return False
    clear = [[look.hsv for look in side if look.contrast >= _CLEAR] for side in (before, after)]
    return all(difference(one, other) >= _MIN_DIFFERENCE for one in clear[0] for other in clear[1])


def _stands_out(looks: list[_Look], at: int) -> bool:
    """Whether all before differs from all that follows, and far more than neighbours differ on either side."""
    if at == 0 or looks[at].change < _MIN_DIFFERENCE or looks[at - 1].is_blank:
        return False
    before, after = looks[max(0, at - LAG - 1) : at], looks[at:]
    least = min(difference(one.hsv, other.hsv) for one in before for other in after)
    usual = [look.change for look in looks[max(1, at - LAG) : at] + looks[at + 1 :]]
    return least >= max(_MIN_DIFFERENCE, _MIN_RATIO * float(np.median(usual or [0.0])))


def _hsv(rgb: npt.NDArray[np.uint8]) -> _Image:
    """Hue in [0, 180), saturation and value in [0, 255], float32, as OpenCV defines them for 8 bits."""
    values = rgb.astype(np.float32)
    red, green, blue = np.moveaxis(values, -1, 0)
    value = values.max(axis=-1)
    chroma = value - values.min(axis=-1)
    safe = np.where(chroma > 0, chroma, 1)
    sector = np.select(
        [value == red, value == green], [(green - blue) / safe, 2 + (blue - red) / safe], 4 + (red - green) / safe
    )
    hue = np.where(chroma > 0, sector % 6 * 30, 0)
    saturation = 255 * chroma / np.where(value > 0, value, 1)
    return np.stack([hue, saturation, value], axis=-1).astype(np.float32)
