"""What a training would do, and what it came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepfakebench_ext.common.notices import Notice
from deepfakebench_ext.models.base import Detector
from deepfakebench_ext.training.loop.memory import Memory
from deepfakebench_ext.training.loop.trainer import Position
from deepfakebench_ext.training.loop.validation import Validated


@dataclass(frozen=True, slots=True)
class Plan:
    """What a training would do; nothing has been written.

    Attributes:
        data: Counts, as `TrainingSet.to_dict` says them.
        val: Real and fake validation samples.
        steps_per_epoch: Optimizer steps.
        total_steps: Of all epochs.
        trained: Parameters trained in the first epoch.
        trained_last: Those trained in the last epoch; more of them where training goes down from the head.
        parameters: All there are.
        memory: Of one process, in the last epoch.
        processes: How many there are.
        monitor: The figure that is watched.
    """

    data: Mapping[str, Any]
    val: tuple[int, int]
    steps_per_epoch: int
    total_steps: int
    trained: int
    trained_last: int
    parameters: int
    memory: Memory
    processes: int
    monitor: str


@dataclass(frozen=True, slots=True)
class FineTuned:
    """What a training came to.

    Attributes:
        folder: The run's.
        best: The folder to score with, as `--weights` takes it.
        position: Epochs and steps taken, the best epoch and its figures.
        detector: As loaded from `best`, ready to score.
        validated: What it scores on the validation samples.
        unreadable: Keys of training samples that gave nothing to some draw, as far as these processes saw.
        faceless: Keys of those that gave frames without a face, left out or taken whole.
        fit: How a closed-form fit came about, in place of the recipe: name to value.
        notices: What a reader of the results must know of how they came about.
    """

    folder: Path
    best: Path
    position: Position
    detector: Detector
    validated: Validated
    unreadable: tuple[str, ...] = ()
    faceless: tuple[str, ...] = ()
    fit: Mapping[str, Any] | None = None
    notices: tuple[Notice, ...] = ()
