"""One evaluation shared out: over the processes of a launcher, over shards, or both."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from deepfakebench_ext.common.atomic_files import atomic_writer
from deepfakebench_ext.common.errors import ConfigError, OutputError, damaged
from deepfakebench_ext.common.run_names import METRICS_JSON
from deepfakebench_ext.common.types import Prediction
from deepfakebench_ext.engine.failures import Failures
from deepfakebench_ext.engine.part_files import PartFile, PartFiles, remove_parts
from deepfakebench_ext.engine.part_worker import PartWorker
from deepfakebench_ext.engine.parts import Shard
from deepfakebench_ext.engine.progress import Progress
from deepfakebench_ext.engine.run_directory import keep_settings
from deepfakebench_ext.evaluation.plan import Plan
from deepfakebench_ext.evaluation.reporting import Report

_EVERY_S = 2.0
SHARDS = "shard-*-of-*.json"


@dataclass(frozen=True, slots=True)
class ShardRecord:
    """What a shard leaves for whoever merges.

    Attributes:
        shard: Which.
        parts: How many the whole run has.
        report: What is to be reported of it.
    """

    shard: Shard
    parts: int
    report: Report

    def write(self, folder: Path) -> None:
        """Write it into a run's folder.

        Raises:
            OutputError: It cannot be written.
        """
        values = {"shard": str(self.shard), "parts": self.parts, "report": self.report.to_json()}
        with atomic_writer(folder / f"shard-{self.shard.number}-of-{self.shard.count}.json") as file:
            file.write(json.dumps(values, indent=2) + "\n")

    @classmethod
    def read(cls, path: Path) -> ShardRecord:
        """Return what a shard left.

        Raises:
            OutputError: It is damaged.
        """
        try:
            values: Mapping[str, Any] = json.loads(path.read_bytes())
            return cls(Shard.parse(values["shard"]), int(values["parts"]), Report.from_json(values["report"]))
        except (OSError, ValueError, LookupError, TypeError, AttributeError, ConfigError) as error:
            raise damaged(path, error) from error


def score_shard(plan: Plan, shard: Shard, report: Report, *, max_failures: float | None = None) -> int:
    """Score a shard's parts into the run's folder; return how many samples they have.

    Raises:
        ConfigError: As `check_reported`, where the run is merged.
        ModelError, OutputError, UnfinishedError, FailuresError: As `score_parts`.
    """
    files, numbers = part_files(plan), shard.of(len(plan.parts))
    if files.is_merged():
        check_reported(plan.folder, report)
    else:
        files.prepare()
        files.claims.forgive()
        keep_settings(plan.folder, plan.settings)
        ShardRecord(shard, len(plan.parts), report).write(plan.folder)
        score_parts(plan, numbers, max_failures=max_failures)
    return sum(len(plan.parts[number]) for number in numbers)


def score_parts(plan: Plan, numbers: Sequence[int] | None = None, *, max_failures: float | None = None) -> None:
    """Score parts, all where none are named, beside others who do the same, and say how far all of them are.

    Args:
        plan: Of the whole run.
        numbers: Of the parts.
        max_failures: As `Failures.most`, over what all of them tried.

    Raises:
        ModelError, OutputError, UnfinishedError: As `PartWorker.to_the_end`.
        FailuresError: As `Failures.check`.
    """
    files = part_files(plan)
    numbers = range(len(plan.parts)) if numbers is None else numbers
    worker = PartWorker(plan.scorer, files, numbers, batch_size=plan.batch_size, workers=plan.workers)
    watch = _Watch(worker, files, numbers, max_failures)
    with watch.progress:
        worker.to_the_end(watch)
        watch.look()


def part_files(plan: Plan) -> PartFiles:
    """Return where the parts of a plan go."""
    return PartFiles(plan.folder, plan.settings["fingerprint"], plan.parts)


def check_reported(folder: Path, report: Report) -> None:
    """Pass a run whose parts are merged and gone where it says what is asked for.

    Raises:
        ConfigError: It was reported otherwise; says what to type.
        OutputError: Its figures are damaged.
    """
    path = folder / METRICS_JSON
    try:
        said = json.loads(path.read_bytes())
        is_same = said["aggregation"] in (None, report.aggregation) and said["thresholds"] == _decided(report)
    except FileNotFoundError:  # whoever merged it is at it, or was killed
        return
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise damaged(path, error) from error
    if not is_same:
        raise ConfigError(
            f"{folder} is merged, with another --aggregation or --threshold; run the same command without --shard for "
            "these figures: nothing is scored again"
        )


def _decided(report: Report) -> dict[str, Any]:
    return {level: asdict(threshold) for level, threshold in report.thresholds.items()}


def clear_shared(folder: Path) -> None:
    """Remove what processes and shards wrote for each other into a run's folder, once its journal holds all of it."""
    remove_parts(folder)
    for path in folder.glob(SHARDS):
        path.unlink(missing_ok=True)


class _Watch:
    """Says how much is there, of all workers, and stops where too much of it has no score."""

    def __init__(self, worker: PartWorker, files: PartFiles, numbers: Sequence[int], most: float | None) -> None:
        self._worker, self._files, self._left = worker, files, list(numbers)
        self._own, self._others = Failures(most), Failures(most)
        self._done, self._looked = 0, 0.0
        self.progress = Progress(sum(len(files.parts[n]) for n in numbers), "sample")
        self.look()
        self.progress.restart(self._done)

    def __call__(self, predictions: Sequence[Prediction]) -> None:
        self._own.add(predictions)
        self._own.check()
        if time.monotonic() - self._looked >= _EVERY_S:
            self.look()

    def look(self) -> None:
        """Count the parts that came since the last time."""
        self._looked = time.monotonic()
        if self._files.is_merged():  # by another process, which has counted all
            self._left = []
            return self.progress.at(self.progress.total)
        there = [number for number in self._left if self._files.is_done(number)]
        for number in there:
            self._done += len(self._files.parts[number])
            if number not in self._worker.own:
                self._count(number)
        self._left = sorted(set(self._left).difference(there))
        failures = self._others.plus(self._own)
        self.progress.more = failures.text()
        self.progress.at(self._done)
        failures.check()

    def _count(self, number: int) -> None:
        """Count what has no score of a part that another process scored."""
        try:
            self._others.add(PartFile.read(self._files.path(number)).scored())
        except OutputError:
            if self._files.is_merged():  # and its file has gone since
                return
            raise
        self._others.end()
