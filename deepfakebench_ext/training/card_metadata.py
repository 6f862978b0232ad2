"""The head of a model card: what the hub reads of it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from deepfakebench_ext.common.choices import Level
from deepfakebench_ext.common.errors import WeightsError
from deepfakebench_ext.common.run_names import CARD
from deepfakebench_ext.metrics.figure import Figure, interval_of
from deepfakebench_ext.models.weights.source import Source, resolve_beside

_LICENCE = ("license", "license_name", "license_link")
_LICENCE_TEXT = re.compile(r"[\w.+:/-]{1,200}", re.ASCII)
_DATASET = re.compile(r"[A-Za-z0-9][\w.-]*(/[\w.-]+)?", re.ASCII)
# What the hub calls our figures.
_METRICS = {
    "auc": "roc_auc",
    "ap": "average_precision",
    "eer": "equal_error_rate",
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced_accuracy",
}


def card_metadata(
    *,
    title: str,
    takes: str,
    task: str | None,
    base_model: str | None,
    licence: Mapping[str, str],
    datasets: Sequence[str],
    figures: Mapping[str, Figure],
    levels: Sequence[Level],
) -> str:
    """Return the YAML between two lines of dashes.

    Args:
        title: Name of the detector.
        takes: `image` or `video`.
        task: The pipeline of transformers that runs it; None where none does.
        base_model: Hub id of what it was fine-tuned from.
        licence: As `licence_of` found it.
        datasets: Names of datasets, where known.
        figures: On the validation samples.
        levels: That they are of.
    """
    values: dict[str, Any] = {**licence, "library_name": "transformers"}
    if task is not None:
        values["pipeline_tag"] = task
    if base_model is not None:
        values["base_model"] = base_model
    if named := [name for name in datasets if _DATASET.fullmatch(name)]:
        values["datasets"] = named
    values["tags"] = ["deepfake-detection", "deepfakebench"]
    names = f" of {', '.join(datasets)}" if datasets else ""
    values["model-index"] = [
        {
            "name": title,
            "results": [
                {
                    "task": {"type": f"{takes}-classification", "name": "Deepfake detection"},
                    "dataset": {
                        "name": f"validation samples{names}, by which the epoch was chosen",
                        "type": "validation",
                        "split": "validation",
                    },
                    "metrics": _metrics(figures, levels),
                }
            ],
        }
    ]
    return f"---\n{yaml.safe_dump(values, sort_keys=False, allow_unicode=True)}---\n"


def _metrics(figures: Mapping[str, Figure], levels: Sequence[Level]) -> list[dict[str, Any]]:
    found = []
    for level in levels:
        for short, name in _METRICS.items():
            figure = figures.get(f"{level}_{short}")
            if figure is None or figure.value is None:
                continue
            between = f", 95 % interval {interval}" if (interval := interval_of(figure)) else ""
            metric = {"type": name, "name": f"{level} {short.replace('_', ' ')}{between}", "value": float(figure.value)}
            found.append(metric)
    return found


def licence_of(source: Source) -> dict[str, str]:
    """Return the licence that the card beside some weights states; nothing where none does."""
    try:
        path = None if source.kind in ("file", "random") else resolve_beside(source.spec, CARD)
        text = "" if path is None else path.read_text(encoding="utf-8")
        head = yaml.safe_load(text.split("---\n")[1]) if text.startswith("---\n") else None
    except (WeightsError, OSError, ValueError, yaml.YAMLError, IndexError):  # a card that cannot be had states none
        return {}
    said = head if isinstance(head, dict) else {}
    return {key: str(said[key]) for key in _LICENCE if key in said and _LICENCE_TEXT.fullmatch(str(said[key]))}
