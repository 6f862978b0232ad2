"""Validating while training: the evaluator's own predictor and figures, on samples shared out over the processes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field

from deepfakebench_ext.common.choices import Level
from deepfakebench_ext.common.errors import ConfigError, ModelError
from deepfakebench_ext.common.types import Prediction, Sample
from deepfakebench_ext.data.readers.reader import Reader
from deepfakebench_ext.data.samples.kinds import is_video
from deepfakebench_ext.engine.predictor import default_batch_size, predict
from deepfakebench_ext.engine.processes import Processes
from deepfakebench_ext.metrics.figure import Figure
from deepfakebench_ext.metrics.probability_errors import log_loss
from deepfakebench_ext.metrics.ranking import DEFINITIONS, HIGHER_IS_BETTER, binary_figures
from deepfakebench_ext.metrics.score_table import ScoreTable
from deepfakebench_ext.metrics.thresholds import DECISION_NAMES
from deepfakebench_ext.models.base import Detector
from deepfakebench_ext.training.loop.frozen import FrozenPredictions

_LOSS = "log_loss"
# How far the files' figure may be from the one that was validated: folding in split layers and adapters rounds anew,
# and a score that passes another by rounding moves a figure by as much as the samples are few.
_SAME, _PASSED = 0.02, 2


@dataclass(frozen=True, slots=True)
class Validated:
    """What a validation came to, the same in every process.

    Attributes:
        figures: Name with its level to figure, of every level; of several datasets also of each, such as
            `Celeb-DF-v2/video_auc`.
        value: Of the figure that is watched; 0 for the precision of a detector that calls nothing fake.
        loss: Log loss at the level of that figure, which decides between equal values.
        table: The scores.
        predictions: What the table was made of, one or more a sample.
    """

    figures: dict[str, Figure]
    value: float
    loss: float
    table: ScoreTable = field(repr=False)
    predictions: Sequence[Prediction] = field(repr=False)


class Validator:
    """Scores the validation samples with a detector as it stands.

    Attributes:
        monitor: Name of the figure that is watched, with its level, such as `video_auc` or `Celeb-DF-v2/video_auc`.
        higher_is_better: Whether it grows as the detector gets better.
        sets: Names of the datasets, where there are several.
        samples: What is scored.
        reader: What reads them.
        aggregation: How scores come to one a video.
        is_frozen: Whether the backbone stays as it is from one validation to the next, so that it is asked only once.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        reader: Reader,
        processes: Processes,
        *,
        takes: str,
        monitor: str,
        workers: int,
        aggregation: str = "mean",
    ) -> None:
        """Say what is scored and which figure is watched.

        Args:
            samples: All of them, in every process.
            reader: From `make_reader`, as an evaluation has it.
            processes: Who shares the work.
            takes: What the detector takes, `image` or `video`.
            monitor: Name of a figure, such as `auc` or `loss`, of the highest level there is; or with its level, and of
                several datasets with the name of one and a slash before it.
            workers: Reading threads.
            aggregation: As an evaluation has it.

        Raises:
            ConfigError: No such figure, or one that these samples cannot define.
        """
        self.samples, self.reader, self._processes = samples, reader, processes
        self._workers, self.aggregation = workers, aggregation
        self._unit: Level = "frame" if takes == "image" else "clip"
        self._has_videos = any(sample.video is not None or is_video(sample) for sample in samples)
        self.is_frozen = False
        self._frozen: FrozenPredictions | None = None
        names = {sample.dataset for sample in samples}
        several = len(names) > 1 and None not in names
        self.sets: tuple[str, ...] = tuple(dict.fromkeys(str(each.dataset) for each in samples)) if several else ()
        self.monitor = self._named(monitor)
        self.higher_is_better = bool(HIGHER_IS_BETTER.get(short_of(self.monitor)))
        self._check_classes()

    def _named(self, monitor: str) -> str:
        one, slash, figure = monitor.rpartition("/")
        if slash and one not in self.sets:
            raise ConfigError(
                f"training.monitor: {monitor!r} is of {one!r}, and the validation samples are of "
                f"{', '.join(self.sets) or 'one set'}"
            )
        if slash:
            return f"{one}/{self._named(figure)}"
        levels = [self._unit, *(["video"] if self._has_videos else [])]
        good = [name for name, better in HIGHER_IS_BETTER.items() if better is not None and name in DEFINITIONS]
        allowed = {f"{level}_{name}" for level in levels for name in (*good, _LOSS)}
        meant = _LOSS if monitor == "loss" else monitor
        name = f"{levels[-1]}_{meant}" if meant in (*good, _LOSS) else meant
        if name in allowed:
            return name
        why = "; the validation samples are not videos" if monitor.startswith("video_") and not self._has_videos else ""
        raise ConfigError(
            f"training.monitor: {monitor!r} is not a figure that can be watched{why}. Allowed are loss, "
            f"{', '.join(good)}, also with the level before them ({' or '.join(levels)}), such as {levels[-1]}_auc"
        )

    def _check_classes(self) -> None:
        one = self.monitor.rpartition("/")[0]
        watched = [sample for sample in self.samples if not one or sample.dataset == one]
        labels = {sample.label for sample in self.samples}
        if None in labels:
            unknown = next(sample.key for sample in self.samples if sample.label is None)
            raise ConfigError(f"validation samples need labels, and {unknown} has none; sort them into real/ and fake/")
        if not {0, 1} <= (labels := {sample.label for sample in watched}):
            only, of = {0: "real", 1: "fake"}, f" of {one}" if one else ""
            there = "".join(f"all {only[label]}" for label in labels if label is not None) or "none at all"
            raise ConfigError(
                f"the {len(watched)} validation samples{of} are {there}, so {self.monitor} is undefined; give samples "
                f"of both classes as --val"
            )

    def __call__(self, detector: Detector, *, as_trained: bool = True) -> Validated:
        """Return the figures of `detector`, which is left in the mode it was in.

        Args:
            detector: As it stands.
            as_trained: In the precision of the training; else in that of its parameters.

        Raises:
            ModelError: Logits that are not finite, or too little could be scored to define the watched figure.
        """
        was_training = detector.training
        detector.eval()
        with self._processes.autocast() if as_trained else nullcontext():
            own = self._predictions(detector)
        detector.train(was_training)
        return self.judge(self._processes.gather(own))

    def _predictions(self, detector: Detector) -> list[Prediction]:
        """The predictions of this process's share."""
        own = self._processes.share(self.samples)
        if self.is_frozen:
            if self._frozen is None or self._frozen.detector is not detector:
                self._frozen = FrozenPredictions(detector, self.reader, own, workers=self._workers)
            return self._frozen()
        self._frozen = None
        batches = predict(detector, self.reader, own, batch_size=default_batch_size(detector), workers=self._workers)
        return [prediction for batch in batches for prediction in batch]

    def judge(self, predictions: Sequence[Prediction]) -> Validated:
        """Return the figures of these predictions, in the order of the samples.

        Raises:
            ModelError: Too few of them have scores to define the watched figure.
        """
        table = ScoreTable.from_predictions(self.samples, predictions, level=self._unit, has_videos=self._has_videos)
        tables = [table, *([table.to_videos(self.aggregation)] if self._has_videos else [])]
        figures: dict[str, Figure] = {}
        for each in tables:
            rows = each.usable()
            labels, scores = each.labels[rows].astype("int64"), each.scores[rows]
            figures |= binary_figures(labels, scores, level=each.level) | log_loss(labels, scores, level=each.level)
            for name in self.sets:
                of = each.dataset.codes[rows] == each.dataset.names.index(name)
                one = binary_figures(labels[of], scores[of], level=each.level)
                one |= log_loss(labels[of], scores[of], level=each.level)
                figures |= {f"{name}/{key}": figure for key, figure in one.items()}
        value, loss = self._watched(figures), figures[loss_of(self.monitor)].value
        assert loss is not None  # where a figure is watched there are samples
        return Validated(figures, value, loss, table, predictions)

    def _watched(self, figures: Mapping[str, Figure]) -> float:
        """The value of the watched figure. It may have none for now: a detector that calls nothing fake yet."""
        watched, short = figures[self.monitor], short_of(self.monitor)
        if watched.value is None and short == "precision" and figures[f"{self.monitor[: -len(short)]}f1"].value == 0:
            return 0.0
        if watched.value is None:
            raise ModelError(f"{self.monitor} of the validation samples is undefined: {watched.reason}")
        return watched.value


def scores_as(found: Validated, monitor: str, value: float, loss: float | None, samples: int) -> bool:
    """Whether a detector scores as one whose watched figure and loss were these, but for rounding.

    A figure of decisions moves by any amount where rounding carries a score over 0.5: there the loss says it.
    """
    if abs(found.value - value) <= max(_SAME, _PASSED / samples):
        return True
    return short_of(monitor) in DECISION_NAMES and loss is not None and abs(found.loss - loss) <= _SAME


def loss_of(monitor: str) -> str:
    """The loss at the level and of the samples of a watched figure: `video_log_loss` of `video_auc`."""
    return f"{monitor.removesuffix(short_of(monitor))}{_LOSS}"


def short_of(figure: str) -> str:
    """The name of a figure without its level and dataset: `auc` of `Celeb-DF-v2/video_auc`."""
    return figure.rpartition("/")[2].partition("_")[2]
