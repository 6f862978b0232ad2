"""Files of stores on this machine: fetched once, whole, into a cache that stays below a size."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from deepfakebench_ext.common.errors import ConfigError, ExtError, MediaError
from deepfakebench_ext.common.urls import inner_path, is_url, shown
from deepfakebench_ext.remote.cache import FileCache
from deepfakebench_ext.remote.failing import TRIES, CutOffError, is_passing, pause, said
from deepfakebench_ext.remote.states import folder_state, forget, is_folder, known_state
from deepfakebench_ext.remote.stores import State, changed, chunks, frames_in, state_of
from deepfakebench_ext.remote.tars import holder, member_file

FOLDER, SIZE_GB = "DFB_CACHE_DIR", "DFB_CACHE_GB"
"""What the environment may say of the cache."""
DEFAULT_GB = 10.0
_HASHES: dict[str, Callable[[], hashlib._Hash]] = {"md5": hashlib.md5, "sha256": hashlib.sha256, "git": hashlib.sha1}
_READ_BYTES = 1 << 20
_MD5_DIGITS = 32


@contextmanager
def at_hand(name: str) -> Iterator[Path]:
    """Give a file of a store, or a folder of frames, on this machine, as long as the block lasts; it stays as it is.

    Args:
        name: Its URL, as it is shown; or its name in a tar, which may itself be behind a URL.

    Raises:
        MediaError: This file cannot be had, or has changed since the run began.
        FetchError: The store, or the cache, cannot be used.
        MissingExtraError: The library that reads it is not installed.
    """
    if (inside := holder(name)) is not None:
        with _member(*inside) as path:
            yield path
        return
    state = known_state(name)
    if is_folder(name):
        with _frames(name, state) as path:
            yield path
        return
    with _cached(name, state) as path:
        yield path


@contextmanager
def _member(tar: str, name: str) -> Iterator[Path]:
    with at_hand(tar) if is_url(tar) else nullcontext(Path(tar)) as held, ExitStack() as stack:
        try:
            path = stack.enter_context(member_file(held, name))
        except MediaError as error:
            raise MediaError(str(error).replace(str(held), tar)) from error
        yield path


@contextmanager
def _frames(folder: str, state: State) -> Iterator[Path]:
    """A folder of links to the frames, so that not one of hundreds has to be kept open."""
    images = frames_in(folder)
    if folder_state(images) != state:
        raise changed(folder)
    with the_cache().scratch() as place:
        for name, each in images:
            with _cached(f"{folder}/{name}", each) as path:
                try:
                    os.link(path, place / name)
                except OSError:  # a file system without
                    shutil.copyfile(path, place / name)
        yield place


def _cached(name: str, state: State) -> AbstractContextManager[Path]:
    return the_cache().reading(_entry(name, state), state.size, lambda file: fetch(name, state, file))


@contextmanager
def at_hand_as_asked(name: str) -> Iterator[Path]:
    """As `at_hand`, of a file that was itself asked for, such as a manifest, and as it is now.

    Raises:
        ConfigError: It cannot be had.
        FetchError, MissingExtraError: As `at_hand`.
    """
    forget([name])
    with ExitStack() as stack:
        try:
            path = stack.enter_context(at_hand(name))
        except MediaError as error:
            raise ConfigError(str(error)) from error
        yield path


def the_cache() -> FileCache:
    """Return where fetched files are kept, as the environment says.

    Raises:
        ConfigError: A size that is none.
    """
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "deepfakebench_ext" / "files"
    return _cache(os.environ.get(FOLDER) or str(home), os.environ.get(SIZE_GB) or str(DEFAULT_GB))


@lru_cache(maxsize=4)
def _cache(folder: str, size: str) -> FileCache:
    try:
        number = float(size)
    except ValueError:
        number = -1.0
    if not 0 <= number < 1e9:
        raise ConfigError(f"{SIZE_GB}={size} is not allowed: give gigabytes, such as 50, or nothing for {DEFAULT_GB:g}")
    return FileCache(Path(folder), int(number * 1e9))


def fetch(name: str, state: State, file: BinaryIO) -> None:
    """Append what a file lacks of a store's, and check that it is that and whole.

    Asked again where the connection breaks off, from there on; after each part that came, as often as before.

    Raises:
        MediaError, FetchError, MissingExtraError: As `at_hand`.
    """
    tries = 0
    while True:
        before = file.seek(0, os.SEEK_END)
        if 0 <= state.size < before:
            before = file.truncate(0)
        try:
            for data in _arriving(name, state, before):
                file.write(data)
            _check_whole(file, state)
            return _check_content(file, name, state)
        except CutOffError as error:
            came = file.seek(0, os.SEEK_END) > before
            tries = 1 if came else tries + 1
            if tries >= TRIES:
                raise said(error, name) from error
            pause(tries - 1)


def _arriving(name: str, state: State, start: int) -> Iterator[bytes]:
    """The bytes as they come; what breaks them off is one kind of error where it may pass."""
    if 0 <= state.size <= start:
        return
    try:
        yield from chunks(name, state, start)
    except ExtError:
        raise
    except Exception as error:  # these libraries' errors have no common base but Exception
        if is_passing(error):
            raise CutOffError(str(error)) from error
        raise said(error, name) from error


def _check_whole(file: BinaryIO, state: State) -> None:
    size = file.seek(0, os.SEEK_END)
    if state.size >= 0 and size < state.size:
        raise CutOffError(f"{state.size - size} of {state.size} bytes are missing")


def _check_content(file: BinaryIO, name: str, state: State) -> None:
    """Pass content that is what the state says.

    Raises:
        MediaError: The file changed since.
        CutOffError: It was damaged on its way; nothing is kept of it.
    """
    kind, _, told = state.tag.partition(":")
    size = file.seek(0, os.SEEK_END)
    is_md5 = kind == "etag" and len(told) == _MD5_DIGITS and name.startswith("s3")
    kind = "md5" if is_md5 else kind
    if size == state.size or state.size < 0:
        if kind not in _HASHES or _digest(file, kind, size) == told:
            return
        if is_md5 and state_of(name) == state:  # as that of a file which the store encrypts by a key is no MD5
            return
    file.truncate(0)
    if state_of(name) != state:
        raise changed(name)
    raise CutOffError("what came is not what the store says that it holds")


def _digest(file: BinaryIO, kind: str, size: int) -> str:
    digest = _HASHES[kind]()
    if kind == "git":
        digest.update(b"blob %d\0" % size)
    file.flush()
    with Path(file.name).open("rb") as content:
        while data := content.read(_READ_BYTES):
            digest.update(data)
    return digest.hexdigest()


def _entry(name: str, state: State) -> str:
    """What the cache calls a file: by its URL and state; what has no state that tells content, is never found again."""
    once = "" if state.tag else secrets.token_hex(8)
    digest = hashlib.sha256(f"{shown(name)}\n{state}\n{once}".encode("utf-8", "surrogatepass")).hexdigest()[:40]
    suffix = PurePosixPath(inner_path(name)).suffix.lower()
    return digest + (suffix if suffix[1:].isalnum() and len(suffix) < 8 else "")
