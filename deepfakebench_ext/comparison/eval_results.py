"""A run's figure as the hub has results of models: a YAML in the model's repository, under `.eval_results/`.

Source: https://huggingface.co/docs/hub/eval-results, and huggingface_hub/_eval_results.py of 2.4, which reads it.
"""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import Any

import yaml

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.run_names import JOURNAL, METRICS_JSON
from deepfakebench_ext.common.wording import rounded
from deepfakebench_ext.comparison.leaderboard import Place
from deepfakebench_ext.metrics.figure import interval_of

FOLDER = ".eval_results"
_DATASET = re.compile(r"[\w.-]+/[\w.-]+")


def eval_results(place: Place, *, dataset_id: str, task_id: str, source_url: str | None) -> str:
    """Return the YAML of one run.

    Args:
        place: The run.
        dataset_id: Of the benchmark on the hub, `org/name`.
        task_id: Of the task, as the benchmark's `eval.yaml` has it.
        source_url: Where the run can be looked at; None for nowhere.

    Raises:
        ConfigError: A dataset that is no hub id, or a run whose figure has no place beside others': without a protocol,
            of an untrained detector, or undefined.
    """
    if not _DATASET.fullmatch(dataset_id):
        raise ConfigError(f"--dataset_id {dataset_id!r} is no dataset of the hub; write org/name")
    auc = place.figures["auc"]
    if place.protocol is None or not place.is_trained or auc.value is None:
        why = "its protocol is unknown" if place.protocol is None else auc.reason or "the detector is untrained"
        raise ConfigError(f"{place.folder} has no figure for the hub: {why}; leave the run out")
    interval = f", 95 % {interval_of(auc)}" if interval_of(auc) else ""
    lack = "" if place.scored == place.total else f", {place.total - place.scored} of {place.total} not scored"
    entry: dict[str, Any] = {
        "dataset": {"id": dataset_id, "task_id": task_id},
        "value": float(rounded(auc.value)),
        "date": _date(place),
        **({"source": {"url": source_url, "name": "deepfakebench_ext"}} if source_url else {}),
        "notes": f"{place.level}_auc{interval}; {place.protocol.samples}{lack}; protocol {place.protocol.digest}",
    }
    return yaml.safe_dump([entry], sort_keys=False, allow_unicode=True, width=1000)


def _date(place: Place) -> str:
    """When its last score was written; where the journal is gone, its figures."""
    journal = place.folder / JOURNAL
    written = (journal if journal.is_file() else place.folder / METRICS_JSON).stat().st_mtime
    return datetime.fromtimestamp(written, timezone.utc).date().isoformat()
