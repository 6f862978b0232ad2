"""The training loop: a detector of the host contract, batches of uint8 images, AdamW with warm-up and cosine decay."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from deepfakebench_ext.errors import ConfigError, ModelError

MAX_GRADIENT_NORM = 1.0


class Batches(Protocol):
    """Where training images come from.

    `len()` is the number of batches of every epoch. Calling it with the epoch's number, from 0, yields them: images
    uint8 (B, 3, H, W) or (B, T, 3, H, W) as the preprocessing crops them, and labels int64 (B,), 0 real and 1 fake.
    """

    def __len__(self) -> int:
        """Return the number of batches of an epoch."""

    def __call__(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the batches of an epoch."""


class TensorBatches:
    """Batches out of memory: shuffled anew every epoch, half of the images mirrored, all by `seed` and epoch alone."""

    def __init__(self, images: Tensor, labels: Tensor, *, batch_size: int, group: int = 1, seed: int = 0) -> None:
        """Hold the images without copying them.

        Args:
            images: uint8 (N, 3, H, W) or (N, T, 3, H, W); all frames of a clip are mirrored together.
            labels: int64 (N,), 0 real and 1 fake.
            batch_size: Images in a batch; the last batch of an epoch holds what is left.
            group: Neighbouring images that stay in one batch and are mirrored alike. With 2, a real image and the fake
                made of it: their difference is then the blend alone, which a network finds much sooner.
            seed: With the number of the epoch, the only source of order and mirroring.

        Raises:
            ValueError: On another dtype or shape, no image at all, or a group that does not divide the images and the
                batch.
        """
        if images.dtype != torch.uint8 or images.ndim not in (4, 5) or images.shape[-3] != 3 or not len(images):
            raise ValueError(f"images are {images.dtype} {tuple(images.shape)}; they must be uint8 (N, 3, H, W), N > 0")
        if labels.dtype != torch.int64 or labels.shape != images.shape[:1]:
            raise ValueError(f"labels are {labels.dtype} {tuple(labels.shape)}; they must be int64 ({len(images)},)")
        if group < 1 or batch_size < 1 or batch_size % group or len(images) % group:
            raise ValueError(
                f"batch_size ({batch_size}) and the number of images ({len(images)}) must be multiples of "
                f"group ({group}), which is 1 or more"
            )
        self._images, self._labels = images, labels
        self._batch_size, self._group, self._seed = batch_size, group, seed

    def __len__(self) -> int:
        """Return the number of batches of an epoch."""
        return math.ceil(len(self._labels) / self._batch_size)

    def __call__(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the batches of an epoch, the same ones each time it is asked for."""
        rng = np.random.default_rng([self._seed, epoch])
        groups = torch.from_numpy(rng.permutation(len(self._labels) // self._group))
        rows = (groups[:, None] * self._group + torch.arange(self._group)).flatten()
        mirrored = torch.from_numpy(rng.random(len(groups)) < 0.5).repeat_interleave(self._group)
        for start in range(0, len(rows), self._batch_size):
            stop = start + self._batch_size
            images = self._images[rows[start:stop]]
            images[mirrored[start:stop]] = images[mirrored[start:stop]].flip(-1)
            yield images, self._labels[rows[start:stop]]


def fit(
    detector: nn.Module,
    batches: Batches,
    normalise: Callable[[Tensor], Tensor],
    *,
    epochs: int,
    learning_rate: float,
    weight_decay: float = 0.05,
    warmup: float = 0.1,
    device: torch.device | str = "cpu",
    seed: int = 0,
    on_epoch: Callable[[int, float], None] | None = None,
) -> list[float]:
    """Train a detector in place and return the mean loss of every epoch.

    Args:
        detector: Meets the host contract: called with `{'image': float (B, 3, H, W), 'label': int64 (B,)}` it returns
            a dict, of which `get_losses(data_dict, pred_dict)['overall']` makes a scalar. Only its parameters with
            `requires_grad` are trained. It is moved to `device` and left there in eval mode.
        batches: The images of every epoch.
        normalise: uint8 images to what the detector takes, as in evaluation; runs on `device`.
        epochs: How often to go through the batches, at least 1.
        learning_rate: The highest one, reached at the end of the warm-up.
        weight_decay: AdamW's, on matrices only: biases, norms and other vectors keep their size.
        warmup: Share of all steps, in [0, 1), over which the learning rate rises from 0; after it, half a cosine to 0.
        device: Where to train.
        seed: For what the detector itself draws (dropout); the caller's random state is left as it was.
        on_epoch: Called after every epoch with its number, from 0, and its mean loss.

    Raises:
        ConfigError: On a value out of range, or a detector with nothing to train.
        ModelError: On a loss that is not finite; the step that gave it is not taken.
        ValueError: When an epoch yields more or fewer batches than `len(batches)`.
    """
    _check(epochs, learning_rate, weight_decay, warmup, len(batches))
    detector.to(device)
    optimizer = torch.optim.AdamW(_parameter_groups(detector, weight_decay), lr=learning_rate)
    total = epochs * len(batches)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: warmup_cosine(step, warmup * total, total))
    losses = []
    with torch.random.fork_rng(_cuda_devices(device)):
        torch.manual_seed(seed)
        for epoch in range(epochs):
            losses.append(_train_epoch(detector, batches, normalise, optimizer, schedule, device, epoch))
            if on_epoch is not None:
                on_epoch(epoch, losses[-1])
    detector.eval()
    return losses


def warmup_cosine(step: float, warmup_steps: float, total_steps: float) -> float:
    """Return the factor of the learning rate at a step: from 0 up to 1 in a line, then down to 0 along a cosine."""
    if step < warmup_steps:
        return (step + 1) / (warmup_steps + 1)
    share = (step - warmup_steps) / max(1.0, total_steps - warmup_steps)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, share)))


def _train_epoch(
    detector: nn.Module,
    batches: Batches,
    normalise: Callable[[Tensor], Tensor],
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    device: torch.device | str,
    epoch: int,
) -> float:
    """Return the mean loss over the images of one epoch."""
    detector.train()
    steps, images_seen, loss_sum = 0, 0, 0.0
    for images, labels in batches(epoch):
        data_dict = {"image": normalise(images.to(device)), "label": labels.to(device)}
        loss: Tensor = detector.get_losses(data_dict, detector(data_dict))["overall"]  # type: ignore[operator]
        value = float(loss.detach())
        if not math.isfinite(value):
            raise ModelError(
                f"the loss became {value} in epoch {epoch}, step {steps}; lower learning_rate or lengthen warmup"
            )
        _update(detector, loss, optimizer)
        schedule.step()
        steps, images_seen, loss_sum = steps + 1, images_seen + len(labels), loss_sum + value * len(labels)
    if steps != len(batches):
        raise ValueError(f"epoch {epoch} yielded {steps} batches; len(batches) promised {len(batches)}")
    return loss_sum / images_seen


def _update(detector: nn.Module, loss: Tensor, optimizer: torch.optim.Optimizer) -> None:
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(detector.parameters(), MAX_GRADIENT_NORM)
    optimizer.step()


def _parameter_groups(detector: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    trained = [parameter for parameter in detector.parameters() if parameter.requires_grad]
    if not trained:
        raise ConfigError(f"{type(detector).__name__} has no parameter with requires_grad; unfreeze its head at least")
    return [
        {"params": [parameter for parameter in trained if parameter.ndim >= 2], "weight_decay": weight_decay},
        {"params": [parameter for parameter in trained if parameter.ndim < 2], "weight_decay": 0.0},
    ]


def _cuda_devices(device: torch.device | str) -> list[torch.device]:
    return [torch.device(device)] if torch.device(device).type == "cuda" else []


def _check(epochs: int, learning_rate: float, weight_decay: float, warmup: float, steps: int) -> None:
    if epochs < 1 or steps < 1:
        raise ConfigError(f"epochs ({epochs}) and batches in an epoch ({steps}) must be 1 or more")
    if not 0 < learning_rate < math.inf:
        raise ConfigError(f"learning_rate ({learning_rate}) must be above 0, such as 1e-4")
    if not 0 <= weight_decay < math.inf:
        raise ConfigError(f"weight_decay ({weight_decay}) must be 0 or more, such as 0.05")
    if not 0 <= warmup < 1:
        raise ConfigError(f"warmup ({warmup}) is a share of all steps and must be in [0, 1), such as 0.1")
