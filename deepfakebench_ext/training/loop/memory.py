"""What a training will need of the device's memory, measured on one sample instead of guessed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from deepfakebench_ext.data.preprocess.transform import output_size
from deepfakebench_ext.training.config import TrainingConfig
from deepfakebench_ext.training.loop.stepping import Stepper

_ADAM_MOMENTS = 2
_FLOAT = 4


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes that one process needs.

    Attributes:
        parameters: The detector, in float32.
        gradients: Of what is trained.
        optimizer: Its two moments of what is trained.
        average: The moving average, if any.
        activations: What the backward pass of one process's share of a batch holds on to.
    """

    parameters: int
    gradients: int
    optimizer: int
    average: int
    activations: int

    @property
    def total(self) -> int:
        """All of it; the framework and its buffers come on top."""
        return self.parameters + self.gradients + self.optimizer + self.average + self.activations


def estimate_memory(stepper: Stepper, training: TrainingConfig, processes: int) -> Memory:
    """Return what a step needs, from one forward pass of one sample of zeros.

    Args:
        stepper: Of the detector, in training mode, its optimizer made.
        training: Its `batch_size` and `ema`.
        processes: Over how many a batch is shared out.
    """
    detector = stepper.detector
    trained = sum(parameter.numel() for parameter in stepper.trained) * _FLOAT
    rows = -(-training.batch_size // processes)
    return Memory(
        parameters=sum(t.numel() * t.element_size() for t in (*detector.parameters(), *detector.buffers())),
        gradients=trained,
        optimizer=_ADAM_MOMENTS * trained,
        average=trained if training.ema is not None else 0,
        activations=rows * _saved_bytes(stepper),
    )


def _saved_bytes(stepper: Stepper) -> int:
    """Return the bytes that autograd keeps for the backward pass of one sample, parameters not counted."""
    detector = stepper.detector
    height, width = detector.input_size or output_size(detector.preprocess) or (224, 224)
    frames = (detector.clip_len,) if detector.takes == "video" else ()
    images = torch.zeros((1, *frames, 3, height, width), device=stepper.processes.device)
    held = {parameter.untyped_storage().data_ptr() for parameter in detector.parameters()}
    saved: dict[int, int] = {}

    def pack(tensor: Tensor) -> Any:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in held:
            saved[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        logits = stepper.logits(images, [0], 0)
    del logits
    return sum(saved.values())
