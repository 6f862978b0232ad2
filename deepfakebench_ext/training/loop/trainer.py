"""The training loop: epochs of steps, a validation after each, the best kept, and a checkpoint to go on from."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import Any, Protocol

from pydantic import TypeAdapter
from torch import Tensor

from deepfakebench_ext.common.errors import damaged
from deepfakebench_ext.common.journal import Journal, read_lines
from deepfakebench_ext.common.run_names import TRAINING_LOG
from deepfakebench_ext.engine.processes import Processes
from deepfakebench_ext.training.config import TrainingConfig
from deepfakebench_ext.training.data.batches import Batch
from deepfakebench_ext.training.data.training_set import TrainingSet
from deepfakebench_ext.training.loop.checkpoint import TrainingRun
from deepfakebench_ext.training.loop.frozen import FrozenBatches
from deepfakebench_ext.training.loop.optimizing import rate_factor
from deepfakebench_ext.training.loop.stepping import Step, Stepper
from deepfakebench_ext.training.loop.validation import Validated, Validator
from deepfakebench_ext.training.tuning.ema import Ema


@dataclass(slots=True)
class Position:
    """How far a training has come; all of it goes into the checkpoint.

    Attributes:
        epoch: Epochs that are done, validation and all.
        batches: Global batches of the current epoch that are done.
        step: Optimizer steps taken.
        phase_epoch: The epoch for which the parameters now trained were thawed.
        loss_sum, weight, samples, unreadable: Of the current epoch.
        best: Best value of the watched figure, None before the first validation.
        best_loss: The validation loss of that epoch.
        best_epoch: The epoch that had it, from 0.
        stale: Validations since the last improvement.
        best_figures: Figures of the best epoch: name to value.
        stopped: Whether it stopped early.
        log_bytes: Length of the journal.
    """

    epoch: int = 0
    batches: int = 0
    step: int = 0
    phase_epoch: int = 0
    loss_sum: float = 0.0
    weight: float = 0.0
    samples: int = 0
    unreadable: int = 0
    best: float | None = None
    best_loss: float | None = None
    best_epoch: int = -1
    stale: int = 0
    best_figures: dict[str, float | None] = field(default_factory=dict)
    stopped: bool = False
    log_bytes: int = 0


_POSITION = TypeAdapter(Position)


class Watcher(Protocol):
    """Who is told how the training goes; only the main process tells."""

    def stepped(self, position: Position, step: Step, rate: float) -> None:
        """Take note of a step."""

    def validated(self, position: Position, values: Mapping[str, Any]) -> None:
        """Take note of an epoch's end."""

    def close(self) -> None:
        """Take note that there is nothing more to come."""


class Trainer:
    """One training: give it its parts, `resume` and `run` it, as often as it is cut off."""

    def __init__(
        self,
        stepper: Stepper,
        data: TrainingSet,
        validator: Validator,
        run: TrainingRun,
        processes: Processes,
        *,
        training: TrainingConfig,
        workers: int,
        average: Ema | None = None,
        frozen: FrozenBatches | None = None,
        save_best: Callable[[Validated], None],
        watchers: Sequence[Watcher] = (),
        checkpoint_minutes: float = 10.0,
    ) -> None:
        """Take the parts.

        Args:
            stepper: Takes the steps.
            data: Batches of every epoch.
            validator: Scores the validation samples.
            run: Where checkpoints go.
            processes: Who trains together.
            training: As in the YAML.
            workers: Reading threads.
            average: Of the parameters; None for none.
            frozen: The same batches for a frozen backbone; None where it sees other pixels in each epoch.
            save_best: Called in the main process when an epoch is the best so far, the parameters as validated.
            watchers: Are told of every step and epoch.
            checkpoint_minutes: Time between two checkpoints within an epoch; there is one at the end of each anyway.
        """
        self.stepper, self.data, self.validator, self.store, self.processes = stepper, data, validator, run, processes
        self.training, self.average, self._frozen, self._save_best = training, average, frozen, save_best
        self.log = Journal(run.folder / TRAINING_LOG, kept="The last good checkpoint is intact")
        self.position = Position()
        self._pause_s, self._saved_at = 60 * checkpoint_minutes, time.monotonic()
        self._workers, self._watchers = workers, watchers if processes.is_main else ()
        self.steps_per_epoch = math.ceil(data.batch_count(training.batch_size) / training.accumulate)

    @property
    def total_steps(self) -> int:
        """Optimizer steps of the whole training, if it is not stopped early."""
        return self.training.epochs * self.steps_per_epoch

    @property
    def is_done(self) -> bool:
        """Whether there is nothing left to train."""
        return self.position.stopped or self.position.epoch >= self.training.epochs

    def run(self) -> Position:
        """Train to the end, from where `resume` put it, and return how it came out.

        Raises:
            ModelError: Something that is not finite, a batch that does not fit into memory, an undefined figure.
            OutputError: The disk is full or the journal damaged.
        """
        if self.processes.is_main:
            self._open_log()
        try:
            while not self.is_done:
                self._epoch()
        finally:
            self.log.close()
            self.validator.is_frozen = False
            if self._frozen is not None:
                self._frozen.close()
        if self._frozen is not None:
            self._frozen.remove()
        return self.position

    def resume(self) -> None:
        """Go back to the last checkpoint; without one, to the start."""
        state = self.store.load(self.processes.device)
        with self.store.taking_up():
            found = Position(**state["position"]) if state else Position()
            self.position = _POSITION.validate_python(asdict(found))
            self.stepper.tuned.start_epoch(self.position.phase_epoch)
            self.stepper.rebuild()
            if state:
                load_trained(self.stepper, state["model"])
                self.stepper.optimizer.load_state_dict(state["optimizer"])
                if self.average is not None:
                    self.average.load_state_dict(state["average"])
                if self.processes.scaler is not None:
                    self.processes.scaler.load_state_dict(state["scaler"])
        self.processes.wait()

    def _open_log(self) -> None:
        """Open the journal where the checkpoint left it; what came after is taken back.

        Raises:
            OutputError: It is damaged, or shorter than the checkpoint says.
        """
        ends = {0, *(end for _, end in read_lines(self.log.path))}
        if self.position.log_bytes not in ends:
            raise damaged(self.log.path, f"the checkpoint was made after {self.position.log_bytes} bytes of it")
        self.log.open(self.position.log_bytes)

    def _epoch(self) -> None:
        position = self.position
        if position.phase_epoch != position.epoch and self.stepper.tuned.start_epoch(position.epoch):
            self.stepper.rebuild()
        position.phase_epoch = position.epoch
        self.stepper.detector.train()
        self.validator.is_frozen = self.stepper.is_frozen
        for batches in self._groups():
            self._step(batches)
            if self.processes.is_main and time.monotonic() - self._saved_at >= self._pause_s:
                self._checkpoint()
        self._validate()
        position.epoch, position.batches = position.epoch + 1, 0
        position.loss_sum, position.weight, position.samples, position.unreadable = 0.0, 0.0, 0, 0
        self._checkpoint()

    def _groups(self) -> Iterator[list[Batch]]:
        """Yield the batches of each step that is left of the epoch."""
        position, processes = self.position, self.processes
        asked = {"batch_size": self.training.batch_size, "workers": self._workers, "skip": position.batches}
        batches = None
        if self._frozen is not None and self.stepper.is_frozen:
            batches = self._frozen.batches(position.epoch, **asked)
        if batches is None:
            batches = self.data.batches(position.epoch, rank=processes.rank, world_size=processes.count, **asked)
        while group := list(islice(batches, self.training.accumulate)):
            yield group

    def _step(self, batches: list[Batch]) -> None:
        position = self.position
        factor = rate_factor(position.step, self.total_steps, self.training)
        step = self.stepper.step(batches, position.step, factor)
        if self.average is not None:
            self.average.update(self.stepper.detector)
        position.step += 1
        position.batches += len(batches)
        position.loss_sum, position.weight = position.loss_sum + step.loss_sum, position.weight + step.weight
        position.samples, position.unreadable = position.samples + step.samples, position.unreadable + step.unreadable
        loss = step.loss_sum / step.weight if step.weight else None
        rate = factor * self.training.lr
        self._note({"step": position.step, "epoch": position.epoch, "loss": loss, "lr": rate})
        for watcher in self._watchers:
            watcher.stepped(position, step, rate)

    def _validate(self) -> None:
        position = self.position
        if self.average is None:
            self._judge(self.validator(self.stepper.detector))
        else:
            with self.average.swapped_in(self.stepper.detector):
                self._judge(self.validator(self.stepper.detector))
        if self.training.patience is not None and position.stale >= self.training.patience:
            position.stopped = True

    def _judge(self, validated: Validated) -> None:
        position = self.position
        gain = 0.0 if position.best is None else validated.value - position.best
        gain = gain if self.validator.higher_is_better else -gain
        is_surer = gain == 0 and position.best_loss is not None and validated.loss < position.best_loss
        is_best = position.best is None or gain > self.training.min_delta or is_surer
        position.stale = 0 if is_best else position.stale + 1
        figures = {name: figure.value for name, figure in validated.figures.items()}
        if is_best:
            position.best, position.best_loss = validated.value, validated.loss
            position.best_epoch, position.best_figures = position.epoch, figures
            if self.processes.is_main:
                self._save_best(validated)
        values = {
            "epoch": position.epoch,
            "step": position.step,
            "train_loss": position.loss_sum / position.weight if position.weight else None,
            "samples": position.samples,
            "unreadable": position.unreadable,
            "is_best": is_best,
            **{f"val_{name}": value for name, value in figures.items()},
        }
        self._note(values)
        for watcher in self._watchers:
            watcher.validated(position, values)

    def _note(self, values: Mapping[str, Any]) -> None:
        """Add a line to the journal; none holds a time, so that a run that went on ends with the same bytes."""
        if self.processes.is_main:
            self.log.add([values])

    def _checkpoint(self) -> None:
        position, scaler = self.position, self.processes.scaler
        self._saved_at = time.monotonic()
        if not self.processes.is_main:
            return
        self.log.sync()
        position.log_bytes = self.log.size_bytes
        self.store.save(
            {
                "position": asdict(position),
                "model": trained_state(self.stepper),
                "optimizer": self.stepper.optimizer.state_dict(),
                "average": None if self.average is None else self.average.state_dict(),
                "scaler": None if scaler is None else scaler.state_dict(),
            }
        )


def trained_state(stepper: Stepper) -> dict[str, Tensor]:
    """Return the tensors that a training changes: parameters that are trained now, and buffers."""
    named = stepper.detector.named_parameters()
    trained = {name: parameter.detach() for name, parameter in named if parameter.requires_grad}
    return trained | dict(stepper.detector.named_buffers())


def load_trained(stepper: Stepper, state: Mapping[str, Tensor]) -> None:
    """Put the tensors of `trained_state` back into their places; all others are as the pretrained weights have them."""
    own = dict(stepper.detector.named_parameters()) | dict(stepper.detector.named_buffers())
    there, here = ({name: tensor.shape for name, tensor in each.items()} for each in (state, trained_state(stepper)))
    if there != here:
        raise ValueError("other parameters are trained")
    for name, tensor in state.items():
        own[name].data.copy_(tensor)
