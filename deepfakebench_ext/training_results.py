"""What a training leaves behind for others: `best.pth`, the model card, its figures as JSON, the curves."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

from deepfakebench_ext.engine.training_log import METRICS, read_log
from deepfakebench_ext.errors import MissingExtraError
from deepfakebench_ext.fine_tuning import FineTuned, FineTuning
from deepfakebench_ext.metrics.figure import Figure
from deepfakebench_ext.models.export import PTH, architecture_of, write_pth
from deepfakebench_ext.report.files import atomic_writer
from deepfakebench_ext.report.model_card import Card, model_card
from deepfakebench_ext.report.training_curves import write_training_curves
from deepfakebench_ext.summary import summarise

logger = logging.getLogger(__name__)

README, FIGURES, CURVES = "README.md", "figures.json", "curves.png"


def write_results(tuning: FineTuning, result: FineTuned, facts: Mapping[str, Any]) -> dict[str, Figure]:
    """Write `best.pth`, `README.md` and `figures.json` into `best`, `curves.png` beside it; return the figures.

    Args:
        tuning: What was trained.
        result: What it came to.
        facts: For the card: versions, seed, command.

    Raises:
        OutputError: Something cannot be written.
    """
    write_pth(result.best / PTH, result.detector.state_dict())
    summary = summarise(result.validated.table, title=str(result.folder), trained=True)
    figures = summary.figures
    with atomic_writer(result.best / FIGURES) as stream:
        stream.write(json.dumps({name: _as_json(figure) for name, figure in figures.items()}, indent=2) + "\n")
    with atomic_writer(result.best / README) as stream:
        stream.write(model_card(_card(tuning, result, figures, [*tuning.notices, *summary.warnings], facts)))
    if (result.folder / METRICS).is_file():
        _draw(result, tuning)
    return figures


def _card(
    tuning: FineTuning, result: FineTuned, figures: Mapping[str, Figure], notices: list[str], facts: Mapping[str, Any]
) -> Card:
    recipe, report = tuning.recipe, tuning.detector.report
    labels = [sample.label for sample in tuning.inputs.val]
    datasets = {sample.dataset for sample in tuning.inputs.train if sample.dataset}
    return Card(
        title=result.folder.name,
        takes=tuning.detector.takes,
        base=report.source,
        base_is_hub=report.kind == "hub",
        architecture=architecture_of(result.detector)["architectures"][0],
        monitor=tuning.validator.monitor,
        epoch=result.position.best_epoch + 1 if result.position.step else None,
        data=tuning.data.to_dict(),
        val=(labels.count(0), labels.count(1)),
        datasets=sorted(datasets),
        recipe=_changed(recipe.tuning, "tuning") | _changed(recipe.training, "training"),
        figures=figures,
        scoring=scoring_options(tuning),
        notices=notices,
        facts=facts,
    )


def scoring_options(tuning: FineTuning) -> str:
    """Return the options with which the evaluator scores as the validation did."""
    training, image = tuning.recipe.training, tuning.detector.takes == "image"
    number = f"--num_frames {training.val_frames}" if image else f"--num_clips {training.val_clips}"
    interval = tuning.inputs.frame_interval
    more: list[str] = [] if interval is None else [f"--frame_interval {interval or 'spread'}"]
    more += [] if tuning.inputs.short_video is None else [f"--short_video {tuning.inputs.short_video}"]
    more += ["--protocol uniform"] if tuning.inputs.stores else []
    return " ".join([number, *more, "--dtype float32"])


def _changed(block: Any, name: str) -> dict[str, Any]:
    """What of a block says something: its mode or optimizer, and all that is not the default."""
    values, default = block.model_dump(mode="json"), type(block)().model_dump(mode="json")
    told = ("mode", "optimizer", "lr", "epochs", "batch_size")
    return {f"{name}.{key}": value for key, value in values.items() if key in told or value != default[key]}


def _as_json(figure: Figure) -> dict[str, Any]:
    return {"value": figure.value, "low": figure.low, "high": figure.high, "reason": figure.reason}


def _draw(result: FineTuned, tuning: FineTuning) -> None:
    try:
        write_training_curves(
            result.folder / CURVES,
            read_log(result.folder),
            monitor=tuning.validator.monitor,
            title=result.folder.name,
        )
    except MissingExtraError as error:
        logger.warning("%s", error)
