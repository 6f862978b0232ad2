"""What a run says beside its scores: what gave them, its rule of aggregation, its warnings and its protocol."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deepfakebench_ext.common.choices import Level
from deepfakebench_ext.common.csv_files import OURS
from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.notices import FOUND_IN_SCORES, Notice, notice_from_json
from deepfakebench_ext.common.protocol import EvaluationProtocol, protocol_from_json
from deepfakebench_ext.common.run_names import METRICS_JSON, SCORES_CSV, SCORES_PARQUET, SETTINGS, VIDEOS_CSV
from deepfakebench_ext.report.scores.parts import is_pattern
from deepfakebench_ext.report.scores.pieces import Source


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What stands beside scores; of scores that no run of ours wrote, their title alone.

    Attributes:
        title: What gave the scores: the weights where it is known, else the name of the run or file.
        level: What a row stands for, as far as the run's figures say it.
        has_videos: Whether the run has figures of videos.
        aggregation: The rule by which the run came to the scores of its videos; None where it has none.
        notices: Its warnings beyond what its scores show.
        protocol: On what and how it was made; None where that is not known.
        run: What `run.json` holds; empty where there is none.
    """

    title: str
    level: Level | None = None
    has_videos: bool = False
    aggregation: str | None = None
    notices: tuple[Notice, ...] = ()
    protocol: EvaluationProtocol | None = None
    run: Mapping[str, Any] = field(default_factory=dict)


def facts_beside(source: Source) -> RunFacts:
    """Return what a run says beside a file of scores.

    Raises:
        ConfigError: A file of the run is damaged.
    """
    file = source.path
    is_run = set(source.header) >= OURS and file.is_file() and file.name in (SCORES_CSV, SCORES_PARQUET, VIDEOS_CSV)
    if not is_run:
        return RunFacts(_title(file))
    run, metrics = (json_of_run(file.parent / name) for name in (SETTINGS, METRICS_JSON))
    return RunFacts(
        title=str(run.get("weights", {}).get("source") or file.parent.name),
        level=_level_of(metrics),
        has_videos="video" in metrics.get("counts", {}),
        aggregation=metrics.get("aggregation"),
        notices=tuple(_notices(file.parent / METRICS_JSON, metrics)),
        protocol=protocol_from_json(metrics.get("protocol")),
        run=run,
    )


def json_of_run(path: Path) -> dict[str, Any]:
    """What a JSON file of a run holds; nothing where it is not there.

    Raises:
        ConfigError: It is damaged.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read: {error}; remove it to go without") from error
    if not isinstance(found, dict):
        raise ConfigError(f"{path} is not what a run writes; remove it to go without")
    return found


def _notices(path: Path, metrics: Mapping[str, Any]) -> list[Notice]:
    """What a run says of itself beyond what its scores show; of a run that wrote no records, its sentences."""
    records = metrics.get("notice_records", [{"text": text} for text in metrics.get("notices") or ()])
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise ConfigError(f"{path} is not what a run writes; remove it to go without")
    return [notice for notice in map(notice_from_json, records) if notice.kind not in FOUND_IN_SCORES]


def _level_of(metrics: Mapping[str, Any]) -> Level | None:
    """The level of frames or clips that the run's figures are of."""
    counts = metrics.get("counts", {})
    return "frame" if "frame" in counts else "clip" if "clip" in counts else None


def _title(path: Path) -> str:
    """What to call scores after: the file without its suffix, a folder, or a pattern as it was typed."""
    return str(path) if is_pattern(str(path)) else path.name if path.is_dir() else path.stem
