"""Which rows of a table of scores are of one video. A name is never enough, and what cannot be told is said. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepfakebench_ext.common.notices import Notice
from deepfakebench_ext.common.wording import counted
from deepfakebench_ext.metrics.names import Names, numbered

Codes = NDArray[np.int64]
SHOWN = 3


@dataclass(frozen=True, slots=True, eq=False)
class Videos:
    """The videos of a table.

    Attributes:
        codes: intp (N,): number of the video of each row, from 0 in the order in which videos first come.
        first: intp (V,): the first row of each.
        folders: int64 (V,): number of the folder that tells a video apart from others of its name; -1 for none.
        folder_names: What the folders are called.
        spread: Rows of videos of one name that have frames in several folders, one each.
    """

    codes: NDArray[np.intp]
    first: NDArray[np.intp]
    folders: Codes
    folder_names: Sequence[str]
    spread: NDArray[np.intp]


def tell_videos(
    by_name: Codes, has_name: NDArray[np.bool_], keys: NDArray[np.int32], key_names: Sequence[str]
) -> Videos:
    """Tell the videos of a table apart.

    A row without a video's name is of the video that its key is. Rows with one name are of one video, unless files of
    one name lie in several folders there (`c23/000/01.png` and `c40/000/01.png`): then each folder is a video.

    Args:
        by_name: (N,) number of all that the columns say of each row's video, at least 0.
        has_name: (N,) whether they name it.
        keys: (N,) number of each row's key.
        key_names: The keys.
    """
    identity = np.where(has_name, by_name, -1 - keys.astype(np.int64))  # keys are below 0, where no name reaches
    folders, spread = np.full(len(keys), -1, np.int64), np.empty(0, np.intp)
    names: Sequence[str] = ()
    if has_name.any():
        folder, file, names = _split(key_names)
        rows = np.flatnonzero(has_name)
        video, folder, file = by_name[rows], folder[keys[rows]], file[keys[rows]]
        several = _several(video, folder)
        again = several & np.isin(video, _clashing(video[several], folder[several], file[several]))
        folders[rows[again]] = folder[again]
        spread = rows[several & ~again][np.unique(video[several & ~again], return_index=True)[1]]
    if (folders >= 0).any():
        identity = numbered(identity)[0] * np.int64(len(names) + 1) + folders + 1
    codes, first = numbered(identity)
    return Videos(codes.astype(np.intp), first, folders[first], names, spread)


def identity_notices(videos: Videos, called: Callable[[int], str], name_of: Callable[[int], str]) -> list[Notice]:
    """Say which videos were told apart by their folders, and which have frames in several folders and are taken as one.

    Args:
        videos: From `tell_videos`.
        called: Gives what a video is called, by its number.
        name_of: Gives the name of the video of a row.
    """
    found = []
    if len(apart := np.flatnonzero(videos.folders >= 0)):
        some = ", ".join(map(called, apart[:SHOWN].tolist()))
        text = (
            f"{counted(len(apart), 'video')}, such as {some}, share their name with others and are told apart by the "
            "folder of their frames; a column dataset, method or compression says it for sure"
        )
        found.append(Notice("told_apart", text))
    if len(videos.spread):
        some = ", ".join(name_of(row) for row in videos.spread[:SHOWN].tolist())
        verb, taken = ("has", "is taken as one") if len(videos.spread) == 1 else ("have", "are taken as one each")
        text = (
            f"{counted(len(videos.spread), 'video')}, such as {some}, {verb} frames in several folders and {taken}; "
            "where these are other videos, give a column dataset, method or compression that says so"
        )
        found.append(Notice("told_apart", text))
    return found


def _split(keys: Sequence[str]) -> tuple[Codes, Codes, Sequence[str]]:
    """Of each key, the number of its folder and one of its file's name, and the names of the folders."""
    names = (keys if isinstance(keys, Names) else Names.of(keys)).with_byte(b"\\", b"/")
    last = names.last_of(b"/")
    folders = names.cut(np.zeros_like(last), np.maximum(last, 0))
    numbers, first = folders.first_seen()
    files = names.cut(last + 1, names.lengths).bits()
    return numbers.astype(np.int64), files.view(np.int64), folders.take(first)


def _several(video: Codes, folder: Codes) -> NDArray[np.bool_]:
    """(N,) Whether the video of each row has rows in several folders."""
    number, first = numbered(video)
    is_other = folder != folder[first][number]
    several = np.zeros(len(first), bool)
    several[number[is_other]] = True
    found: NDArray[np.bool_] = several[number]
    return found


def _clashing(video: Codes, folder: Codes, file: Codes) -> Codes:
    """The videos of which two folders hold a file of one name."""
    order = np.lexsort((folder, file, video))
    video, folder, file = video[order], folder[order], file[order]
    alike = (np.diff(video) == 0) & (np.diff(file) == 0) & (np.diff(folder) != 0)
    return np.unique(video[1:][alike])
