"""Images in tars, as WebDataset writes them: files of one key lie side by side, and one of them may give the label."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from itertools import takewhile
from pathlib import Path, PurePosixPath

from deepfakebench_ext.common.errors import ConfigError, MediaError
from deepfakebench_ext.common.paths import missing_path, path_key, plain_path
from deepfakebench_ext.common.suffixes import is_image_name
from deepfakebench_ext.common.tar_names import is_compressed_tar_name, is_tar_name, shard_names
from deepfakebench_ext.common.types import Label, Sample
from deepfakebench_ext.common.urls import folder_names, is_pattern, matches, name_of, split_pattern
from deepfakebench_ext.common.wording import counted
from deepfakebench_ext.data.samples.folder_labels import label_above, label_in, label_of, says_nothing
from deepfakebench_ext.data.samples.found import nothing_found, say_left_aside
from deepfakebench_ext.data.samples.kinds import Kind
from deepfakebench_ext.data.samples.label_text import label_of_text
from deepfakebench_ext.remote.fetching import at_hand_as_asked
from deepfakebench_ext.remote.stores import listed
from deepfakebench_ext.remote.tars import Place, members, read_member

_LABELS = ("label", "cls")

logger = logging.getLogger(__name__)


def collect_tars(given: Path | str, *, kind: Kind, is_labelled: bool = True) -> list[Sample]:
    """Return the images in a tar, or in several as `data-{000..009}.tar` names them, in the order in which they lie.

    Keys are the names in the tar; of several tars, these begin with the tar's, and with its folders where tars have one
    name. Labels are those of a `.cls` or `.json` beside an image, else come from the words of its folders in the tar,
    else from the tar's own name and the folders above it.

    Raises:
        ConfigError: No tar there, one that cannot be read or holds no image, or labels that are none.
        FetchError, MissingExtraError: A store that cannot be asked.
    """
    if kind == "video":
        raise ConfigError(f"{given} is a tar, of which images are read, for image detectors; extract videos from it")
    if is_compressed_tar_name(str(given)):
        raise ConfigError(f"{given} is compressed, so that nothing can be found in it; decompress it first (gunzip)")
    shards = _shards(given)
    samples: list[Sample] = []
    others: Counter[str] = Counter()
    for shard, own in zip(shards, _names([str(shard) for shard in shards]), strict=True):
        for name, label in _images(shard, is_labelled, others):
            key = path_key(f"{own}/{name}" if len(shards) > 1 else name)
            samples.append(Sample(key, f"{shard}/{name}", label))
    say_left_aside(given, others, "image")
    return samples


def _names(shards: list[str]) -> list[str]:
    """What tells shards apart: their names or, where some are equal, these below the folder that they share."""
    names = [name_of(shard) for shard in shards]
    if len({*names}) < len(names):
        parts = [shard.split("/") for shard in shards]
        shared = sum(1 for _ in takewhile(lambda at: len({*at}) == 1, zip(*parts, strict=False)))
        names = ["/".join(own[shared:]) for own in parts]
    return names


def is_tar(given: Path | str) -> bool:
    """Return whether what was given are tars by its name, and no folder that is called so."""
    name = str(given)
    is_named = is_tar_name(name) or is_compressed_tar_name(name)
    return is_named and (isinstance(given, str) or not given.is_dir())


def _shards(given: Path | str) -> list[Path | str]:
    if isinstance(given, Path):
        paths = [Path(name) for name in shard_names(str(given))]
        missing = next((path for path in paths if not path.exists()), None)
        if missing is not None:
            raise missing_path(missing)
        return [*paths]
    if not is_pattern(given):
        return [*shard_names(given)]
    root, pattern = split_pattern(given)
    found = sorted(path for path, _ in listed(root) if is_tar_name(path) and matches(pattern, path.split("/")))
    if not found:
        raise ConfigError(f"nothing lies at {given}")
    return [f"{root}/{path}" for path in found]


def _images(shard: Path | str, is_labelled: bool, others: Counter[str]) -> Iterator[tuple[str, Label | None]]:
    """Name and label of each image of a tar; all else is counted in `others`, by its suffix."""
    with _at_hand(shard) as path:
        try:
            found, links = members(path)
        except MediaError as error:
            raise ConfigError(str(error).replace(str(path), str(shard))) from error
        if links:
            logger.warning(
                "%s: left aside, as a tar's links are not followed: %s, such as %s; tar -h packs what they lead to",
                shard,
                counted(len(links), "link"),
                min(links),
            )
        images: list[str] = []
        suffixes: Counter[str] = Counter()
        for name in found:
            last = name.rpartition("/")[2]
            if is_image_name(last):
                images.append(name)
            elif not last.startswith("."):
                suffixes[PurePosixPath(last).suffix.lower()] += 1
        if not images:
            raise nothing_found(shard, suffixes, "image")
        others.update(suffixes)
        labels = _Labels(shard, path, found, images)
        for name in images:
            yield name, labels.of(name) if is_labelled else None


def _at_hand(shard: Path | str) -> AbstractContextManager[Path]:
    return nullcontext(shard) if isinstance(shard, Path) else at_hand_as_asked(shard)


class _Labels:
    """What says of the images of a tar what they are."""

    def __init__(self, shard: Path | str, path: Path, found: Mapping[str, Place], images: list[str]) -> None:
        self._shard, self._path, self._found = shard, path, found
        above = None
        if all(says_nothing(name.split("/")[:-1]) for name in images):
            above = label_above(plain_path(shard)) if isinstance(shard, Path) else label_in(folder_names(shard))
        self._above = None if above is None else above[1]

    def of(self, name: str) -> Label | None:
        folder, slash, last = name.rpartition("/")
        key = f"{folder}{slash}{last.partition('.')[0]}"
        for suffix in (".cls", ".json"):
            if (place := self._found.get(key + suffix)) is not None:
                text = self._said(f"{self._shard}/{key}{suffix}", read_member(self._path, place))
                if text is not None:
                    return label_of_text(text, f"{self._shard}/{key}{suffix}")
        found = label_of(folder.split("/") if folder else [], root=str(self._shard))
        return self._above if found is None else found

    def _said(self, where: str, content: bytes) -> str | None:
        """What a member says of a label, as text; None where it says nothing."""
        try:
            text = content.decode("utf-8-sig").strip()
            if where.endswith(".cls"):
                return text
            values = json.loads(text)
        except ValueError as error:
            raise ConfigError(f"{where} gives no label: {error}") from error
        found = next((values[name] for name in _LABELS if name in values), None) if isinstance(values, dict) else values
        return None if found is None else str(int(found) if isinstance(found, bool) else found)
