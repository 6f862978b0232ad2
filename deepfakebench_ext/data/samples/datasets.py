"""A dataset of DeepfakeBench as samples: its JSON read, its frames found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.json_text import DoubledKeyError, parse_json
from deepfakebench_ext.common.notices import Notice
from deepfakebench_ext.common.paths import path_key
from deepfakebench_ext.common.regular_files import regular
from deepfakebench_ext.common.types import Sample
from deepfakebench_ext.common.wording import counted
from deepfakebench_ext.data.stores.frame_stores import FrameStore
from deepfakebench_ext.data.stores.lmdb_environment import DATA_FILE
from deepfakebench_ext.host.checkout import DATASET_JSONS
from deepfakebench_ext.host.dataset_json_reading import dataset_videos, is_numbered, near_names

_SUFFIX = ".json"


def gather_dataset(
    name: str,
    *,
    json_folder: Path,
    store: FrameStore,
    compression: str = "c23",
    label_dict: Mapping[str, object] | None = None,
    split: str = "test",
    needs_order: bool = False,
) -> list[Sample]:
    """Return the videos of a dataset as DeepfakeBench would list them, in the order of the JSON.

    A video of which the JSON says nothing that can be used is a sample with a `fault`.

    Whether their frames are there is not asked (`coverage`), but how they are found is, so that `store` can read them.

    Args:
        name: As in `--test_dataset`: the JSON's name without `.json`.
        json_folder: Where the JSONs lie (DeepfakeBench's `dataset_json_folder`).
        store: Settled for the dataset when this returns.
        compression: `c23`, `c40` or `raw`, of the datasets that come in several; `_c40` in the name wins.
        label_dict: Of the detector YAML: label name to 0, 1, or above for kinds of fakes. Goes before DeepfakeBench's.
        split: `train`, `val` or `test`.
        needs_order: Whether the detector takes clips, so that frames whose names are no numbers are of no use.

    Returns:
        Samples with `frames`, sorted by number or else in the JSON's order; `key` is `<name>/<label name>/<video>`,
        `dataset` the name, `method` the label's name.

    Raises:
        ConfigError: No such JSON, one that says a key twice or uses a label that nobody knows, or one of whose videos
            none can be used; names the place and the remedy.
    """
    document = _document(name, json_folder)
    videos = dataset_videos(
        name, document, compression=compression, labels=label_dict, split=split, needs_order=needs_order
    )
    frames = [frame for video in videos for frame in video.frames]
    if not frames:
        raise ConfigError(
            f"of the {len(videos)} videos of {name} in its split {split!r} none can be used: {videos[0].fault}"
        )
    store.settle(frames)
    return [
        Sample(
            path_key(f"{name}/{video.key}"),
            str(_home(store, video.frames[0]) if video.frames else json_folder / f"{name}{_SUFFIX}"),
            video.label,
            dataset=name,
            method=video.label_name,
            frames=video.frames,
            fault=video.fault,
        )
        for video in videos
    ]


def json_order_notices(samples: Iterable[Sample]) -> list[Notice]:
    """Return the warning that frames were taken in the order of their JSON, where their names are no numbers."""
    found = [(sample, frame) for sample in samples for frame in _strange(sample)]
    if not found:
        return []
    (first, frame), videos = found[0], counted(len(found), "video")
    text = (
        f"the frames of {videos} are taken in the order of the JSON, since not all are named by numbers, such as "
        f"{frame} of {first.key}"
    )
    return [Notice("json_order", text)]


def doubled_frame_notices(samples: Iterable[Sample]) -> list[Notice]:
    """Return the warning that a dataset's JSON lists frames more than once, so that they count more than once."""
    first: dict[tuple[str | None, str], str] = {}
    again = []
    for sample in samples:
        for frame in sample.frames:
            place = (sample.dataset, frame)
            if place in first:
                again.append((frame, first[place], sample.key))
            first.setdefault(place, sample.key)
    if not again:
        return []
    frame, one, other = again[0]
    text = (
        f"{counted(len(again), 'frame')} of the JSON {'is' if len(again) == 1 else 'are'} listed more than once, such "
        f"as {frame} of {one}{'' if one == other else f' and {other}'}, and count as often"
    )
    return [Notice("duplicates", text)]


def _strange(sample: Sample) -> Iterator[str]:
    """The first frame of a dataset's video that is not named by a number, where there is one."""
    yield from islice((frame for frame in sample.frames if not is_numbered(frame)), 1)


def _home(store: FrameStore, frame: str) -> Path:
    """The folder of a frame, or the database that holds it."""
    file = store.file(frame)
    return file if file.name == DATA_FILE else file.parent


def _document(name: str, folder: Path) -> object:
    path = folder / f"{name}{_SUFFIX}"
    try:
        return parse_json(regular(path).read_bytes())
    except FileNotFoundError as error:
        raise ConfigError(_no_json(name, folder)) from error
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror or error}") from error
    except DoubledKeyError as error:
        raise ConfigError(f"{path}: {error}") from error
    except ValueError as error:
        raise ConfigError(f"{path} is not JSON: {error}; was it copied whole?") from error


def _no_json(name: str, folder: Path) -> str:
    if not folder.is_dir():
        return (
            f"--dataset_json_folder {folder} is not a folder; give the one that holds {name}{_SUFFIX}; in "
            f"DeepfakeBench it is {DATASET_JSONS}"
        )
    there = [path.name.removesuffix(_SUFFIX) for path in folder.glob(f"*{_SUFFIX}")]
    return f"dataset {name}: {folder} holds no {name}{_SUFFIX}; {near_names(name, there)}"
