"""What a sample was made of, by its name: what may not be on both sides of a split."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import TypeAlias

from deepfakebench_ext.common.types import Sample
from deepfakebench_ext.data.samples.frame_folders import KINDS, is_of_a_class, own_name
from deepfakebench_ext.data.samples.kinds import is_video

Source: TypeAlias = tuple[str, ...]
"""What it goes by (`video`, `name`, `image`), then what tells it apart; its own name last."""

# FaceForensics++: the fake 000_003 shows the video 000 with the face of 003, and 003_000 the other way round.
_FF_PAIR = re.compile(r"(\d{3})_(\d{3})")
_FF_VIDEO = re.compile(r"\d{3}")


def sources_of(samples: Sequence[Sample]) -> list[Source]:
    """The source of each sample: its `video`, or the name of its film, of its frames' folder, or its own."""
    siblings: dict[str, list[str]] = defaultdict(list)
    for sample in samples:
        folder, _, name = sample.key.rpartition("/")
        siblings[folder].append(name)
    of_a_class = {folder: is_of_a_class(PurePosixPath(folder).parts, names) for folder, names in siblings.items()}
    return [_source(sample, of_a_class) for sample in samples]


def pair_of(source: Source) -> tuple[str, ...]:
    """The two videos that a fake of FaceForensics++ was made of, by its name; empty for all others."""
    pair = _FF_PAIR.fullmatch(source[-1]) if source[0] != "image" else None
    return pair.groups() if pair else ()


def faces_of(source: Source) -> tuple[str, ...]:
    """The videos of FaceForensics++ whose face or scene is in it, by its name; empty for all others."""
    is_one = source[0] != "image" and _FF_VIDEO.fullmatch(source[-1])
    return (source[-1],) if is_one else pair_of(source)


def _source(sample: Sample, of_a_class: dict[str, bool]) -> Source:
    if sample.video is not None:
        return "video", sample.dataset or "", sample.video
    key = PurePosixPath(sample.key)
    folder = own_name(key.parent.parts)
    if is_video(sample):
        name = key.name if sample.frames or sample.path.is_dir() else key.stem
        return "name", folder if name.lower() in KINDS and folder else name
    if not folder or of_a_class[sample.key.rpartition("/")[0]]:
        return "image", sample.key
    return "name", folder
