"""Tensors out of weight files of every common container, without ever running what a file contains."""

from __future__ import annotations

import argparse
import json
import logging
import pickle
import re
import struct
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file

from deepfakebench_ext.common.errors import WeightsError
from deepfakebench_ext.common.regular_files import regular

logger = logging.getLogger(__name__)

StateDict = dict[str, torch.Tensor]
# Under this key our own files say, as JSON, what no tensor does.
OWN_NOTES = "deepfakebench_ext"

# Keys under which training programs put the parameters beside their optimizer and epoch: a moving average first, which
# is what they evaluate (timm's load_state_dict prefers it too).
_AVERAGES = ("state_dict_ema", "model_ema", "ema_state_dict", "params_ema", "ema_model", "ema")
_PLAIN = ("state_dict", "model_state_dict", "model", "net", "network", "module", "params")
_PREFIXES = ("module.", "_orig_mod.")  # DistributedDataParallel and torch.compile
_COUNTER = "n_averaged"  # SWA's AveragedModel counts its averages in a tensor that is no parameter
_LFS = b"version https://git-lfs"
_ZIP = b"PK\x03\x04"
# torch.save does not compress; an archive packed anew by hand shrinks floats by a tenth.
_MAX_RATIO, _SLACK_BYTES = 8, 1 << 26
_DENSE = (torch.float32, torch.float16, torch.bfloat16, torch.float64)
_COUNTERS = ("num_batches_tracked", "position_ids", "position_index", "relative_coords_table")
_WHOLE = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool)
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


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What weight files hold.

    Attributes:
        state: The tensors, wrappers and `module.`/`_orig_mod.` prefixes taken off.
        notes: What its writer said of it under `OWN_NOTES`; only training here writes that.
        aside: Wrappers that hold parameters too and were passed over for a moving average.
        hyper_parameters: What Lightning saves beside the parameters.
    """

    state: StateDict
    notes: Mapping[str, Any] = field(default_factory=dict)
    aside: tuple[str, ...] = ()
    hyper_parameters: Mapping[str, Any] = field(default_factory=dict)


def read_state_dict(files: Sequence[Path]) -> StateDict:
    """Return the tensors of all files, as `read_checkpoint` does."""
    return read_checkpoint(files).state


def read_checkpoint(files: Sequence[Path]) -> Checkpoint:
    """Return the tensors of all files under one roof, and what else is said there.

    Pickles are read with `weights_only=True`; beyond tensors and plain containers only `argparse.Namespace` and NumPy
    scalars are let through, which trainers save beside the weights and which run nothing.

    Raises:
        WeightsError: Empty, truncated, an LFS pointer, an HTML page, a pickle that would run code, no tensors, or two
            under one name.
    """
    state: StateDict = {}
    notes: Mapping[str, Any] = {}
    aside: tuple[str, ...] = ()
    beside: Mapping[str, Any] = {}
    for path in files:
        content, said = _read(path)
        if isinstance(content, Mapping) and isinstance(content.get("hyper_parameters"), Mapping):
            beside = content["hyper_parameters"]
        content, passed = _unwrapped(path, content)
        notes, aside = notes or said or _notes_in(content), aside + passed
        for key, tensor in _tensors_of(path, content).items():
            name = _without_prefixes(key)
            if name in state:
                raise WeightsError(f"{path} holds {name!r} a second time, as {key!r}; save the state_dict of one model")
            if name != _COUNTER:
                state[name] = tensor
    return Checkpoint(state, notes, aside, beside)


def check_types(state: Mapping[str, torch.Tensor], target: Mapping[str, torch.Tensor], spec: str) -> None:
    """Refuse tensors that are no parameters: whole numbers or quantized floats where the target computes in floats.

    Raises:
        WeightsError: Names the first such key and its type.
    """
    for key in state:
        whole = not target[key].is_floating_point() if key in target else key.endswith(_COUNTERS)
        wanted = _WHOLE if whole else _DENSE
        if state[key].dtype not in wanted:
            raise WeightsError(
                f"{spec} holds {key[:200]!r} as {str(state[key].dtype).removeprefix('torch.')}, which is no plain "
                f"weight; save the float32 (or float16, bfloat16) state_dict, before it was quantized or compressed"
            )


def _read(path: Path) -> tuple[Any, Mapping[str, Any]]:
    """Return what the file holds, and what a safetensors header says under `OWN_NOTES`."""
    head = _head(path)
    if head.startswith(_ZIP):
        _check_archive(path)
        if _is_torchscript(path):
            raise WeightsError(
                f"{path} is a TorchScript program, not weights; load it with torch.jit.load and save its state_dict()"
            )
        return _read_pickle(path), {}
    if head[8:9] == b"{" or path.suffix == ".safetensors":
        return _read_safetensors(path)
    if head[:1] == b"\x80":  # any other pickle, torch's own before 1.6 among them
        return _read_pickle(path), {}
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


def _read_safetensors(path: Path) -> tuple[StateDict, Mapping[str, Any]]:
    try:
        with safe_open(path, "pt") as file:
            notes = (file.metadata() or {}).get(OWN_NOTES)
        return load_file(path), _parsed(notes)
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


def _check_archive(path: Path) -> None:
    """Refuse an archive that would unpack to much more than it is."""
    _check_size(path, sum(entry.file_size for entry in _entries(path)))


def _check_size(path: Path, unpacked: int) -> None:
    packed = path.stat().st_size
    if unpacked > _MAX_RATIO * packed + _SLACK_BYTES:
        raise WeightsError(
            f"{path} of {packed:,} bytes would unpack to {unpacked:,}, which no file that torch.save wrote does; "
            f"nothing of it was read"
        )


def _is_torchscript(path: Path) -> bool:
    return any(entry.filename.endswith("/constants.pkl") for entry in _entries(path))


def _entries(path: Path) -> list[zipfile.ZipInfo]:
    """What an archive lists; nothing where its directory is damaged, which torch's reader then says."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return []


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


def _unwrapped(path: Path, content: Any) -> tuple[Any, tuple[str, ...]]:
    """Return the innermost state dict, and the wrappers passed over for a moving average."""
    passed: list[str] = []
    for _ in range(3):
        inside = content if isinstance(content, Mapping) else {}
        wrappers = [name for name in (*_AVERAGES, *_PLAIN) if isinstance(inside.get(name), Mapping)]
        found = [name for name in wrappers if _holds_tensors(inside[name])] or wrappers[:1]
        if not found:
            break
        if found[0] in _AVERAGES and found[1:]:
            logger.warning("%s: the moving average under %r is taken, not %s", path, found[0], ", ".join(found[1:]))
            passed += found[1:]
        content = content[found[0]]
    return content, tuple(passed)


def _holds_tensors(content: Any, depth: int = 3) -> bool:
    if not isinstance(content, Mapping) or not depth:
        return False
    return any(isinstance(value, torch.Tensor) or _holds_tensors(value, depth - 1) for value in content.values())


def _notes_in(content: Any) -> Mapping[str, Any]:
    """Return what `OWN_NOTES` says in the metadata that torch keeps beside an ordered state dict."""
    kept = getattr(content, "_metadata", None)
    whole = kept.get("") if isinstance(kept, Mapping) else None
    return _parsed(whole.get(OWN_NOTES)) if isinstance(whole, Mapping) else {}


def _parsed(notes: object) -> Mapping[str, Any]:
    try:
        values = json.loads(notes) if isinstance(notes, str) else {}
    except (ValueError, RecursionError):
        values = {}
    return values if isinstance(values, dict) else {}


def _tensors_of(path: Path, content: Any) -> StateDict:
    if not isinstance(content, Mapping):
        raise WeightsError(f"{path} holds {type(content).__name__}, not a state dict; save model.state_dict()")
    tensors = {str(key): value for key, value in content.items() if isinstance(value, torch.Tensor)}
    if not tensors:
        raise WeightsError(
            f"{path} holds no tensors; its top-level keys are {[str(k) for k in list(content)[:8]]}. "
            f"The parameters are looked for there or under {', '.join((*_PLAIN, *_AVERAGES))}"
        )
    for key, tensor in tensors.items():
        if problem := _no_weight(tensor):
            raise WeightsError(
                f"{path} holds {key[:200]!r} as {problem}; save the plain float32 state_dict of the model"
            )
    _check_size(path, sum(tensor.numel() * tensor.element_size() for tensor in tensors.values()))
    return tensors


def _no_weight(tensor: torch.Tensor) -> str:
    """Return what makes a tensor none that a network could be filled with; empty for plain numbers of any type."""
    if tensor.is_meta:
        return "a tensor without data (device meta)"
    if tensor.is_nested:
        return "a nested tensor"
    if tensor.is_quantized:
        return f"a quantized tensor ({str(tensor.dtype).removeprefix('torch.')})"
    if tensor.layout != torch.strided:
        return f"a tensor of layout {str(tensor.layout).removeprefix('torch.')}"
    return "complex numbers" if tensor.is_complex() else ""


def _without_prefixes(key: str) -> str:
    while key.startswith(_PREFIXES):
        key = key.split(".", 1)[1]
    return key


def _first_line(text: str) -> str:
    return (text.splitlines() or [""])[0]
