"""What is to be scored of a store: a file behind a URL, or all below a folder or by a pattern, as of local folders."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from deepfakebench_ext.common.errors import ConfigError, MediaError
from deepfakebench_ext.common.paths import path_key
from deepfakebench_ext.common.suffixes import is_image_name, is_video_name
from deepfakebench_ext.common.types import Label, Sample
from deepfakebench_ext.common.urls import folder_names, folder_of, is_pattern, matches, name_of, split_pattern
from deepfakebench_ext.data.samples.folder_labels import label_in, label_of, says_nothing
from deepfakebench_ext.data.samples.found import (
    Found,
    check_kind,
    is_of,
    nothing_found,
    samples_found,
    say_left_aside,
    without_pictures,
)
from deepfakebench_ext.data.samples.kinds import Kind
from deepfakebench_ext.remote.states import folder_state, forget, known_state, remember
from deepfakebench_ext.remote.stores import State, listed


def collect_remote(url: str, *, kind: Kind, is_labelled: bool = True) -> list[Sample]:
    """Return the samples behind a URL, as `collect_samples` and `collect_unlabelled` do of a path.

    One whose last part ends as an image's or a video's name is that file; one with `*`, `?` or `[` all below its first
    part with such a sign that it matches; any other is a folder.

    Raises:
        ConfigError: As `collect_samples`, or a file that is not there.
        FetchError, MissingExtraError: The store cannot be asked.
    """
    root, pattern = split_pattern(url) if is_pattern(url) else (url.rstrip("/"), "")
    if not pattern and (is_image_name(name_of(root)) or is_video_name(name_of(root))):
        check_kind(root, name_of(root), kind)
        check_there(root)
        above = label_in(folder_names(folder_of(root))) if is_labelled else None
        return [Sample(path_key(name_of(root)), root, None if above is None else above[1])]

    def place(parts: Sequence[str]) -> str:
        return "/".join([root, *parts])

    found = _found(root, pattern, kind)
    names = folder_names(root)
    labels: list[Label | None] = [None] * len(found)
    if is_labelled:
        if kind == "video":
            found = [(parts, without_pictures(place(parts), names, parts, files)) for parts, files in found]
        labels = [label_of(parts, root=root) for parts, _ in found]
        if all(says_nothing(parts) for parts, _ in found):
            above = label_in(names)
            labels = [None if above is None else above[1]] * len(found)
    return samples_found(place, found, labels, kind, name_of(root))


def check_there(url: str) -> None:
    """Pass a single file that was asked for and is there, and learn its state.

    Raises:
        ConfigError: It is not, or not for us.
        FetchError, MissingExtraError: The store cannot be asked.
    """
    forget([url])
    try:
        known_state(url)
    except MediaError as error:
        raise ConfigError(str(error)) from error


def _found(root: str, pattern: str, kind: Kind) -> Found:
    """The folders below one that hold something of the kind; the state of each file is remembered."""
    folders: dict[tuple[str, ...], list[tuple[str, State]]] = defaultdict(list)
    others: Counter[str] = Counter()
    for parts, state in _matching(root, pattern):
        if is_of(parts[-1], kind):
            folders[parts[:-1]].append((parts[-1], state))
        else:
            others[PurePosixPath(parts[-1]).suffix.lower()] += 1
    if not folders:
        raise _nothing("/".join(filter(None, [root, pattern])), others, kind)
    say_left_aside(root, others, kind)
    return [(parts, _remembered("/".join([root, *parts]), sorted(folders[parts]))) for parts in sorted(folders)]


def _nothing(url: str, others: Counter[str], kind: Kind) -> ConfigError:
    if others:
        return nothing_found(url, others, kind)
    return ConfigError(f"nothing lies at {url}; give a file, the folder above it, or a pattern such as */*.jpg")


def _matching(root: str, pattern: str) -> Iterator[tuple[tuple[str, ...], State]]:
    for path, state in listed(root):
        parts = tuple(path.split("/"))
        if not pattern or matches(pattern, parts):
            yield parts, state


def _remembered(folder: str, files: Sequence[tuple[str, State]]) -> list[str]:
    """The names in a folder; their states, and that of the folder as a video, are kept."""
    for name, state in files:
        remember(f"{folder}/{name}", state)
    images = [(name, state) for name, state in files if is_image_name(name)]
    if images:
        remember(folder, folder_state(images))
    return [name for name, _ in files]
