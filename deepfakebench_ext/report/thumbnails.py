"""The samples on which a detector was most wrong, and small pictures of what it saw, where their files are there."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from deepfakebench_ext.common.errors import FetchError, MediaError, MissingExtraError
from deepfakebench_ext.common.suffixes import is_image_name, is_video_name
from deepfakebench_ext.common.types import FAKE, REAL
from deepfakebench_ext.common.urls import is_url
from deepfakebench_ext.faces.align import square_box
from deepfakebench_ext.faces.detect import Box
from deepfakebench_ext.media.image import frame_files, read_rgb
from deepfakebench_ext.media.video import read_frames
from deepfakebench_ext.metrics.score_table import ScoreTable
from deepfakebench_ext.remote.fetching import at_hand
from deepfakebench_ext.remote.states import is_known
from deepfakebench_ext.remote.tars import is_elsewhere
from deepfakebench_ext.report.seen import Seen

SIDE = 160
QUALITY = 80

_LARGEST = 2.0  # a box, in sides of the frame: what is larger is no face in it


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


def telling_rows(units: ScoreTable) -> NDArray[np.intp]:
    """Return for each video, as `video_codes` counts, the row of the frame or clip that made its score the most wrong.

    Of a fake that is its lowest score, of all others the highest; of equal ones the first. A video of which nothing is
    scored has its first row.
    """
    codes, told = units.video_codes(), units.videos()
    is_fake = units.labels[told.first][codes] == FAKE
    wrong = np.where(units.is_scored(), np.where(is_fake, units.scores, -units.scores), np.inf)
    order = np.lexsort((wrong, codes))
    firsts: NDArray[np.intp] = order[np.flatnonzero(np.diff(codes[order], prepend=-1))]
    return firsts


def thumbnail(seen: Seen) -> bytes | None:
    """Return what `small_picture` shows as a JPEG of at most `SIDE` pixels a side; None where there is none."""
    picture = small_picture(seen, SIDE)
    if picture is None:
        return None
    jpeg = io.BytesIO()
    picture.save(jpeg, format="JPEG", quality=QUALITY)
    return jpeg.getvalue()


def small_picture(seen: Seen, side: int) -> Image.Image | None:
    """Return at most `side` pixels a side of the face that was scored, cut around its box, or of the whole frame.

    Where it is not known which frame that was, it is the first of a video or folder. What is gone or cannot be read has
    none, which its caption need not explain: the sample's status does. Of URLs, those alone that this process scored.
    """
    if not seen.path or (is_url(seen.path) and not is_known(seen.path)):
        return None
    try:
        with at_hand(seen.path) if is_elsewhere(seen.path) else nullcontext(Path(seen.path)) as path:
            rgb = _frame(path, seen)
    except (MediaError, FetchError, MissingExtraError, OSError, ValueError):
        return None
    picture = Image.fromarray(rgb)
    if seen.bbox_px is None:
        picture.thumbnail((side, side))
        return picture
    return picture.crop(square_box(seen.bbox_px)).resize((side, side)) if _is_in(seen.bbox_px, rgb.shape) else None


def _frame(path: Path, seen: Seen) -> NDArray[np.uint8]:
    if path.is_dir():
        return read_rgb(path / Path(seen.frame_file).name if seen.frame_file else frame_files(path)[0])
    if is_image_name(path.name) or not is_video_name(path.name):
        return read_rgb(path)
    return next(iter(read_frames(path, [seen.frame or 0]))).rgb


def _is_in(box: Box, shape: tuple[int, ...]) -> bool:
    """Whether a box, which a file may say anything of, is one of something in the frame."""
    x0, y0, x1, y1 = box
    height, width = shape[:2]
    is_box = all(map(math.isfinite, box)) and 0 < x1 - x0 <= _LARGEST * width and 0 < y1 - y0 <= _LARGEST * height
    return is_box and x0 < width and y0 < height and x1 > 0 and y1 > 0
