"""One step of an optimizer: forward, backward, the gradient of the whole global batch, update."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from deepfakebench_ext.common.errors import ModelError
from deepfakebench_ext.data.preprocess.in_torch import normalise
from deepfakebench_ext.data.preprocess.transform import output_size
from deepfakebench_ext.engine.processes import Processes
from deepfakebench_ext.models.base import Detector
from deepfakebench_ext.models.two_classes import two_class_logits
from deepfakebench_ext.training.config import TrainingConfig
from deepfakebench_ext.training.data.batches import Batch
from deepfakebench_ext.training.loop.optimizing import carry_over, make_optimizer, sample_losses, set_rates, step_seed
from deepfakebench_ext.training.loop.pair_losses import pair_loss
from deepfakebench_ext.training.tuning.tuned import Tuned

_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")
_SHOWN = 8
_LOWERED = 10
_SOME_SIZE = (224, 224)  # for a network that takes images of any size


class SettingsFailedError(ModelError):
    """A training that these settings do not bring to its end.

    Attributes:
        changes: What to give with `--set` instead.
    """

    def __init__(self, what: str, changes: str) -> None:
        """Say what happened, and what to change."""
        super().__init__(what)
        self.changes = changes


@dataclass(frozen=True, slots=True)
class Step:
    """What a step came to, over all processes.

    Attributes:
        loss_sum: Weighted losses of the samples, summed.
        weight: Their weights, summed; the number of samples where classes are not weighted.
        samples: How many there were.
        unreadable: How many could not be read.
    """

    loss_sum: float
    weight: float
    samples: int
    unreadable: int


class Stepper:
    """Trains a detector step by step.

    What dropout before the head draws depends on the seed, the step and the place of a row in its epoch, so that it is
    the same however a batch is shared out. What the backbone itself draws (adapters with dropout) depends on the seed,
    the step and the process. There is no state of a random generator to be saved.

    Attributes:
        optimizer: Of the parameters that are trained now.
    """

    optimizer: torch.optim.Optimizer

    def __init__(
        self,
        detector: Detector,
        tuned: Tuned,
        processes: Processes,
        training: TrainingConfig,
        weights: tuple[float, float] = (1.0, 1.0),
    ) -> None:
        """Hold the detector, which lies on the processes' device; `weights` of real and fake in the loss."""
        self.detector, self.tuned, self.processes, self.training = detector, tuned, processes, training
        self._weights = torch.tensor(weights, dtype=torch.float32, device=processes.device)
        self._preprocess = detector.preprocess

    def rebuild(self) -> None:
        """Make the optimizer anew for what is trained now; it goes on with what it knows of each parameter."""
        training = self.training
        groups = self.tuned.parameter_groups(training.lr, training.head_lr, training.weight_decay)
        before = getattr(self, "optimizer", None)
        self.optimizer = make_optimizer(groups, training)
        if before is not None:
            carry_over(before, self.optimizer)

    @property
    def trained(self) -> list[nn.Parameter]:
        """The parameters that are trained now."""
        return [parameter for group in self.optimizer.param_groups for parameter in group["params"]]

    def step(self, batches: Sequence[Batch], number: int, factor: float) -> Step:
        """Train on these batches, which make one step.

        Args:
            batches: This process's shares of one global batch, or of several whose gradients are accumulated. The
                detector is in training mode.
            number: Steps taken before.
            factor: Of the learning rates.

        Raises:
            SettingsFailedError: A loss or gradient that is not finite, or a batch that does not fit into memory.
        """
        set_rates(self.optimizer, factor)
        self.optimizer.zero_grad(set_to_none=True)
        torch.manual_seed(step_seed(self.training.seed, number, self.processes.rank))
        bad: list[str] = []
        loss_sum = weight = 0.0
        for batch in batches:
            if (found := self._backward(batch, number)) is not None:
                losses, weights = found
                loss_sum, weight = loss_sum + float(losses.sum()), weight + float(weights.sum())
                bad += [key for key, good in zip(batch.keys, losses.isfinite().tolist(), strict=True) if not good]
        counts = (sum(len(batch.keys) for batch in batches), sum(len(batch.failures) for batch in batches))
        totals = self.processes.sums((loss_sum, weight, *counts))
        if not math.isfinite(totals[0]):
            self._refuse(f"the loss became {totals[0]}", bad, number)
        if totals[1] > 0:
            self._update(totals[1], [key for batch in batches for key in batch.keys], number)
        return Step(totals[0], totals[1], int(totals[2]), int(totals[3]))

    def _backward(self, batch: Batch, number: int) -> tuple[Tensor, Tensor] | None:
        """Add the gradients of a batch; return each sample's weighted loss and its weight, both (B,).

        None where this process has none of its samples.
        """
        device = self.processes.device
        labels = batch.labels.to(device)
        with self.memory(tuple(batch.pixels.shape)):
            features = self._features(batch) if len(batch.keys) else None
            pairs = self._pair_loss(features, labels)
            if features is None:
                return None
            weights = self._weights[labels]
            losses = sample_losses(self.judged(features, batch.rows, number), labels, self.training) * weights
            total = losses.sum() + pairs
            extra = self.tuned.extra_loss()
            if extra is not None:
                total = total + extra * weights.sum()
            # Divided by about what the gradient is divided by in the end, so that float16 has numbers of usual size.
            total = total / self._nominal
            scaler = self.processes.scaler
            (total if scaler is None else scaler.scale(total)).backward()  # type: ignore[no-untyped-call]
        return losses.detach(), weights

    def _features(self, batch: Batch) -> Tensor:
        """The features (B, D) of a batch of pixels, or of what a frozen backbone said of them."""
        is_kept = batch.pixels.dtype != torch.uint8
        pooled = batch.pixels.to(self.processes.device) if is_kept else self.pooled(batch.pixels)
        return self.detector.normed(pooled)

    def _pair_loss(self, features: Tensor | None, labels: Tensor) -> Tensor | float:
        """The loss over all pairs of the whole batch, times its weight, of which each process has its own gradient."""
        if not (self.training.uniformity_weight or self.training.alignment_weight):
            return 0.0
        rank, device = self.processes.rank, self.processes.device
        own = [] if features is None else [(rank, features.detach().cpu(), labels.cpu())]
        parts = self.processes.gather(own)
        if features is None:
            return 0.0
        everyone = torch.cat([features if whose == rank else others.to(device) for whose, others, _ in parts])
        theirs = torch.cat([each for _, _, each in parts]).to(device)
        return pair_loss(everyone, theirs, self.training) * self._weights[theirs].sum()

    @property
    def _nominal(self) -> int:
        return self.training.batch_size * self.training.accumulate

    @property
    def is_frozen(self) -> bool:
        """Whether the backbone says the same of a frame in every step: nothing of it is trained now."""
        return not any(parameter.requires_grad for parameter in self.detector.backbone.parameters())

    def blank(self, rows: int) -> Tensor:
        """Return black images or clips, as many as `rows`, of the size that the detector takes: uint8."""
        detector = self.detector
        height, width = detector.input_size or output_size(detector.preprocess) or _SOME_SIZE
        frames = (detector.clip_len,) if detector.takes == "video" else ()
        return torch.zeros((rows, *frames, 3, height, width), dtype=torch.uint8)

    def pooled(self, pixels: Tensor) -> Tensor:
        """Return what the backbone says (B, D), float32, of uint8 (B, 3, H, W) or (B, T, 3, H, W)."""
        images = normalise(pixels.to(self.processes.device, non_blocking=True), self._preprocess)
        with self.processes.autocast():
            return self.detector.pooled({"image": images}).float()

    def judged(self, features: Tensor, rows: Sequence[int], number: int) -> Tensor:
        """Return two-class logits (B, 2), float32: the head computes in float32 whatever the backbone does.

        Args:
            features: float32 (B, D).
            rows: Place of each in its epoch.
            number: Steps taken before.
        """
        logits = self.detector.classifier(features, self._kept(features, rows, number))
        return two_class_logits(logits, self.detector.report.label_order)

    def _kept(self, features: Tensor, rows: Sequence[int], number: int) -> Tensor | None:
        """Factors (B, D) of the dropout before the head."""
        share = self.detector.settings.dropout
        if not share:
            return None
        seeds = [step_seed(self.training.seed, number, row, 1) for row in rows]  # 1: none of those of the processes
        drawn = [torch.rand(features.shape[1], generator=torch.Generator().manual_seed(seed)) for seed in seeds]
        return (torch.stack(drawn) >= share).to(features) / (1 - share)

    def _update(self, weight: float, keys: Sequence[str], number: int) -> None:
        parameters, scaler = self.trained, self.processes.scaler
        self.processes.sum_gradients(parameters)
        if scaler is not None:
            scaler.unscale_(self.optimizer)
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        torch._foreach_mul_(gradients, self._nominal / weight)
        norm = nn.utils.clip_grad_norm_(parameters, self.training.clip_norm or math.inf)
        if scaler is None:
            if not torch.isfinite(norm):
                self._refuse("the gradient is not finite", keys, number)
            self.optimizer.step()
        else:  # a gradient that overflowed is left out and the scale lowered
            scaler.step(self.optimizer)
            scaler.update()

    def _refuse(self, what: str, keys: Sequence[str], number: int) -> None:
        names, training = self.processes.gather(keys), self.training
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        said = f"{what} in step {number}, for {', '.join(names[:_SHOWN])}{more}; that step was not taken"
        if number == 0 and training.precision == "float32":
            raise ModelError(
                f"{said}. No rate had any part in it yet: {self.detector.report.source} holds numbers that are not "
                "finite or far too large; give other --weights"
            )
        head = "" if training.head_lr is None else f" training.head_lr={training.head_lr / _LOWERED:g}"
        lower = f"training.lr={training.lr / _LOWERED:g}{head}"
        raise SettingsFailedError(said, lower if number else "training.precision=float32")

    @contextmanager
    def memory(self, shape: tuple[int, ...]) -> Iterator[None]:
        """Say of a batch of this shape what to lower, where the block finds that it does not fit."""
        try:
            yield
        except RuntimeError as error:  # torch.OutOfMemoryError is one; the CPU's allocator raises it plainly
            if not any(words in str(error).lower() for words in _OUT_OF_MEMORY):
                raise
            training, more = self.training, "training.gradient_checkpointing=true"
            rows = training.batch_size // 2
            raise SettingsFailedError(
                f"a batch of shape {shape} does not fit into the memory of {self.processes.device}",
                f"training.batch_size={rows} training.accumulate={2 * training.accumulate}" if rows else more,
            ) from error
