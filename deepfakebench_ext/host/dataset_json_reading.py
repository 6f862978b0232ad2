"""What a dataset JSON of DeepfakeBench lists, read as DeepfakeBench reads it. No I/O."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.types import FAKE, REAL, Label

C40_DATASETS: Final = ("FaceForensics++", "FF-DF", "FF-F2F", "FF-FS", "FF-NT")
"""For these it opens X_c40.json to look for X in it.

Source: DeepfakeBench training/dataset/abstract_dataset.py:173-188.
"""

COMPRESSED_DATASETS: Final = (*C40_DATASETS, "DeepFakeDetection", "FaceShifter")
"""Below the split of these it expects a compression. They also share one LMDB.

Source: DeepfakeBench training/dataset/abstract_dataset.py:34, 192-196.
"""

LABELS: Final[Mapping[str, Label]] = {
    **dict.fromkeys(("DFD_real", "FF-real", "CelebDFv1_real", "CelebDFv2_real", "DFDCP_Real"), REAL),
    **dict.fromkeys(("DFDC_Real", "DF_real", "UADFV_Real", "roop_Real"), REAL),
    **dict.fromkeys(("DFD_fake", "FF-SH", "FF-F2F", "FF-DF", "FF-FS", "FF-NT", "FF-FH"), FAKE),
    **dict.fromkeys(("CelebDFv1_fake", "CelebDFv2_fake", "DFDCP_FakeA", "DFDCP_FakeB"), FAKE),
    **dict.fromkeys(("DFDC_Fake", "DF_fake", "UADFV_Fake", "roop_Fake"), FAKE),
}
"""What DeepfakeBench calls real and fake.

Source: DeepfakeBench training/config/test_config.yaml:6-38.
"""

_C40 = "_c40"
_NAMES_SHOWN = 12


@dataclass(frozen=True, slots=True)
class DatasetVideo:
    """One video that a dataset JSON lists.

    Attributes:
        key: `<label name>/<video>`, after the keys it stands under; unique in the dataset.
        label_name: What the JSON calls its label, such as `FF-NT`.
        label: 0 real, 1 fake; None where there is a fault and nothing says it.
        frames: As the JSON spells them, sorted by number, or in its order where a name is none; none with a fault.
        fault: Why it cannot be used, with its place; empty where it can.
    """

    key: str
    label_name: str
    label: Label | None
    frames: tuple[str, ...]
    fault: str = ""


def dataset_videos(
    name: str,
    document: object,
    *,
    compression: str = "c23",
    labels: Mapping[str, object] | None = None,
    split: str = "test",
    needs_order: bool = False,
) -> list[DatasetVideo]:
    """Return the videos of one split of a dataset, in the order of the JSON. What is amiss with one is its own fault.

    Args:
        name: The dataset as it is asked for; `FaceForensics++_c40` is `FaceForensics++` in c40.
        document: What `<name>.json` holds.
        compression: `c23`, `c40` or `raw`, for the datasets that come in several; `_c40` in the name wins.
        labels: The detector YAML's `label_dict`; goes before DeepfakeBench's own. Above 1 counts as fake (UCF).
        split: `train`, `val` or `test`.
        needs_order: Whether frames whose names are no numbers are a fault, since clips are cut from a video's frames.

    Raises:
        ConfigError: The document is no such dataset, or uses a label that nobody knows. Begins with `<name>.json`.

    Source:
        DeepfakeBench training/dataset/abstract_dataset.py:173-212.
    """
    key, compression = _key_and_compression(name, compression)
    levels = (split, compression) if key in COMPRESSED_DATASETS else (split,)
    known = {**LABELS, **(labels or {})}
    videos = []
    for label_name in _inner(document, (key,), name):
        path = (key, label_name, *levels)
        for video, entry in _inner(document, path, name).items():
            where = f"{name}.json: {' > '.join((*path, video))}"
            said, label, unknown = _label(entry, label_name, known, where)
            frames, broken = _frames(entry, where, needs_order)
            fault = unknown or broken
            videos.append(DatasetVideo(f"{label_name}/{video}", said, label, () if fault else frames, fault))
    _check_videos(videos, name, split)
    return videos


def frame_number(frame: str) -> int:
    """Return the number that a frame's file is named by.

    Raises:
        ValueError: It is named by something else.

    Source:
        DeepfakeBench training/dataset/abstract_dataset.py:209-212, which splits at the separator of the first frame.
    """
    return int(re.split(r"[\\/]", frame)[-1].split(".")[0])


def is_numbered(frame: str) -> bool:
    """Return whether a frame's file is named by a number."""
    try:
        frame_number(frame)
    except ValueError:
        return False
    return True


def near_names(name: str, names: Collection[str]) -> str:
    """Return what there is instead, in words: the nearest name first, then some of them."""
    near = difflib.get_close_matches(name, names, n=1)
    listed = ", ".join(sorted(names)[:_NAMES_SHOWN]) + (", ..." if len(names) > _NAMES_SHOWN else "")
    return (f"did you mean {near[0]}? " if near else "") + (f"there is {listed}" if names else "there is nothing")


def _key_and_compression(name: str, compression: str) -> tuple[str, str]:
    key = name.removesuffix(_C40)
    return (key, "c40") if name.endswith(_C40) and key in C40_DATASETS else (name, compression)


def _inner(document: object, path: Sequence[str], name: str) -> Mapping[str, Any]:
    """Return the object that stands under these keys, one in the other."""
    found = _object(document, name, "its top")
    for depth, key in enumerate(path):
        where = " > ".join(path[:depth]) or "its top"
        if key not in found:
            raise ConfigError(f"{name}.json: {where} has no {key!r}; {near_names(key, found)}{_remedy(key, found)}")
        found = _object(found[key], name, " > ".join(path[: depth + 1]))
    return found


def _object(value: object, name: str, where: str) -> Mapping[str, Any]:
    if isinstance(value, dict):
        return value
    raise ConfigError(f"{name}.json: {where} holds {_shown(value)}, not an object; it is no dataset of DeepfakeBench")


def _remedy(key: str, values: Mapping[str, Any]) -> str:
    levels = [level for level in ("raw", "c23", "c40") if level in values]
    if key in ("raw", "c23", "c40") and levels:
        return f"; give --compression {levels[0]}"
    return ""


def _frames(entry: object, where: str, needs_order: bool) -> tuple[tuple[str, ...], str]:
    """The frames of a video in their order, or why it has none that can be used."""
    if not isinstance(entry, dict) or not {"label", "frames"} <= entry.keys():
        return (), f"{where} is {_shown(entry)}; a video has a 'label' and 'frames'"
    frames = entry["frames"]
    if not isinstance(frames, list) or not all(isinstance(frame, str) and frame for frame in frames):
        return (), f"{where}: its frames are {_shown(frames)}, not a list of paths"
    if not frames:
        return (), f"{where} has no frames"
    strange = next((frame for frame in frames if not is_numbered(frame)), None)
    if strange is None:
        return tuple(sorted(frames, key=frame_number)), ""
    if needs_order:
        return (), f"{where}: the frame {strange!r} has no number for a name, such as 007.png, by which clips are cut"
    return tuple(frames), ""


def _label(entry: object, label_name: str, labels: Mapping[str, object], where: str) -> tuple[str, Label | None, str]:
    """What a video calls its label, what that means, and the fault where it is alone in calling it so."""
    own = entry.get("label") if isinstance(entry, dict) else None
    name = label_name if own is None else str(own)
    if name in labels:
        return name, _meaning(name, labels), ""
    unknown = (
        f"{where}: nobody says what the label {name!r} means; write `label_dict: {{{name}: 0}}` for real, or 1 for "
        f"fake, into the detector YAML"
    )
    if label_name in labels:
        return label_name, _meaning(label_name, labels), unknown
    if own is None:
        return name, None, unknown
    raise ConfigError(unknown)


def _meaning(name: str, labels: Mapping[str, object]) -> Label:
    value = labels[name]
    if not isinstance(value, int) or value < 0:
        raise ConfigError(f"label_dict: {name} is {value!r}; it must be 0 (real), 1 (fake) or above (a kind of fake)")
    return FAKE if value else REAL


def _check_videos(videos: Collection[DatasetVideo], name: str, split: str) -> None:
    if not videos:
        raise ConfigError(f"{name}.json lists no video for the split {split!r}; correct the JSON")
    seen: set[str] = set()
    for video in videos:
        if video.key in seen:
            raise ConfigError(f"{name}.json lists two videos as {video.key}; rename one of them")
        seen.add(video.key)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
