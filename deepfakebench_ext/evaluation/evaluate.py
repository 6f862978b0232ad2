"""`evaluate`: score samples with a detector and write the results. The command line calls nothing else."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from deepfakebench_ext.common.choices import Level
from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.notices import Notice
from deepfakebench_ext.common.numbers import MOST_WORKERS, check_count
from deepfakebench_ext.common.types import Sample
from deepfakebench_ext.data.readers.reader import Reader
from deepfakebench_ext.data.samples.folders import unlabelled_notices
from deepfakebench_ext.data.samples.kinds import is_video
from deepfakebench_ext.engine.file_inputs import make_reader
from deepfakebench_ext.engine.own.detector import OwnDetector
from deepfakebench_ext.engine.own.scorer import OwnScorer
from deepfakebench_ext.engine.parts import Parts
from deepfakebench_ext.engine.progress import Progress
from deepfakebench_ext.engine.read_ahead import default_workers
from deepfakebench_ext.engine.run_directory import RunDirectory
from deepfakebench_ext.engine.run_name import run_name
from deepfakebench_ext.engine.scorer import NetworkScorer, Scorer
from deepfakebench_ext.evaluation.outcome import Evaluation
from deepfakebench_ext.metrics.aggregation import aggregation_rule
from deepfakebench_ext.metrics.thresholds import Threshold
from deepfakebench_ext.models.base import Detector
from deepfakebench_ext.models.stored_thresholds import unused_thresholds
from deepfakebench_ext.report.run_files import write_report

logger = logging.getLogger(__name__)


def evaluate(
    detector: Detector | OwnDetector,
    samples: Sequence[Sample],
    *,
    reader: Reader | None = None,
    aggregation: str = "mean",
    output_dir: str | Path = "inference_results",
    batch_size: int | None = None,
    workers: int | None = None,
    plots: bool = True,
    notices: Sequence[Notice] = (),
    record: Mapping[str, Any] | None = None,
) -> Evaluation:
    """Score `samples`, write a run directory, and return the figures.

    A run that was cut off goes on where it stopped, and ends with the same bytes.

    Example:
        >>> result = evaluate(load_detector(weights="demo.pth"), gather_samples("photos"))
        >>> result.figures["frame_auc"].value
        0.9682

    Args:
        detector: From `load_detector`, or an `OwnDetector`.
        samples: From `gather_samples`; keys are unique.
        reader: From `make_reader`; None takes its defaults.
        aggregation: How the scores of a video's frames or clips come to one: `mean`, `median`, `max`, `topk:K`,
            `logit_mean`.
        output_dir: The run directory is created in it.
        batch_size: Images, frames or clips of a batch; None takes what suits the device.
        workers: Reading threads; None takes the CPUs, at most 8.
        plots: Draw ROC and PR curves, where matplotlib is installed.
        notices: Warnings to go with the figures, beside those found here.
        record: Further settings to write into `run.json`, such as the command line. They decide no score.

    Raises:
        ConfigError: No samples, or an option out of range.
        ModelError: Logits that are not finite.
        OutputError: Results that cannot be written; what was scored until then is kept.
    """
    aggregation_rule(aggregation)
    with Scoring(
        scorer_of(detector, reader),
        samples,
        output_dir=output_dir,
        batch_size=batch_size,
        workers=workers,
        notices=notices,
        record=record,
    ) as scoring:
        scoring.to_the_end()
        return scoring.report(aggregation=aggregation, plots=plots)


def scorer_of(detector: Detector | OwnDetector, reader: Reader | None = None) -> Scorer:
    """Return what gives scores: a network with its reader, or a program of the user's, which needs none.

    Raises:
        ConfigError: A program, and a reader.
    """
    if isinstance(detector, Detector):
        return NetworkScorer(detector, reader or make_reader(detector))
    if reader is not None:
        raise ConfigError(f"{detector.source} is given the files themselves; leave the reader out")
    return OwnScorer(detector)


class Scoring:
    """One evaluation under way: a run directory that is open, scored batch by batch, then reported.

    A context manager. Iterating it scores one batch a step and gives the number of samples begun so far, so that
    several can go abreast. A run that was cut off goes on where it stopped.
    """

    def __init__(
        self,
        scorer: Scorer,
        samples: Sequence[Sample],
        *,
        output_dir: str | Path = "inference_results",
        batch_size: int | None = None,
        workers: int | None = None,
        notices: Sequence[Notice] = (),
        record: Mapping[str, Any] | None = None,
    ) -> None:
        """Open the run directory; the other arguments are those of `evaluate`.

        Raises:
            ConfigError: No samples, or an option out of range.
            OutputError: The run directory cannot be had.
        """
        check_count("--batch_size", batch_size)
        check_count("--workers", workers, most=MOST_WORKERS)
        self._batch_size = batch_size or scorer.default_batch_size
        self._workers = workers or default_workers()
        if not samples:
            raise ConfigError("there is nothing to score: the list of samples is empty")
        self.scorer, self.samples = scorer, samples
        self._parts = Parts.of(samples, self._batch_size)
        settings = scorer.settings(samples, self._batch_size)
        self.folder = Path(output_dir) / run_name(scorer.name, _only_dataset(samples), settings["fingerprint"])
        self._run = RunDirectory(self.folder, {**settings, **(record or {})})
        self.done, self._units, self._notices = 0, 0, notices

    def __enter__(self) -> Scoring:
        """Find out where to go on."""
        with ExitStack() as stack:
            run = stack.enter_context(self._run)
            self.done, self._units = run.resume(self.samples, self._batch_size, self._parts)
            self._stack = stack.pop_all()
        if self.done or self._units:
            logger.info(
                "going on after %d of %d samples that %s already holds", self.done, len(self.samples), self.folder
            )
        return self

    def __exit__(self, *error: Any) -> None:
        """Close the run directory; what was scored is kept."""
        self._stack.__exit__(*error)
        if error[0] is KeyboardInterrupt:
            logger.warning("stopped; %s keeps what is scored, and the same command goes on", self.folder)

    def __iter__(self) -> Iterator[int]:
        """Score batch by batch.

        Raises:
            ModelError: Logits that are not finite.
            OutputError: The journal cannot be written.
        """
        batches = self.scorer.predict(
            self.samples[self.done :],
            batch_size=self._batch_size,
            workers=self._workers,
            skip=self._units,
            parts=self._parts.after(self.done),
        )
        with closing(batches):
            for predictions in batches:
                self._run.append(predictions)
                while self.samples[self.done].key != predictions[-1].key:
                    self.done += 1
                yield self.done
        self._run.complete()
        self.done = len(self.samples)

    def to_the_end(self) -> None:
        """Score all that is left, and say how far it is."""
        with Progress(len(self.samples), "sample", done=self.done) as progress:
            for done in self:
                progress.at(done)
            progress.at(progress.total)

    def report(
        self, *, aggregation: str = "mean", plots: bool = True, thresholds: Mapping[Level, Threshold] | None = None
    ) -> Evaluation:
        """Write every result file and return the figures, once all is scored; decided as `thresholds` say."""
        trained = self.scorer.is_trained
        levels = levels_of(self.scorer, self.samples)
        report = write_report(
            self.folder,
            self.samples,
            self._run.predictions,
            unit=levels[0],
            by_video=len(levels) > 1,
            aggregation=aggregation,
            title=self.scorer.title,
            head="trained" if trained else "untrained",
            notices=[
                *self.scorer.notices(self.samples),
                *unlabelled_notices(self.samples),
                *([] if thresholds else unused_thresholds(self.scorer.stored_thresholds, levels[-1])),
                *self._notices,
            ],
            plots=plots,
            thresholds=thresholds,
        )
        statuses = {name: level.statuses for name, level in report.levels.items()}
        return Evaluation(
            self.folder,
            report.level,
            report.figures,
            report.counts,
            statuses,
            report.said,
            trained,
            report.host.differences.get("video_auc", "") if report.host is not None else "",
            report.threshold,
            report.protocol,
        )


def levels_of(scorer: Scorer, samples: Sequence[Sample]) -> tuple[Level, ...]:
    """Return what there will be figures of: frames or clips, then videos where there are any."""
    unit = scorer.unit(samples)
    return (unit, "video") if any(sample.video is not None or is_video(sample) for sample in samples) else (unit,)


def _only_dataset(samples: Sequence[Sample]) -> str | None:
    """The dataset of all samples, where they have the same."""
    datasets = {sample.dataset for sample in samples}
    return datasets.pop() if len(datasets) == 1 else None
