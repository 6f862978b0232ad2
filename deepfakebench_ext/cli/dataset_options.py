"""`--test_dataset`: DeepfakeBench's datasets on the command line, for `evaluate` and `bench`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from deepfakebench_ext.cli.options import FACE_CHOICES
from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.types import FAKE, REAL
from deepfakebench_ext.common.wording import counted

if TYPE_CHECKING:
    from deepfakebench_ext.cli.options import Options
    from deepfakebench_ext.common.types import Sample
    from deepfakebench_ext.data.stores.frame_stores import FrameStore
    from deepfakebench_ext.engine.dataset_inputs import HostData
    from deepfakebench_ext.models.config import DetectorConfig

_ONLY_DATASETS = ("dataset_json_folder", "rgb_dir", "lmdb_dir", "compression", "protocol", "coverage")
_NAMES = ("test_dataset", "train_dataset", "val_dataset")
_NOT_DATASETS = ("image", "video", "manifest", *FACE_CHOICES)


def check_input_options(said: Options) -> None:
    """Pass options that go together.

    Raises:
        ConfigError: Options of datasets without one, or those of files with one.
    """
    wrong = _NOT_DATASETS if said.test_dataset else _ONLY_DATASETS
    given = [f"--{name}" for name in wrong if getattr(said, name)]
    if given and said.test_dataset:
        raise ConfigError(f"{', '.join(given)} means nothing with --test_dataset, whose frames are cropped already")
    if given:
        raise ConfigError(f"{', '.join(given)} means nothing without --test_dataset")


def locate(said: Any) -> HostData:
    """Return where the datasets lie, by the options.

    Raises:
        ConfigError: Folders that are not there, or a `--compression` that contradicts the name of a dataset.
    """
    from deepfakebench_ext.engine.dataset_inputs import HostData

    data = HostData.locate(
        said.dataset_json_folder, rgb_dir=said.rgb_dir, lmdb_dir=said.lmdb_dir, compression=said.compression
    )
    for option in _NAMES:
        for name in getattr(said, option, ()):
            data.compression_of(name)
    return data


def gather(
    name: str, data: HostData, settings: DetectorConfig, *, limit: int | None, seed: int
) -> tuple[list[Sample], FrameStore]:
    """Return the samples of a dataset and what reads them, and say how much of it is on disk.

    Raises:
        ConfigError: No such dataset, or not one frame of it is on disk.
    """
    from deepfakebench_ext.data.stores.coverage import coverage

    store = data.store(name)
    samples = data.samples(name, store, settings, limit=limit, seed=seed)
    found = coverage(samples, store)
    real, fake = (sum(sample.label == label for sample in samples) for label in (REAL, FAKE))
    chosen = "" if limit is None else f" (--limit {limit}, balanced, seed {seed})"
    lack = f"; {found.missing} of {found.frames} frames are missing, --coverage lists them" if found.missing else ""
    click.echo(f"{name}: {counted(len(samples), 'video')}{chosen}: {real} real, {fake} fake{lack}", err=True)
    if found.is_empty:
        raise ConfigError(
            f"{name}: not one of its {found.frames} frames is there; the first was looked for at {found.looked_at}. "
            f"Give --rgb_dir, the folder of the datasets' images, or --lmdb_dir"
        )
    return samples, store


def say_coverage(names: tuple[str, ...], data: HostData, settings: DetectorConfig) -> None:
    """Print which frames of each dataset are missing; exit code 3 where some are."""
    from deepfakebench_ext.data.stores.coverage import coverage

    missing = 0
    for name in names:
        store = data.store(name)
        found = coverage(data.samples(name, store, settings), store)
        missing += found.missing
        click.echo("\n".join(found.lines()))
    if missing:
        sys.exit(3)
