"""What is to be scored, as paths of every kind: files and folders of images and videos, manifests."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.notices import Notice
from deepfakebench_ext.common.paths import is_outside, path_key
from deepfakebench_ext.common.suffixes import MANIFEST_SUFFIXES
from deepfakebench_ext.common.types import LABEL_NAMES, Sample
from deepfakebench_ext.common.urls import folder_of, is_pattern, is_url, split_pattern
from deepfakebench_ext.data.samples.folder_labels import labels_above_notices
from deepfakebench_ext.data.samples.folders import collect_samples
from deepfakebench_ext.data.samples.kinds import Kind
from deepfakebench_ext.data.samples.manifest import read_manifest
from deepfakebench_ext.remote.typed import place


@dataclass(frozen=True, slots=True)
class Given:
    """What lies at some paths.

    Attributes:
        samples: In the order of the paths; a file that two of them lead to is there once.
        notices: What is to be said with their figures.
    """

    samples: Sequence[Sample]
    notices: tuple[Notice, ...]


def samples_at(paths: Sequence[str | Path], *, takes: str) -> Given:
    """Return the samples at some paths, each by its kind: an image, a video, a folder of both, a CSV or DFDC's JSON.

    Args:
        paths: At least one. Of a single one the keys are as `collect_samples` and `read_manifest` make them; of
            several they begin with the path, as it was given.
        takes: What the detector takes: `image`, or `video`, to which folders of images are videos.

    Raises:
        ConfigError: As `collect_samples` and `read_manifest`; or one file has two labels.
    """
    kind: Kind = "video" if takes == "video" else "either"
    places = list(map(place, paths))
    groups = [(each, _found(each, kind)) for each in places]
    notices = labels_above_notices([group for group in groups if not _is_manifest(group[0])])
    if len(groups) == 1:
        return Given(groups[0][1], tuple(notices))
    return Given(list(_once(groups)), tuple(notices))


def _found(path: Path | str, kind: Kind) -> Sequence[Sample]:
    return read_manifest(path, kind=kind) if _is_manifest(path) else collect_samples(path, kind=kind)


def _is_manifest(path: Path | str) -> bool:
    if isinstance(path, str):
        return path.lower().endswith(MANIFEST_SUFFIXES)
    return path.suffix.lower() in MANIFEST_SUFFIXES and not path.is_dir()


def _once(groups: Sequence[tuple[Path | str, Sequence[Sample]]]) -> Iterator[Sample]:
    """Yield the samples of several paths under keys that differ, each file once."""
    seen: dict[str, Sample] = {}
    for path, samples in groups:
        for sample in samples:
            file = sample.file if is_url(sample.file) else os.path.abspath(sample.file)  # noqa: PTH100 (a million names)
            first = seen.setdefault(file, sample)
            if first is sample:
                yield replace(sample, key=_key(path, sample))
            elif first.label != sample.label and sample.label is not None:
                said = " and ".join("none" if s.label is None else LABEL_NAMES[s.label] for s in (first, sample))
                raise ConfigError(f"{sample.file} is given twice with two labels, {said}; give it once")


def _key(path: Path | str, sample: Sample) -> str:
    if isinstance(path, str):
        return _key_below(path, sample)
    if is_outside(sample.key) or _is_manifest(path):
        folder = path.parent
        return sample.key if is_outside(sample.key) or folder == Path() else f"{_of(folder)}/{sample.key}"
    return _of(path) if sample.file == str(path) else f"{_of(path)}/{sample.key}"


def _key_below(url: str, sample: Sample) -> str:
    if is_outside(sample.key) or sample.file == url:
        return sample.key if is_outside(sample.key) else path_key(url)
    root = folder_of(url) if _is_manifest(url) else split_pattern(url)[0] if is_pattern(url) else url.rstrip("/")
    return f"{path_key(root)}/{sample.key}"


def _of(path: Path) -> str:
    return path_key(os.path.normpath(path).replace(os.sep, "/"))
