"""A small dataset as DeepfakeBench keeps it: stamped frames as files or in an LMDB, and the JSON that names them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import cv2
import numpy as np

DATASET = "Celeb-DF-v1"
VIDEOS = {"CelebDFv1_real": ("a", "same"), "CelebDFv1_fake": ("b", "same")}
COUNTS = {"a": 10, "b": 3, "same": 5}


def picture(label: str, video: str, number: int, size: tuple[int, int] = (16, 20)) -> np.ndarray:
    """Return smooth RGB pixels of one colour family a frame, none like another's."""
    seed = [*label.encode(), *video.encode(), number]
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return cv2.resize(coarse, (size[1], size[0]), interpolation=cv2.INTER_LINEAR)


def frames(suffix: str = ".png") -> dict[tuple[str, str, int], str]:
    """Return (label, video, number) to the frame's place below the dataset's folder, with `/`."""
    return {
        (label, video, number): f"{label[10:]}/frames/{video}/{number * 7:03d}{suffix}"
        for label, videos in VIDEOS.items()
        for video in videos
        for number in range(COUNTS[video])
    }


def write_images(folder: Path, suffix: str = ".png") -> Path:
    """Write the frames below `folder/<dataset>`; lossless ones are `picture`, value for value."""
    for (label, video, number), place in frames(suffix).items():
        path = folder / DATASET / place
        path.parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(path), cv2.cvtColor(picture(label, video, number), cv2.COLOR_RGB2BGR))
    return folder


def write_lmdb(folder: Path, values: Mapping[str, bytes]) -> Path:
    """Write an LMDB of these keys."""
    import lmdb

    folder.mkdir(parents=True)
    with lmdb.open(str(folder), map_size=2**24) as environment, environment.begin(write=True) as transaction:
        for key, value in values.items():
            transaction.put(key.encode(), value)
    return folder


def images_in_lmdb(folder: Path, images: Path, style: str) -> Path:
    """Write an LMDB of the images below `images/<dataset>`, keys from the dataset's name on, as `style` has it."""
    paths = sorted((images / DATASET).rglob("*.*"))
    return write_lmdb(folder, {spelled(p.relative_to(images).as_posix(), style): p.read_bytes() for p in paths})


def spelled(place: str, style: str) -> str:
    """Return a place `DS/a/b` as a style spells it: `./datasets/rgb/`, `back\\slash`, `mixed`, or a prefix with `/`."""
    if style == "backslash":
        return place.replace("/", "\\")
    if style == "dotted backslash":
        return "./datasets\\" + place.replace("/", "\\")
    if style == "mixed":
        return place.replace("/", "\\", 1)
    return style + place


STYLES = ("./datasets/rgb/", "", "/somewhere/else/", "backslash", "dotted backslash")


def write_json(folder: Path, style: str, *, suffix: str = ".png", splits: Iterable[str] = ("test",)) -> Path:
    """Write the dataset's JSON, frames in no order, as the style spells them."""
    listed: dict[str, dict[str, dict[str, object]]] = {label: {} for label in VIDEOS}
    for (label, video, _), place in reversed(frames(suffix).items()):
        entry = listed[label].setdefault(video, {"label": label, "frames": []})
        names = entry["frames"]
        assert isinstance(names, list)
        names.append(spelled(f"{DATASET}/{place}", style))
    document = {DATASET: {label: dict.fromkeys(splits, videos) for label, videos in listed.items()}}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{DATASET}.json").write_text(json.dumps(document))
    return folder
