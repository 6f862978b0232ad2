"""Parquet, where pyarrow is installed: the one way in which files are opened. Nothing in one is ever run."""

from __future__ import annotations

import os
from base64 import b64encode
from pathlib import Path
from typing import Any

from deepfakebench_ext.common.errors import ConfigError, MissingExtraError
from deepfakebench_ext.common.regular_files import regular

_NAME = b"ARROW:extension:name"
# How the name may stand in base64: of its first and last bytes, what lies beside them has a part in a letter.
_EXTENSION = tuple(
    b64encode(bytes(shift) + _NAME)[-(-8 * shift // 6) : 8 * (shift + len(_NAME)) // 6] for shift in range(3)
)


def needs_parquet() -> Any:
    """Return `pyarrow.parquet`.

    Raises:
        MissingExtraError: It is not installed; says what to type.
    """
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtraError("Parquet needs pyarrow: pip install 'deepfakebench-ext[parquet]'") from error
    return pyarrow.parquet


def open_parquet(path: Path) -> Any:
    """Return a file as a `pyarrow.parquet.ParquetFile`, to be closed.

    Raises:
        ConfigError: A column is of an extension type of Arrow.
        MissingExtraError: pyarrow is not installed.
        OSError, pyarrow.ArrowException: There is no file, or no Parquet in it.
    """
    parquet = needs_parquet()
    _refuse_extensions(regular(path))
    return parquet.ParquetFile(path, pre_buffer=False, arrow_extensions_enabled=False)


def _refuse_extensions(path: Path) -> None:
    """Refuse a file that asks for types of other programs: some of those unpickle what it says once it is opened.

    They are named in a schema of Arrow's, in base64, in the footer, whose length stands before the last four bytes.
    """
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - 8, 0))
        length = int.from_bytes(file.read(4), "little")
        file.seek(max(size - 8 - length, 0))
        footer = file.read(length)
    if any(needle in footer for needle in _EXTENSION):
        raise ConfigError(
            f"{path} has a column of an extension type of Arrow, which is not read; write it with text and numbers"
        )
