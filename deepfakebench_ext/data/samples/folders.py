"""What is to be scored: image files, or videos as files and folders of frames, under a path."""

from __future__ import annotations

import logging
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.notices import Notice
from deepfakebench_ext.common.paths import missing_path, path_key, plain_path
from deepfakebench_ext.common.suffixes import IMAGE_SUFFIXES, VIDEO_SUFFIXES, is_image_name, is_video_name
from deepfakebench_ext.common.types import Label, Sample
from deepfakebench_ext.common.wording import counted
from deepfakebench_ext.data.samples.folder_labels import label_above, label_of, says_nothing
from deepfakebench_ext.data.samples.frame_folders import holds_no_video
from deepfakebench_ext.media.asking import is_picture_or_film

Kind = Literal["image", "video", "either"]
"""`either`: images and videos, each a sample of its own kind."""

logger = logging.getLogger(__name__)

_OF_DFDC = "metadata.json"
# Folders above the given one that may say that it is of a class: its own name, and one that says what it holds.
_ABOVE = 2
# Pictures and films that no decoder here may know; whoever gives a folder may think that they are scored.
_LEFT_ASIDE = VIDEO_SUFFIXES | {
    *(".avif", ".gif", ".heic", ".heif", ".j2k", ".jfif", ".jp2", ".jpe", ".jxl", ".ppm", ".pgm", ".tga"),
    *(".arw", ".cr2", ".cr3", ".dng", ".mxf", ".nef", ".orf", ".raw", ".rm", ".rmvb", ".rw2"),
}
# Files of a suffix that a decoder is asked about.
_ASKED = 20


def collect_samples(path: Path, *, kind: Kind) -> list[Sample]:
    """The samples under a path, sorted by key, labelled by the names of their directories (see `label_of`).

    For `image`, each image file is one; keys are relative to `path`. For `video`, each video file is one, and each
    folder that directly holds images, with the folder as its path. For `either`, each image and each video file.
    Folders are searched to any depth, links followed but not in circles; hidden files and `__MACOSX` are left out.
    Where no directory below `path` says anything, `path`
    itself and the four directories above it are asked, the innermost first.

    Raises:
        ConfigError: Nothing at `path`, nothing of the kind in it, or directories that contradict each other.
    """
    found = _found(path, kind)
    if not path.is_dir():
        return _samples(path, found, [_above(path.parent)], kind)
    if kind == "video":
        found = [(parts, _without_pictures(path, parts, names)) for parts, names in found]
    labels = [label_of(parts, root=path) for parts, _ in found]
    if all(says_nothing(parts) for parts, _ in found):
        labels = [_above(path)] * len(found)
    if all(label is None for label in labels) and (path / _OF_DFDC).is_file():
        logger.warning("%s holds a %s: if it has the labels, give it to --manifest", path, _OF_DFDC)
    return _samples(path, found, labels, kind)


def collect_unlabelled(path: Path, *, kind: Kind) -> list[Sample]:
    """As `collect_samples`, whatever the directories are called: none says what a sample is.

    Raises:
        ConfigError: Nothing at `path`, or nothing of the kind in it.
    """
    found = _found(path, kind)
    return _samples(path, found, [None] * len(found), kind)


def _found(path: Path, kind: Kind) -> list[tuple[tuple[str, ...], list[str]]]:
    """The directories under a path that hold something of the kind, and the names in them; a file as itself."""
    if not path.exists():
        raise missing_path(path)
    if not path.is_dir():
        if not (is_video_name(path.name) if kind == "video" else _is_of(path.name, kind)):
            raise ConfigError(f"{path} is no {_wanted(kind)}.{_other_kind([path.suffix.lower()], kind)}")
        return [((), [path.name])]
    others = _Others(Counter(), defaultdict(list))
    found = [(parts, names) for parts, names in _walk(path, (), frozenset(), kind, others) if names]
    counts = others.counts
    if not found:
        raise ConfigError(f"{path} holds no {_wanted(kind)}; it holds {_counted(counts)}.{_other_kind(counts, kind)}")
    if aside := {suffix: count for suffix, count in counts.items() if others.is_media(suffix)}:
        logger.warning("%s: left aside, as no %s: %s", path, _wanted(kind), _counted(aside))
    return found


def _samples(
    path: Path, found: Sequence[tuple[tuple[str, ...], list[str]]], labels: Sequence[Label | None], kind: Kind
) -> list[Sample]:
    if not path.is_dir():
        return [Sample(key=path_key(path.name), file=str(path), label=labels[0])]
    samples = [
        sample
        for (parts, names), label in zip(found, labels, strict=True)
        for sample in _samples_of(path, parts, names, label, kind)
    ]
    return sorted(_with_distinct_root(samples, path), key=lambda sample: sample.key)


def limit_samples(samples: Sequence[Sample], n: int, seed: int) -> list[Sample]:
    """At most `n` samples, drawn at random, as evenly from real, fake and unknown as their numbers allow; order kept.

    The same samples, `n` and `seed` always give the same draw.

    Raises:
        ConfigError: `n` is below 1.
    """
    if n < 1:
        raise ConfigError(f"a limit of {n} leaves nothing to score; it must be at least 1")
    rng = np.random.default_rng(seed)
    groups = [[at for at, sample in enumerate(samples) if sample.label == label] for label in (0, 1, None)]
    shares = _even_shares([len(group) for group in groups], n)
    drawn = [rng.permutation(group)[:share] for group, share in zip(groups, shares, strict=True)]
    return [samples[int(at)] for at in sorted(np.concatenate(drawn).astype(int))]


def limit_notices(count: int, limit: int | None, seed: int) -> list[Notice]:
    """Return the warning that goes with figures of `count` samples, where `limit_samples` had a choice."""
    if limit is None or count < limit:
        return []
    text = f"--limit {limit}: {counted(count, 'sample')} chosen by seed {seed}, balanced over the labels"
    return [Notice("limited", text)]


def unlabelled_notices(samples: Sequence[Sample]) -> list[Notice]:
    """Return the warning that some samples are in no figure, where others have a label."""
    without = [sample.key for sample in samples if sample.label is None]
    if not without or len(without) == len(samples):
        return []
    text = (
        f"{len(without)} of {len(samples)} samples have no label and are in no figure, such as {without[0]}: no "
        "directory of theirs says real or fake alone; --manifest can"
    )
    return [Notice("unlabelled", text)]


def _above(folder: Path) -> Label | None:
    found = label_above(folder)
    return None if found is None else found[1]


class _Others(NamedTuple):
    """Files that are not of the kind: how many there are of each suffix, and the first of them."""

    counts: Counter[str]
    first: dict[str, list[Path]]

    def add(self, path: Path) -> None:
        suffix = path.suffix.lower()
        self.counts[suffix] += 1
        if len(self.first[suffix]) < _ASKED:
            self.first[suffix].append(path)

    def is_media(self, suffix: str) -> bool:
        return suffix in _LEFT_ASIDE or any(map(is_picture_or_film, self.first[suffix]))


def _walk(
    folder: Path, parts: tuple[str, ...], above: frozenset[tuple[int, int]], kind: Kind, others: _Others
) -> Iterator[tuple[tuple[str, ...], list[str]]]:
    """Each folder's parts below the root and its names of the kind; puts all else into `others`."""
    try:
        status = folder.stat()
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise ConfigError(f"{folder} cannot be listed: {error.strerror}") from error
    identity = (status.st_dev, status.st_ino)
    if identity in above:
        return
    visible = [entry for entry in entries if not entry.name.startswith(".") and entry.name != "__MACOSX"]
    subfolders = [entry.name for entry in visible if _is_folder(entry)]
    files = [entry for entry in visible if not _is_folder(entry)]
    # A broken link stays a sample, to be reported; a pipe would block whoever opens it.
    names = [entry.name for entry in files if _is_of(entry.name, kind) and (entry.is_symlink() or entry.is_file())]
    for entry in files:
        if not _is_of(entry.name, kind):
            others.add(folder / entry.name)
    yield parts, names
    for name in subfolders:
        yield from _walk(folder / name, (*parts, name), above | {identity}, kind, others)


def _without_pictures(root: Path, parts: Sequence[str], names: list[str]) -> list[str]:
    """The films of a folder, and its images where they are the frames of a video.

    Raises:
        ConfigError: It is named after a class, and holds pictures alone.
    """
    images = [name for name in names if is_image_name(name)]
    if not images or not holds_no_video((*plain_path(root).parts[-_ABOVE:], *parts), images):
        return names
    folder = root.joinpath(*parts)
    if len(images) == len(names):
        raise ConfigError(
            f"{folder} is named after a class and holds {counted(len(images), 'picture')}, which are not the frames of "
            "one video: single pictures are for an image detector. If they are one video, put them into a folder of "
            "their own below it"
        )
    logger.warning("%s: left aside, beside films: %s", folder, counted(len(images), "picture"))
    return [name for name in names if not is_image_name(name)]


def _is_of(name: str, kind: Kind) -> bool:
    """Whether a file makes a sample of the kind; images do so for videos too, as frames."""
    return is_image_name(name) or (kind != "image" and is_video_name(name))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _samples_of(
    root: Path, parts: Sequence[str], names: Sequence[str], label: Label | None, kind: Kind
) -> Iterator[Sample]:
    folder = str(root.joinpath(*parts))
    for name in names:
        if kind != "video" or is_video_name(name):
            yield Sample(key=path_key("/".join([*parts, name])), file=os.path.join(folder, name), label=label)  # noqa: PTH118
    if kind == "video" and any(map(is_image_name, names)):
        yield Sample(key=path_key("/".join(parts)), file=folder, label=label)


def _with_distinct_root(samples: Sequence[Sample], root: Path) -> list[Sample]:
    """The given folder, where it is itself a video, goes by its name, unless a folder in it has that name."""
    keys = {sample.key for sample in samples}
    name = path_key(plain_path(root).name)
    own = "." if name in keys else name
    return [sample if sample.key else replace(sample, key=own) for sample in samples]


def _even_shares(sizes: Sequence[int], n: int) -> list[int]:
    """How many to take of each group: as even as the sizes allow, `min(n, sum(sizes))` together, early ones first."""
    shares = [0] * len(sizes)
    for _ in range(min(n, sum(sizes))):
        open_groups = [group for group, size in enumerate(sizes) if shares[group] < size]
        shares[min(open_groups, key=lambda group: shares[group])] += 1
    return shares


def _counted(suffixes: Mapping[str, int]) -> str:
    """`2 .txt, 1 without suffix`, most frequent first."""
    ordered = sorted(suffixes.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{count} {suffix or 'without suffix'}" for suffix, count in ordered) or "no files"


def _wanted(kind: Kind) -> str:
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
