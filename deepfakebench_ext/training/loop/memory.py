"""What a training will need of the device's memory, measured on a few samples instead of guessed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from deepfakebench_ext.models.base import Detector
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
    """Return what a step needs, from forward passes of two samples of zeros and of three. Nothing of it is changed.

    Args:
        stepper: Of the detector, in training mode, its optimizer made.
        training: Its `batch_size` and `ema`.
        processes: Over how many a batch is shared out.
    """
    detector = stepper.detector
    trained = sum(parameter.numel() for parameter in stepper.trained) * _FLOAT
    rows = -(-training.batch_size // processes)
    few, more = _saved_bytes(stepper, 2), _saved_bytes(stepper, 3)
    # What does not grow with the rows is held once: under autocast the parameters, cast to fewer bits.
    fixed = max(3 * few - 2 * more, 0)
    return Memory(
        parameters=sum(t.numel() * t.element_size() for t in (*detector.parameters(), *detector.buffers())),
        gradients=trained,
        optimizer=_ADAM_MOMENTS * trained,
        average=trained if training.ema is not None else 0,
        activations=fixed + rows * (more - few),
    )


def _saved_bytes(stepper: Stepper, rows: int) -> int:
    """Return the bytes that autograd keeps for the backward pass of some samples, parameters not counted."""
    detector = stepper.detector
    held = {parameter.untyped_storage().data_ptr() for parameter in detector.parameters()}
    saved: dict[int, int] = {}

    def pack(tensor: Tensor) -> Any:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in held:
            saved[storage.data_ptr()] = storage.nbytes()
        return tensor

    with _buffers_kept(detector), torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        logits = stepper.judged(detector.normed(stepper.pooled(stepper.blank(rows))), range(rows), 0)
    del logits
    return sum(saved.values())


@contextmanager
def _buffers_kept(detector: Detector) -> Iterator[None]:
    """Leave the buffers as they are: a forward pass in training mode moves the statistics of a BatchNorm."""
    before = [(buffer, buffer.clone()) for buffer in detector.buffers()]
    try:
        yield
    finally:
        with torch.no_grad():
            for buffer, value in before:
                buffer.copy_(value)
