"""URLs as people type them: told from paths, taken apart, and named without what is secret. No I/O."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Final

from deepfakebench_ext.common.errors import ConfigError

SCHEMES: Final = {
    "s3": "s3fs",
    "s3a": "s3fs",
    "gs": "gcsfs",
    "gcs": "gcsfs",
    "hf": "huggingface_hub",
    "https": "aiohttp",
    "http": "aiohttp",
}
"""What is read, and the package that reads it."""
WEB: Final = ("https", "http")
_SAME: Final = {"s3a": "s3", "gcs": "gs", "http": "https"}
_BEGINS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
# Within a text, up to what ends a URL in prose and in the messages of libraries.
_WITHIN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://[^\s'\"<>|`]+")
_PATTERN = frozenset("*?[")
_THIS_MACHINE = ("127.0.0.1", "localhost", "[::1]")
# hf://datasets/org/name@revision/..., or hf://org/name of models.
_KINDS_OF_REPOSITORIES = ("datasets", "spaces", "buckets")


def is_url(text: str) -> bool:
    """Return whether a text is a URL and no path; a drive's single letter is none."""
    return "://" in text and _BEGINS.match(text) is not None


def shown(url: str) -> str:
    """Return a URL as it may stand in results: without user, password, query and fragment.

    These hold secrets (signatures, tokens); what is left names the object.
    """
    found = _BEGINS.match(url)
    if found is None:
        return url
    scheme, rest = found[1].lower(), url[found.end() :]
    if scheme in WEB or scheme not in SCHEMES:
        rest = re.split(r"[?#]", rest, maxsplit=1)[0]
    place, slash, path = rest.partition("/")
    if scheme != "hf":  # whose revisions stand behind an @
        place = place.rpartition("@")[2]
    return f"{scheme}://{place}{slash}{path}"


def without_secrets(text: str) -> str:
    """Return a text, such as a command line or a library's message, with each URL in it as `shown`."""
    return _WITHIN.sub(lambda found: shown(found[0]), text) if "://" in text else text


def checked(url: str) -> str:
    """Return the scheme of a URL that can be read.

    Raises:
        ConfigError: One that cannot be; says what to type.
    """
    found = _BEGINS.match(url)
    scheme = found[1].lower() if found else ""
    host = shown(url).partition("://")[2].partition("/")[0]
    if scheme == "file":
        raise ConfigError(f"{shown(url)}: give the path itself, without file://")
    if scheme not in SCHEMES:
        allowed = ", ".join(f"{each}://" for each in ("s3", "gs", "hf", "https"))
        raise ConfigError(f"{shown(url)}: {scheme}:// is not read; allowed are {allowed} and paths on this machine")
    if not host:
        raise ConfigError(f"{shown(url)} names no {'host' if scheme in WEB else 'bucket'}")
    if scheme == "http" and re.sub(r":\d+$", "", host).lower() not in _THIS_MACHINE:
        raise ConfigError(
            f"{shown(url)}: what comes by http:// may be changed on its way, and is only taken from this machine; "
            "give https://"
        )
    if scheme.startswith(("s3", "g")) and "@" in url[found.end() if found else 0 :].partition("/")[0]:
        raise ConfigError(
            f"{shown(url)} was given with credentials in it; leave them out: they are found as the library finds them "
            "(docs/inputs.md)"
        )
    return scheme


def scheme_of(url: str) -> str:
    """Return the scheme of a URL, in lower case."""
    return url.partition("://")[0].lower()


def store_scheme(url: str) -> str:
    """Return the scheme by which a URL's store is asked: of `s3a`, `gcs` and `http` that of `s3`, `gs` and `https`."""
    scheme = scheme_of(url)
    return _SAME.get(scheme, scheme)


def inner_path(url: str) -> str:
    """Return where in its bucket, host or repository something lies."""
    _, _, rest = shown(url).partition("://")
    parts = rest.split("/")
    above = 1 if scheme_of(url) != "hf" else 3 if parts[0] in _KINDS_OF_REPOSITORIES else 2
    return "/".join(parts[above:])


def folder_names(url: str) -> list[str]:
    """Return the folders that a URL of a folder leads through, outermost first; its bucket or host is none."""
    return [name for name in inner_path(url).split("/") if name]


def name_of(url: str) -> str:
    """Return the last part of a URL."""
    return shown(url).rstrip("/").rpartition("/")[2]


def folder_of(url: str) -> str:
    """Return the URL of the folder that a file lies in, without a slash at its end."""
    return url.rpartition("/")[0]


def joined(folder: str, relative: str) -> str:
    """Return the URL of what is listed in a folder.

    Raises:
        ConfigError: It would lie above what the URL's bucket, host or repository holds, or is a path of a machine.
    """
    inner = inner_path(folder)
    root = folder[: len(folder) - len(inner)].rstrip("/")
    path = posixpath.normpath(posixpath.join(inner, relative))
    if relative.startswith("/") or path.startswith("..") or path == ".":
        raise ConfigError(f"{relative!r} is no file below {shown(folder)}; write it relative to that, or as a URL")
    return f"{root}/{path}"


def is_pattern(url: str) -> bool:
    """Return whether a URL stands for all that it matches; in those of the web a ? begins a query."""
    return bool(_PATTERN.difference("?" if scheme_of(url) in WEB else "") & set(inner_path(url)))


def split_pattern(url: str) -> tuple[str, str]:
    """Return the folder that a pattern begins at, and the pattern below it."""
    parts = url.split("/")
    first = next(at for at, part in enumerate(parts) if at > 2 and _PATTERN & set(part))
    return "/".join(parts[:first]), "/".join(parts[first:])


def matches(pattern: str, parts: Sequence[str]) -> bool:
    """Return whether a path, part by part, is meant by a pattern: `*`, `?`, `[...]`, and `**` for folders."""
    return _matches(pattern.split("/"), list(parts))


def _matches(patterns: list[str], parts: list[str]) -> bool:
    if not patterns:
        return not parts
    if patterns[0] == "**":
        return any(_matches(patterns[1:], parts[at:]) for at in range(len(parts) + 1))
    return bool(parts) and fnmatchcase(parts[0], patterns[0]) and _matches(patterns[1:], parts[1:])
