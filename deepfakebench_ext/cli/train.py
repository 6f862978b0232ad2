"""`dfb-ext train`, and `train.py`: from a pretrained backbone to a detector worth evaluating."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deepfakebench_ext.cli.options import (
    CONTEXT,
    DATASET_PLACES,
    FACES,
    SpacedCommand,
    command_line,
    options,
    record_of,
)
from deepfakebench_ext.cli.terminal import note, say, warn
from deepfakebench_ext.cli.train_options import CLIPS, DATA, RUN, WHAT
from deepfakebench_ext.models.quiet import hush_transformers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deepfakebench_ext.metrics.summary import Summary
    from deepfakebench_ext.training.fine_tuning import FineTuning
    from deepfakebench_ext.training.loop.trainer import Watcher
    from deepfakebench_ext.training.outcome import FineTuned, Plan

_EXAMPLES = """
\b
Examples:
  dfb-ext train --detector_config clip_layernorm --train faces/train --val faces/val
  dfb-ext train --detector_config videomae_partial --train_dataset FaceForensics++ --val_dataset FaceForensics++ \\
      --rgb_dir rgb/ --set training.epochs=5 training.lr=1e-5
  torchrun --nproc_per_node 4 scripts/train.py --detector_config clip_effort --train faces/train --val faces/val

\b
The same command goes on where it was cut off. What comes out is scored by
  perf_huggingface.py --weights <output_dir>/best --image photos/
Exit codes: 0 done, 1 failure, 2 usage, 3 done but some samples could not be read.
"""
_MIB, _GIB = 2**20, 2**30
_SHOWN = 3


@click.command("train", cls=SpacedCommand, epilog=_EXAMPLES, context_settings=CONTEXT)
@options(DATA, DATASET_PLACES, WHAT, CLIPS, FACES, RUN)
def train(**said: Any) -> None:
    """Fine-tune a detector on labelled images or videos, and write weights that the evaluator takes."""
    _check_recipe(said)
    from deepfakebench_ext.engine.dataset_inputs import DatasetOptions
    from deepfakebench_ext.engine.input_options import FaceOptions
    from deepfakebench_ext.models.weights import hub
    from deepfakebench_ext.training.request import TrainingRequest

    hush_transformers()
    places, faces = record_of(DatasetOptions, said), record_of(FaceOptions, said)
    tuning, folder = record_of(TrainingRequest, said, datasets=places, faces=faces).prepare()
    if tuning.processes.is_main:
        _say_plan(tuning, probe=said["probe"])
        if said["push_to_hub"] and not said["dry_run"]:
            hub.create_repository(said["push_to_hub"])  # refuses now what it would refuse after hours of work
    lost = not said["dry_run"] and _train(tuning, folder, said)
    tuning.processes.leave()
    if lost:
        sys.exit(3)


def _check_recipe(said: Mapping[str, Any]) -> None:
    """Read the YAML with its changes, where no weights bring theirs, before anything heavy is imported."""
    from deepfakebench_ext.models.config import DEFAULT_CONFIG
    from deepfakebench_ext.training.recipe import Recipe, read_values

    if said["detector_config"] or not said["weights"]:
        Recipe.of(read_values(said["detector_config"] or DEFAULT_CONFIG, said["changes"]))


def _train(tuning: FineTuning, folder: Path, said: Mapping[str, Any]) -> bool:
    """Train and write what comes out; return whether some samples gave nothing, as the main process knows."""
    from deepfakebench_ext.common.version import versions
    from deepfakebench_ext.models.weights import hub
    from deepfakebench_ext.training.probing import probe
    from deepfakebench_ext.training.results import write_results

    record = {"command": command_line()}
    result = probe(tuning, folder, record=record) if said["probe"] else _with_watchers(tuning, folder, said, record)
    if not tuning.processes.is_main:
        return False
    facts = {**record, "seed": tuning.recipe.training.seed, **versions("accelerate")}
    _say_result(tuning, result, write_results(tuning, result, facts))
    lost = _lost(result)
    if said["push_to_hub"]:
        say(f"pushed to {hub.push_folder(result.best, said['push_to_hub'])}")
    return lost


def _lost(result: FineTuned) -> bool:
    """Say which samples gave nothing, and return whether there are any."""
    table = result.validated.table
    scored = set(table.key.codes[table.is_scored()].tolist())
    reasons = {p.key: p.reason for p in result.validated.predictions if p.score is None}
    without = [(name, reasons[name]) for code, name in enumerate(table.key.names) if code not in scored]
    for name, reason in without[:_SHOWN]:
        say(f"{name} has no score in validation: {reason}", err=True)
    if result.unreadable or without:
        say(
            f"not usable: {len(result.unreadable)} training samples, as said above, and {len(without)} of validation",
            err=True,
        )
    return bool(result.unreadable or without)


def _with_watchers(tuning: FineTuning, folder: Path, said: Mapping[str, Any], record: Mapping[str, Any]) -> FineTuned:
    from deepfakebench_ext.training.loop.watching import ProgressLine, Trackers

    watchers: list[Watcher] = []
    if tuning.processes.is_main:
        watchers.append(ProgressLine(tuning.total_steps, tuning.validator.monitor))
    if said["track"]:
        watchers.append(Trackers(tuning.processes, folder))  # opened by every process, told by the main one
    try:
        return tuning.run(folder, record=record, watchers=watchers, checkpoint_minutes=said["checkpoint_minutes"])
    finally:
        for watcher in watchers:
            watcher.close()


def _say_plan(tuning: FineTuning, *, probe: bool) -> None:
    from deepfakebench_ext.common.types import FAKE, REAL

    plan, detector = tuning.plan(), tuning.detector
    samples, drawn = plan.data["samples"], plan.data["drawn_an_epoch"]
    train = f"train: {samples['real']} real, {samples['fake']} fake samples, {plan.data['videos']} of them videos"
    if plan.data["left_out"]:
        train += f"; {plan.data['left_out']} fakes are left out, as self_blend makes its own of the reals"
    name = f"{detector.settings.model_name} from {detector.report.source}"
    mode = "closed-form fit of the head on frozen features" if probe else _trained(plan, tuning)
    lines = [
        train,
        f"val: {plan.val[REAL]} real, {plan.val[FAKE]} fake samples{_judged(tuning)}",
        f"{name}, {mode}",
    ]
    if not probe:
        lines += [
            f"{drawn['real']} real and {drawn['fake']} fake {detector.takes}s drawn an epoch; "
            f"{plan.total_steps} steps, {plan.steps_per_epoch} an epoch; "
            f"{plan.processes} x {tuning.processes.device.type}",
            _memory(plan),
        ]
    for line in lines:
        note(line)
    for notice in tuning.notices:
        warn(notice)


def _judged(tuning: FineTuning) -> str:
    precision, validator = tuning.processes.precision, tuning.validator
    sets = f" of {', '.join(validator.sets)}" if validator.sets else ""
    computed = f", in {precision} as trained; once more in float32 for the results" if precision != "float32" else ""
    return f"{sets}; best by {validator.monitor}{computed}"


def _trained(plan: Plan, tuning: FineTuning) -> str:
    from deepfakebench_ext.common.wording import counted

    text = f"{tuning.recipe.tuning.mode}: {tuning.tuned.summary}"
    if tuning.batch_norms:
        kept = "keep the statistics of the weights" if tuning.detector.keeps_statistics else "take those of each batch"
        text += f"; {counted(len(tuning.batch_norms), 'BatchNorm')} {kept}"
    return text if plan.trained == plan.trained_last else f"{text} at first, {plan.trained_last:,} in the last epoch"


def _memory(plan: Plan) -> str:
    memory = plan.memory
    unit, name = (_GIB, "GiB") if memory.total >= _GIB else (_MIB, "MiB")
    return (
        f"memory of each process: about {memory.total / unit:.2f} {name} ({memory.parameters / unit:.2f} parameters, "
        f"{(memory.gradients + memory.optimizer + memory.average) / unit:.2f} gradients and optimizer, "
        f"{memory.activations / unit:.2f} activations)"
    )


def _say_result(tuning: FineTuning, result: FineTuned, summary: Summary) -> None:
    from deepfakebench_ext.common.wording import rounded
    from deepfakebench_ext.metrics.figure import interval_of
    from deepfakebench_ext.training.results import scoring_commands

    position, monitor, figures = result.position, tuning.validator.monitor, summary.figures
    for notice in [each for each in summary.said if each not in tuning.notices]:
        warn(notice)
    if position.step:
        early = ", stopped early" if position.stopped else ""
        say(f"{position.epoch} epochs, {position.step} steps{early}; epoch {position.best_epoch + 1} was best")
    else:
        say("linear probe, the baseline row:")
    watched = monitor.rpartition("/")[2]
    level = watched.partition("_")[0]
    of_sets = (f"{name}/{watched}" for name in tuning.validator.sets)
    for name in dict.fromkeys((watched, *(f"{level}_{short}" for short in ("auc", "ap", "eer", "accuracy")), *of_sets)):
        figure = figures[name] if name in figures else result.validated.figures[name]
        value = rounded(figure.value) if figure.value is not None else f"undefined ({figure.reason})"
        between = f"  95 % {interval}" if (interval := interval_of(figure)) else ""
        say(f"{name:<16} {value}{between}")
    for kind, stored in result.detector.stored_thresholds.items():
        say(f"{kind} threshold {stored.text(kind)}; --threshold stored decides by it")
    for command in scoring_commands(tuning, result):
        say(f"score with: {command}")
