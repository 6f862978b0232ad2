"""A column of Parquet whose type, where a process knows it, unpickles what the file says."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa


class _Trap:
    def __reduce__(self):
        return (exec, ("raise SystemExit('a pickle was run')",))


class _Kind(pa.ExtensionType):
    def __init__(self):
        super().__init__(pa.string(), "arrow.py_extension_type")

    def __arrow_ext_serialize__(self):
        return pickle.dumps(_Trap())

    @classmethod
    def __arrow_ext_deserialize__(cls, storage, serialized):
        return pickle.loads(serialized)


def column(*texts: str) -> pa.ExtensionArray:
    """Return texts as a column of this type."""
    return pa.ExtensionArray.from_storage(_Kind(), pa.array(texts))


@contextmanager
def known() -> Iterator[None]:
    """Let this process know the type."""
    pa.register_extension_type(_Kind())
    try:
        yield
    finally:
        pa.unregister_extension_type("arrow.py_extension_type")
