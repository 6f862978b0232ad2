"""A detector that is trained by plain gradient descent, which shows how large a gradient is, and batches for it."""

from __future__ import annotations

import torch
import tunable

from deepfakebench_ext.engine.processes import Processes
from deepfakebench_ext.training.config import TrainingConfig
from deepfakebench_ext.training.data.batches import Batch, Failure
from deepfakebench_ext.training.loop.optimizing import BASE_LR
from deepfakebench_ext.training.loop.stepping import Stepper
from deepfakebench_ext.training.tuning.apply import apply_tuning

RATE = 0.5


def stepper(weights=(1.0, 1.0), tuning=None, **training) -> Stepper:
    """A stepper that takes steps of plain gradient descent; nothing is clipped unless that is asked for."""
    recipe = TrainingConfig(**{"batch_size": 8, "clip_norm": None, **training})
    detector = tunable.detector("clip")
    tuned = apply_tuning(detector, tuning or tunable.mode("full"), dropout=recipe.dropout)
    made = Stepper(detector.train(), tuned, Processes(device="cpu"), recipe, weights)
    made.rebuild()
    groups = [{"params": made.trained, "lr": RATE, BASE_LR: RATE}]
    made.optimizer = torch.optim.SGD(groups, lr=RATE)
    return made


def batch(labels: list[int], *, seed: int = 0, failures: int = 0, planned: int = 8) -> Batch:
    pixels = torch.randint(0, 256, (len(labels), 3, 32, 32), generator=torch.Generator().manual_seed(seed))
    lost = tuple(Failure(f"lost{number}", "unreadable", "not a picture") for number in range(failures))
    keys, rows = tuple(map(str, range(len(labels)))), tuple(range(len(labels)))
    return Batch(0, pixels.to(torch.uint8), torch.tensor(labels, dtype=torch.int64), keys, rows, planned, lost)
