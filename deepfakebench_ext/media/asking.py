"""What a file is by the decoders' word, whatever its name says."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from deepfakebench_ext.common.errors import MediaError
from deepfakebench_ext.media.image import PARSER_ERRORS, hush_pillow
from deepfakebench_ext.media.sniff import check_file
from deepfakebench_ext.media.video import read_frames

# EPS runs a program to be read; the others tell a picture by so little that any file may seem one.
_NOT_ASKED = {"EPS", "TGA", "XVTHUMB", "MSP", "PCD", "GBR", "WMF", "FPX", "MIC", "MPEG", "PDF"}


def is_picture_or_film(path: Path) -> bool:
    """Return whether a picture or a film can be made out in a file; it need not be of a kind that is scored."""
    try:
        check_file(path)
    except MediaError:
        return False
    return _is_picture(path) or _is_film(path)


def _is_picture(path: Path) -> bool:
    hush_pillow()
    Image.init()
    try:
        with Image.open(path, formats=sorted(set(Image.OPEN) - _NOT_ASKED)):
            return True
    except PARSER_ERRORS:
        return False


def _is_film(path: Path) -> bool:
    try:
        return any(True for _ in read_frames(path, [0]))
    except MediaError:
        return False
