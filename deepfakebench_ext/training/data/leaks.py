"""Leaks between what is trained on and what is judged on: one video on both sides, or one content; found before a run.

Files are compared by content, and few are read for it: those of a size that no file on the other side has, or none of
the other label, cannot be equal; of the rest the first bytes decide, and only files that agree so far are read whole.
"""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias, TypeVar

from deepfakebench_ext.common.errors import ConfigError, MediaError
from deepfakebench_ext.common.suffixes import is_image_name
from deepfakebench_ext.common.types import LABEL_NAMES, Label, Sample
from deepfakebench_ext.common.wording import counted
from deepfakebench_ext.data.stores.frame_stores import FrameStore, RgbStore
from deepfakebench_ext.host.frame_paths import parts
from deepfakebench_ext.media.image import frame_files
from deepfakebench_ext.training.data.sources import faces_of, pair_of, sources_of

Side = Literal["train", "val"]

_HEAD_BYTES, _CHUNK_BYTES = 4096, 1 << 20
_SHOWN = 5
_THREADS = 4


@dataclass(frozen=True, slots=True)
class Leak:
    """Two samples that must not be where they are.

    Attributes:
        kind: `video`: one video on both sides; `source`: a fake of FaceForensics++ and what it was made of, by their
            names; `content`: equal files on both sides; `labels`: equal files on one side under both labels.
        keys: Of the one and of the other.
        message: A sentence for people.
    """

    kind: Literal["video", "source", "content", "labels"]
    keys: tuple[str, str]
    message: str


class _Stored(NamedTuple):
    """A frame that no file of its own holds."""

    store: FrameStore
    frame: str


class _Content(NamedTuple):
    """What stands for a sample's content: a file, or three frames of a video; and what is known of it so far."""

    side: Side
    sample: Sample
    sources: tuple[Path | _Stored, ...]
    known: Hashable


T = TypeVar("T")
_Stores: TypeAlias = Mapping[str, FrameStore]
_Identity: TypeAlias = tuple[str, ...]


def find_leaks(train: Sequence[Sample], val: Sequence[Sample], stores: _Stores | None = None) -> list[Leak]:
    """Return the leaks between two sides, and the files that one side has under both labels.

    One video is the same file or folder, an image in such a folder, the same `video` of the same dataset, or the same
    folder of frames in DeepfakeBench's JSONs. One source is, by FaceForensics++'s names, a fake and what it was made
    of. Equal content is that of image and video files; of folders of frames and of a JSON's videos, of the first, the
    middle and the last frame. A validation sample whose video leaks is not looked at for its content. What cannot be
    read is passed over: whoever reads it for training or validation reports it.

    Args:
        train: What is trained on.
        val: What is judged on.
        stores: Where a JSON's frames are read, by the name of the dataset; None compares these by name alone.
    """
    videos = list(_same_videos(train, val, stores or {}))
    known = {leak.keys[1] for leak in videos}
    rest = [sample for sample in val if sample.key not in known]
    return videos + list(_same_sources(train, rest)) + list(_same_contents(train, rest, stores or {}))


def check_leaks(leaks: Sequence[Leak]) -> None:
    """Pass where there is no leak.

    Raises:
        ConfigError: There is one; names some.
    """
    if leaks:
        raise ConfigError(f"{describe(leaks)}\ntake them out of one side, or give --allow_leaks to train all the same")


def describe(leaks: Sequence[Leak]) -> str:
    """Return the leaks in words, a line each, at most 5 of a kind."""
    lines = [f"{counted(len(leaks), 'leak')} in the data:"]
    for kind in ("video", "source", "content", "labels"):
        messages = [leak.message for leak in leaks if leak.kind == kind]
        lines += [f"  {message}" for message in messages[:_SHOWN]]
        if len(messages) > _SHOWN:
            lines.append(f"  and {len(messages) - _SHOWN} more of this kind")
    return "\n".join(lines)


def _same_videos(train: Sequence[Sample], val: Sequence[Sample], stores: _Stores) -> Iterator[Leak]:
    """One leak for each validation sample of which training has the video."""
    real_path = _RealPaths()
    own: dict[_Identity, Sample] = {}
    around: dict[_Identity, Sample] = {}
    for sample in train:
        for identity in _identities(sample, real_path, stores):
            own.setdefault(identity, sample)
        for identity in _surroundings(sample, real_path):
            around.setdefault(identity, sample)
    for sample in val:
        strong, weak = list(_identities(sample, real_path, stores)), list(_surroundings(sample, real_path))
        found = [(i, own.get(i) or around.get(i)) for i in strong] + [(i, own.get(i)) for i in weak]
        for identity, other in found:
            if other is not None:
                same = "come from one place:" if identity[0] == "path" else f"are one video: {identity[0]}"
                message = f"{other.key} (train) and {sample.key} (val) {same} {identity[-1]}"
                yield Leak("video", (other.key, sample.key), message)
                break


def _same_sources(train: Sequence[Sample], val: Sequence[Sample]) -> Iterator[Leak]:
    """One leak for each validation sample that shares a video of FaceForensics++ with training, one of both a fake."""
    own, made_of = dict[tuple[str, str], Sample](), dict[tuple[str, str], Sample]()
    for sample, source in zip(train, sources_of(train), strict=True):
        for number in faces_of(source):
            (made_of if pair_of(source) else own).setdefault((sample.dataset or "", number), sample)
    for sample, source in zip(val, sources_of(val), strict=True):
        for number in faces_of(source):
            place = (sample.dataset or "", number)
            other = made_of.get(place) or (own.get(place) if pair_of(source) else None)
            if other is not None:
                message = f"{other.key} (train) and {sample.key} (val) share a source, by their names: {number}"
                yield Leak("source", (other.key, sample.key), message)
                break


class _RealPaths:
    """Paths without links; each folder is resolved once."""

    def __init__(self) -> None:
        self._folders: dict[Path, str] = {}

    def __call__(self, path: Path) -> str:
        if path.is_symlink():
            return os.path.realpath(path)
        folder = path.parent
        if folder not in self._folders:
            self._folders[folder] = os.path.realpath(folder)
        return os.path.join(self._folders[folder], path.name)  # noqa: PTH118 (20,000 names)


def _identities(sample: Sample, real_path: _RealPaths, stores: _Stores) -> Iterator[_Identity]:
    """What two samples of one video have in common; what it is comes first, its name last."""
    if sample.video is not None:
        yield "video", sample.dataset or "", sample.video
    if not sample.frames:
        yield "path", real_path(sample.path)
        return
    yield "video", sample.key  # of a dataset: <dataset>/<label>/<video>
    store = stores.get(sample.dataset or "")
    for folder, frame in {"/".join(parts(frame)[:-1]): frame for frame in sample.frames}.items():
        yield "folder of frames", folder
        if isinstance(store, RgbStore):  # as the other side has it that names the folder or its images
            yield "path", real_path(store.file(frame).parent)


def _surroundings(sample: Sample, real_path: _RealPaths) -> Iterator[_Identity]:
    """The folder of an image, which is its video where the other side has that folder as one."""
    if not sample.frames and is_image_name(sample.path.name):
        yield "path", real_path(sample.path.parent)


def _same_contents(train: Sequence[Sample], val: Sequence[Sample], stores: _Stores) -> Iterator[Leak]:
    jobs: list[tuple[Side, Sample]] = [("train", sample) for sample in train]
    jobs += [("val", sample) for sample in val]
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="leaks") as pool:
        contents = [content for content in pool.map(partial(_content, stores), jobs) if content is not None]
        for limit in (_HEAD_BYTES, None):
            suspects = [content for group in _grouped(contents) if _matters(group) for content in group]
            contents = list(pool.map(partial(_digested, limit), suspects))
    for group in _grouped(contents):
        yield from _leaks_in(group)


def _leaks_in(group: Sequence[_Content]) -> Iterator[Leak]:
    """One leak for each sample whose content came before on the other side, or on its own under another label."""
    first: dict[tuple[Side, Label | None], Sample] = {}
    for side, sample, _, _ in group:
        for (other_side, _), other in first.items():
            if other_side != side:
                where = f"{other.key} ({other_side}) and {sample.key} ({side}) have the same content"
                yield Leak("content", (other.key, sample.key), where + _contradiction(other, sample))
                break
            if _contradiction(other, sample):
                where = f"{other.key} and {sample.key} (both {side}) have the same content"
                yield Leak("labels", (other.key, sample.key), where + _contradiction(other, sample))
                break
        first.setdefault((side, sample.label), sample)


def _contradiction(one: Sample, other: Sample) -> str:
    """What two labels say against each other; empty where they agree or one is unknown."""
    if one.label is None or other.label is None or one.label == other.label:
        return ""
    return f", and are labelled {LABEL_NAMES[one.label]} and {LABEL_NAMES[other.label]}"


def _matters(group: Sequence[_Content]) -> bool:
    """Whether these would be a leak if they were equal."""
    labels = {content.sample.label for content in group} - {None}
    return len({content.side for content in group}) > 1 or len(labels) > 1


def _grouped(contents: Iterable[_Content]) -> list[list[_Content]]:
    groups: dict[Hashable, list[_Content]] = defaultdict(list)
    for content in contents:
        groups[content.known].append(content)
    return list(groups.values())


def _content(stores: _Stores, job: tuple[Side, Sample]) -> _Content | None:
    """What of a sample is compared, and its size; None where nothing can be read."""
    side, sample = job
    try:
        sources = _sources(sample, stores)
        sizes = tuple(source.stat().st_size if isinstance(source, Path) else None for source in sources)
    except (OSError, MediaError):
        return None
    return _Content(side, sample, sources, sizes) if sources and 0 not in sizes else None


def _sources(sample: Sample, stores: _Stores) -> tuple[Path | _Stored, ...]:
    if sample.frames:
        store = stores.get(sample.dataset or "")
        if store is None:
            return ()
        frames = _three(sample.frames)
        return tuple(store.file(f) if isinstance(store, RgbStore) else _Stored(store, f) for f in frames)
    return _three(frame_files(sample.path)) if sample.path.is_dir() else (sample.path,)


def _three(items: Sequence[T]) -> tuple[T, ...]:
    """The first, the middle and the last, each once: one alone may be black in many videos."""
    return tuple(items[at] for at in sorted({0, len(items) // 2, len(items) - 1}))


def _digested(limit: int | None, content: _Content) -> _Content:
    """The same, known also by the digest of its first bytes, or of all."""
    try:
        digests = tuple(_sha256(source, limit) for source in content.sources)
    except (OSError, MediaError):
        return content._replace(known=(content.side, content.sample.key))
    return content._replace(known=(content.known, digests))


def _sha256(source: Path | _Stored, limit: int | None) -> bytes:
    if isinstance(source, _Stored):
        return hashlib.sha256(source.store.read(source.frame).tobytes()[:limit]).digest()
    digest = hashlib.sha256()
    with source.open("rb") as file:
        while chunk := file.read(limit or _CHUNK_BYTES):
            digest.update(chunk)
            if limit is not None:
                break
    return digest.digest()
