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
from deepfakebench_ext.training.loop.live_bytes import LiveBytes
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
        activations: The most that forward and backward of one process's share of a batch hold at once.
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


def estimate_memory(stepper: Stepper, training: TrainingConfig, rows: int) -> Memory:
    """Return what a step needs, from steps on two samples of zeros and on three. Nothing of it is changed.

    Args:
        stepper: Of the detector, in training mode, its optimizer made; no parameter has a gradient.
        training: Its `ema`.
        rows: Images or clips that a process computes at once.
    """
    detector = stepper.detector
    trained = sum(parameter.numel() for parameter in stepper.trained) * _FLOAT
    few, more = _most_bytes(stepper, 2), _most_bytes(stepper, 3)
    # What does not grow with the rows is held once: under autocast the parameters, cast to fewer bits.
    fixed = max(3 * few - 2 * more, 0)
    return Memory(
        parameters=sum(t.numel() * t.element_size() for t in (*detector.parameters(), *detector.buffers())),
        gradients=trained,
        optimizer=_ADAM_MOMENTS * trained,
        average=trained if training.ema is not None else 0,
        activations=fixed + rows * (more - few),
    )


def _most_bytes(stepper: Stepper, rows: int) -> int:
    """Return the most bytes at once of forward and backward, without parameters and what stays of their gradients."""
    detector = stepper.detector
    pixels = stepper.blank(rows)
    taken_back: list[Any] = [
        parameter.register_post_accumulate_grad_hook(_take_back)  # type: ignore[no-untyped-call]
        for parameter in stepper.trained
    ]
    try:
        with _buffers_kept(detector), LiveBytes([*detector.parameters(), *detector.buffers()]) as live:
            logits = stepper.judged(detector.normed(stepper.pooled(pixels)), range(rows), 0)
            logits.sum().backward()  # type: ignore[no-untyped-call]
            del logits
    finally:
        for hook in taken_back:
            hook.remove()
    most: int = live.peak
    return most


def _take_back(parameter: Tensor) -> None:
    parameter.grad = None


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
