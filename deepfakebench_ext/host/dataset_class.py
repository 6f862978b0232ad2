"""DeepfakeBench's dataset class, wrapped from outside: what its scripts need of it and it does not do.

test.py builds `DeepfakeAbstractBaseDataset` and nothing else (training/test.py:64-67), train.py that class or one
derived from it (training/train.py:65-90).
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterable, Sequence
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from deepfakebench_ext.common.errors import HostError, MediaError
from deepfakebench_ext.host.checkout import TESTED_COMMIT
from deepfakebench_ext.host.frame_finder import FrameFinder
from deepfakebench_ext.host.pip_names import pip_name
from deepfakebench_ext.host.script_settings import ScriptSettings
from deepfakebench_ext.host.wrapping import wrap

logger = logging.getLogger(__name__)

# From here on its transforms ignore Python's seed, by which the frames of a clip are augmented alike (measured).
_OWN_RANDOM_NUMBERS: Final = (1, 4, 19)
_METHODS: Final = ("collect_img_and_label_for_one_dataset", "load_rgb", "load_mask", "load_landmark")
_FINDER: Final = "_dfb_ext_finder"
_SETTINGS: Final = "_dfb_ext_settings"
_LISTED: Final = 12  # names in a message
_LONGEST_KEY: Final = 511  # of an LMDB; a longer one is an error there


def wrap_dataset_class(root: Path, settings: ScriptSettings) -> None:
    """Wrap the class in place; a second call changes the settings only.

    Args:
        root: The checkout, which is also the working directory.
        settings: Knows the folders of dataset JSONs.

    Raises:
        HostError: The class is another than DeepfakeBench's.
        ModuleNotFoundError: What the class imports is not installed.
    """
    module = import_module("dataset.abstract_dataset")
    # sbi_dataset.py:19 imports it under this name; a second copy would be unwrapped.
    sys.modules["training.dataset.abstract_dataset"] = module
    cls = module.DeepfakeAbstractBaseDataset
    if lacking := [name for name in _METHODS if not hasattr(cls, name)]:
        raise HostError(f"the dataset class of this checkout has no {', '.join(lacking)}; tested is {TESTED_COMMIT}")
    setattr(cls, _SETTINGS, settings)
    wrap(cls, "collect_img_and_label_for_one_dataset", _collecting)
    wrap(cls, "load_rgb", _finding_rgb)
    for name in ("load_mask", "load_landmark"):
        wrap(cls, name, _finding)
    wrap(cls, "__init__", lambda present: _initialising(present, root))


def _initialising(present: Any, root: Path) -> Any:
    def init(self: Any, config: Any = None, mode: str = "train") -> None:
        if mode == "train" and config.get("use_data_augmentation"):
            _check_augmentation()
        rgb_dir = config.get("rgb_dir")
        vars(self)[_FINDER] = FrameFinder(root=root, rgb_dir=Path(rgb_dir) if rgb_dir else None)
        present(self, config=config, mode=mode)
        _check_first(self)

    return init


def _collecting(present: Any) -> Any:
    """Let the JSON come from a folder that has it.

    train.py overrides every setting by `preprocessing/dataset_json_v3` in LMDB mode, a folder that does not exist
    (training/train.py:244-245).
    """

    def collect(self: Any, dataset_name: str) -> Any:
        settings: ScriptSettings = getattr(self, _SETTINGS)
        folders = settings.json_folders(self.config["dataset_json_folder"])
        having = [folder for folder in folders if Path(folder, f"{dataset_name}.json").is_file()]
        if not having:
            raise HostError(_no_json(dataset_name, folders, is_said="dataset_json_folder" in settings.said))
        self.config["dataset_json_folder"] = having[0]
        try:
            images, labels, names = present(self, dataset_name)
        except ValueError as error:
            if "not enough values to unpack" not in str(error):
                raise
            raise HostError(_nothing_in(self, dataset_name)) from error  # abstract_dataset.py:278
        vars(self)[_FINDER].note(_single(images))
        return images, labels, names

    return collect


def _no_json(dataset: str, folders: Iterable[str], *, is_said: bool) -> str:
    places = [_json_names(Path(folder)) for folder in folders]
    hint = "" if is_said else "; give --dataset_json_folder, before the script"
    return f"there is no dataset {dataset}: no {dataset}.json in {' or in '.join(places)}{hint}"


def _json_names(folder: Path) -> str:
    """A folder, and the datasets in it."""
    if not folder.is_dir():
        return f"{folder} (which is not there)"
    names = [path.stem for path in sorted(folder.glob("*.json"))]
    return f"{folder} ({'which holds ' + _few(names) if names else 'which holds no .json'})"


def _few(names: Sequence[str]) -> str:
    more = f", ... ({len(names)} in all)" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more


def _nothing_in(dataset: Any, name: str) -> str:
    """Why DeepfakeBench collected no frame of a dataset."""
    config, mode = dataset.config, dataset.mode
    if not config.get("video_mode"):
        return f"{name} has no videos in its split {mode!r}"
    most = config["frame_num"][mode]
    return (
        f"all videos of {name} in its split {mode!r} are shorter than clip_size {config['clip_size']} frames "
        f"(of each, frame_num.{mode}: {most} are taken at most); take a detector of shorter clips, or extract more "
        f"frames"
    )


def _finding_rgb(present: Any) -> Any:
    """Load a frame from where it lies.

    A frame that does not load is replaced by the first sample, image and label both (abstract_dataset.py:489-494).
    """

    def load(self: Any, file_path: str) -> Any:
        found = _found(self, file_path)
        if found is None:
            logger.warning(
                "%s is not there; DeepfakeBench puts its first sample, image and label, in its place", file_path
            )
            raise MediaError(f"{file_path} is not there; looked at {_places(self, file_path)}")
        return present(self, found)

    return load


def _finding(present: Any) -> Any:
    """Load a mask or landmarks from where they lie; DeepfakeBench answers absent ones as it does."""

    def load(self: Any, file_path: str | None) -> Any:
        found = None if file_path is None else _found(self, file_path)
        return present(self, file_path if found is None else found)

    return load


def _found(dataset: Any, name: str) -> str | None:
    """The path, or the key, that DeepfakeBench takes as it is."""
    finder: FrameFinder = vars(dataset)[_FINDER]
    if dataset.lmdb:
        return finder.key(name, lambda key: _holds(dataset.env, key))
    path = finder.file(name)
    return None if path is None else _dotted(path)


def _holds(environment: Any, key: str) -> bool:
    name = key.encode()
    if len(name) > _LONGEST_KEY or (key.startswith(".") and "./datasets\\" in key):
        return False  # it takes ./datasets\ off (abstract_dataset.py:307-308), and so would not find such a key
    with environment.begin(write=False) as transaction:
        return transaction.get(name) is not None


def _dotted(path: Path) -> str:
    """`path` with a dot in front, the only spelling that is used as it is (abstract_dataset.py:298-299)."""
    relative = os.path.relpath(path)
    return relative if relative.startswith("..") else os.path.join(".", relative)  # noqa: PTH118 - Path drops the dot


def _check_first(dataset: Any) -> None:
    """Refuse a dataset whose first sample does not load: every failure would end there, a thousand calls deep."""
    first = dataset.data_dict["image"][0]
    for frame in _single([first]):
        if _found(dataset, frame) is None:
            where = "the LMDB" if dataset.lmdb else _places(dataset, frame)
            raise HostError(
                f"the frames of this dataset are not where they are looked for: {frame} is not in {where}; "
                f"{_hint(dataset)}"
            )


def _hint(dataset: Any) -> str:
    """What to do where a dataset's frames are not found."""
    said = getattr(dataset, _SETTINGS).said
    if dataset.lmdb and said.get("lmdb_dir"):
        return f"was the LMDB in --lmdb_dir {said['lmdb_dir']} made from this dataset?"
    if not dataset.lmdb and said.get("rgb_dir"):
        names = [path.name for path in sorted(Path(said["rgb_dir"]).iterdir())]
        holds = f"holds {_few(names)}" if names else "is empty"
        return f"--rgb_dir {said['rgb_dir']} {holds}; it must hold the folders of the datasets, or be one of these"
    return "give --rgb_dir or --lmdb_dir, before the script"


def _places(dataset: Any, name: str) -> str:
    if dataset.lmdb:
        return "its keys in the LMDB"
    finder: FrameFinder = vars(dataset)[_FINDER]
    return ", ".join(finder.places(name)[:4])


def _single(images: Iterable[Any]) -> Iterable[str]:
    """Frames, out of frames or clips."""
    for image in images:
        yield from ([image] if isinstance(image, str) else image)


def _check_augmentation() -> None:
    """Refuse an albumentations under which each frame of a clip would be flipped and rotated by itself.

    Source:
        DeepfakeBench training/dataset/abstract_dataset.py:421-423 seeds Python and NumPy to prevent just that.
    """
    try:
        installed = version("albumentations")
    except PackageNotFoundError:
        return  # nothing that could augment
    if tuple(int(part) for part in installed.split(".")[:3] if part.isdigit()) >= _OWN_RANDOM_NUMBERS:
        raise HostError(
            f"albumentations {installed} augments each frame of a clip differently, and JPEG quality not at all, "
            f"without a word; type: pip install {pip_name('albumentations')}, or train without: "
            f"--set use_data_augmentation=false"
        )
