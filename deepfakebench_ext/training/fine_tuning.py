"""`FineTuning`: from a pretrained backbone and labelled samples to a detector worth evaluating."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from functools import cached_property
from pathlib import Path
from typing import Any

from deepfakebench_ext.common.errors import ConfigError, ModelError
from deepfakebench_ext.common.run_names import BEST, LAST
from deepfakebench_ext.engine.predictor import default_batch_size
from deepfakebench_ext.engine.processes import Processes
from deepfakebench_ext.engine.run_directory import digest_samples
from deepfakebench_ext.models.base import Detector
from deepfakebench_ext.models.export.hub_folder import write_settings, write_weights
from deepfakebench_ext.models.freezing import trained_statistics
from deepfakebench_ext.models.loading import detector_class, load_torch_detector
from deepfakebench_ext.models.weights.source import resolve_weights
from deepfakebench_ext.training.data.blended_validation import is_real_alone
from deepfakebench_ext.training.going_on import advised, prolonged
from deepfakebench_ext.training.inputs import TrainingInputs
from deepfakebench_ext.training.loop.checkpoint import TrainingRun
from deepfakebench_ext.training.loop.frozen import FrozenBatches
from deepfakebench_ext.training.loop.memory import estimate_memory
from deepfakebench_ext.training.loop.stepping import Stepper
from deepfakebench_ext.training.loop.trainer import Trainer, Watcher
from deepfakebench_ext.training.loop.validation import Validated, Validator, scores_as
from deepfakebench_ext.training.outcome import FineTuned, Plan
from deepfakebench_ext.training.recipe import Recipe
from deepfakebench_ext.training.tuning.apply import apply_tuning
from deepfakebench_ext.training.tuning.ema import Ema

logger = logging.getLogger(__name__)


class FineTuning:
    """A training made ready: detector, data, validation. `plan` tells what it would do, `run` does it.

    Example:
        >>> recipe = Recipe.of(yaml.safe_load(Path("clip_layernorm.yaml").read_text()))
        >>> inputs = TrainingInputs(gather_samples("train"), gather_samples("val"))
        >>> result = FineTuning(recipe, inputs, Processes()).run(Path("training_runs/clip"))
        >>> result.best, result.validated.value
        (PosixPath('training_runs/clip/best'), 0.9713)

    Attributes:
        detector: On the processes' device, its tuning applied.
        data: What it is trained on.
        validator: What judges it.
        workers: Reading threads of each process.
        notices: What a reader of the results must know, such as a leak that was allowed.
        batch_norms: Names of the BatchNorms that are trained in the last epoch.
    """

    def __init__(
        self,
        recipe: Recipe,
        inputs: TrainingInputs,
        processes: Processes,
        *,
        workers: int = 2,
        allow_leaks: bool = False,
    ) -> None:
        """Build everything; nothing is written.

        Args:
            recipe: From the detector YAML.
            inputs: What is trained and validated on.
            processes: Who trains.
            workers: Reading threads of each.
            allow_leaks: Train although training and validation share videos; recorded with the results.

        Raises:
            ConfigError: Data, recipe and detector do not go together; says what to change.
            WeightsError: The weights to start from cannot be had or do not fit.
        """
        leaks = inputs.leaks(allow=allow_leaks)
        if recipe.training.self_blend and is_real_alone(inputs.val):
            inputs = inputs.with_blended_val()
        self.recipe, self.inputs, self.processes, self.workers = recipe, inputs, processes, workers
        self.notices = [*inputs.notices, *leaks]
        self.detector = _build(recipe, processes)
        self.tuned = apply_tuning(
            self.detector,
            recipe.tuning,
            dropout=recipe.training.dropout,
            gradient_checkpointing=recipe.training.gradient_checkpointing,
        )
        self._check_statistics()
        self.data = inputs.training_set(self.detector, recipe.training)
        self.validator = Validator(
            inputs.val,
            inputs.validation_reader(self.detector, recipe.training),
            processes,
            takes=self.detector.takes,
            monitor=recipe.training.monitor,
            workers=workers,
        )

    def _check_statistics(self) -> None:
        """Pass what is trained alike by one process and by several."""
        self.batch_norms = self._batch_norms()
        moved = [] if self.detector.keeps_statistics else self.batch_norms
        if moved and self.processes.count > 1:
            raise ConfigError(
                f"{len(moved)} modules such as {moved[0]} take statistics of the batch of their own process, so that "
                f"{self.processes.count} processes would not train as one does; train in one process, or give --set "
                "tuning.batch_norm=frozen"
            )

    def _batch_norms(self) -> list[str]:
        self.tuned.start_epoch(self.recipe.training.epochs - 1)
        found = trained_statistics(self.detector)
        self.tuned.start_epoch(0)
        return found

    @cached_property
    def _stepper(self) -> Stepper:
        balanced = self.recipe.training.balance == "weights"
        weights = self.data.class_weights() if balanced else (1.0, 1.0)
        return Stepper(self.detector, self.tuned, self.processes, self.recipe.training, weights)

    @property
    def total_steps(self) -> int:
        """Optimizer steps of the whole training, if it is not stopped early."""
        training = self.recipe.training
        return training.epochs * math.ceil(self.data.batch_count(training.batch_size) / training.accumulate)

    def plan(self) -> Plan:
        """Return what the training would do, with one forward pass and nothing written."""
        stepper, training, tuned = self._stepper, self.recipe.training, self.tuned
        trained = tuned.trainable
        tuned.start_epoch(training.epochs - 1)
        stepper.rebuild()
        self.detector.train()
        memory, trained_last = estimate_memory(stepper, training, self._rows_at_once), tuned.trainable
        tuned.start_epoch(0)
        labels = [sample.label for sample in self.inputs.val]
        return Plan(
            data=self.data.to_dict(),
            val=(labels.count(0), labels.count(1)),
            steps_per_epoch=self.total_steps // training.epochs,
            total_steps=self.total_steps,
            trained=trained,
            trained_last=trained_last,
            parameters=tuned.total,
            memory=memory,
            processes=self.processes.count,
            monitor=self.validator.monitor,
        )

    def run(
        self,
        folder: Path,
        *,
        record: Mapping[str, Any] | None = None,
        watchers: Sequence[Watcher] = (),
        checkpoint_minutes: float = 10.0,
    ) -> FineTuned:
        """Train into `folder`, from its last checkpoint where there is one.

        Args:
            folder: The run's; created if need be.
            record: Further facts for `run.json`, such as the command line.
            watchers: Are told of every step and epoch.
            checkpoint_minutes: Time between two checkpoints within an epoch.

        Raises:
            ConfigError: `folder` holds a run under other settings.
            ModelError: Something that is not finite, or a batch that does not fit into memory; names the samples.
            OutputError: Something cannot be written; the last good checkpoint is intact.
        """
        with self.opened(folder, record) as run:
            training = self.recipe.training
            average = None if training.ema is None else Ema(training.ema)
            trainer = Trainer(
                self._stepper,
                self.data,
                self.validator,
                run,
                self.processes,
                training=training,
                workers=self.workers,
                average=average,
                frozen=self._frozen(folder),
                save_best=lambda _: self.save(folder / BEST),
                watchers=watchers,
                checkpoint_minutes=checkpoint_minutes,
            )
            trainer.resume()
            if notice := prolonged(run.lengths, trainer.position, training, self.total_steps // training.epochs):
                self.notices.append(notice)
                logger.warning("%s", notice)
            with advised(folder):
                position = trainer.run()
            if self.processes.is_main:
                with nullcontext() if average is None else average.swapped_in(self.detector):
                    self.save(folder / LAST)
            assert position.best is not None
            detector, validated = self.check_files(folder / BEST, position.best, position.best_loss)
            lost, faceless = self._everywhere(self.data.unreadable), self._everywhere(self.data.faceless)
            return FineTuned(folder, folder / BEST, position, detector, validated, lost, faceless)

    @property
    def _frozen_epochs(self) -> int:
        """Epochs with a frozen backbone that see the same frames; 0 where there are not two of them."""
        training, tuning = self.recipe.training, self.recipe.tuning
        epochs = {"head": training.epochs, "gradual": min(tuning.unfreeze_every, training.epochs)}.get(tuning.mode, 0)
        changes = training.augmentation is not None or training.self_blend
        return 0 if changes or epochs < 2 else epochs

    @property
    def _rows_at_once(self) -> int:
        """Images or clips that the backbone is given at once in the last epoch, validation included."""
        share, others = -(-self.recipe.training.batch_size // self.processes.count), default_batch_size(self.detector)
        if not self._stepper.is_frozen:
            return share
        return others if self._frozen_epochs else max(share, others)

    def _frozen(self, folder: Path) -> FrozenBatches | None:
        """The batches for the epochs with a frozen backbone, where it needs to be asked only once for each frame."""
        training, epochs = self.recipe.training, self._frozen_epochs
        if not epochs:
            return None
        identity = self.identity()
        decides = {name: identity[name] for name in ("detector", "weights", "train", "reading")}
        decides["precision"] = training.precision
        return FrozenBatches(self.data, self._stepper, folder, decides, epochs=epochs)

    def _everywhere(self, keys: set[str]) -> tuple[str, ...]:
        return tuple(sorted(set(self.processes.gather(list(keys)))))

    def opened(self, folder: Path, record: Mapping[str, Any] | None = None, *, how: str = "steps") -> TrainingRun:
        """Return the run's folder, with those of its weights made ready; in the main process first.

        Args:
            folder: Where it lies.
            record: Further facts for `run.json`.
            how: `steps`, or `probe`, which has no last weights.
        """
        if not self.processes.is_main:
            self.processes.wait()
        facts = {
            "processes": self.processes.count,
            "notices": list(map(str, self.notices)),
            **(record or {}),
        }
        run = TrainingRun(folder, {"how": how, **self.identity()}, facts, writes=self.processes.is_main)
        if self.processes.is_main:
            for name in (BEST, LAST) if how == "steps" else (BEST,):
                write_settings(folder / name, self.detector, self.values())
            self.processes.wait()
        return run

    def identity(self) -> dict[str, Any]:
        """Return all that decides the weights that come out, as JSON holds it."""
        return {
            "detector": self.detector.settings.model_dump(mode="json"),
            "weights": {"source": self.detector.report.source, "sha256": self.detector.report.sha256},
            "tuning": self.recipe.tuning.model_dump(mode="json"),
            "training": self.recipe.training.model_dump(mode="json"),
            "train": {"count": len(self.inputs.train), "sha256": digest_samples(self.inputs.train, self.inputs.files)},
            "val": {
                "count": len(self.inputs.val),
                "sha256": digest_samples(self.inputs.val, self.validator.reader.files),
            },
            "reading": self.validator.reader.to_dict(),
        }

    def save(self, folder: Path) -> None:
        """Write the weights as they are now, plain: split layers and adapters folded in."""
        write_weights(folder, self.detector, self.tuned.merged_state())

    def check_files(self, folder: Path, expected: float, loss: float | None) -> tuple[Detector, Validated]:
        """Load what was written, as anybody would, score the validation samples with it, and return both.

        Raises:
            ModelError: They do not score as what was trained did.
        """
        self.processes.wait()
        loaded = load_torch_detector(
            folder / "detector.yaml", str(folder), device=str(self.processes.device), dtype="float32"
        )
        validated = self.validator(loaded, as_trained=False)
        if not scores_as(validated, self.validator.monitor, expected, loss, len(self.inputs.val)):
            raise ModelError(
                f"{folder} scores {self.validator.monitor} {validated.value:.6f} and was validated with "
                f"{expected:.6f}; the files do not hold what was trained"
            )
        return loaded, validated

    def values(self) -> dict[str, Any]:
        """Return the YAML as it was meant, the defaults of what was trained and how written out."""
        settings = self.detector.settings
        return {
            **self.recipe.values,
            "l2_normalise": settings.l2_normalise,
            "dropout": settings.dropout,
            "tuning": self.recipe.tuning.model_dump(mode="json"),
            "training": self.recipe.training.model_dump(mode="json"),
        }


def _build(recipe: Recipe, processes: Processes) -> Detector:
    source = None if recipe.weights is None else resolve_weights(recipe.weights)
    if source is not None and source.is_exported:
        raise ConfigError(f"{source.spec} is exported, and holds nothing to train; give the weights it was made of")
    cls = detector_class(recipe.settings)
    detector = cls(recipe.settings, source=source)
    detector.to(processes.device)
    return detector
