"""Paths as the user typed them."""

from __future__ import annotations

import os
import re
from functools import lru_cache
from pathlib import Path

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.urls import is_url, shown


def plain_path(path: Path) -> Path:
    """An absolute path without `..`; links keep the names that the user typed."""
    return Path(os.path.normpath(path.absolute()))


def manifest_entry(text: str, folder: Path) -> tuple[str, str]:
    """Key and path of what a manifest in `folder` lists; a path of its folder has one key, absolute or relative.

    A URL is both, without its secrets.
    """
    if is_url(text.strip()):
        return (shown(text.strip()),) * 2
    given = os.path.normpath(text.strip().replace("\\", "/"))
    key = given
    if is_outside(given):
        inside, root = Path(named_file(given, folder)), plain_path(folder)
        key = str(inside.relative_to(root)) if inside.is_relative_to(root) else given
    return key.replace(os.sep, "/"), os.path.join(_start(folder), given)  # noqa: PTH118 (a million names)


def is_outside(key: str) -> bool:
    """Whether what is listed so may lie elsewhere than below the manifest's folder; a URL does."""
    return key.startswith(os.pardir) or os.path.isabs(key) or is_url(key)  # noqa: PTH117 (a million names)


def named_file(key: str, folder: Path) -> str:
    """The absolute path, without `..`, of what has a key in a manifest in `folder`, or its URL; one file has one."""
    if is_url(key):
        return key
    return os.path.normpath(os.path.join(_root(folder), key))  # noqa: PTH118 (a million names)


@lru_cache(maxsize=4)
def _start(folder: Path) -> str:
    return "" if folder == Path() else str(folder)


@lru_cache(maxsize=4)
def _root(folder: Path) -> str:
    return str(plain_path(folder))


_SURROGATE = re.compile("[\ud800-\udfff]")
# As a byte that is no text is written in a key.
_LOOKS_ESCAPED = re.compile(r"\\(x[89a-f][0-9a-f]|ud[89a-f][0-9a-f]{2})")


def path_key(name: str) -> str:
    r"""Return a relative path, as the system spells it, as a key that can be written as UTF-8; no two share one.

    Bytes that are no text become `\xff`. In such names, and in those with such words of their own, each backslash
    becomes two.
    """
    if _SURROGATE.search(name) or _LOOKS_ESCAPED.search(name):
        name = name.replace("\\", "\\\\")
    return _SURROGATE.sub(_escaped, name)


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else f"\\u{code:04x}"


def missing_path(path: Path) -> ConfigError:
    """The error for a path that is not there, with what is there under a name like it."""
    from difflib import get_close_matches  # not at the top, as paths are imported for --help

    absolute = plain_path(path)
    folder = next((parent for parent in absolute.parents if parent.is_dir()), absolute)
    wanted = absolute.relative_to(folder).parts[0]
    names = [entry.name for entry in os.scandir(folder)]
    if wanted in names:
        return ConfigError(f"{path} is a link to {(folder / wanted).readlink()}, which does not exist")
    close = get_close_matches(wanted, names, n=3)
    meant = (
        f"did you mean {' or '.join(str(folder / name) for name in close)}?" if close else f"{folder} has no {wanted!r}"
    )
    return ConfigError(f"{path} does not exist; {meant}")
