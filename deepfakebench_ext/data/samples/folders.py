"""What is to be scored: image files, or videos as files and folders of frames, under a path."""

from __future__ import annotations

import logging
import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.notices import Notice
from deepfakebench_ext.common.paths import missing_path, path_key, plain_path
from deepfakebench_ext.common.types import Label, Sample
from deepfakebench_ext.common.wording import counted
from deepfakebench_ext.data.samples.folder_labels import label_above, label_of, says_nothing
from deepfakebench_ext.data.samples.found import (
    LEFT_ASIDE,
    Found,
    check_kind,
    is_of,
    nothing_found,
    samples_found,
    say_left_aside,
    without_pictures,
)
from deepfakebench_ext.data.samples.kinds import Kind
from deepfakebench_ext.data.samples.remote_folders import collect_remote
from deepfakebench_ext.data.samples.tars import collect_tars, is_tar
from deepfakebench_ext.media.asking import is_picture_or_film

logger = logging.getLogger(__name__)

_OF_DFDC = "metadata.json"
# Files of a suffix that a decoder is asked about.
_ASKED = 20


def collect_samples(path: Path | str, *, kind: Kind) -> list[Sample]:
    """The samples under a path, sorted by key, labelled by the names of their directories (see `label_of`).

    For `image`, each image file is one; keys are relative to `path`. For `video`, each video file is one, and each
    folder that directly holds images, with the folder as its path. For `either`, each image and each video file.
    Folders are searched to any depth, links followed but not in circles; hidden files and `__MACOSX` are left out.
    Where no directory below `path` says anything, `path` itself and the four directories above it are asked, the
    innermost first. A URL, as `typed.place` gives it, is a text.

    Raises:
        ConfigError: Nothing at `path`, nothing of the kind in it, or directories that contradict each other.
        FetchError: A store that cannot be asked.
    """
    if is_tar(path):
        return collect_tars(path, kind=kind)
    if isinstance(path, str):
        return collect_remote(path, kind=kind)
    found = _found(path, kind)
    if not path.is_dir():
        return _samples(path, found, [_above(path.parent)], kind)
    if kind == "video":
        above = plain_path(path).parts
        found = [(parts, without_pictures(path.joinpath(*parts), above, parts, names)) for parts, names in found]
    labels = [label_of(parts, root=path) for parts, _ in found]
    if all(says_nothing(parts) for parts, _ in found):
        labels = [_above(path)] * len(found)
    if all(label is None for label in labels) and (path / _OF_DFDC).is_file():
        logger.warning("%s holds a %s: if it has the labels, give it to --manifest", path, _OF_DFDC)
    return _samples(path, found, labels, kind)


def collect_unlabelled(path: Path | str, *, kind: Kind) -> list[Sample]:
    """As `collect_samples`, whatever the directories are called: none says what a sample is.

    Raises:
        ConfigError: Nothing at `path`, or nothing of the kind in it.
        FetchError: A store that cannot be asked.
    """
    if is_tar(path):
        return collect_tars(path, kind=kind, is_labelled=False)
    if isinstance(path, str):
        return collect_remote(path, kind=kind, is_labelled=False)
    found = _found(path, kind)
    return _samples(path, found, [None] * len(found), kind)


def _found(path: Path, kind: Kind) -> Found:
    """The directories under a path that hold something of the kind, and the names in them; a file as itself."""
    if not path.exists():
        raise missing_path(path)
    if not path.is_dir():
        check_kind(path, path.name, kind)
        return [((), [path.name])]
    others = _Others(Counter(), defaultdict(list))
    found = [(parts, names) for parts, names in _walk(path, (), frozenset(), kind, others) if names]
    if not found:
        raise nothing_found(path, others.counts, kind)
    say_left_aside(path, others.counts, kind, others.is_media)
    return found


def _samples(path: Path, found: Found, labels: Sequence[Label | None], kind: Kind) -> list[Sample]:
    if not path.is_dir():
        return [Sample(key=path_key(path.name), file=str(path), label=labels[0])]
    return samples_found(lambda parts: str(path.joinpath(*parts)), found, labels, kind, plain_path(path).name)


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
        return suffix in LEFT_ASIDE or any(map(is_picture_or_film, self.first[suffix]))


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
    names = [entry.name for entry in files if is_of(entry.name, kind) and (entry.is_symlink() or entry.is_file())]
    for entry in files:
        if not is_of(entry.name, kind):
            others.add(folder / entry.name)
    yield parts, names
    for name in subfolders:
        yield from _walk(folder / name, (*parts, name), above | {identity}, kind, others)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _even_shares(sizes: Sequence[int], n: int) -> list[int]:
    """How many to take of each group: as even as the sizes allow, `min(n, sum(sizes))` together, early ones first."""
    shares = [0] * len(sizes)
    for _ in range(min(n, sum(sizes))):
        open_groups = [group for group, size in enumerate(sizes) if shares[group] < size]
        shares[min(open_groups, key=lambda group: shares[group])] += 1
    return shares
