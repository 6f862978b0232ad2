"""What is to be reported of a run's scores: all that the report needs and the scores do not say."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from deepfakebench_ext.common.choices import Level
from deepfakebench_ext.common.notices import Notice, notice_from_json
from deepfakebench_ext.common.types import Prediction, Sample
from deepfakebench_ext.evaluation.outcome import Evaluation
from deepfakebench_ext.metrics.thresholds import Threshold
from deepfakebench_ext.report.run_files import write_report
from deepfakebench_ext.report.scores.csv_writing import Head


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What is to be reported; the attributes are those of `write_report`."""

    unit: Level
    by_video: bool
    aggregation: str
    title: str
    head: Head
    notices: tuple[Notice, ...]
    plots: bool
    thresholds: Mapping[Level, Threshold]

    def write(
        self, folder: Path, samples: Sequence[Sample], predictions: Callable[[], Iterable[Prediction]]
    ) -> Evaluation:
        """Write every result file into a run's folder, and return the figures.

        Raises:
            OutputError: A file cannot be written.
        """
        summary = write_report(
            folder,
            samples,
            predictions,
            unit=self.unit,
            by_video=self.by_video,
            aggregation=self.aggregation,
            title=self.title,
            head=self.head,
            notices=self.notices,
            plots=self.plots,
            thresholds=self.thresholds,
        )
        return Evaluation(
            folder,
            summary.level,
            summary.figures,
            summary.counts,
            {name: level.statuses for name, level in summary.levels.items()},
            summary.said,
            self.head == "trained",
            summary.host.differences.get("video_auc", "") if summary.host is not None else "",
            summary.threshold,
            summary.protocol,
        )

    def to_json(self) -> dict[str, Any]:
        """Return it as a record that `from_json` reads."""
        return asdict(self)

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Report:
        """Return the report that a record is of.

        Raises:
            KeyError, TypeError, ValueError: It is none.
        """
        thresholds = {level: Threshold(float(of["value"]), str(of["source"])) for level, of in _items(record)}
        return cls(
            unit=record["unit"],
            by_video=bool(record["by_video"]),
            aggregation=str(record["aggregation"]),
            title=str(record["title"]),
            head=record["head"],
            notices=tuple(map(notice_from_json, record["notices"])),
            plots=bool(record["plots"]),
            thresholds=thresholds,
        )


def _items(record: Mapping[str, Any]) -> list[tuple[Level, Mapping[str, Any]]]:
    return list(record["thresholds"].items())
