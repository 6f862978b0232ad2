"""The states of a run's files, as they were when it began: asked once, of many by few requests."""

from __future__ import annotations

import logging
import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import Final

from deepfakebench_ext.common.errors import MediaError
from deepfakebench_ext.common.suffixes import MANIFEST_SUFFIXES, is_image_name, is_video_name
from deepfakebench_ext.common.tar_names import is_tar_name
from deepfakebench_ext.common.urls import folder_of, is_url, name_of, scheme_of
from deepfakebench_ext.remote.failing import MissingError
from deepfakebench_ext.remote.stores import State, beside, can_list, forget_listings, frames_in, state_of
from deepfakebench_ext.remote.tars import holder

ABSENT: Final = "absent"
# From so many files of a folder on, it is listed: one request for a thousand, in place of one for each.
_LISTED = 8
_OF_CONTENT = ("md5:", "sha256:", "git:")
_AT_ONCE = 32
_SAID = 1000

logger = logging.getLogger(__name__)

_known: dict[str, str] = {}


def remember(name: str, state: State) -> None:
    """Keep what a listing said of a file."""
    _known[name] = str(state)


def keep_text(name: str, text: str) -> None:
    """Keep what `state_text` said of a file in another process."""
    _known[name] = text


def forget(names: Iterable[str]) -> None:
    """Let the states of files be asked anew."""
    for name in names:
        holding = _asked_of(name)
        _known.pop(holding, None)
        if scheme_of(holding) == "hf":
            forget_listings(holding)


def is_known(name: str) -> bool:
    """Return whether the state of a file was asked for."""
    return _asked_of(name) in _known


def content_tag(name: str) -> str:
    """Return what is equal for files of equal content alone, as a store says it; empty where none is known.

    The tags of web servers are none: they are made of times and sizes.
    """
    tag = _known.get(name, "").partition(" ")[2]
    return tag if tag.startswith(_OF_CONTENT) or (tag.startswith("etag:") and can_list(name)) else ""


def known_state(name: str) -> State:
    """Return the state of a file as it was when it was first asked for.

    Raises:
        MissingError: It was not there.
        MediaError, FetchError, MissingExtraError: As `stores.state_of`.
    """
    name = _asked_of(name)
    if not is_url(name):
        status = os.stat(name)  # noqa: PTH116 (of each member of a tar)
        return State(status.st_size, f"time:{status.st_mtime_ns}")
    if name not in _known:
        remember(name, _asked(name))
    if _known[name] == ABSENT:
        raise MissingError(f"{name}: no such file")
    return State.parse(_known[name])


def state_text(name: str) -> str:
    """Return a file's state for a fingerprint, `absent` where it cannot be had.

    Raises:
        FetchError, MissingExtraError: As `stores.state_of`.
    """
    try:
        return str(known_state(name))
    except (MediaError, OSError):
        return ABSENT


def ask(names: Iterable[str]) -> None:
    """Learn the states of all these files that are not known yet, by listing their folders where that is less to ask.

    Raises:
        FetchError, MissingExtraError: As `stores.state_of`.
    """
    folders: dict[str, list[str]] = defaultdict(list)
    for name in dict.fromkeys(map(_asked_of, names)):
        if name not in _known and is_url(name):
            folders[folder_of(name)].append(name)
    if not folders:
        return
    single: list[str] = []
    many: list[list[str]] = []
    for inside in folders.values():
        files = [name for name in inside if not is_folder(name)]
        if len(files) >= _LISTED and can_list(files[0]):
            many.append(files)
            single += sorted(set(inside).difference(files))
        else:
            single += inside
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="ask") as pool:
        for unlisted in pool.map(_of_a_folder, many):
            single += unlisted
        if len(single) >= _SAID:
            logger.info("asking for the state of %s files, each by itself, as no listing says it", f"{len(single):,}")
        for _ in pool.map(_of_one, single):
            pass


def is_folder(name: str) -> bool:
    """Return whether a URL is taken for a folder of frames: its name is none of a file that is read."""
    last = name_of(name)
    return not (
        is_image_name(last) or is_video_name(last) or is_tar_name(last) or last.lower().endswith(MANIFEST_SUFFIXES)
    )


def folder_state(images: Sequence[tuple[str, State]]) -> State:
    """Return the state of a folder of frames: of the names in it, and of what each is."""
    text = "\n".join(f"{name} {state}" for name, state in sorted(images))
    return State(sum(state.size for _, state in images), f"frames:{sha256(text.encode()).hexdigest()[:32]}")


def _asked_of(name: str) -> str:
    """What has a state: a file itself, or the tar that it lies in."""
    inside = holder(name)
    return name if inside is None else inside[0]


def _asked(name: str) -> State:
    return folder_state(frames_in(name)) if is_folder(name) else state_of(name)


def _of_a_folder(names: list[str]) -> list[str]:
    """Learn the states of a folder's files, and return those that have to be asked for one by one."""
    try:
        found = beside(names)
    except MediaError:  # who may not list may read all the same
        return names
    for name in names:
        _known[name] = str(found[name]) if name in found else ABSENT
    return []


def _of_one(name: str) -> None:
    try:
        remember(name, _asked(name))
    except MissingError:
        _known[name] = ABSENT
    except MediaError:
        return  # whoever reads it is told
