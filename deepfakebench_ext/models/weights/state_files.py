"""Tensors out of weight files of every common container, without ever running what a file contains."""

from __future__ import annotations

import argparse
import pickle
import re
import struct
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from deepfakebench_ext.common.errors import WeightsError
from deepfakebench_ext.common.regular_files import regular

StateDict = dict[str, torch.Tensor]

# Keys under which training programs put the parameters beside their optimizer and epoch.
_WRAPPERS = ("state_dict", "model_state_dict", "model")
_PREFIXES = ("module.", "_orig_mod.")  # DistributedDataParallel and torch.compile
_COUNTER = "n_averaged"  # SWA's AveragedModel counts its averages in a tensor that is no parameter
_LFS = b"version https://git-lfs"
_ZIP = b"PK\x03\x04"
# The line of torch's message that says why; the others advise to read the file without the guard.
_REASON = re.compile("GLOBAL|Unsupported|Trying to|Can only|Can not")
# What torch's reader runs into in a file that is cut off or damaged.
_DAMAGE = (
    RuntimeError,
    EOFError,
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
    ArithmeticError,
    struct.error,
)


def read_state_dict(files: Sequence[Path]) -> StateDict:
    """Return the tensors of all files under one roof, wrappers and `module.`/`_orig_mod.` prefixes taken off.

    Pickles are read with `weights_only=True`; beyond tensors and plain containers only `argparse.Namespace` and NumPy
    scalars are let through, which trainers save beside the weights and which run nothing.

    Raises:
        WeightsError: Empty, truncated, an LFS pointer, an HTML page, a pickle that would run code, no tensors, or two
            under one name.
    """
    state: StateDict = {}
    for path in files:
        for key, tensor in _tensors_of(path, _read(path)).items():
            name = _without_prefixes(key)
            if name in state:
                raise WeightsError(f"{path} holds {name!r} a second time, as {key!r}; save the state_dict of one model")
            if name != _COUNTER:
                state[name] = tensor
    return state


def _read(path: Path) -> Any:
    head = _head(path)
    if head.startswith(_ZIP):
        if _is_torchscript(path):
            raise WeightsError(
                f"{path} is a TorchScript program, not weights; load it with torch.jit.load and save its state_dict()"
            )
        return _read_pickle(path)
    if head[8:9] == b"{" or path.suffix == ".safetensors":
        return _read_safetensors(path)
    if head[:1] == b"\x80":  # any other pickle, torch's own before 1.6 among them
        return _read_pickle(path)
    raise WeightsError(f"{path} is not a weight file: it begins with {head[:12]!r}. {_KNOWN}")


_KNOWN = "Known are .safetensors and what torch.save writes (.pth, .pt, .bin, .ckpt)"


def _head(path: Path) -> bytes:
    try:
        with regular(path).open("rb") as stream:
            head = stream.read(512)
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error}") from error
    if not head:
        raise WeightsError(f"{path} is empty (0 bytes); fetch it again")
    if head.startswith(_LFS):
        raise WeightsError(f"{path} is a git-lfs pointer, not the weights; run `git lfs pull` in its repository")
    if head.lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        raise WeightsError(f"{path} is an HTML page, not weights: the download link answered with a web page")
    return head


def _read_safetensors(path: Path) -> StateDict:
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path} is not a whole safetensors file (truncated?): {error}") from error


def _read_pickle(path: Path) -> Any:
    try:
        # torch warns of its own deprecations, by what a byte of the file says: none of the user's making.
        with warnings.catch_warnings(), torch.serialization.safe_globals(_harmless_globals()):
            warnings.simplefilter("ignore")
            # The stream, not the path: torch judges a path by its suffix, and we by the bytes.
            with path.open("rb") as stream:
                return torch.load(stream, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsError(_refused(path, str(error))) from error
    except _DAMAGE as error:
        raise WeightsError(
            f"{path} cannot be read as torch weights (truncated or damaged?): {_first_line(str(error)) or repr(error)}"
        ) from error


def _refused(path: Path, message: str) -> str:
    line = next((line for line in message.splitlines() if _REASON.search(line)), _first_line(message))
    reason = line.rpartition("WeightsUnpickler error:")[2].split(". Please", 1)[0].strip()
    if "Unsupported operand" in reason:
        what = "is a pickle that torch.save did not write, or a damaged one"
    else:
        what = "was refused: it is a pickle that holds more than tensors and could run code when read"
    return f"{path} {what}. Nothing of it was run. ({reason}) Save only its state_dict, best as .safetensors"


def _is_torchscript(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith("/constants.pkl") for name in archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):  # a damaged directory
        return False


def _harmless_globals() -> list[Any]:
    multiarray = import_module("numpy._core.multiarray" if hasattr(np, "_core") else "numpy.core.multiarray")
    dtypes = [kind for name, kind in vars(np.dtypes).items() if name.endswith("DType")]
    return [
        argparse.Namespace,
        np.dtype,
        np.ndarray,
        *dtypes,
        *(
            (getattr(multiarray, name), f"numpy.{core}.multiarray.{name}")
            for core in ("core", "_core")  # files of NumPy 1 and of NumPy 2
            for name in ("scalar", "_reconstruct")
        ),
    ]


def _tensors_of(path: Path, content: Any) -> StateDict:
    for _ in range(3):
        inner = _inner(content)
        if inner is None:
            break
        content = inner
    if not isinstance(content, Mapping):
        raise WeightsError(f"{path} holds {type(content).__name__}, not a state dict; save model.state_dict()")
    tensors = {str(key): value for key, value in content.items() if isinstance(value, torch.Tensor)}
    if not tensors:
        raise WeightsError(
            f"{path} holds no tensors; its top-level keys are {[str(k) for k in list(content)[:8]]}. "
            f"The parameters are looked for there or under {', '.join(_WRAPPERS)}"
        )
    return tensors


def _inner(content: Any) -> Any:
    if not isinstance(content, Mapping):
        return None
    return next((content[name] for name in _WRAPPERS if isinstance(content.get(name), Mapping)), None)


def _without_prefixes(key: str) -> str:
    while key.startswith(_PREFIXES):
        key = key.split(".", 1)[1]
    return key


def _first_line(text: str) -> str:
    return (text.splitlines() or [""])[0]
