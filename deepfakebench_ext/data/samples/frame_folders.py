"""Folders of images: which are a video's frames, and which hold unrelated pictures of one class. No I/O."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath
from typing import Final

from deepfakebench_ext.common.label_words import folder_claims, is_bare_claim

KINDS: Final = frozenset({"videos", "frames", "images", "faces", "crops", "raw", "c23", "c40"})
"""Folders that say what they hold, not of which video it is."""
_EXTRACTED: Final = "frames"
_NUMBERED: Final = re.compile(r"(\D*)(\d+)")


def own_name(folders: Sequence[str]) -> str:
    """The innermost folder that says more than what it holds; empty where there is none."""
    return next((name for name in reversed(folders) if name.lower() not in KINDS), "")


def is_of_a_class(folders: Sequence[str], names: Sequence[str]) -> bool:
    """Whether images lie in a folder that is named after their class, and so are unrelated pictures.

    Numbered frames in a folder whose name holds a word for a class among others (`vid0_fake`) are a video. So are those
    in any folder in `frames`, below one that gives the class, as extraction writes them (`fake/frames/fake/000.png`).

    Args:
        folders: From the given folder, or above it, down to the images, outermost first.
        names: Of all images in it.
    """
    own = own_name(folders)
    if not folder_claims(own) or own[-1].isdigit():  # `fake` is a class, `fake7` one of several fakes
        return False
    if not are_numbered(names):
        return True
    *above, parent = ("", *folders[:-1])
    is_extracted = folders[-1] == own and parent.lower() == _EXTRACTED and any(map(folder_claims, above))
    return is_bare_claim(own) and not is_extracted


def holds_no_video(folders: Sequence[str], names: Sequence[str]) -> bool:
    """Whether images are no video's frames: as `is_of_a_class`, but numbered ones in a folder called `frames` are."""
    called_frames = bool(folders) and folders[-1].lower() == _EXTRACTED
    return is_of_a_class(folders, names) and not (called_frames and are_numbered(names))


def are_numbered(names: Sequence[str]) -> bool:
    """Whether file names are those of frames: numbers, after the same letters, each once."""
    found = [_NUMBERED.fullmatch(PurePath(name).stem) for name in names]
    numbers = [(match[1], int(match[2])) for match in found if match is not None]
    return len(numbers) == len(names) > 1 and len({prefix for prefix, _ in numbers}) == 1 and len(set(numbers)) > 1
