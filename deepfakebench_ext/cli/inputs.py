"""What is typed for files: paths, globs, lists, standard input. Imports nothing heavy."""

from __future__ import annotations

import glob
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.paths import missing_path
from deepfakebench_ext.common.tar_names import shard_names
from deepfakebench_ext.common.urls import checked, is_url, shown

if TYPE_CHECKING:
    import click

STANDARD_INPUT = "-"
_LISTS = (".txt", ".lst", ".list")
_WEIGHTS = (".pth", ".pt", ".bin", ".ckpt", ".safetensors")
_GLOB = frozenset("*?[")


def paths_of(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    """Return, as the callback of an argument, the paths that are meant, each there.

    `-` is a path a line of standard input, a `.txt` file one a line, relative to its folder; a pattern that no file
    is called after (`'photos/*.jpg'`, `'**/*.png'`) is what it matches.

    Raises:
        ConfigError: A path that is not there, a pattern or list without any, or what is no input; says what to type.
    """
    paths = places_of(ctx, param, value)
    for path in () if ctx.resilient_parsing else paths:
        if is_url(path):
            raise ConfigError(f"{shown(path)} is a URL, and paths on this machine are wanted here")
    return paths


def places_of(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    """As `paths_of`, and URLs of kinds that are read, as they are.

    Raises:
        ConfigError: As `paths_of`, or a URL that cannot be read.
    """
    if ctx.resilient_parsing:
        return value
    return tuple(path for text in value for path in _meant(text))


def _meant(text: str) -> Iterator[str]:
    path = Path(text)
    if not text.strip():
        raise ConfigError(f"an empty path ({text!r}) was given, maybe by a variable without a value; here is .")
    if text == STANDARD_INPUT:
        yield from _listed(sys.stdin, Path(), "standard input")
    elif is_url(text):
        checked(text)
        yield text
    elif path.suffix.lower() in _WEIGHTS:
        raise ConfigError(f"{text} is a file of weights; type --weights {text}, and images or videos as paths")
    elif path.suffix.lower() in _LISTS and path.is_file():
        try:
            with path.open(encoding="utf-8-sig", errors="surrogateescape") as lines:
                yield from _listed(lines, path.parent, text)
        except OSError as error:
            raise ConfigError(f"{text} cannot be read: {error.strerror}") from error
    elif all(Path(each).exists() for each in shard_names(text)):
        yield text
    elif _GLOB & set(text):
        found = sorted(glob.glob(text, recursive=True))  # noqa: PTH207 - names as they were typed
        if not found:
            raise ConfigError(f"{text!r} matches no file; patterns are *.jpg, photos/*.png, '**/*.mp4'")
        yield from found
    else:
        raise _missing(text, path)


def _listed(lines: Iterable[str], folder: Path, name: str) -> Iterator[str]:
    """The paths of a list, one a line, those that are not absolute from a folder."""
    is_empty = True
    for number, line in enumerate((line.rstrip("\r\n") for line in lines), start=1):
        if not line.strip():
            continue
        if is_url(line.strip()):
            checked(line.strip())
            is_empty = False
            yield line.strip()
            continue
        path = folder / line.strip() if not (folder / line).exists() else folder / line
        if not path.exists():
            remark = ". Lists have no comments" if line.lstrip().startswith("#") else ""
            raise ConfigError(f"{name}, line {number}: {missing_path(path)}{remark}")
        is_empty = False
        yield str(path)
    if is_empty:
        raise ConfigError(f"{name} lists no path; it needs one a line")


def _missing(text: str, path: Path) -> ConfigError:
    error = missing_path(path)
    if text.count("/") == 1 and not path.parent.is_dir() and not path.suffix:
        return ConfigError(f"{error}. If it is a hub id, type --weights {text}")
    return error


def columns_named(text: str, roles: Iterable[str]) -> tuple[str, dict[str, str]]:
    """Return a file of scores, and what its columns are called: `theirs.csv:label=is_fake,score=prob`.

    Raises:
        ConfigError: A role that is not known.
    """
    path, colon, said = text.rpartition(":")
    if not colon or "=" not in said or Path(text).exists():
        return text, {}
    known = tuple(roles)
    names: dict[str, str] = {}
    for part in said.split(","):
        role, equals, name = (each.strip() for each in part.partition("="))
        if not equals or not name or role not in known:
            raise ConfigError(
                f"{text!r}: {part!r} names no column; type FILE:label=is_fake,score=prob; allowed are "
                f"{', '.join(known)}"
            )
        names[role] = name
    return path, names


def runs_in(text: str, holds: str) -> list[str]:
    """Return what is meant by a path: itself, or the runs in a folder that holds several, by their names.

    Args:
        text: As it was typed.
        holds: Name of the file that makes a run of a folder.
    """
    folder = Path(text)
    if not folder.is_dir() or (folder / holds).exists():
        return [text]
    return sorted(str(run.parent) for run in folder.glob(f"*/{holds}")) or [text]
