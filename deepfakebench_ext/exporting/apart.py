"""Which samples belong together, such as a video's frames, so that those of calibration and of the gate share none."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from deepfakebench_ext.common.digests import ABSENT, content_of
from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.suffixes import is_image_name
from deepfakebench_ext.common.types import FAKE, REAL, Label, Sample
from deepfakebench_ext.data.readers.frames import files_of
from deepfakebench_ext.data.samples.frame_folders import are_numbered, holds_no_video

_ABOVE = 3
_FEWEST_FOLDERS = 2

_Identity = tuple[str, ...]


def together(samples: Sequence[Sample]) -> list[int]:
    """Return the number of the group of each sample: one of a video's frames, of copies of a picture, or of both.

    Numbered images in a folder are a video's frames where each label has several such folders; else a folder may be
    all that there is of a label.
    """
    folders = _videos_folders(samples)
    first: dict[_Identity, int] = {}
    above = list(range(len(samples)))
    for number, sample in enumerate(samples):
        for identity in _identities(sample, folders):
            above[_top(above, number)] = _top(above, first.setdefault(identity, number))
    return [_top(above, number) for number in range(len(samples))]


def split(samples: Sequence[Sample]) -> tuple[list[Sample], list[Sample]]:
    """Return samples in two halves of each label, those that belong together in one."""
    halves: tuple[list[Sample], list[Sample]] = ([], [])
    counts: dict[Label | None, list[int]] = defaultdict(lambda: [0, 0])
    placed: dict[int, int] = {}
    for sample, group in zip(samples, together(samples), strict=True):
        so_far = counts[sample.label]
        side = placed.setdefault(group, int(so_far[0] > so_far[1]))
        so_far[side] += 1
        halves[side].append(sample)
    return halves


def check_disjoint(calibration: Sequence[Sample], gated: Sequence[Sample]) -> None:
    """Pass two sets of samples of which none is in both: neither its content nor its video.

    Raises:
        ConfigError: One is.
    """
    folders = _videos_folders([*calibration, *gated])
    known = {identity: sample.key for sample in calibration for identity in _identities(sample, folders)}
    both = [
        (sample.key, known[identity]) for sample in gated for identity in _identities(sample, folders) & known.keys()
    ]
    if both:
        raise ConfigError(
            f"--gate_on has {len({key for key, _ in both})} samples of --calibrate_on or of its videos, such as "
            f"{both[0][0]} (there {both[0][1]}); a gate of samples that were calibrated on would pass anything. Leave "
            "--gate_on out to have one set split, or give another; videos that only share a name are told apart by a "
            "manifest's column dataset"
        )


def _identities(sample: Sample, folders: set[str]) -> set[_Identity]:
    """What samples that belong together have in common."""
    contents = tuple(content for path in files_of(sample) if (content := content_of(path)) != ABSENT)
    found: set[_Identity] = {("content", *contents)} if contents else set()
    if sample.video is not None:
        found.add(("video", sample.dataset or "", sample.video))
    if (folder := _folder(sample)) in folders:
        found.add(("folder", folder))
    return found


def _videos_folders(samples: Sequence[Sample]) -> set[str]:
    """The folders whose images are a video's frames; none where a label has not several of them."""
    inside: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        if sample.video is None and is_image_name(sample.path.name):
            inside[_folder(sample)].append(sample)
    found = {folder: members[0].label for folder, members in inside.items() if _is_video(folder, members)}
    labels = list(found.values())
    return set(found) if min(labels.count(REAL), labels.count(FAKE)) >= _FEWEST_FOLDERS else set()


def _is_video(folder: str, members: Sequence[Sample]) -> bool:
    names = sorted({sample.path.name for sample in members})
    is_of_one_label = len({sample.label for sample in members}) == 1
    return is_of_one_label and are_numbered(names) and not holds_no_video(Path(folder).parts[-_ABOVE:], names)


def _folder(sample: Sample) -> str:
    return os.path.realpath(sample.path.parent)


def _top(above: list[int], number: int) -> int:
    while above[number] != number:
        above[number] = number = above[above[number]]
    return number
