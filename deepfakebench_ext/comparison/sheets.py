"""Small pictures of many samples, many to a file: 100,000 files of their own are slow to copy, to publish, to list."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image
from tqdm import tqdm

from deepfakebench_ext.common.atomic_files import write_bytes_atomic
from deepfakebench_ext.common.errors import OutputError
from deepfakebench_ext.report.seen import Seen
from deepfakebench_ext.report.thumbnails import small_picture

SIDE, ACROSS = 112, 5
EACH = ACROSS * ACROSS
"""Pictures of a file. With more, a browser that shows samples from all over decodes much that nobody sees."""
FOLDER = "pictures"
_IN_FOLDER = 100
_QUALITY = 75
_BARS = (32, 34, 38)


def write_sheets(folder: Path, looks: Sequence[Sequence[Seen]]) -> list[int]:
    """Write pictures in their order, and return the places of those that there are none for.

    Args:
        folder: Where the folder `pictures` goes; it exists.
        looks: Of each sample what can be shown, the first first.

    Raises:
        OutputError: A file cannot be written.
    """
    numbers = range(-(-len(looks) // EACH))
    missing: list[int] = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        done = pool.map(lambda number: _write(folder, number, looks[number * EACH : (number + 1) * EACH]), numbers)
        with tqdm(total=len(looks), unit="picture", disable=None, dynamic_ncols=True) as bar:
            for number, lacking in zip(numbers, done, strict=True):
                missing += [number * EACH + place for place in lacking]
                bar.update(min(EACH, len(looks) - number * EACH))
    return missing


def _write(folder: Path, number: int, looks: Sequence[Sequence[Seen]]) -> list[int]:
    """Write one file, where it has a picture, and return the places in it that have none."""
    found = [_picture(each) for each in looks]
    if any(found):
        path = folder / FOLDER / f"{number // _IN_FOLDER:03d}" / f"{number % _IN_FOLDER:02d}.jpg"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{path.parent} cannot be made: {error}; give another --output_dir") from error
        write_bytes_atomic(path, _sheet(found))
    return [place for place, picture in enumerate(found) if picture is None]


def _picture(looks: Sequence[Seen]) -> Image.Image | None:
    return next(filter(None, (small_picture(seen, SIDE) for seen in looks)), None)


def _sheet(pictures: Sequence[Image.Image | None]) -> bytes:
    rows = -(-len(pictures) // ACROSS)
    sheet = Image.new("RGB", (ACROSS * SIDE, rows * SIDE), _BARS)
    for place, picture in enumerate(pictures):
        if picture is not None:
            left, top = place % ACROSS * SIDE, place // ACROSS * SIDE
            sheet.paste(picture, (left + (SIDE - picture.width) // 2, top + (SIDE - picture.height) // 2))
    jpeg = io.BytesIO()
    sheet.save(jpeg, format="JPEG", quality=_QUALITY)
    return jpeg.getvalue()
