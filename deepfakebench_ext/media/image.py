"""Image files to RGB pixels, and the image files of a folder."""

from __future__ import annotations

import io
import os
import re
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from deepfakebench_ext.common.errors import MediaError
from deepfakebench_ext.common.retrying import retried
from deepfakebench_ext.common.suffixes import IMAGE_SUFFIXES, is_image_name
from deepfakebench_ext.media.frame import RGB
from deepfakebench_ext.media.mending import MENDED, pixels_without_end, without_metadata
from deepfakebench_ext.media.sniff import check_file

# A photograph of 134 million pixels takes 400 MB as RGB. Pillow refuses more than 179 million by itself.
MAX_PIXELS = 2**27

# Formats are told by content, whatever the suffix says. Only these: Pillow's others can run programs (EPS).
_FORMATS = tuple(
    reader.format
    for reader in (
        JpegImagePlugin.JpegImageFile,
        PngImagePlugin.PngImageFile,
        BmpImagePlugin.BmpImageFile,
        TiffImagePlugin.TiffImageFile,
        WebPImagePlugin.WebPImageFile,
        GifImagePlugin.GifImageFile,
    )
)
_ORIENTATION_TAG = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# What Pillow's parsers raise on files that break their rules.
PARSER_ERRORS = (
    *(OSError, ValueError, SyntaxError, TypeError, KeyError, IndexError, AttributeError, EOFError, OverflowError),
    *(MemoryError, RuntimeError, struct.error, zlib.error, Image.DecompressionBombError),
)
_BITS_PER_SAMPLE_TAG = 258
_QUIET = ("ignore", None, Warning, re.compile(r"PIL\."), 0)


def read_rgb(path: Path, *, most_pixels: int = MAX_PIXELS) -> RGB:
    """The pixels of an image file as uint8 `(H, W, 3)` RGB, upright, writable, owned by the caller.

    The EXIF orientation is applied. Grey becomes three equal channels. Alpha is dropped, not blended: the colour under
    a transparent pixel is what it is in the file, as in OpenCV (so DeepfakeBench's abstract_dataset.py load_rgb) and in
    transformers' `convert("RGB")`. 16 bits keep their high byte, as in OpenCV's IMREAD_COLOR. CMYK is converted without
    a colour profile. An animation gives its first frame, a multi-page file its first page. Safe in several threads.

    No text, colour profile or checksum of them keeps pixels from being read, nor does a missing end marker of a JPEG.

    Raises:
        MediaError: Missing, empty, cut off, not an image, of more than `most_pixels` or MAX_PIXELS, or without a scale
            to 8 bits. The pixels are counted before any is decoded.
    """
    hush_pillow()
    try:
        check_file(path)
        return retried(lambda: _decoded(path, path, most_pixels))
    except PARSER_ERRORS as error:
        pixels = _mended(path, most_pixels)
        if pixels is not None:
            return pixels
        reason = _what_it_is(path) if isinstance(error, Image.UnidentifiedImageError) else _reason(error)
        raise MediaError(f"{path}: {reason}") from error


def _decoded(source: Path | io.BytesIO, path: Path, most_pixels: int) -> RGB:
    with Image.open(source, formats=_FORMATS) as image:
        check_size(path, image.size, min(most_pixels, MAX_PIXELS))
        image.load()
        rgb = _to_rgb(image)
        turn = _TURNS.get(_orientation(image))
        return np.array(rgb if turn is None else rgb.transpose(turn))


def _mended(path: Path, most_pixels: int) -> RGB | None:
    """The pixels of a file that stopped the decoder, where all of them are there."""
    try:
        with path.open("rb") as file:
            if not file.read(8).startswith(MENDED):
                return None
        encoded = path.read_bytes()
        png = without_metadata(encoded)
        if png is not None:
            return _decoded(io.BytesIO(png), path, most_pixels)
        return pixels_without_end(encoded, lambda jpeg: _decoded(io.BytesIO(jpeg), path, most_pixels))
    except PARSER_ERRORS:
        return None


def frame_files(folder: Path) -> list[Path]:
    """The image files directly in a folder, ordered as people count: 000.png, 1.png, 2.png, 10.png.

    Hidden files are left out.

    Raises:
        MediaError: The folder cannot be listed or holds no image.
    """
    try:
        names = [entry.name for entry in os.scandir(folder) if is_image_name(entry.name) and not entry.is_dir()]
    except OSError as error:
        raise MediaError(f"{folder}: {_reason(error)}") from error
    if not names:
        raise MediaError(f"{folder}: holds no image ({', '.join(sorted(IMAGE_SUFFIXES))})")
    return [folder / name for name in sorted(names, key=_natural)]


def _natural(name: str) -> tuple[list[str | int], str]:
    """Key under which numbers compare as numbers; texts and numbers take turns, so only like meets like."""
    parts = re.split(r"([0-9]+)", name)
    return [int(part) if at % 2 else part for at, part in enumerate(parts)], name


def hush_pillow() -> None:
    """Put the rule "ignore what PIL warns of" in front, unless it is there.

    Pillow warns of odd EXIF, palettes with transparency and large images, none of which concerns the pixels. The rule
    stays for the process: `warnings.catch_warnings` restores a state that another thread may have changed meanwhile.
    Putting it there again and again would make Python forget which other warnings it has shown already.
    """
    if not warnings.filters or warnings.filters[0] != _QUIET:
        warnings.filterwarnings("ignore", module=r"PIL\.")


def check_size(path: Path, size: tuple[int, int], most_pixels: int) -> None:
    """Pass pictures of at most so many pixels; `size` is width and height.

    Raises:
        MediaError: More of them.
    """
    width, height = size
    if width * height > most_pixels:
        raise MediaError(f"{path}: {width}x{height} is more than {most_pixels:,} pixels; make it smaller first")


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        return _high_byte(image)
    if image.mode == "I" and image.format == "PNG":  # how older Pillows (10.1) open 16-bit grey
        return _high_byte(image)
    if image.mode in ("I", "F"):
        raise ValueError(f"pixels of 32 bits (mode {image.mode}) have no defined white; save it with 8 or 16 bits")
    return image.convert("RGB")


def _high_byte(image: Image.Image) -> Image.Image:
    bits = getattr(image, "tag_v2", {}).get(_BITS_PER_SAMPLE_TAG, (16,))[0]
    grey = np.asarray(image) >> (bits - 8)
    return Image.fromarray(grey.astype(np.uint8)).convert("RGB")


def _orientation(image: Image.Image) -> int:
    """EXIF orientation, 1 where there is none or the EXIF block is broken. After `load`, which turns TIFF itself."""
    try:
        value = image.getexif().get(_ORIENTATION_TAG, 1)
    except PARSER_ERRORS:
        return 1
    return value if isinstance(value, int) else 1


def _what_it_is(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(24)
    if head.startswith((b"II*\0", b"MM\0*")):
        return "a TIFF of a kind that is not read, such as one of floats; save it with 8 or 16 bits"
    return f"not a JPEG, PNG, BMP, TIFF, WebP or GIF image; it begins with {head!r}"


def _reason(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
