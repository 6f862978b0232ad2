"""What a training leaves behind for others: `best.pth`, the model card, its figures as JSON, the curves."""

from __future__ import annotations

import json
import logging
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from deepfakebench_ext.common.atomic_files import atomic_writer
from deepfakebench_ext.common.csv_files import write_csv
from deepfakebench_ext.common.errors import MissingExtraError
from deepfakebench_ext.common.journal import read_lines
from deepfakebench_ext.common.notices import Notice
from deepfakebench_ext.common.protocol import UNKNOWN_PROTOCOL
from deepfakebench_ext.common.run_names import CARD, CURVES_PNG, FIGURES_JSON, TRAINING_LOG, VALIDATION_CSV
from deepfakebench_ext.common.types import LABEL_NAMES, Sample
from deepfakebench_ext.data.preprocess.transform import output_size
from deepfakebench_ext.data.samples.kinds import is_video
from deepfakebench_ext.media.sampling import SPREAD
from deepfakebench_ext.metrics.bootstrap import Bootstrap
from deepfakebench_ext.metrics.figure import Figure
from deepfakebench_ext.metrics.summary import Summary, SummaryOptions, summarise
from deepfakebench_ext.models.export.hub_folder import PTH, write_pth, write_settings
from deepfakebench_ext.models.export.in_transformers import in_transformers, task_of
from deepfakebench_ext.models.stored_thresholds import Stored
from deepfakebench_ext.report.protocols import protocol_of
from deepfakebench_ext.report.scores.videos import face_notices
from deepfakebench_ext.training.card_metadata import licence_of
from deepfakebench_ext.training.choosing import chosen_thresholds
from deepfakebench_ext.training.fine_tuning import FineTuning
from deepfakebench_ext.training.model_card import Card, model_card
from deepfakebench_ext.training.outcome import FineTuned
from deepfakebench_ext.training.training_curves import write_training_curves

logger = logging.getLogger(__name__)


def write_results(tuning: FineTuning, result: FineTuned, facts: Mapping[str, Any]) -> Summary:
    """Write what goes with the best weights into `best`, `curves.png` beside it; return what they say.

    That is `best.pth`, `README.md`, `figures.json`, and the thresholds in `best.pth` and `detector.yaml`.

    Args:
        tuning: What was trained.
        result: What it came to.
        facts: For the card: versions, seed, command.

    Raises:
        OutputError: Something cannot be written.
    """
    table, training = result.validated.table, tuning.recipe.training
    aggregation = tuning.validator.aggregation
    stored = chosen_thresholds(table, aggregation=aggregation, threshold_fpr=training.threshold_fpr)
    write_settings(result.best, tuning.detector, tuning.values(), stored)
    write_pth(result.best / PTH, result.detector, stored)
    if not tuning.inputs.given_as:
        _write_list(result.folder / VALIDATION_CSV, tuning.inputs.val_files)
    how = SummaryOptions(aggregation=aggregation, bootstrap=Bootstrap())
    notices = [*tuning.notices, *result.notices, *_face_notices(result)]
    known = protocol_of(
        tuning.validator.samples,
        result.validated.predictions,
        tuning.validator.reader.to_dict(),
        samples_videos=any(map(is_video, tuning.validator.samples)),
    )
    summary = summarise(table, how, title=str(result.folder), trained=True, notices=notices, protocol=known)
    figures = summary.figures
    with atomic_writer(result.best / FIGURES_JSON) as stream:
        stream.write(json.dumps({name: _as_json(figure) for name, figure in figures.items()}, indent=2) + "\n")
    with atomic_writer(result.best / CARD) as stream:
        stream.write(model_card(_card(tuning, result, summary, stored, facts)))
    if result.position.step:
        _draw(result, tuning)
    return summary


def _write_list(path: Path, samples: Sequence[Sample]) -> None:
    """Write the manifest of validation samples that are no folder or list of their own."""
    labels = {label: name.lower() for label, name in LABEL_NAMES.items()}
    rows = (
        {
            "path": str(sample.path.resolve()),
            "label": "" if sample.label is None else labels[sample.label],
            "video": sample.video or "",
            "dataset": sample.dataset or "",
            "method": sample.method or "",
        }
        for sample in samples
    )
    write_csv(path, ("path", "label", "video", "dataset", "method"), rows)


def _face_notices(result: FineTuned) -> list[Notice]:
    validation = [Notice(each.kind, f"in validation {each}") for each in face_notices(result.validated.predictions)]
    if not result.faceless:
        return validation
    number = len(result.faceless)
    first = f"{number} training {'sample has' if number == 1 else 'samples have'} frames without a face"
    text = f"{first}, which were left out, or taken whole where --no_face is full_frame"
    return [Notice("faceless", text), *validation]


def _card(tuning: FineTuning, result: FineTuned, summary: Summary, stored: Stored, facts: Mapping[str, Any]) -> Card:
    recipe, report = tuning.recipe, tuning.detector.report
    labels = [sample.label for sample in tuning.inputs.val]
    datasets = {sample.dataset for sample in tuning.inputs.train if sample.dataset}
    return Card(
        title=result.folder.name,
        takes=tuning.detector.takes,
        base=report.source,
        base_is_hub=report.kind == "hub",
        licence=licence_of(tuning.detector.source),
        task=task_of(result.detector),
        in_transformers=in_transformers(result.detector, "<this folder or hub id>"),
        monitor=tuning.validator.monitor,
        epoch=result.position.best_epoch + 1 if result.position.step else None,
        epochs=result.position.epoch,
        data=tuning.data.to_dict(),
        val=(labels.count(0), labels.count(1)),
        datasets=sorted(datasets),
        recipe=result.fit or _said(recipe.tuning, "tuning") | _said(recipe.training, "training"),
        figures=summary.figures | {name: each for name, each in result.validated.figures.items() if "/" in name},
        counts={level: (counts.real, counts.fake) for level, counts in summary.counts.items()},
        thresholds=stored,
        protocol=_protocol(tuning) | {"in figures": summary.protocol.text() if summary.protocol else UNKNOWN_PROTOCOL},
        reading=reading_options(tuning),
        scoring=scoring_options(tuning),
        notices=summary.said,
        facts=facts,
    )


def _protocol(tuning: FineTuning) -> dict[str, str]:
    """How a validation sample became its score, in words."""
    training, inputs, detector = tuning.recipe.training, tuning.inputs, tuning.detector
    interval = inputs.frame_interval
    apart = "spread over the whole video" if interval == SPREAD else f"of frames {interval or 1} apart"
    video = f"{training.val_clips} clips of {detector.clip_len} frames, {apart}"
    spec = detector.preprocess
    crops = "as the dataset has them" if any(sample.frames for sample in inputs.val) else inputs.faces.detector
    size = output_size(spec)
    return {
        "sampling": video if detector.takes == "video" else f"{training.val_frames} frames of a video, evenly spread",
        "face crops": {"none": "none, whole frames"}.get(crops, crops),
        "input": f"{size[0]}x{size[1]}, {spec.resample}" if size else spec.resample,
        "score of a video": f"{tuning.validator.aggregation} over what is scored of it",
    }


def scoring_commands(tuning: FineTuning, result: FineTuned) -> list[str]:
    """Return the commands that score the validation samples with what came out, as they can be typed."""
    begin = ["perf_huggingface.py", "--weights", str(result.best)]
    given_as = tuning.inputs.given_as or (("--manifest", str(result.folder / VALIDATION_CSV)),)
    return [f"{shlex.join([*begin, *given])} {scoring_options(tuning)}" for given in given_as]


def scoring_options(tuning: FineTuning) -> str:
    """Return the options with which the evaluator scores as the validation did."""
    training, image = tuning.recipe.training, tuning.detector.takes == "image"
    number = f"--num_frames {training.val_frames}" if image else f"--num_clips {training.val_clips}"
    reading = reading_options(tuning)
    return " ".join([number, *([reading] if reading else []), "--dtype float32"])


def reading_options(tuning: FineTuning) -> str:
    """Return the options with which the evaluator reads frames, cuts them and makes clips as the training did."""
    inputs = tuning.inputs
    interval = None if inputs.frame_interval is None else inputs.frame_interval or "spread"
    given: dict[str, Any] = {"frame_interval": interval, "short_video": inputs.short_video}
    if any(sample.frames for sample in inputs.val):  # crops already, which face options would not touch
        given["protocol"] = "uniform"
    elif inputs.faces.detector != "none":
        given |= {name: value for name, value in asdict(inputs.faces).items() if name != "crop_cache"}
    return " ".join(f"--{name} {shlex.quote(str(value))}" for name, value in given.items() if value is not None)


def _said(block: Any, name: str) -> dict[str, Any]:
    """What a block says, inner blocks name by name."""
    said: dict[str, Any] = {}
    for key, value in block.model_dump(mode="json").items():
        inner = {f"{key}.{each}": one for each, one in value.items()} if isinstance(value, dict) else {key: value}
        said |= {f"{name}.{each}": one for each, one in inner.items()}
    return said


def _as_json(figure: Figure) -> dict[str, Any]:
    return {"value": figure.value, "low": figure.low, "high": figure.high, "reason": figure.reason}


def _draw(result: FineTuned, tuning: FineTuning) -> None:
    try:
        write_training_curves(
            result.folder / CURVES_PNG,
            (values for values, _ in read_lines(result.folder / TRAINING_LOG)),
            monitor=tuning.validator.monitor,
            title=result.folder.name,
        )
    except MissingExtraError as error:
        logger.warning("%s", error)
