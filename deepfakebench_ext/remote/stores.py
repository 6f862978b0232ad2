"""What lies in a store, asked through fsspec: each file's state without reading it, listings, bytes from a place on."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import closing
from functools import lru_cache
from typing import Any, Final, NamedTuple

from deepfakebench_ext.common.errors import ConfigError, MediaError
from deepfakebench_ext.common.suffixes import is_image_name
from deepfakebench_ext.common.urls import WEB, scheme_of, shown, store_scheme
from deepfakebench_ext.common.wording import counted
from deepfakebench_ext.remote.failing import CutOffError, MissingError, patiently
from deepfakebench_ext.remote.typed import typed

CHUNK_BYTES: Final = 8 << 20
"""At once in memory, of each file that is read."""
_READ_BYTES = 1 << 18
# Never two answers for one question from a library's memory: a changed object is another.
_OPTIONS: Final[dict[str, dict[str, Any]]] = {
    "s3": {"config_kwargs": {"retries": {"total_max_attempts": 1}}, "use_listings_cache": False},
    "gs": {"use_listings_cache": False},
    "hf": {},
    "https": {"use_listings_cache": False},
}

logger = logging.getLogger(__name__)


class State(NamedTuple):
    """What is known of a file without reading it; changed content has another.

    Attributes:
        size: Bytes; -1 where the server does not say.
        tag: What tells its content, after its kind: `md5:`, `sha256:`, `git:` and `etag:`, or `time:`; empty where the
            server says nothing.
    """

    size: int
    tag: str

    def __str__(self) -> str:
        """Return it as it is kept and recorded."""
        return f"{self.size} {self.tag}"

    @classmethod
    def parse(cls, text: str) -> State:
        """Return the state that a text stands for."""
        size, _, tag = text.partition(" ")
        return cls(int(size), tag)


def state_of(name: str) -> State:
    """Return the state of a file, as the store has it now.

    Raises:
        MissingError: Nothing lies there.
        MediaError, FetchError, MissingExtraError: As `patiently`.
    """
    url, store = typed(name), _store(name)
    info = patiently(lambda: store.info(url), url)
    if info.get("type") == "directory":
        raise MissingError(f"{shown(url)}: a folder, and no file")
    return _state(info)


def listed(folder: str) -> Iterator[tuple[str, State]]:
    """Yield the files below a folder, in all depths: each by its path relative to it, with its state.

    Hidden ones are left out, and those in hidden folders; so are, with a warning, those whose keys go through `.` or
    `..`.

    Raises:
        ConfigError: A server of the web, which lists nothing.
        FetchError, MissingExtraError: As `patiently`.
    """
    url, store = typed(folder), _store(folder)
    if scheme_of(url) in WEB:
        raise ConfigError(f"{shown(url)}: a web server lists no files; name each, or write a --manifest of them")
    try:
        found: Mapping[str, Any] = patiently(lambda: store.find(url, detail=True), url)
    except MissingError:
        found = {}
    except MediaError as error:
        raise ConfigError(f"{error}") from error
    start = len(store._strip_protocol(url).rstrip("/")) + 1
    if scheme_of(url) == "hf":
        start = len(store.resolve_path(url).unresolve().rstrip("/")) + 1
    unnamed: list[str] = []
    for name, info in found.items():
        inside = name[start:]
        if inside and not name.endswith("/") and info.get("type") == "file":
            if not _is_hidden(inside):
                yield inside, _state(info)
            elif {".", ".."} & {*inside.split("/")}:
                unnamed.append(inside)
    forget_listings(folder)
    if unnamed:
        logger.warning(
            "%s: left aside, as no file below a folder can be called so: %s, such as %s",
            shown(url),
            counted(len(unnamed), "object"),
            unnamed[0],
        )


def beside(names: list[str]) -> dict[str, State]:
    """Return the states of files of one folder, as its listing has them; what is not there is left out.

    Raises:
        MediaError, FetchError, MissingExtraError: As `patiently`: it is not for us to list, say.
    """
    url, store = typed(names[0]).rpartition("/")[0], _store(names[0])
    try:
        found = patiently(lambda: store.ls(url, detail=True), url)
    except MissingError:
        return {}
    finally:
        forget_listings(names[0])
    infos = {info["name"].rpartition("/")[2]: info for info in found if info.get("type") == "file"}
    wanted = ((name, infos.get(name.rpartition("/")[2])) for name in names)
    return {name: _state(info) for name, info in wanted if info is not None}


def frames_in(folder: str) -> list[tuple[str, State]]:
    """Return the images directly in a folder, each by its name, with its state, sorted by name.

    Raises:
        MissingError: It holds none.
        MediaError, FetchError, MissingExtraError: As `patiently`.
    """
    url, store = typed(folder), _store(folder)
    if not can_list(url):
        raise MediaError(f"{shown(url)}: neither an image nor a video by its name, and a web server lists no folders")
    infos = patiently(lambda: store.ls(url, detail=True), url)
    forget_listings(folder)
    files = ((info["name"].rpartition("/")[2], info) for info in infos if info.get("type") == "file")
    found = sorted((name, _state(info)) for name, info in files if is_image_name(name))
    if not found:
        raise MissingError(f"{shown(url)}: no such file, and no folder of images")
    return found


def can_list(name: str) -> bool:
    """Return whether a store lists what it holds."""
    return scheme_of(name) not in WEB


def chunks(name: str, state: State, start: int) -> Iterator[bytes]:
    """Yield the bytes of a file from a place on, a part at a time.

    Raises:
        Exception: The library's own; whoever asks again goes on where it stopped.
    """
    url, store = typed(name), _store(name)
    kind = store_scheme(url)
    if kind in ("https", "hf"):
        yield from _streamed(store, url, state, start)
        return
    while start < state.size:
        data = store.cat_file(url, start=start, end=min(start + CHUNK_BYTES, state.size))
        if not data:
            raise CutOffError(f"{state.size - start} bytes are missing")
        yield data
        start += len(data)


def _streamed(store: Any, url: str, state: State, start: int) -> Iterator[bytes]:
    """One answer, read as it comes; of a server that knows no ranges, what is there already is passed over."""
    said: dict[str, Any] = {"block_size": 0}
    if scheme_of(url) in WEB:
        headers = {**store.kwargs.get("headers", {}), "Accept-Encoding": "identity"}
        said |= {"size": max(state.size, 1), "headers": {**headers, **({"Range": f"bytes={start}-"} if start else {})}}
    with closing(store.open(url, "rb", **said)) as file:
        if scheme_of(url) in WEB:
            _check_same(file.r.headers, state, url)
            ahead = start if file.r.status != 206 else 0
        else:
            file.loc, ahead = start, 0
        while data := file.read(_READ_BYTES):
            passed = min(ahead, len(data))
            ahead -= passed
            if passed < len(data):
                yield data[passed:]


def _check_same(headers: Mapping[str, str], state: State, url: str) -> None:
    """Pass an answer of the file whose state is known, and no other's."""
    now = _web_tag(headers)
    if state.tag and now and now != state.tag:
        raise changed(url)


def changed(url: str) -> MediaError:
    """Return the error for a file that is another than when the run began."""
    return MediaError(f"{shown(url)} has changed since the run began; the same command makes a new run of it")


def _state(info: Mapping[str, Any]) -> State:
    size = info.get("size")
    return State(-1 if size is None else int(size), _tag(info))


def _tag(info: Mapping[str, Any]) -> str:
    lfs = info.get("lfs")
    if lfs:
        return f"sha256:{lfs['sha256']}"
    if info.get("blob_id"):
        return f"git:{info['blob_id']}"
    if info.get("md5Hash"):
        import base64

        return f"md5:{base64.b64decode(info['md5Hash']).hex()}"
    if info.get("crc32c"):
        return f"crc32c:{info['crc32c']}"
    etag = str(info.get("ETag") or info.get("etag") or "").strip('"')
    time = info.get("LastModified") or info.get("Last-Modified") or info.get("mtime") or ""
    return f"etag:{etag}" if etag else f"time:{time}" if time else ""


def _web_tag(headers: Mapping[str, str]) -> str:
    return _tag({name: headers.get(name) for name in ("ETag", "Last-Modified")})


def _is_hidden(path: str) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in path.split("/"))


def _store(name: str) -> Any:
    return _opened(store_scheme(name), os.getpid())


@lru_cache(maxsize=8)
def _opened(kind: str, process: int) -> Any:
    """A store's filesystem, the same for all threads of a process; its threads do not survive a fork."""

    def ask() -> Any:
        import fsspec  # type: ignore[import-untyped]

        store = fsspec.filesystem(kind, skip_instance_cache=True, **_OPTIONS[kind])
        if kind == "s3":
            store.retries = 1  # those here wait longer, and go on in the middle of a file
        return store

    return patiently(ask, f"{kind}://")


def forget_listings(name: str) -> None:
    """Drop what a library remembers of listings: they change, and of a million files they take a gigabyte."""
    _store(name).dircache.clear()
