"""Pictures of frames with their face marked, from a decode of its own, which converts these frames alone."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from deepfakebench_ext.analysis.assembling import Shown
from deepfakebench_ext.analysis.timeline import BoxPx
from deepfakebench_ext.media.frame import RGB
from deepfakebench_ext.media.video import read_frames

LONGEST_PX = 1280
QUALITY = 88
_RED, _BLUE = (214, 40, 40), (36, 99, 181)


def keyframe_pictures(path: Path, shown: Sequence[Shown]) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the JPEG of each keyframe, in the order of the film.

    Raises:
        MediaError: The film cannot be decoded as far as it was.
    """
    wanted: dict[int, list[Shown]] = {}
    for each in shown:
        wanted.setdefault(each.frame, []).append(each)
    for frame in read_frames(path, list(wanted)):
        for each in wanted[frame.index]:
            colour = _RED if each.keyframe.kind == "peak" else _BLUE
            yield each.keyframe.file, jpeg(with_boxes(frame.rgb, {each.keyframe.box_px: colour}))


def with_boxes(rgb: RGB, boxes: Mapping[BoxPx, tuple[int, int, int]]) -> RGB:
    """A copy of the frame with boxes drawn in their colours; one around the whole frame is drawn just inside it."""
    drawn: RGB = np.array(rgb, order="C")
    height, width = rgb.shape[:2]
    thick = max(2, round(min(height, width) / 200))
    for (x0, y0, x1, y1), colour in boxes.items():
        first = (max(round(x0), 0), max(round(y0), 0))
        last = (min(round(x1), width) - 1, min(round(y1), height) - 1)
        cv2.rectangle(drawn, first, last, colour, thick)
    return drawn


def jpeg(rgb: RGB) -> bytes:
    """A JPEG of the frame, at most `LONGEST_PX` wide and high."""
    picture = Image.fromarray(rgb)
    picture.thumbnail((LONGEST_PX, LONGEST_PX))
    file = io.BytesIO()
    picture.save(file, format="JPEG", quality=QUALITY)
    return file.getvalue()
