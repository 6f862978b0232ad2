"""The samples on which a detector was most wrong, and small pictures of them where their files are still there."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from deepfakebench_ext.common.errors import MediaError
from deepfakebench_ext.common.suffixes import is_image_name, is_video_name
from deepfakebench_ext.common.types import FAKE, REAL
from deepfakebench_ext.media.image import frame_files, read_rgb
from deepfakebench_ext.media.video import read_frames
from deepfakebench_ext.metrics.score_table import ScoreTable

SIDE = 160
QUALITY = 80

Paths = Callable[[Sequence[int]], Sequence[str]]
"""Where the files of some rows of the table of frames or clips lie; empty texts where unknown."""


@dataclass(frozen=True, slots=True)
class Worst:
    """A sample that was scored as if it were of the other class.

    Attributes:
        row: Its row in the table that was looked at.
        key: Its name.
        label: 0 real, 1 fake.
        score: P(fake) in [0, 1].
    """

    row: int
    key: str
    label: int
    score: float


def worst_samples(table: ScoreTable, count: int) -> tuple[list[Worst], list[Worst]]:
    """Return the `count` fakes scored lowest and the `count` reals scored highest, the worst first.

    Only samples on the wrong side of 0.5 are among them. Equal scores keep the order of the table.
    """
    rows = table.usable()
    fakes, reals = (rows[table.labels[rows] == label] for label in (FAKE, REAL))
    missed = fakes[np.argsort(table.scores[fakes], kind="stable")]
    alarms = reals[np.argsort(-table.scores[reals], kind="stable")]
    chosen = (missed[table.scores[missed] <= 0.5][:count], alarms[table.scores[alarms] > 0.5][:count])
    return _worst(table, chosen[0].tolist()), _worst(table, chosen[1].tolist())


def _worst(table: ScoreTable, rows: Sequence[int]) -> list[Worst]:
    return [Worst(row, _name(table, row), int(table.labels[row]), float(table.scores[row])) for row in rows]


def _name(table: ScoreTable, row: int) -> str:
    key, video, index = table.key.text(row), table.video.text(row), int(table.index[row])
    if table.level == "video":
        return video or key
    return f"{key} #{index}" if table.has_videos and not video else key


def first_rows(table: ScoreTable) -> list[int]:
    """Return the first row of each video, in the order of `to_videos`."""
    return [int(row) for row in table.videos().first]


def thumbnail(path: str) -> bytes | None:
    """Return a JPEG of at most `SIDE` pixels of an image, or of a video's or a folder's first frame; None without one.

    A file that is gone or cannot be read has none, which its caption need not explain: the sample's status does.
    """
    if not path:
        return None
    try:
        rgb = _first_picture(Path(path))
    except (MediaError, OSError, ValueError):
        return None
    picture = Image.fromarray(rgb)
    picture.thumbnail((SIDE, SIDE))
    jpeg = io.BytesIO()
    picture.save(jpeg, format="JPEG", quality=QUALITY)
    return jpeg.getvalue()


def _first_picture(path: Path) -> NDArray[np.uint8]:
    if path.is_dir():
        return read_rgb(frame_files(path)[0])
    if is_image_name(path.name) or not is_video_name(path.name):
        return read_rgb(path)
    return next(iter(read_frames(path, [0]))).rgb
