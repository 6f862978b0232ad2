"""Which folder each video's frames go to, in DeepfakeBench's layout. Names only, no I/O.

DeepfakeBench tells videos apart by the name of the folder their frames lie in, and by nothing else: `real/a.mp4` and
`fake/a.mp4` would be one video to it. So that name is unique in the dataset. And the tree, read as videos, has the
labels that its videos had.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.paths import is_outside
from deepfakebench_ext.common.suffixes import is_video_name
from deepfakebench_ext.common.types import LABEL_NAMES, Label, Sample
from deepfakebench_ext.data.samples.folder_labels import label_of
from deepfakebench_ext.host.dataset_json_writing import landmarks_path

# Folders that say what they hold, not of what it is; the layout has its own.
_KINDS = frozenset({"videos", "frames", "landmarks", "masks"})
_UNLABELLED = "unlabelled"
# File systems allow 255; a tag comes on top.
_MAX_NAME_BYTES = 200
_TAG_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Place:
    """Where one video's files go, below the dataset's folder, with `/`.

    Attributes:
        class_dir: The video's own folder in the input, with `real` or `fake` at its end where it does not say which;
            that alone where the folder says otherwise, or is none below a manifest's.
        video: The video's name, unique in the dataset.
    """

    class_dir: str
    video: str

    @property
    def frames(self) -> str:
        """Folder of the frames."""
        return f"{self.class_dir}/frames/{self.video}"

    @property
    def landmarks(self) -> str:
        """Folder of the landmarks, where DeepfakeBench looks for them."""
        return landmarks_path(self.frames)


def places(samples: Sequence[Sample], dataset: str) -> list[Place]:
    """One place for each video, no two alike.

    A name that several videos have, or that would say something else about its label than the video's folder does, or
    that is too long, is made another by 12 digits that the video's key decides.

    Args:
        samples: Videos with distinct keys.
        dataset: Names a video that has no name of its own.
    """
    wanted = [_wanted(sample, dataset) for sample in samples]
    counts = Counter(map(_identity, wanted))
    return [
        place if counts[_identity(place)] == 1 and _is_good(place, sample.label) else _tagged(place, sample)
        for place, sample in zip(wanted, samples, strict=True)
    ]


def _wanted(sample: Sample, dataset: str) -> Place:
    parts = [part.replace("\\", "_") for part in sample.key.split("/") if part not in ("", ".", "..")]
    *folders, name = [part for part in parts if part.casefold() not in _KINDS] or [dataset]
    if is_video_name(name):
        name = name.rpartition(".")[0]
    label = _UNLABELLED if sample.label is None else LABEL_NAMES[sample.label].lower()
    own = [] if is_outside(sample.key) else folders
    fitting = (each for each in (own, [*own, label]) if each and _say(each, sample.label))
    return Place("/".join(next(fitting, [label])), name)


def _tagged(place: Place, sample: Sample) -> Place:
    tag = hashlib.sha256(sample.key.encode()).hexdigest()[:_TAG_DIGITS]
    short = place.video.encode()[:_MAX_NAME_BYTES].decode("utf-8", "ignore")
    named = replace(place, video=f"{short}-{tag}")
    return named if _is_good(named, sample.label) else replace(place, video=f"video-{tag}")


def _is_good(place: Place, label: Label | None) -> bool:
    return _say(place.frames.split("/"), label) and len(place.video.encode()) <= _MAX_NAME_BYTES + _TAG_DIGITS + 1


def _say(folders: Sequence[str], label: Label | None) -> bool:
    """Whether folders say that label to whoever reads what lies in them."""
    try:
        return label_of(folders) == label
    except ConfigError:
        return False


def _identity(place: Place) -> str:
    """What two videos must not share; also where letters' case or the spelling of accents tells no files apart."""
    return unicodedata.normalize("NFC", landmarks_path(place.video)).casefold()
