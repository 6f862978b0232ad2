"""A small copy of a film that browsers do not play: H.264, without sound, the same frames at the same times."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from deepfakebench_ext.media.film_writer import FilmWriter
from deepfakebench_ext.media.frame import RGB
from deepfakebench_ext.media.pyav_backend import plays_in_browsers
from deepfakebench_ext.media.video import every_frame
from deepfakebench_ext.service.network_names import PROXY

_LONGEST_PX, _CRF = 1280, 26


def write_proxy(folder: Path, film: Path, go_on: Callable[[], None]) -> None:
    """Write the copy, where one is needed and not there yet.

    Args:
        folder: Where to.
        film: The film.
        go_on: Called before each frame; what it raises ends the copy, of which nothing is left.

    Raises:
        MediaError: The film cannot be decoded.
        OutputError: The copy cannot be written.
    """
    place = folder / PROXY
    if place.exists() or plays_in_browsers(film):
        return
    with FilmWriter(place, crf=_CRF) as copy:
        for frame in every_frame(film):
            go_on()
            copy.add(_small(frame.rgb), frame.time_s or 0.0)


def _small(rgb: RGB) -> RGB:
    height, width = rgb.shape[:2]
    share = _LONGEST_PX / max(height, width)
    if share >= 1:
        return rgb
    return np.asarray(cv2.resize(rgb, (round(width * share), round(height * share)), interpolation=cv2.INTER_AREA))
