"""From folders and the names in them to samples, wherever they lie."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Final, TypeAlias

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.paths import path_key
from deepfakebench_ext.common.suffixes import IMAGE_SUFFIXES, VIDEO_SUFFIXES, is_image_name, is_video_name
from deepfakebench_ext.common.types import Label, Sample
from deepfakebench_ext.common.urls import is_url
from deepfakebench_ext.common.wording import counted
from deepfakebench_ext.data.samples.frame_folders import holds_no_video
from deepfakebench_ext.data.samples.kinds import Kind

Found: TypeAlias = list[tuple[tuple[str, ...], list[str]]]
"""The parts of each folder below the given one, and the names in it that are of the kind."""

logger = logging.getLogger(__name__)

# Folders above a picture's that may say that it is of a class: the given one's name, and one that says what it holds.
_ABOVE = 2
LEFT_ASIDE: Final = VIDEO_SUFFIXES | {
    *(".avif", ".gif", ".heic", ".heif", ".j2k", ".jfif", ".jp2", ".jpe", ".jxl", ".ppm", ".pgm", ".tga"),
    *(".arw", ".cr2", ".cr3", ".dng", ".mxf", ".nef", ".orf", ".raw", ".rm", ".rmvb", ".rw2"),
}
"""Pictures and films that no decoder here may know; whoever gives a folder may think that they are scored."""


def samples_found(
    place: Callable[[Sequence[str]], str], found: Found, labels: Sequence[Label | None], kind: Kind, root: str
) -> list[Sample]:
    """Return the samples of folders, sorted by key.

    Args:
        place: Where a folder of those parts lies.
        found: The folders.
        labels: Of each.
        kind: To `video`, a folder that holds images is one.
        root: Name of the given folder, for itself where it is a video.
    """
    samples = [
        sample
        for (parts, names), label in zip(found, labels, strict=True)
        for sample in _samples_of(place(parts), parts, names, label, kind)
    ]
    return sorted(_with_distinct_root(samples, root), key=lambda sample: sample.key)


def without_pictures(folder: Path | str, above: Sequence[str], parts: Sequence[str], names: list[str]) -> list[str]:
    """Return the films of a folder, and its images where they are the frames of a video.

    Args:
        folder: For messages.
        above: Parts that lead to the given folder.
        parts: From there to this one.
        names: In it.

    Raises:
        ConfigError: It is named after a class, and holds pictures alone.
    """
    images = [name for name in names if is_image_name(name)]
    if not images or not holds_no_video((*above[-_ABOVE:], *parts), images):
        return names
    if len(images) == len(names):
        raise ConfigError(
            f"{folder} is named after a class and holds {counted(len(images), 'picture')}, which are not the frames of "
            "one video: single pictures are for an image detector. If they are one video, put them into a folder of "
            "their own below it"
        )
    logger.warning("%s: left aside, beside films: %s", folder, counted(len(images), "picture"))
    return [name for name in names if not is_image_name(name)]


def is_of(name: str, kind: Kind) -> bool:
    """Return whether a file makes a sample of the kind; images do so for videos too, as frames."""
    return is_image_name(name) or (kind != "image" and is_video_name(name))


def check_kind(path: Path | str, name: str, kind: Kind) -> None:
    """Pass a single file that is a sample of the kind by its name.

    Raises:
        ConfigError: It is none.
    """
    if not (is_video_name(name) if kind == "video" else is_of(name, kind)):
        raise ConfigError(f"{path} is no {_wanted(kind)}.{_other_kind([PurePosixPath(name).suffix.lower()], kind)}")


def nothing_found(path: Path | str, counts: Mapping[str, int], kind: Kind) -> ConfigError:
    """Return the error for a folder that holds nothing of the kind, by the suffixes of what it holds."""
    return ConfigError(f"{path} holds no {_wanted(kind)}; it holds {_counted(counts)}.{_other_kind(counts, kind)}")


def say_left_aside(
    path: Path | str, counts: Mapping[str, int], kind: Kind, is_media: Callable[[str], bool] = LEFT_ASIDE.__contains__
) -> None:
    """Warn of pictures and films that are left out, beside what is of the kind.

    Args:
        path: Where they lie.
        counts: How many files of each suffix are not of the kind.
        kind: What is looked for.
        is_media: Whether files of a suffix are pictures or films.
    """
    if aside := {suffix: count for suffix, count in counts.items() if is_media(suffix)}:
        logger.warning("%s: left aside, as no %s: %s", path, _wanted(kind), _counted(aside))


def _counted(suffixes: Mapping[str, int]) -> str:
    """Return `2 .txt, 1 without suffix`, most frequent first."""
    ordered = sorted(suffixes.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{count} {suffix or 'without suffix'}" for suffix, count in ordered) or "no files"


def _wanted(kind: Kind) -> str:
    """Return what a kind is called, and by which suffixes it is known."""
    if kind != "video":
        others = " or video" if kind == "either" else ""
        return f"image{others} ({', '.join(sorted(IMAGE_SUFFIXES | (VIDEO_SUFFIXES if others else set())))})"
    return f"video ({', '.join(sorted(VIDEO_SUFFIXES))}) and no folder of frames"


def _other_kind(suffixes: Iterable[str], kind: Kind) -> str:
    """The hint that the other option takes what is there."""
    if kind == "either":
        return ""
    hint, known = (
        (" Give it to --video", VIDEO_SUFFIXES)
        if kind == "image"
        else (" Single images are for an image detector and --image", IMAGE_SUFFIXES)
    )
    return hint if any(suffix in known for suffix in suffixes) else ""


def _samples_of(
    folder: str, parts: Sequence[str], names: Sequence[str], label: Label | None, kind: Kind
) -> Iterator[Sample]:
    # A store's folder may have no name: a//b.png is another object than a/b.png.
    above = f"{folder}/" if is_url(folder) else os.path.join(folder, "")  # noqa: PTH118
    for name in names:
        if kind != "video" or is_video_name(name):
            yield Sample(key=path_key("/".join([*parts, name])), file=above + name, label=label)
    if kind == "video" and any(map(is_image_name, names)):
        yield Sample(key=path_key("/".join(parts)), file=folder, label=label)


def _with_distinct_root(samples: Sequence[Sample], root: str) -> list[Sample]:
    """The given folder, where it is itself a video, goes by its name, unless a folder in it has that name."""
    keys = {sample.key for sample in samples}
    name = path_key(root)
    own = "." if name in keys else name
    return [sample if sample.key else replace(sample, key=own) for sample in samples]
