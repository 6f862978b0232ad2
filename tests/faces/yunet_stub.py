"""An ONNX file with YuNet's inputs and outputs that finds red squares instead of faces. Written byte by byte.

Every cell of 8, 16 or 32 pixels whose mean is red enough is a face of four cells' width, whose five points lie at fixed
places of the cell. That is enough to prove colour order, scaling and the order of the columns.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

STRIDES = (8, 16, 32)
POINTS = ((-1.0, -1.0), (1.0, -1.0), (0.0, 0.0), (-0.5, 1.0), (0.5, 1.0))
"""x and y in cells from the cell's corner: the person's right eye, left eye, nose, right and left mouth corner."""

_INT, _INTS = 2, 7
_FLOAT, _INT64 = 1, 7


def write_red_square_finder(path: Path, outputs: tuple[str, ...] = ("cls", "obj", "bbox", "kps")) -> Path:
    nodes, tensors, results = [], [], []
    for stride in STRIDES:
        red = np.zeros((1, 3, stride, stride), np.float32)
        red[:, :2] = -1 / (255 * stride * stride)  # OpenCV hands the network BGR
        red[:, 2] = 1 / (255 * stride * stride)
        weights = {"cls": red, "obj": red}
        biases = {"cls": [0.0], "obj": [0.0], "bbox": [0.5, 0.5, np.log(4.0), np.log(4.0)], "kps": np.ravel(POINTS)}
        for name in outputs:
            bias = np.array(biases[name], np.float32)
            kernel = weights.get(name, np.zeros((len(bias), 3, stride, stride), np.float32))
            out = f"{name}_{stride}"
            tensors += [_tensor(f"{out}_w", kernel), _tensor(f"{out}_b", bias)]
            tensors += [_tensor(f"{out}_s", np.array([1, -1, len(bias)], np.int64))]
            nodes += [
                _node(
                    "Conv",
                    ["input", f"{out}_w", f"{out}_b"],
                    f"{out}_c",
                    kernel_shape=[stride] * 2,
                    strides=[stride] * 2,
                ),
                _node("Transpose", [f"{out}_c"], f"{out}_t", perm=[0, 2, 3, 1]),
                _node("Reshape", [f"{out}_t", f"{out}_s"], out),
            ]
            results.append(_value(out, [1, f"cells_{stride}", len(bias)]))
    graph = b"".join(_bytes(1, node) for node in nodes) + _bytes(2, b"red")
    graph += b"".join(_bytes(5, tensor) for tensor in tensors) + _bytes(11, _value("input", [1, 3, "h", "w"]))
    graph += b"".join(_bytes(12, result) for result in results)
    path.write_bytes(_number(1, 8) + _bytes(7, graph) + _bytes(8, _number(2, 13)))
    return path


def _varint(value: int) -> bytes:
    value &= 2**64 - 1
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _tensor(name: str, values: np.ndarray) -> bytes:
    kind = _FLOAT if values.dtype == np.float32 else _INT64
    dims = b"".join(_number(1, n) for n in values.shape)
    return dims + _number(2, kind) + _bytes(8, name.encode()) + _bytes(9, values.tobytes())


def _node(kind: str, inputs: list[str], output: str, **lists: list[int]) -> bytes:
    body = b"".join(_bytes(1, name.encode()) for name in inputs) + _bytes(2, output.encode())
    body += _bytes(3, output.encode()) + _bytes(4, kind.encode())
    for name, values in lists.items():
        ints = b"".join(_number(8, value) for value in values)
        body += _bytes(5, _bytes(1, name.encode()) + ints + _number(20, _INTS))
    return body


def _value(name: str, shape: list[int | str]) -> bytes:
    dims = [_number(1, n) if isinstance(n, int) else _bytes(2, n.encode()) for n in shape]
    tensor = _number(1, _FLOAT) + _bytes(2, b"".join(_bytes(1, dim) for dim in dims))
    return _bytes(1, name.encode()) + _bytes(2, _bytes(1, tensor))
