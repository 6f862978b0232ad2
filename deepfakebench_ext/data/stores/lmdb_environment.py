"""The LMDBs that DeepfakeBench keeps datasets in: which one holds a dataset, and one environment for each."""

from __future__ import annotations

import importlib
import os
import threading
from pathlib import Path
from typing import Any, Final

from deepfakebench_ext.common.errors import ConfigError, MissingExtraError
from deepfakebench_ext.host.dataset_json_reading import COMPRESSED_DATASETS, near_names

DATA_FILE: Final = "data.mdb"
_SUFFIX = "_lmdb"
_SHARED = "FaceForensics++"
_MAX_KEY_BYTES = 511  # what LMDB is built with; it raises for a longer key

_environments: dict[tuple[int, str], Any] = {}
_opening = threading.Lock()


def database(lmdb_dir: Path, dataset: str) -> Path:
    """Return the folder of the database that holds a dataset.

    `lmdb_dir` itself where it is one, else `<dataset>_lmdb` in it, with or without that ending; FaceForensics++ and its
    parts share one.

    Raises:
        ConfigError: There is none.

    Source:
        DeepfakeBench training/dataset/abstract_dataset.py:96.
    """
    name = _SHARED if dataset in COMPRESSED_DATASETS else dataset
    for folder in (lmdb_dir, lmdb_dir / f"{name}{_SUFFIX}", lmdb_dir / name):
        if (folder / DATA_FILE).is_file():
            return folder
    if not lmdb_dir.is_dir():
        raise ConfigError(f"--lmdb_dir {lmdb_dir} is not a folder; give the one that holds {name}{_SUFFIX}")
    there = [folder.name for folder in lmdb_dir.iterdir() if (folder / DATA_FILE).is_file()]
    raise ConfigError(
        f"--lmdb_dir {lmdb_dir} holds no {name}{_SUFFIX} (a folder with {DATA_FILE}); "
        f"{near_names(name + _SUFFIX, there)}"
    )


def open_once(folder: Path) -> Any:
    """Return the read-only environment of a database, the same one for every caller of this process.

    lmdb 2.0 and newer refuse to open a database twice; older ones take it, at the caller's risk.

    Raises:
        ConfigError: It cannot be opened, or its file is shorter than it says, which would end the process when read.
        MissingExtraError: lmdb is not installed.
    """
    lmdb = _import_lmdb()
    key = (os.getpid(), str(folder.resolve()))  # an environment does not survive a fork
    with _opening:
        if key not in _environments:
            try:
                environment = lmdb.open(str(folder), create=False, readonly=True, lock=False, readahead=False)
            except (lmdb.Error, OSError) as error:
                raise ConfigError(f"{folder} cannot be opened as an LMDB: {error}") from error
            _check_whole(environment, folder)
            _environments[key] = environment
        return _environments[key]


def value_of(transaction: Any, key: str) -> bytes | None:
    """Return what a key holds; None where it holds nothing."""
    encoded = _encoded(key)
    if not 0 < len(encoded) <= _MAX_KEY_BYTES:
        return None
    value: bytes | None = transaction.get(encoded)
    return value


def holds(transaction: Any, key: str) -> bool:
    """Return whether there is a key, without reading what it holds."""
    encoded = _encoded(key)
    return 0 < len(encoded) <= _MAX_KEY_BYTES and bool(transaction.cursor().set_key(encoded))


def _encoded(key: str) -> bytes:
    """A key as it stands in the database; empty, which none is, for characters that none can have."""
    try:
        return key.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return b""


def _check_whole(environment: Any, folder: Path) -> None:
    promised = (environment.info()["last_pgno"] + 1) * environment.stat()["psize"]
    size = (folder / DATA_FILE).stat().st_size
    if size < promised:
        environment.close()
        raise ConfigError(f"{folder / DATA_FILE} has {size:,} bytes and should have {promised:,}; copy it again")


def _import_lmdb() -> Any:
    try:
        return importlib.import_module("lmdb")
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            "--lmdb_dir needs lmdb, which is not installed; pip install 'deepfakebench-ext[host]', or give --rgb_dir"
        ) from error
