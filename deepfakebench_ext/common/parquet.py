"""Parquet, where pyarrow is installed."""

from __future__ import annotations

from typing import Any

from deepfakebench_ext.common.errors import MissingExtraError


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
