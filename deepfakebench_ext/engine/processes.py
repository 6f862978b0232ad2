"""What several processes do together, through accelerate; with one process all of it is the identity."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, TypeVar

import torch

from deepfakebench_ext.common.choices import Precision
from deepfakebench_ext.common.errors import ConfigError, MissingExtraError
from deepfakebench_ext.models.placement import DTYPES

if TYPE_CHECKING:
    from accelerate import Accelerator

T = TypeVar("T")
_CHUNK = 2**25  # gradient values that are summed at once: 128 MB


class Processes:
    """The processes that train together: one, or those that `torchrun` or `accelerate launch` started.

    Every process holds the whole detector and takes its share of each global batch. Gradients are summed over all
    processes and divided by the weight of the whole batch, so that the step is the same however it was shared out, also
    where one process had nothing to read.

    Attributes:
        device: This process's.
        rank: This process's number, from 0.
        count: How many there are.
        accelerator: accelerate's own object, for its trackers.
        scaler: What keeps gradients of float16 from vanishing; None for other precisions.
    """

    def __init__(
        self, *, device: str = "auto", precision: Precision = "float32", tracker: str | None = None, folder: str = "."
    ) -> None:
        """Join the others.

        Args:
            device: `auto` takes this process's GPU where there is one; `cpu`; or `cuda`. All trainings of one Python
                process have the first one's.
            precision: What the backbone computes in.
            tracker: Name of one of accelerate's trackers, such as `tensorboard`.
            folder: Where a tracker writes.

        Raises:
            MissingExtraError: accelerate, or the tracker, is not installed.
            ConfigError: A device that is not there, or one that does not compute in `precision`.
        """
        try:
            from accelerate import Accelerator
        except ImportError as error:
            raise MissingExtraError("training needs accelerate: pip install 'deepfakebench-ext[train]'") from error
        _check_tracker(tracker)
        if device != "auto" and device.partition(":")[0] not in ("cpu", "cuda", "mps"):
            raise ConfigError(f"--device {device!r} is not known to training; allowed are auto, cpu, cuda")
        if device.startswith("cuda") and not torch.cuda.is_available():
            raise ConfigError(f"--device {device}: torch finds no CUDA device; use --device cpu, or auto")
        # Processes join each other on CPUs only where accelerate is told that there is nothing else.
        cpu = device == "cpu" or (device == "auto" and not torch.accelerator.is_available())
        self.accelerator: Accelerator = Accelerator(cpu=cpu, log_with=tracker, project_dir=folder)
        self.device: torch.device = self.accelerator.device
        self.rank: int = self.accelerator.process_index
        self.count: int = self.accelerator.num_processes
        started = int(os.environ.get("WORLD_SIZE", "1"))
        if started != self.count:
            raise ConfigError(
                f"{started} processes were started and {self.count} would train on {self.device}; give --device cpu to "
                "train on all of them, or start one"
            )
        if precision == "float16" and self.device.type != "cuda":
            raise ConfigError(
                f"training.precision: float16 needs a CUDA device, this is {self.device}; use bfloat16 or float32"
            )
        self._dtype = None if precision == "float32" else DTYPES[precision]
        self.scaler = torch.amp.GradScaler("cuda") if precision == "float16" else None

    @property
    def is_main(self) -> bool:
        """Whether this is the one that writes files."""
        return self.rank == 0

    @property
    def precision(self) -> str:
        """What the backbone computes in: `float32`, `bfloat16`, `float16`."""
        return str(self._dtype or torch.float32).removeprefix("torch.")

    def autocast(self) -> AbstractContextManager[Any]:
        """Return the context in which the backbone computes in the chosen precision."""
        if self._dtype is None:
            return nullcontext()
        return torch.autocast(self.device.type, self._dtype)

    def sums(self, values: Sequence[float]) -> list[float]:
        """Return the sums of these numbers over all processes; the same everywhere."""
        if self.count == 1:
            return list(values)
        total: Any = self.accelerator.reduce(self._numbers(values), reduction="sum")
        return [float(value) for value in total]

    def _numbers(self, values: Sequence[float]) -> torch.Tensor:
        double = torch.float32 if self.device.type == "mps" else torch.float64
        return torch.tensor(list(values), dtype=double, device=self.device)

    def sum_gradients(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        """Let every parameter's gradient be the sum over all processes; one that has none counts as 0."""
        if self.count == 1:
            return
        for chunk in _chunks(parameters):
            parts = [torch.zeros_like(p) if p.grad is None else p.grad for p in chunk]
            flat: Any = self.accelerator.reduce(torch.cat([part.reshape(-1) for part in parts]), reduction="sum")
            for parameter, summed in zip(chunk, flat.split([p.numel() for p in chunk]), strict=True):
                parameter.grad = summed.view_as(parameter).clone()

    def gather(self, items: Sequence[T]) -> list[T]:
        """Return the items of all processes, those of process 0 first; the same everywhere."""
        if self.count == 1:
            return list(items)
        gathered: list[list[T]] = [[]] * self.count
        torch.distributed.all_gather_object(gathered, list(items))
        return [item for part in gathered for item in part]

    def share(self, items: Sequence[T]) -> Sequence[T]:
        """Return this process's neighbouring items of a list, so that `gather` restores its order."""
        start, stop = (len(items) * number // self.count for number in (self.rank, self.rank + 1))
        return items[start:stop]

    def wait(self) -> None:
        """Return when all processes have come here."""
        self.accelerator.wait_for_everyone()

    def leave(self) -> None:
        """Part from the others, once all have come here; one that is still being talked to must not end."""
        if self.count > 1:
            self.wait()
            torch.distributed.destroy_process_group()


def _check_tracker(name: str | None) -> None:
    """Pass a tracker that can be used; accelerate itself would go on without one that is not installed."""
    if name is None:
        return
    from accelerate.tracking import LOGGER_TYPE_TO_CLASS, get_available_trackers

    known = sorted(str(tracker) for tracker in LOGGER_TYPE_TO_CLASS)
    if name not in known:
        raise ConfigError(f"--track {name!r} is not one of accelerate's trackers: {', '.join(known)}")
    if name not in [str(tracker) for tracker in get_available_trackers()]:
        raise MissingExtraError(f"--track {name} needs a package of that name: pip install {name}")


def _chunks(parameters: Iterable[torch.nn.Parameter]) -> Iterator[list[torch.nn.Parameter]]:
    """Yield neighbouring parameters of one type, about `_CHUNK` values at a time."""
    chunk: list[torch.nn.Parameter] = []
    for parameter in parameters:
        if chunk and (sum(p.numel() for p in chunk) + parameter.numel() > _CHUNK or chunk[0].dtype != parameter.dtype):
            yield chunk
            chunk = []
        chunk.append(parameter)
    if chunk:
        yield chunk
