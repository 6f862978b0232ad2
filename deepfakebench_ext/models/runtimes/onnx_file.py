"""What an ONNX file asks of whoever opens it, read off its bytes: operators, and files beside it. Runs none of it.

onnxruntime would open whatever files a network names. So these names, and the operators, are looked at before it does.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from deepfakebench_ext.common.errors import WeightsError
from deepfakebench_ext.common.regular_files import regular
from deepfakebench_ext.common.wording import cut, printable
from deepfakebench_ext.models.weights.source import EXPORT_AGAIN

# onnx.proto: of each message, which fields are messages, and of what kind. What is not named here is passed over.
_MODEL, _GRAPH, _NODE, _ATTRIBUTE, _TENSOR, _SPARSE, _FUNCTION, _TRAINING, _ENTRY = range(9)
_INSIDE: Final = {
    _MODEL: {7: _GRAPH, 20: _TRAINING, 25: _FUNCTION},
    _GRAPH: {1: _NODE, 5: _TENSOR, 15: _SPARSE},
    _NODE: {5: _ATTRIBUTE},
    _ATTRIBUTE: {5: _TENSOR, 6: _GRAPH, 10: _TENSOR, 11: _GRAPH, 22: _SPARSE, 23: _SPARSE},
    _TENSOR: {13: _ENTRY},
    _SPARSE: {1: _TENSOR, 2: _TENSOR},
    _FUNCTION: {7: _NODE, 11: _ATTRIBUTE},
    _TRAINING: {1: _GRAPH, 2: _GRAPH},
    _ENTRY: {},
}
_NODE_DOMAIN, _KEY, _VALUE = 7, 1, 2
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_STANDARD: Final = ("", "ai.onnx")
_LOCATION = b"location"
_AGAIN = EXPORT_AGAIN[0].upper() + EXPORT_AGAIN[1:]
_DEEPEST, _LONGEST_VARINT, _LONGEST_NAME = 32, 10, 200
_SHOWN = 3


@dataclass(slots=True)
class OnnxFile:
    """What an ONNX file asks for.

    Attributes:
        domains: Of its operators.
        locations: Names of the files that hold its tensors.
        nodes: How many operators it has.
    """

    domains: set[str] = field(default_factory=set)
    locations: set[str] = field(default_factory=set)
    nodes: int = 0


def check_onnx(path: Path, beside: frozenset[str]) -> None:
    """Pass an ONNX file of standard operators, whose tensors are in it or in files that are known.

    Args:
        path: The file.
        beside: Names of files in its folder that it may read.

    Raises:
        WeightsError: It is damaged or no ONNX, has operators of others, or reads other files.
    """
    found = read_onnx(path)
    foreign = sorted(found.domains.difference(_STANDARD))
    if foreign:
        raise WeightsError(
            f"{path} has operators of {_listed(foreign)}, which come from a library of their own; allowed are those of "
            f"ONNX itself: no code is taken from others. {_AGAIN}"
        )
    elsewhere = sorted(found.locations - beside)
    if elsewhere:
        allowed = f"allowed are {_listed(sorted(beside))}" if beside else "none is allowed"
        raise WeightsError(f"{path} keeps tensors in {_listed(elsewhere)}; {allowed}. {_AGAIN}")


def read_onnx(path: Path) -> OnnxFile:
    """Return what a file asks for.

    Raises:
        WeightsError: It is damaged, or no ONNX.
    """
    found = OnnxFile()
    try:
        with regular(path).open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
            _read(data, 0, len(data), _MODEL, found, 0)
    except (ValueError, OSError) as error:  # ValueError: an empty file, or one that ends within a field
        raise WeightsError(f"{path} is no whole ONNX file: {error}. {_AGAIN}") from error
    if not found.nodes:
        raise WeightsError(f"{path} is no ONNX file: it holds no operator. {_AGAIN}")
    return found


def _read(data: mmap.mmap, at: int, end: int, kind: int, found: OnnxFile, depth: int) -> None:
    if depth > _DEEPEST:
        raise ValueError("it is nested too deep")
    key = value = b""
    found.nodes += kind == _NODE
    for number, start, stop in _fields(data, at, end):
        inner = _INSIDE[kind].get(number)
        if inner is not None:
            _read(data, start, stop, inner, found, depth + 1)
        elif kind == _NODE and number == _NODE_DOMAIN:
            found.domains.add(_text(data[start:stop]))
        elif kind == _ENTRY and number in (_KEY, _VALUE):
            key, value = (data[start:stop], value) if number == _KEY else (key, data[start:stop])
    if kind == _ENTRY and key == _LOCATION:
        found.locations.add(_text(value))


def _fields(data: mmap.mmap, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield the number of each field of a message, and where its bytes start and stop."""
    while at < end:
        tag, at = _varint(data, at, end)
        wire = tag & 7
        start = at
        if wire == _VARINT:
            _, at = _varint(data, at, end)
        elif wire == _BYTES:
            length, start = _varint(data, at, end)
            at = start + length
        elif wire in (_FIXED64, _FIXED32):
            at += 8 if wire == _FIXED64 else 4
        else:
            raise ValueError(f"byte {start} is none of a protobuf message")
        if at > end:
            raise ValueError(f"it ends {at - end:,} bytes too early")
        if wire == _BYTES:
            yield tag >> 3, start, at


def _varint(data: mmap.mmap, at: int, end: int) -> tuple[int, int]:
    value = 0
    for number in range(_LONGEST_VARINT):
        if at + number >= end:
            raise ValueError("it ends within a number")
        byte = data[at + number]
        value |= (byte & 0x7F) << (7 * number)
        if byte < 0x80:
            return value, at + number + 1
    raise ValueError(f"byte {at} is none of a protobuf message")


def _text(value: bytes) -> str:
    return value.decode("utf-8", "backslashreplace")


def _listed(names: list[str]) -> str:
    shown = ", ".join(repr(cut(printable(name), _LONGEST_NAME)) for name in names[:_SHOWN])
    return shown + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
