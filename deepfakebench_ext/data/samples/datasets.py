"""A dataset of DeepfakeBench as samples: its JSON read, its frames found."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.regular_files import regular
from deepfakebench_ext.common.types import Sample
from deepfakebench_ext.data.stores.frame_stores import FrameStore
from deepfakebench_ext.host.checkout import DATASET_JSONS
from deepfakebench_ext.host.dataset_json_reading import dataset_videos, near_names

_SUFFIX = ".json"


def gather_dataset(
    name: str,
    *,
    json_folder: Path,
    store: FrameStore,
    compression: str = "c23",
    label_dict: Mapping[str, object] | None = None,
    split: str = "test",
) -> list[Sample]:
    """Return the videos of a dataset as DeepfakeBench would list them, in the order of the JSON.

    Whether their frames are there is not asked (`coverage`), but how they are found is, so that `store` can read them.

    Args:
        name: As in `--test_dataset`: the JSON's name without `.json`.
        json_folder: Where the JSONs lie (DeepfakeBench's `dataset_json_folder`).
        store: Settled for the dataset when this returns.
        compression: `c23`, `c40` or `raw`, of the datasets that come in several; `_c40` in the name wins.
        label_dict: Of the detector YAML: label name to 0, 1, or above for kinds of fakes. Goes before DeepfakeBench's.
        split: `train`, `val` or `test`.

    Returns:
        Samples with `frames`, sorted by number; `key` is `<name>/<label name>/<video>`, `dataset` the name, `method`
        the label's name.

    Raises:
        ConfigError: No such JSON, or one that says something that cannot be used; names the place and the remedy.
    """
    document = _document(name, json_folder)
    videos = dataset_videos(name, document, compression=compression, labels=label_dict, split=split)
    store.settle([frame for video in videos for frame in video.frames])
    return [
        Sample(
            f"{name}/{video.key}",
            store.home(video.frames[0]),
            video.label,
            dataset=name,
            method=video.label_name,
            frames=video.frames,
        )
        for video in videos
    ]


def _document(name: str, folder: Path) -> object:
    path = folder / f"{name}{_SUFFIX}"
    try:
        return json.loads(regular(path).read_bytes())
    except FileNotFoundError as error:
        raise ConfigError(_no_json(name, folder)) from error
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is not JSON: {error}; was it copied whole?") from error


def _no_json(name: str, folder: Path) -> str:
    if not folder.is_dir():
        return (
            f"--dataset_json_folder {folder} is not a folder; give the one that holds {name}{_SUFFIX}; in "
            f"DeepfakeBench it is {DATASET_JSONS}"
        )
    there = [path.name.removesuffix(_SUFFIX) for path in folder.glob(f"*{_SUFFIX}")]
    return f"dataset {name}: {folder} holds no {name}{_SUFFIX}; {near_names(name, there)}"
