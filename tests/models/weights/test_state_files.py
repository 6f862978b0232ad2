"""Weight files of every container give their tensors; whatever else such a file may be is refused in words."""

from __future__ import annotations

import argparse
import io
import pickle
import random
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from deepfakebench_ext.common.errors import WeightsError
from deepfakebench_ext.models.weights.state_files import read_state_dict

# TorchScript, which some tests write, is deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

STATE = {"head.weight": torch.arange(6.0).reshape(2, 3), "head.bias": torch.tensor([0.5, -1.5])}


def saved(content: object, path: Path, **options: Any) -> Path:
    torch.save(content, path, **options)
    return path


def assert_read(*files: Path) -> None:
    read = read_state_dict(files)
    assert read.keys() == STATE.keys()
    for key, value in STATE.items():
        assert torch.equal(read[key], value)


def prefixed(prefix: str) -> dict[str, torch.Tensor]:
    return {prefix + key: value for key, value in STATE.items()}


LAYOUTS: dict[str, object] = {
    "bare": STATE,
    "ordered": OrderedDict(STATE),
    "parameters": {key: torch.nn.Parameter(value) for key, value in STATE.items()},
    "state_dict": {"epoch": 3, "state_dict": STATE, "best": 0.9},
    "model": {"model": STATE, "optimizer": {"state": {0: {"step": torch.tensor(1.0)}}}, "scheduler": None},
    "model_state_dict": {"model_state_dict": STATE, "loss": [0.1, 0.2]},
    "nested": {"model": {"state_dict": STATE}},
    "nested twice": {"state_dict": {"model": {"model_state_dict": STATE}}},
    "svdd": {"R": 1.0, "c": torch.zeros(3), "state_dict": STATE},
    "a setting called model": {"model": "ViT-L/14", "state_dict": STATE},
    "DataParallel": prefixed("module."),
    "compiled": prefixed("_orig_mod."),
    "compiled, then DataParallel": prefixed("module._orig_mod."),
    "DataParallel, then compiled": prefixed("_orig_mod.module."),
    "averaged": {"n_averaged": torch.tensor(7), **prefixed("module.")},
    "averaged DataParallel": {"module.n_averaged": torch.tensor(7), **prefixed("module.module.")},
    "wrapped and prefixed": {"state_dict": prefixed("module.")},
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_every_layout_gives_the_tensors_under_their_own_names(layout: str, legacy: bool, tmp_path: Path) -> None:
    assert_read(saved(LAYOUTS[layout], tmp_path / "w.pth", _use_new_zipfile_serialization=not legacy))


@pytest.mark.parametrize("suffix", ["safetensors", "pth", "bin", ""])
def test_safetensors_are_known_by_their_bytes_whatever_the_name(suffix: str, tmp_path: Path) -> None:
    save_file(prefixed("module."), tmp_path / f"w.{suffix}", metadata={"format": "pt"})
    assert_read(tmp_path / f"w.{suffix}")


def test_a_torch_file_that_is_named_safetensors_is_read_as_what_it_is(tmp_path: Path) -> None:
    assert_read(saved(STATE, tmp_path / "w.safetensors"))


def test_shards_are_put_together(tmp_path: Path) -> None:
    first, second = ({key: STATE[key]} for key in STATE)
    assert_read(saved(first, tmp_path / "1.bin"), saved(second, tmp_path / "2.bin"))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64, torch.int64])
def test_the_number_format_of_the_file_is_kept(dtype: torch.dtype, tmp_path: Path) -> None:
    read = read_state_dict([saved({"a": torch.ones(2, dtype=dtype)}, tmp_path / "w.pth")])
    assert read["a"].dtype is dtype


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_what_trainers_save_beside_the_weights_is_let_through(legacy: bool, tmp_path: Path) -> None:
    beside = {
        "args": argparse.Namespace(lr=1e-4, milestones=[3, 5], name="clip"),
        "best": [np.float64(0.91), np.float32(0.5), np.int64(3), np.bool_(True)],
        "history": np.linspace(0, 1, 5),
        "rng": torch.get_rng_state(),
    }
    assert_read(saved({"state_dict": STATE, **beside}, tmp_path / "w.pth", _use_new_zipfile_serialization=not legacy))


@pytest.mark.parametrize("core", [b"numpy.core.multiarray", b"numpy._core.multiarray"], ids=["NumPy 1", "NumPy 2"])
def test_numpy_scalars_are_read_under_the_names_of_either_numpy(core: bytes, tmp_path: Path) -> None:
    path = saved(
        {"state_dict": STATE, "auc": np.float64(0.9)}, tmp_path / "w.pth", _use_new_zipfile_serialization=False
    )
    content = path.read_bytes()
    written = b"numpy._core.multiarray" if b"numpy._core.multiarray" in content else b"numpy.core.multiarray"
    assert written in content
    path.write_bytes(content.replace(written, core))
    assert_read(path)


def test_what_is_let_through_here_is_not_let_through_elsewhere(tmp_path: Path) -> None:
    path = saved({"state_dict": STATE, "args": argparse.Namespace()}, tmp_path / "w.pth")
    before = set(torch.serialization.get_safe_globals())
    read_state_dict([path])
    assert set(torch.serialization.get_safe_globals()) == before
    with pytest.raises(pickle.UnpicklingError):
        torch.load(path, weights_only=True)


class Running:
    """What runs a command when it is unpickled by `pickle`."""

    def __init__(self, function: Callable[..., Any], *args: Any) -> None:
        self.call = (function, args)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.call


def harmful(mark: Path) -> dict[str, Running]:
    import os
    import subprocess

    return {
        "os.system": Running(os.system, f"touch {mark}"),
        "subprocess": Running(subprocess.check_call, ["touch", str(mark)]),
        "eval": Running(eval, f"__import__('pathlib').Path({str(mark)!r}).touch()"),
        "exec": Running(exec, f"import pathlib; pathlib.Path({str(mark)!r}).touch()"),
    }


@pytest.mark.parametrize("what", harmful(Path()))
@pytest.mark.parametrize("container", ["zip", "legacy", "plain"])
def test_a_pickle_that_would_run_code_is_refused_and_nothing_runs(what: str, container: str, tmp_path: Path) -> None:
    mark, path = tmp_path / "it_ran", tmp_path / "w.pth"
    content = {"state_dict": STATE, "extra": harmful(mark)[what]}
    if container == "plain":
        path.write_bytes(pickle.dumps(harmful(mark)[what], protocol=2))
    else:
        saved(content, path, _use_new_zipfile_serialization=container == "zip")
    with pytest.raises(WeightsError, match=r"w\.pth was refused: .*could run code.*Nothing of it was run\. \(.*GLOBAL"):
        read_state_dict([path])
    assert not mark.exists()
    if container == "plain":  # whereas pickle does run it
        pickle.loads(path.read_bytes())
        assert mark.exists()


@pytest.mark.parametrize(
    "content", [torch.nn.Linear(2, 2), {"model": torch.nn.Linear(2, 2)}, {"cfg": SimpleNamespace()}, {"at": Path("x")}]
)
def test_pickled_objects_are_refused_by_name(content: object, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"was refused.*(Linear|SimpleNamespace|Path).*Save only its state_dict"):
        read_state_dict([saved(content, tmp_path / "w.pth")])


def test_a_refusal_does_not_pass_on_torchs_advice_to_read_the_file_unguarded(tmp_path: Path) -> None:
    with pytest.raises(WeightsError) as caught:
        read_state_dict([saved(torch.nn.Linear(2, 2), tmp_path / "w.pth")])
    assert "weights_only" not in str(caught.value)
    assert "safe_globals" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"is empty \(0 bytes\)"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "is a git-lfs pointer.*git lfs pull"),
        (b"<!DOCTYPE html><html></html>", "is an HTML page.*answered with a web page"),
        (b"\n  <html lang='en'>", "is an HTML page"),
        (b"<?xml version='1.0'?><Error>AccessDenied</Error>", "is an HTML page"),
        (b"just some text", "is not a weight file: it begins with b'just some te'"),
        (b'{"model_type": "clip"}', "is not a weight file"),
        (b"GGUF\x03\x00\x00\x00", "is not a weight file"),
        (b"\x89HDF\r\n\x1a\n", r"is not a weight file.*Known are \.safetensors and what torch\.save writes"),
        (pickle.dumps({"a": 1}), "a pickle that torch.save did not write"),
        (pickle.dumps({"a": 1}, protocol=2), "cannot be read as torch weights"),
    ],
)
def test_what_is_no_weight_file_is_told_for_what_it_is(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=message) as caught:
        read_state_dict([path])
    assert str(path) in str(caught.value)


def test_an_archive_that_torch_did_not_write_is_an_error(tmp_path: Path) -> None:
    with (tmp_path / "w.pth").open("wb") as stream:
        np.savez(stream, a=np.ones(2))
    with pytest.raises(WeightsError, match="cannot be read as torch weights"):
        read_state_dict([tmp_path / "w.pth"])


def test_a_torchscript_program_is_told_from_damage(tmp_path: Path) -> None:
    torch.jit.trace(torch.nn.Linear(2, 2), torch.zeros(1, 2)).save(str(tmp_path / "w.pt"))
    with pytest.raises(WeightsError, match=r"is a TorchScript program, not weights; load it with torch\.jit\.load"):
        read_state_dict([tmp_path / "w.pt"])


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="cannot be read"):
        read_state_dict([tmp_path / "gone.pth"])


def containers() -> dict[str, bytes]:
    zipped, legacy, safe = io.BytesIO(), io.BytesIO(), io.BytesIO()
    torch.save({"state_dict": STATE, "epoch": 3}, zipped)
    torch.save({"state_dict": STATE, "epoch": 3}, legacy, _use_new_zipfile_serialization=False)
    from safetensors.torch import save

    safe.write(save(STATE))
    return {"w.pth": zipped.getvalue(), "w.bin": legacy.getvalue(), "w.safetensors": safe.getvalue()}


@pytest.mark.parametrize("name", containers())
def test_a_file_cut_off_anywhere_is_an_error_of_ours(name: str, tmp_path: Path) -> None:
    whole, path = containers()[name], tmp_path / name
    path.write_bytes(whole)
    assert_read(path)
    step = max(1, len(whole) // 200)
    for length in [*range(1, len(whole), step), len(whole) - 1]:
        path.write_bytes(whole[:length])
        with pytest.raises(WeightsError):
            read_state_dict([path])


@pytest.mark.parametrize("name", ["w.pth", "w.bin", "w.safetensors"])
def test_a_file_cut_off_in_its_tensors_is_said_to_be_truncated(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    big = {"a": torch.zeros(1000)}
    if name == "w.safetensors":
        save_file(big, path)
    else:
        saved(big, path, _use_new_zipfile_serialization=name == "w.pth")
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(WeightsError, match=r"\(truncated"):
        read_state_dict([path])


@pytest.mark.parametrize("name", containers())
def test_a_damaged_file_is_read_or_is_an_error_of_ours(name: str, tmp_path: Path) -> None:
    whole, path, rng = containers()[name], tmp_path / name, random.Random(0)
    refused = 0
    for _ in range(300):
        damaged = bytearray(whole)
        for _ in range(rng.choice((1, 1, 2, 8))):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        path.write_bytes(damaged)
        try:
            read_state_dict([path])
        except WeightsError:
            refused += 1
    assert refused > 30


@pytest.mark.parametrize("content", [[STATE], STATE["head.bias"], "text", 3, None])
def test_what_is_no_state_dict_says_its_type(content: object, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=f"holds {type(content).__name__}, not a state dict"):
        read_state_dict([saved(content, tmp_path / "w.pth")])


@pytest.mark.parametrize("content", [{}, {"epoch": 3, "weights": STATE}, {"state_dict": {"epoch": 3}}])
def test_a_file_without_tensors_names_the_keys_it_has(content: dict[str, Any], tmp_path: Path) -> None:
    inner = content.get("state_dict", content)
    with pytest.raises(WeightsError, match=r"holds no tensors.*looked for there or under state_dict") as caught:
        read_state_dict([saved(content, tmp_path / "w.pth")])
    assert str(list(inner)) in str(caught.value)


def test_two_tensors_under_one_name_are_an_error_not_a_silent_choice(tmp_path: Path) -> None:
    both = {**STATE, "module.head.bias": torch.zeros(2)}
    with pytest.raises(WeightsError, match=r"holds 'head\.bias' a second time, as 'module\.head\.bias'"):
        read_state_dict([saved(both, tmp_path / "w.pth")])
    first, second = saved(STATE, tmp_path / "1.bin"), saved({"head.bias": torch.zeros(2)}, tmp_path / "2.bin")
    with pytest.raises(WeightsError, match=r"2\.bin holds 'head\.bias' a second time"):
        read_state_dict([first, second])
