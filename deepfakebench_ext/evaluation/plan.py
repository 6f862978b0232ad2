"""An evaluation before it is begun: what is scored by what, into which folder, in which batches and parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepfakebench_ext.common.choices import Level
from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.notices import Notice
from deepfakebench_ext.common.numbers import MOST_WORKERS, check_count
from deepfakebench_ext.common.types import Sample
from deepfakebench_ext.data.samples.folders import unlabelled_notices
from deepfakebench_ext.data.samples.kinds import is_video
from deepfakebench_ext.engine.parts import Parts
from deepfakebench_ext.engine.run_name import run_name
from deepfakebench_ext.engine.scorer import Scorer
from deepfakebench_ext.evaluation.reporting import Report
from deepfakebench_ext.metrics.thresholds import Threshold
from deepfakebench_ext.models.stored_thresholds import unused_thresholds


@dataclass(frozen=True, slots=True)
class Plan:
    """What one run directory will hold.

    Attributes:
        scorer: What gives scores.
        samples: In the order of the run.
        parts: Of them, in which batches end.
        batch_size: Images, frames or clips of a batch.
        workers: Reading threads.
        folder: The run directory.
        settings: For `run.json`.
        notices: Warnings to go with the figures, beside those found here.
    """

    scorer: Scorer
    samples: Sequence[Sample]
    parts: Parts
    batch_size: int
    workers: int
    folder: Path
    settings: Mapping[str, Any]
    notices: Sequence[Notice] = ()

    @classmethod
    def of(
        cls,
        scorer: Scorer,
        samples: Sequence[Sample],
        *,
        output_dir: str | Path = "inference_results",
        batch_size: int | None = None,
        workers: int | None = None,
        notices: Sequence[Notice] = (),
        record: Mapping[str, Any] | None = None,
    ) -> Plan:
        """Return the plan; the other arguments are those of `evaluate`.

        Raises:
            ConfigError: No samples, or an option out of range.
        """
        check_count("--batch_size", batch_size)
        check_count("--workers", workers, most=MOST_WORKERS)
        size = batch_size or scorer.default_batch_size
        if not samples:
            raise ConfigError("there is nothing to score: the list of samples is empty")
        settings = scorer.settings(samples, size)
        folder = Path(output_dir) / run_name(scorer.name, _only_dataset(samples), settings["fingerprint"])
        settings = {**settings, **(record or {})}
        parts = Parts.of(samples, size)
        return cls(scorer, samples, parts, size, workers or scorer.default_workers, folder, settings, notices)

    def report(
        self, *, aggregation: str = "mean", plots: bool = True, thresholds: Mapping[Level, Threshold] | None = None
    ) -> Report:
        """Return what is to be reported of the scores, decided as `thresholds` say."""
        levels = levels_of(self.scorer, self.samples)
        return Report(
            unit=levels[0],
            by_video=len(levels) > 1,
            aggregation=aggregation,
            title=self.scorer.title,
            head="trained" if self.scorer.is_trained else "untrained",
            notices=(
                *self.scorer.notices(self.samples),
                *unlabelled_notices(self.samples),
                *([] if thresholds else unused_thresholds(self.scorer.stored_thresholds, levels[-1])),
                *self.notices,
            ),
            plots=plots,
            thresholds=thresholds or {},
        )


def levels_of(scorer: Scorer, samples: Sequence[Sample]) -> tuple[Level, ...]:
    """Return what there will be figures of: frames or clips, then videos where there are any."""
    unit = scorer.unit(samples)
    return (unit, "video") if any(sample.video is not None or is_video(sample) for sample in samples) else (unit,)


def _only_dataset(samples: Sequence[Sample]) -> str | None:
    """The dataset of all samples, where they have the same."""
    datasets = {sample.dataset for sample in samples}
    return datasets.pop() if len(datasets) == 1 else None
