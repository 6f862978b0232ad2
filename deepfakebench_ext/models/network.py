"""Which parameters of a class of transformers are its classifier, whatever they are called."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from deepfakebench_ext.common.errors import WeightsError
from deepfakebench_ext.models.architecture import Architecture, made


@dataclass(frozen=True, slots=True)
class Network:
    """A classifier of transformers, read off two of it that differ by one class.

    Attributes:
        shapes: Name -> tensor without data, of every parameter and buffer that is saved.
        widths: Name -> axis that counts the classes, of the classifier's.
        base: What the model without its classifier is called.
        head: The attribute that is the classifier, applied last; empty where there are several, or it lies deeper.
    """

    shapes: dict[str, torch.Tensor]
    widths: dict[str, int]
    base: str
    head: str

    def has_place_of(self, key: str) -> bool:
        """Whether a parameter that it lacks is one of a layer, or of a list of layers, that it has.

        A layer's bias where it has the weight alone, or `layer.7` where its layers end with 6: the config is of another
        network. What stands apart, such as a pooler, a decoder or a teacher's head, was saved by a larger class.
        """
        module, _, leaf = key.rpartition(".")
        beside = {f"{module}.weight", f"{module}.bias"} & self.shapes.keys()
        # A key's bias adds the same to all of a query's scores, which softmax passes over.
        if leaf in ("weight", "bias") and beside and not key.endswith(("key.bias", "k_proj.bias")):
            return True
        known = {place for name in self.shapes for place in _numbered(name)}
        lists = {whole for whole, _ in known}
        return any(place[0] in lists and place not in known for place in _numbered(key))


def read_network(cls: Any, config: Any, architecture: Architecture) -> Network:
    """Return what `cls` makes of `config`, without its numbers.

    Raises:
        WeightsError: The class refuses the config, or has no classifier.
    """
    wider = copy.deepcopy(config)
    wider.num_labels = config.num_labels + 1
    model = made(lambda: _empty(cls, config), cls.__name__, architecture)
    shapes = model.state_dict()
    other = made(lambda: _empty(cls, wider), cls.__name__, architecture).state_dict()
    widths = {
        key: next(axis for axis, size in enumerate(tensor.shape) if size != other[key].shape[axis])
        for key, tensor in shapes.items()
        if tensor.shape != other[key].shape
    }
    if not widths:
        raise WeightsError(f"{architecture.where} is of {cls.__name__}, which has no layer of one output a class")
    return Network(shapes, widths, cls.base_model_prefix, _head_of(model, widths))


def _empty(cls: Any, config: Any) -> nn.Module:
    with torch.device("meta"):
        model: nn.Module = cls(copy.deepcopy(config))
    return model


def _head_of(model: nn.Module, widths: dict[str, int]) -> str:
    names = {key.split(".")[0] for key in widths}
    name = names.pop()
    is_last = not names and name != model.base_model_prefix
    return name if is_last and not isinstance(getattr(model, name), nn.ModuleList) else ""


def _numbered(name: str) -> list[tuple[str, str]]:
    """Return the lists that a name goes through, each with the number taken of it."""
    parts = name.split(".")
    return [(".".join(parts[:at]), part) for at, part in enumerate(parts) if part.isdigit()]
