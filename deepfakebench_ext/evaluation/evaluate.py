"""`evaluate`: score samples with a detector and write the results. The command line calls nothing else."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.notices import Notice
from deepfakebench_ext.common.types import Sample
from deepfakebench_ext.data.readers.reader import Reader
from deepfakebench_ext.engine.failures import Failures
from deepfakebench_ext.engine.file_inputs import make_reader
from deepfakebench_ext.engine.own.detector import OwnDetector
from deepfakebench_ext.engine.own.scorer import OwnScorer
from deepfakebench_ext.engine.part_files import journal_of
from deepfakebench_ext.engine.progress import Progress
from deepfakebench_ext.engine.run_directory import RunDirectory
from deepfakebench_ext.engine.scorer import NetworkScorer, Scorer
from deepfakebench_ext.evaluation.outcome import Evaluation
from deepfakebench_ext.evaluation.plan import Plan
from deepfakebench_ext.evaluation.reporting import Report
from deepfakebench_ext.evaluation.sharing import clear_shared, part_files, score_parts
from deepfakebench_ext.metrics.aggregation import aggregation_rule
from deepfakebench_ext.models.scoring import ScoringDetector

logger = logging.getLogger(__name__)


def evaluate(
    detector: ScoringDetector | OwnDetector,
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
        workers: Reading threads; None takes the CPUs, at most 8 where no face is looked for.
        plots: Draw ROC and PR curves, where matplotlib is installed.
        notices: Warnings to go with the figures, beside those found here.
        record: Further settings to write into `run.json`, such as the command line. They decide no score.

    Raises:
        ConfigError: No samples, or an option out of range.
        ModelError: Logits that are not finite.
        OutputError: Results that cannot be written; what was scored until then is kept.
    """
    aggregation_rule(aggregation)
    plan = Plan.of(
        scorer_of(detector, reader),
        samples,
        output_dir=output_dir,
        batch_size=batch_size,
        workers=workers,
        notices=notices,
        record=record,
    )
    with Scoring(plan) as scoring:
        scoring.to_the_end()
        return scoring.report(plan.report(aggregation=aggregation, plots=plots))


def scorer_of(detector: ScoringDetector | OwnDetector, reader: Reader | None = None) -> Scorer:
    """Return what gives scores: a network with its reader, or a program of the user's, which needs none.

    Raises:
        ConfigError: A program, and a reader.
    """
    if not isinstance(detector, OwnDetector):
        return NetworkScorer(detector, reader or make_reader(detector))
    if reader is not None:
        raise ConfigError(f"{detector.source} is given the files themselves; leave the reader out")
    return OwnScorer(detector)


class Scoring:
    """One evaluation under way: a run directory that is open, scored batch by batch, then reported.

    A context manager. Iterating it scores one batch a step and gives the number of samples begun so far, so that
    several can go abreast. A run that was cut off goes on where it stopped.
    """

    def __init__(self, plan: Plan, *, is_shared: bool = False, max_failures: float | None = None) -> None:
        """Open the run directory.

        Args:
            plan: What is scored.
            is_shared: Whether other processes score it too, part by part, as `score_parts`; else this one goes on with
                what they left, where they did.
            max_failures: Share of the samples tried above which the run is stopped, as `Failures`.

        Raises:
            OutputError: The run directory cannot be had.
        """
        self.plan = plan
        self._run = RunDirectory(plan.folder, plan.settings)
        self.failures = Failures(max_failures)
        self._is_shared = is_shared or part_files(plan).folder.is_dir()
        self.done, self._units = 0, 0

    @property
    def samples(self) -> Sequence[Sample]:
        """What is scored."""
        return self.plan.samples

    def __enter__(self) -> Scoring:
        """Find out where to go on."""
        with ExitStack() as stack:
            run = stack.enter_context(self._run)
            if self._is_shared and not run.is_complete:
                self._score_parts()
            self.done, self._units = run.resume(self.samples, self.plan.batch_size, self.plan.parts)
            if self._is_shared:
                clear_shared(self.plan.folder)
            self._stack = stack.pop_all()
        if self.done or self._units:
            logger.info(
                "going on after %d of %d samples that %s already holds", self.done, len(self.samples), self.plan.folder
            )
        return self

    def _score_parts(self) -> None:
        """Score beside others until all parts are there, and make a journal of them."""
        files = part_files(self.plan)
        files.claims.forgive()
        score_parts(self.plan, max_failures=self.failures.most)
        self._run.fill(journal_of(files.path(number) for number in range(len(self.plan.parts))))

    def __exit__(self, *error: Any) -> None:
        """Close the run directory; what was scored is kept."""
        self._stack.__exit__(*error)
        if error[0] is KeyboardInterrupt:
            logger.warning("stopped; %s keeps what is scored, and the same command goes on", self.plan.folder)

    def __iter__(self) -> Iterator[int]:
        """Score batch by batch.

        Raises:
            ModelError: Logits that are not finite.
            OutputError: The journal cannot be written.
            FailuresError: Too much has no score.
        """
        self.failures.add(self._run.predictions() if self.failures.most is not None else ())
        self.failures.check()
        batches = self.plan.scorer.predict(
            self.samples[self.done :],
            batch_size=self.plan.batch_size,
            workers=self.plan.workers,
            skip=self._units,
            parts=self.plan.parts.after(self.done),
        )
        with closing(batches):
            for predictions in batches:
                self._run.append(predictions)
                self.failures.add(predictions)
                self.failures.check()
                while self.samples[self.done].key != predictions[-1].key:
                    self.done += 1
                yield self.done
        self.failures.end()
        self.failures.check()
        self._run.complete()
        self.done = len(self.samples)

    def to_the_end(self) -> None:
        """Score all that is left, and say how far it is."""
        with Progress(len(self.samples), "sample", done=self.done) as progress:
            for done in self:
                progress.more = self.failures.text()
                progress.at(done)
            progress.at(progress.total)

    def report(self, report: Report) -> Evaluation:
        """Write every result file and return the figures, once all is scored.

        Raises:
            OutputError: A file cannot be written.
        """
        return report.write(self.plan.folder, self.samples, self._run.predictions)
