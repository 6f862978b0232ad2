"""A dataset as DeepfakeBench reads it: where it looks for landmarks, and the JSON that lists its frames. No I/O."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.types import FAKE, REAL, Label
from deepfakebench_ext.host.dataset_json_reading import C40_DATASETS, COMPRESSED_DATASETS

SPLITS: Final = ("train", "val", "test")

LABEL_NAMES: Final[dict[Label, str]] = {REAL: "DF_real", FAKE: "DF_fake"}
"""The least particular names that the shipped `label_dict` holds; an unknown one stops it.

Source: DeepfakeBench training/config/test_config.yaml:31-32, train_config.yaml:36-37.
"""

_COMPRESSED = frozenset((*COMPRESSED_DATASETS, *(f"{name}_c40" for name in C40_DATASETS)))


@dataclass(frozen=True, slots=True)
class ListedVideo:
    """One video in the JSON.

    Attributes:
        name: Unique in the dataset; also the name of the folder its frames lie in, since video-level figures go by it.
        label: 0 real, 1 fake.
        frames: Paths as `frames_root` spells them; their stems are integers. At least one.
    """

    name: str
    label: Label
    frames: tuple[str, ...]


def check_dataset_name(name: str) -> None:
    """Pass a name that works as a folder, as a file and as the JSON's top key.

    Raises:
        ConfigError: It does not, or it is one for which DeepfakeBench expects another structure.
    """
    if not name or name.startswith(".") or set(name) & set("/\\\0"):
        raise ConfigError(f"--dataset {name!r} is not a name: give one without / and \\ that begins with no dot")
    if name in _COMPRESSED:
        raise ConfigError(
            f"--dataset {name} is a name under which DeepfakeBench expects c23, c40 and raw; give another, such as "
            f"my-{name}"
        )


def check_splits(splits: Sequence[str]) -> None:
    """Pass one split or several, each once.

    Raises:
        ConfigError: None, an unknown one, or one twice.
    """
    if not splits or not set(splits) <= set(SPLITS) or len(set(splits)) < len(splits):
        raise ConfigError(f"--split {','.join(splits)!r} is not allowed; give one or several of {','.join(SPLITS)}")


def landmarks_path(frames_path: str) -> str:
    """Where DeepfakeBench looks for the landmarks of a frame, or of a folder of frames.

    Source:
        DeepfakeBench training/dataset/abstract_dataset.py:486: it replaces the words wherever they stand in the path.
    """
    return frames_path.replace("frames", "landmarks").replace(".png", ".npy")


def frames_root(folder: Path, run_from: Path, *, has_landmarks: bool) -> str:
    """The dataset's folder as the JSON spells it: relative to where DeepfakeBench is run, with a dot in front and `/`.

    Only such paths load in DeepfakeBench's rgb mode on Linux.

    Args:
        folder: Of the dataset. Need not exist.
        run_from: The folder from which DeepfakeBench is run.
        has_landmarks: Whether DeepfakeBench must find landmarks beside the frames.

    Raises:
        ConfigError: A path that DeepfakeBench would misread.

    Source:
        DeepfakeBench training/dataset/abstract_dataset.py:298-299, 209-212.
    """
    try:
        relative = _relative(folder, run_from)
    except ValueError as error:  # another drive
        raise ConfigError(
            f"there is no relative path from {run_from} to {folder}, and DeepfakeBench needs one"
        ) from error
    root = relative if relative.split("/")[0] == ".." else f"./{relative}"
    if "\\" in root:
        raise ConfigError(f"--output_dir: DeepfakeBench takes the backslash in {root} for a separator; give another")
    if has_landmarks and landmarks_path(root) != root:
        raise ConfigError(
            f"--output_dir: DeepfakeBench finds landmarks by replacing 'frames' and '.png' wherever they stand in a "
            f"path, also in {root}; give an --output_dir and a --dataset without them"
        )
    return root


def dataset_json(dataset: str, videos: Iterable[ListedVideo], splits: Sequence[str]) -> str:
    """The text of `<dataset>.json`, ASCII, with every video in every split.

    Args:
        dataset: Checked by `check_dataset_name`.
        videos: In the order in which they shall stand.
        splits: Checked by `check_splits`.

    Raises:
        ValueError: A name that comes twice, or a video without frames.
    """
    by_label: dict[str, dict[str, Any]] = {}
    names: set[str] = set()
    for video in videos:
        if video.name in names or not video.frames:
            raise ValueError(f"the video {video.name!r} comes twice or has no frames")
        names.add(video.name)
        label = LABEL_NAMES[video.label]
        by_label.setdefault(label, {})[video.name] = {"label": label, "frames": list(video.frames)}
    document = {dataset: {label: dict.fromkeys(splits, listed) for label, listed in sorted(by_label.items())}}
    # ASCII, since DeepfakeBench opens the file in the encoding of the locale.
    return json.dumps(document, indent=2, ensure_ascii=True) + "\n"


def _relative(folder: Path, run_from: Path) -> str:
    """`folder` as seen from `run_from`; `..` only from real places, since the system resolves links before it."""
    inner, outer = (Path(os.path.normpath(path.absolute())) for path in (folder, run_from))
    if inner.is_relative_to(outer):
        return inner.relative_to(outer).as_posix()
    return Path(os.path.relpath(os.path.realpath(folder), os.path.realpath(run_from))).as_posix()
