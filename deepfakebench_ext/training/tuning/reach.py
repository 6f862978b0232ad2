"""Which parameters a detector's logits depend on."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from deepfakebench_ext.data.preprocess.transform import output_size
from deepfakebench_ext.models.base import Detector

_SOME_SIZE = (224, 224)  # for a network that takes images of any size


def reached(detector: Detector) -> set[str]:
    """Return the names of the parameters that the logits depend on, whatever is frozen now.

    Some never do: a mask token, a pooler that the classifier passes by. Distributed training waits for a gradient of
    every trained parameter, and an adapter that a network passes by would train nothing, without an error. One empty
    image or clip goes through the network in inference mode; nothing of it changes.
    """
    parameters = dict(detector.named_parameters())
    flags = {name: parameter.requires_grad for name, parameter in parameters.items()}
    modes = {module: module.training for module in detector.modules()}
    detector.requires_grad_(True).eval()
    try:
        with torch.enable_grad():
            found = _leaves(detector({"image": _empty(detector)})["cls"])
    finally:
        _restore(parameters, flags, modes)
    return {name for name, parameter in parameters.items() if id(parameter) in found}


def _restore(parameters: dict[str, nn.Parameter], flags: dict[str, bool], modes: dict[nn.Module, bool]) -> None:
    for name, parameter in parameters.items():
        parameter.requires_grad_(flags[name])
    for module, mode in modes.items():
        module.training = mode


def _empty(detector: Detector) -> torch.Tensor:
    height, width = detector.input_size or output_size(detector.preprocess) or _SOME_SIZE
    frames = (detector.clip_len,) if detector.takes == "video" else ()
    return torch.zeros((1, *frames, 3, height, width))


def _leaves(output: torch.Tensor) -> set[int]:
    """Return the ids of the parameters at the ends of the graph that `output` was computed by."""
    found, seen = set(), set()
    open_nodes: list[Any] = [output.grad_fn]
    while open_nodes:
        node = open_nodes.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):
            found.add(id(node.variable))
        open_nodes.extend(earlier for earlier, _ in node.next_functions)
    return found
