"""Who watches a training: a progress line, and accelerate's trackers."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deepfakebench_ext.engine.processes import Processes
from deepfakebench_ext.engine.progress import Progress
from deepfakebench_ext.training.loop.stepping import Step
from deepfakebench_ext.training.loop.trainer import Position
from deepfakebench_ext.training.loop.validation import loss_of

_SMOOTHING = 0.98


class ProgressLine:
    """How far a training is: a bar on a terminal, lines in a log file."""

    def __init__(self, total_steps: int, monitor: str) -> None:
        """Show a training of so many steps, and the watched figure after each epoch."""
        self._progress = Progress(total_steps, "step")
        self._monitor, self._loss, self._started = monitor, math.nan, False

    def stepped(self, position: Position, step: Step, rate: float) -> None:
        """Show a step."""
        if not self._started:  # a run that goes on: what was done before took no time now
            self._progress.restart(position.step - 1)
            self._started = True
        if step.weight:
            loss = step.loss_sum / step.weight
            self._loss = loss if math.isnan(self._loss) else _SMOOTHING * self._loss + (1 - _SMOOTHING) * loss
        if (bar := self._progress.bar) is not None:
            bar.set_description(f"epoch {position.epoch + 1}", refresh=False)
            bar.set_postfix(loss=f"{self._loss:.4f}", lr=f"{rate:.2g}", refresh=False)
        self._progress.at(position.step)

    def validated(self, position: Position, values: Mapping[str, Any]) -> None:
        """Say how an epoch came out, on a line of its own that stays."""
        from tqdm import tqdm

        best = ", the best so far" if values["is_best"] else ""
        lost = f", {values['unreadable']} draws left out" if values["unreadable"] else ""
        loss = "no sample was readable" if values["train_loss"] is None else f"loss {values['train_loss']:.4f}"
        validation = f"{self._monitor} {_said(values[f'val_{self._monitor}'])}{self._by_set(values)}"
        if (watched := loss_of(self._monitor)) != self._monitor:
            validation += f", validation loss {values[f'val_{watched}']:.4f}"
        tqdm.write(f"epoch {position.epoch + 1}: {loss}{lost}, {validation}{best}", file=sys.stderr)

    def _by_set(self, values: Mapping[str, Any]) -> str:
        """The watched figure of each of several datasets."""
        figure = self._monitor.rpartition("/")[2]
        found = {
            name.removeprefix("val_").removesuffix(f"/{figure}"): value
            for name, value in values.items()
            if name.endswith(f"/{figure}")
        }
        said = (f"{name} {_said(value)}" for name, value in found.items())
        return f" ({', '.join(said)})" if found else ""

    def close(self) -> None:
        """Leave the line as it is."""
        self._progress.close()


def _said(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.4f}"


class Trackers:
    """accelerate's trackers, such as TensorBoard."""

    def __init__(self, processes: Processes, folder: Path) -> None:
        """Open them; every process calls this."""
        self._accelerator = processes.accelerator
        self._accelerator.init_trackers(folder.name)

    def stepped(self, position: Position, step: Step, rate: float) -> None:
        """Log a step."""
        if step.weight:
            self._accelerator.log({"train/loss": step.loss_sum / step.weight, "train/lr": rate}, step=position.step)

    def validated(self, position: Position, values: Mapping[str, Any]) -> None:
        """Log an epoch's figures."""
        figures = {f"val/{name[4:]}": v for name, v in values.items() if name.startswith("val_") and v is not None}
        self._accelerator.log(figures, step=position.step)

    def close(self) -> None:
        """Write what is not written yet."""
        self._accelerator.end_training()
