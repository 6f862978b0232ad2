"""Constructing a detector of DeepfakeBench's without the pretrained files that its constructor demands.

Its constructors load an ImageNet backbone or fetch a model from the hub even when a trained checkpoint fills every
parameter afterwards (xception_detector.py:69, clip_detector.py:114, effort_detector.py:49, resnet34.py:33). In `blank`
they get the architecture and random parameters instead. Whoever uses it fills all of them, strictly, or says that the
detector is untrained. Everything is as before when the context ends.
"""

from __future__ import annotations

import io
import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext, redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.host.packages import STANDING_IN

logger = logging.getLogger(__name__)

_ABSENT = object()
_LARGE = {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "num_attention_heads": 16}
# What DeepfakeBench's code names without leaving a choice; a path that contains the name means it as well
# (effort_detector.py:49 names a folder of somebody's cache).
_PUBLIC: Mapping[str, Mapping[str, Any]] = {
    "clip-vit-base-patch16": {"patch_size": 16},  # clip_detector.py:73; the rest is CLIPVisionConfig's default
    "clip-vit-large-patch14": {**_LARGE, "patch_size": 14, "projection_dim": 768},
    "videomae-base": {},  # videomae_detector.py:65; VideoMAEConfig's default
}
# A CLIP of which only the vision tower is described gets a text tower that costs nothing.
_DWARF = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}


@contextmanager
def working_like_its_scripts(checkout: Path) -> Iterator[None]:
    """Let DeepfakeBench's modules be imported and used from any directory, also where there is no CUDA.

    Relative paths mean the checkout's, as for its scripts; what is printed goes to the debug log. The working directory
    belongs to the process, and so does what is patched here: one thread at a time.
    """
    before, anomaly = Path.cwd(), torch.is_anomaly_enabled()
    os.chdir(checkout)
    try:
        with _quiet(), nullcontext() if torch.cuda.is_available() else without_cuda():
            yield
    finally:
        os.chdir(before)
        torch.autograd.set_detect_anomaly(anomaly)  # iid_detector.py:58 switches it on for good


@contextmanager
def blank(architecture: Mapping[str, Any] | None, fetch_config: Callable[[str], Mapping[str, Any]]) -> Iterator[None]:
    """Let DeepfakeBench's constructors run without pretrained files and network.

    Import the detector's module first: what it brings along is patched where it is. The patches belong to the process:
    one thread at a time.

    Args:
        architecture: The transformers config of the backbone, as JSON holds it, for constructors that fetch one.
            None: what the public model of that name is, else what `fetch_config` says.
        fetch_config: Returns the `config.json` of a hub id or folder.
    """
    with ExitStack() as stack:
        stack.enter_context(_patched(torch, "load", _load_with(torch.load)))
        stack.enter_context(_patched(nn.Module, "load_state_dict", _load_nothing))
        # A function of its own each time: one with a name in a module would be exchanged there too.
        stack.enter_context(
            _everywhere(torch.hub.load_state_dict_from_url, lambda *args, **kwargs: pretrained_stand_in())
        )
        stack.enter_context(_without_timm_weights())
        stack.enter_context(_without_torchvision_weights())
        stack.enter_context(_without_transformers_weights(architecture, fetch_config))
        yield


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what DeepfakeBench's modules print and say off the terminal: much of it is of files they did not load."""
    printed = io.StringIO()
    loggers = [logging.getLogger(name) for name in STANDING_IN]
    levels = [its.level for its in loggers]
    for its in loggers:
        its.setLevel(logging.ERROR)
    try:
        with redirect_stdout(printed), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for its, level in zip(loggers, levels, strict=True):
            its.setLevel(level)
        if printed.getvalue():
            logger.debug("DeepfakeBench printed: %s", printed.getvalue())


@contextmanager
def without_cuda() -> Iterator[None]:
    """Make `.cuda()` of tensors and modules return them as they are.

    Detectors call it wherever they run (capsule_net_detector.py:228, tall_detector.py:717, iid_detector.py:70).
    """
    with (
        _patched(torch.Tensor, "cuda", lambda self, *args, **kwargs: self),
        _patched(nn.Module, "cuda", lambda self, *args, **kwargs: self),
    ):
        yield


def pretrained_stand_in() -> dict[str, Any]:
    """Return what an absent file of pretrained parameters reads as.

    It holds the tensors that constructors take out of such a file by name; `load_state_dict` is without effect.
    """
    return {
        "conv1.weight": torch.zeros(32, 3, 3, 3),  # f3net_detector.py:82, spsl_detector.py:77
        "head.projection.weight": torch.zeros(1, 1),  # i3d_detector.py:130, ftcn_detector.py:149
        "head.projection.bias": torch.zeros(1),
        "head.weight": torch.zeros(1, 1),  # uia_vit_detector.py:63
        "head.bias": torch.zeros(1),
        "model": {"head.weight": torch.zeros(1, 1), "head.bias": torch.zeros(1)},  # tall_detector.py:826
    }


def _load_with(read: Callable[..., Any]) -> Callable[..., Any]:
    def load(f: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(f, str | os.PathLike) and not Path(f).is_file():
            return pretrained_stand_in()
        if not args:
            kwargs["map_location"] = "cpu"  # a file saved on CUDA does not open without one (xception_detector.py:69)
        return read(f, *args, **kwargs)

    return load


def _load_nothing(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
    from torch.nn.modules.module import _IncompatibleKeys

    return _IncompatibleKeys([], [])


@contextmanager
def _patched(owner: Any, name: str, value: Any) -> Iterator[None]:
    own = vars(owner).get(name, _ABSENT)  # not getattr: a classmethod must come back as one
    setattr(owner, name, value)
    try:
        yield
    finally:
        if own is _ABSENT:
            delattr(owner, name)
        else:
            setattr(owner, name, own)


@contextmanager
def _everywhere(function: Any, replacement: Any) -> Iterator[None]:
    """Exchange a function in every module that has it, under whatever name, also those that import it meanwhile."""
    _exchange(function, replacement)
    try:
        yield
    finally:
        _exchange(replacement, function)


def _exchange(function: Any, replacement: Any) -> None:
    for module in list(sys.modules.values()):
        if isinstance(module, ModuleType):
            for name in [name for name, value in list(vars(module).items()) if value is function]:
                setattr(module, name, replacement)


@contextmanager
def _without_timm_weights() -> Iterator[None]:
    """`pretrained=True` (recce_detector.py:57) gives timm's architecture alone."""
    builder = sys.modules.get("timm.models._builder")
    if builder is None:
        yield
        return
    with _patched(builder, "load_pretrained", lambda *args, **kwargs: None):
        yield


@contextmanager
def _without_torchvision_weights() -> Iterator[None]:
    """`pretrained=True` (resnet34.py:33, capsule_net_detector.py:132) gives torchvision's architecture alone."""
    api = sys.modules.get("torchvision.models._api")
    if api is None:
        yield
        return
    with _patched(api.WeightsEnum, "get_state_dict", lambda *args, **kwargs: {}):
        yield


@contextmanager
def _without_transformers_weights(
    architecture: Mapping[str, Any] | None, fetch_config: Callable[[str], Mapping[str, Any]]
) -> Iterator[None]:
    """`from_pretrained` builds from a config; processors, which no forward pass uses, are None."""
    from transformers import AutoProcessor, PreTrainedModel

    built: set[int] = set()

    def build(cls: Any, name: Any, *args: Any, **kwargs: Any) -> Any:
        values = architecture if architecture is not None else _known(name, fetch_config)
        model = cls(_config(cls.config_class, values))
        built.update(parameter.data_ptr() for parameter in model.parameters())
        return model

    with (
        _patched(PreTrainedModel, "from_pretrained", classmethod(build)),
        _patched(AutoProcessor, "from_pretrained", classmethod(lambda cls, *args, **kwargs: None)),
        _patched(torch.linalg, "svd", _svd_with(torch.linalg.svd, built)),
    ):
        yield


def _svd_with(svd: Callable[..., Any], random: set[int]) -> Callable[..., Any]:
    """Return an SVD for which the factors of a random parameter are random too: Effort decomposes 96 large ones."""

    def decompose(A: torch.Tensor, full_matrices: bool = True, **kwargs: Any) -> Any:
        if full_matrices or A.ndim != 2 or A.data_ptr() not in random:
            return svd(A, full_matrices, **kwargs)
        rows, columns = A.shape
        rank = min(rows, columns)
        return torch.randn(rows, rank) / rows**0.5, torch.ones(rank), torch.randn(rank, columns) / columns**0.5

    return decompose


def _known(name: Any, fetch_config: Callable[[str], Mapping[str, Any]]) -> Mapping[str, Any]:
    # The longest first, since one name may begin another.
    for public in sorted(_PUBLIC, key=len, reverse=True):
        if public in str(name):
            return _PUBLIC[public]
    if not isinstance(name, str) or Path(name).suffix in (".pth", ".pt", ".bin", ".ckpt"):
        raise ConfigError(
            f"this detector takes its backbone from transformers, and `pretrained` ({name!r}) names none; set it in "
            f"the detector YAML to a hub id or a folder with a config.json, or write the config under `architecture`"
        )
    return fetch_config(name)


def _config(kind: Any, values: Mapping[str, Any]) -> Any:
    """Return a transformers config of the class `kind` from its own values, or out of those of the whole model."""
    values = dict(values)
    key = getattr(kind, "base_config_key", "")
    if key and isinstance(values.get(key), Mapping):
        values = dict(values[key])
    elif "vision_config" in getattr(kind, "sub_configs", {}) and "vision_config" not in values:
        values = {"vision_config": values, "text_config": _DWARF}
    return kind.from_dict(values)
