"""`bulk`: one evaluation over the machines of a Ray cluster, into the run that one process would have written."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepfakebench_ext.common.errors import UnfinishedError
from deepfakebench_ext.common.types import Sample
from deepfakebench_ext.engine.claims import MOST_TRIES
from deepfakebench_ext.engine.failures import Failures
from deepfakebench_ext.engine.own.detector import OwnDetector
from deepfakebench_ext.engine.part_files import PartFile, PartFiles, journal_of
from deepfakebench_ext.engine.part_worker import failed_text
from deepfakebench_ext.engine.parts import Parts
from deepfakebench_ext.engine.progress import Progress
from deepfakebench_ext.engine.ray_cluster import RayCluster
from deepfakebench_ext.engine.ray_parts import Came, Elsewhere, known_urls, scored_by_ray
from deepfakebench_ext.engine.run_directory import RunDirectory
from deepfakebench_ext.engine.scorer import Scorer
from deepfakebench_ext.evaluation.inputs import Input
from deepfakebench_ext.evaluation.outcome import Evaluation
from deepfakebench_ext.evaluation.plan import Plan
from deepfakebench_ext.evaluation.reporting import Report
from deepfakebench_ext.evaluation.request import EvaluationRequest
from deepfakebench_ext.evaluation.sharing import clear_shared
from deepfakebench_ext.models.quiet import hush_transformers
from deepfakebench_ext.models.scoring import loaded_text
from deepfakebench_ext.remote import sent

logger = logging.getLogger(__name__)

Score = Callable[[Sequence[int]], Iterator[Came]]


@dataclass(frozen=True, slots=True)
class Known:
    """What a machine that holds the detector says of a run, so that this one need not.

    Attributes:
        folder: The run directory.
        settings: For `run.json`.
        alone: Settings of the scorer without samples.
        batch_size: Images, frames or clips of a batch.
        workers: Reading threads of a process that has the machine to itself.
        report: What is to be reported.
        said: What there is to say of the detector, and of how it is given the files.
    """

    folder: Path
    settings: Mapping[str, Any]
    alone: Mapping[str, Any]
    batch_size: int
    workers: int
    report: Report
    said: tuple[str, ...] = ()

    @classmethod
    def of(cls, plan: Plan, report: Report, said: tuple[str, ...] = ()) -> Known:
        """Return what is to be known of a plan."""
        alone = plan.scorer.settings((), plan.batch_size)
        return cls(plan.folder, plan.settings, alone, plan.batch_size, plan.workers, report, said)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request as it is sent to other processes."""

    request: EvaluationRequest

    def known(self, given: Input, urls: sent.Known) -> Known:
        """Return what is known of the run of an input, of whose URLs so much is known."""
        hush_transformers()
        sent.keep(urls)
        detector = self.request.load(self.request.settings())
        plan = self.request.plan(given, detector)
        if isinstance(detector, OwnDetector):
            said: tuple[str, ...] = (detector.text,)
        else:
            said = (loaded_text(detector), f"input: {detector.preprocess.text()}")
        return Known.of(plan, self.request.report(plan), said)

    def scorer(self) -> Scorer:
        """Return what gives scores."""
        hush_transformers()
        return self.request.scorer(Input("", ()), self.request.load(self.request.settings()))


def bulk(
    request: EvaluationRequest, given: Input, cluster: RayCluster, *, max_failures: float | None = None
) -> Evaluation:
    """Score an input on a cluster and write its run: scores and figures are byte for byte those of `evaluate`.

    Paths go to the machines and scores come back; the run directory is written here alone. A run that was cut off goes
    on where it stopped, by this or by `evaluate`.

    Args:
        request: What is asked, of files.
        given: Of `request.inputs`.
        cluster: What computes.
        max_failures: Share of the samples tried above which the run is stopped, as `Failures`.

    Raises:
        ConfigError: As `EvaluationRequest.plan`, or machines that compute or see files differently.
        ModelError, WeightsError: As `evaluate`.
        UnfinishedError: Names the parts that failed again and again.
        FailuresError: As `Failures.check`.
        OutputError: Results cannot be written; what was scored until then is kept.
    """
    asked = _Asked(request)
    known = cluster.run(asked.known, given, known_urls(given.samples))
    threads = request.workers or min(known.workers, cluster.shares.cpus)
    how = Elsewhere(asked.scorer, known.alone, known.batch_size, threads, os.getcwd())  # noqa: PTH109 - text for Ray
    for text in (*known.said, cluster.shares.text()):
        logger.info("%s", text)
    parts = Parts.of(given.samples, known.batch_size)
    return score_elsewhere(
        known, given.samples, parts, lambda left: scored_by_ray(cluster, how, parts, left), max_failures=max_failures
    )


def score_elsewhere(
    known: Known, samples: Sequence[Sample], parts: Parts, score: Score, *, max_failures: float | None = None
) -> Evaluation:
    """Have the parts of a run scored that are not there, and report it.

    Args:
        known: Of the run.
        samples: All of it.
        parts: Of them.
        score: Yields what parts of these numbers come to, in any order.
        max_failures: As `bulk`.

    Raises:
        UnfinishedError, FailuresError, OutputError: As `bulk`.
    """
    files = PartFiles(known.folder, known.settings["fingerprint"], parts)
    with RunDirectory(known.folder, known.settings) as run:
        if not run.is_complete:
            files.prepare()
            try:
                _score(files, score, max_failures)
            except KeyboardInterrupt:
                logger.warning("stopped; %s keeps what is scored, and the same command goes on", known.folder)
                raise
            run.fill(journal_of(files.path(number) for number in range(len(parts))))
        run.resume(samples, known.batch_size, parts)
        clear_shared(known.folder)
        return known.report.write(known.folder, samples, run.predictions)


def _score(files: PartFiles, score: Score, most: float | None) -> None:
    """Have all parts scored: what fails is tried again, after all others, and then named."""
    failures, done = Failures(most), 0
    left = []
    for number in range(len(files.parts)):
        if files.is_done(number):
            failures.add(PartFile.read(files.path(number)).scored())
            done += len(files.parts[number])
        else:
            left.append(number)
    failures.end()
    failures.check()
    reasons: dict[int, str] = {}
    with Progress(len(files.parts.samples), "sample", done=done) as progress:
        for _ in range(MOST_TRIES):
            for came in score(left) if left else ():
                if came.reason:
                    reasons[came.number] = came.reason
                    logger.warning("part %d failed: %s", came.number, came.reason)
                    continue
                files.write(came.number, came.predictions)
                done += len(files.parts[came.number])
                failures.add(came.predictions)
                failures.end()
                progress.more = failures.text()
                progress.at(done)
                failures.check()
            left = [number for number in left if not files.is_done(number)]
    if left:
        raise UnfinishedError(
            f"{failed_text(files, {number: reasons[number] for number in left})}. The others are scored and kept. Mend "
            "these samples or leave them out, and run the same command again"
        )
