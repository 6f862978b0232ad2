"""What is mistyped, and what to type instead: options, verbs, values, and names that other tools use."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from deepfakebench_ext.cli.command import Command

_SET = "set training."
OTHERS: dict[str, tuple[str, ...]] = {
    "model": ("weights",),
    "model_path": ("weights",),
    "model_name": ("weights",),
    "model_name_or_path": ("weights",),
    "pretrained": ("weights",),
    "pretrained_model": ("weights",),
    "weight": ("weights",),
    "weights_path": ("weights",),
    "weight_path": ("weights",),
    "checkpoint": ("weights",),
    "checkpoint_path": ("weights",),
    "ckpt": ("weights",),
    "ckpt_path": ("weights",),
    "resume": ("weights",),
    "detector_path": ("detector_config", "detectors"),
    "detector": ("detector_config", "detectors"),
    "config": ("detector_config", "detectors"),
    "config_path": ("detector_config",),
    "config_file": ("detector_config",),
    "images": ("image", "videos"),
    "img": ("image",),
    "image_path": ("image",),
    "image_dir": ("image",),
    "img_dir": ("image",),
    "image_folder": ("image",),
    "folder": ("image", "input_dir"),
    "input": ("image", "input_dir"),
    "input_path": ("image", "input_dir"),
    "data_path": ("image", "input_dir", "train"),
    "data": ("image", "train", "input_dir"),
    "data_dir": ("image", "train", "input_dir"),
    "data_root": ("rgb_dir",),
    "dataset_path": ("rgb_dir",),
    "videos": ("video", "input_dir"),
    "video_path": ("video", "input_dir"),
    "video_dir": ("video", "input_dir"),
    "csv": ("manifest",),
    "csv_path": ("manifest",),
    "list": ("manifest",),
    "annotation": ("manifest", "truth"),
    "ground_truth": ("truth",),
    "gt": ("truth",),
    "labels": ("manifest", "truth"),
    "dataset": ("test_dataset", "train_dataset"),
    "datasets": ("test_dataset", "train_dataset"),
    "tasks": ("test_dataset",),
    "max_samples": ("limit",),
    "num_samples": ("limit",),
    "frames": ("num_frames",),
    "n_frames": ("num_frames",),
    "frame_num": ("num_frames",),
    "clip_size": ("num_clips",),
    "gpu": ("device",),
    "gpus": ("device",),
    "cuda": ("device",),
    "cpu": ("device",),
    "no_cuda": ("device",),
    "fp16": ("dtype",),
    "bf16": ("dtype",),
    "half": ("dtype",),
    "precision": ("dtype",),
    "amp": ("dtype",),
    "bs": ("batch_size",),
    "batch": ("batch_size",),
    "test_batchSize": ("batch_size",),
    "per_device_eval_batch_size": ("batch_size",),
    "num_workers": ("workers",),
    "n_workers": ("workers",),
    "jobs": ("workers",),
    "out": ("output_dir", "output"),
    "output": ("output_dir",),
    "output_path": ("output_dir", "output"),
    "out_dir": ("output_dir",),
    "save_dir": ("output_dir",),
    "save_path": ("output_dir",),
    "results_dir": ("output_dir",),
    "log_dir": ("output_dir",),
    "predictor": ("landmark_model",),
    "predictor_path": ("landmark_model",),
    "shape_predictor": ("landmark_model",),
    "landmarks": ("landmark_model",),
    "face": ("face_detector",),
    "train_data": ("train",),
    "train_dir": ("train",),
    "val_data": ("val",),
    "val_dir": ("val",),
    "validation": ("val",),
    "epochs": (f"{_SET}epochs",),
    "epoch": (f"{_SET}epochs",),
    "nEpochs": (f"{_SET}epochs",),
    "num_epochs": (f"{_SET}epochs",),
    "num_train_epochs": (f"{_SET}epochs",),
    "lr": (f"{_SET}lr",),
    "learning_rate": (f"{_SET}lr",),
    "batch_size": (f"{_SET}batch_size",),
    "train_batchSize": (f"{_SET}batch_size",),
    "per_device_train_batch_size": (f"{_SET}batch_size",),
    "weight_decay": (f"{_SET}weight_decay",),
    "optimizer": (f"{_SET}optimizer",),
    "scheduler": (f"{_SET}schedule",),
    "warmup": (f"{_SET}warmup",),
    "patience": (f"{_SET}patience",),
    "seed": (f"{_SET}seed",),
    "lora_rank": ("set tuning.lora_rank",),
    "freeze": ("set tuning.mode",),
}
"""What other tools call an option: ours, the first that a command has."""
VERBS = {
    "eval": "evaluate",
    "test": "evaluate",
    "predict": "evaluate",
    "infer": "evaluate",
    "inference": "evaluate",
    "score": "evaluate",
    "run": "evaluate",
    "perf_huggingface": "evaluate",
    "detect": "analyze",
    "analyse": "analyze",
    "timeline": "analyze",
    "analyze_video": "analyze",
    "fit": "train",
    "finetune": "train",
    "fine_tune": "train",
    "fine-tune": "train",
    "preprocess": "extract",
    "crop": "extract",
    "extract_frames": "extract",
    "benchmark": "bench",
    "diff": "compare",
    "report": "metrics",
    "results": "metrics",
    "server": "serve",
    "api": "serve",
    "start": "serve",
    "check": "doctor",
    "info": "doctor",
    "status": "doctor",
    "install": "host install",
    "models": "configs",
    "list": "configs",
    "ls": "configs",
    "calibrate": "calibrate-timeline",
    "help": "--help",
    "version": "--version",
}
"""What other tools call a verb."""
PATHS = [".jpg", ".jpeg", ".png", ".webp", ".bmp", ".mp4", ".avi", ".mov", ".mkv", ".webm", ".csv"]


def near(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is nearest to a mistyped one; None where none is near."""
    from difflib import get_close_matches

    names = {each.lower(): each for each in known}
    found = get_close_matches(name.lower(), names, n=1)
    return names[found[0]] if found else None


def answered(error: click.UsageError, command: Command, typed: Sequence[str]) -> click.UsageError:
    """Return the error with what to type, where something mistyped can be told."""
    if isinstance(error, click.NoSuchOption):
        name = _whole(error.option_name, typed)
        answer = f"No such option: --{name}. {_instead(name, command)}"
    elif isinstance(error, click.MissingParameter | click.BadParameter | click.BadOptionUsage):
        return error
    elif "unexpected extra argument" in str(error.message):
        answer = f"{error.message}{_stray(str(error.message), command)}"
    else:
        return error
    return click.UsageError(answer, ctx=error.ctx)


def _whole(name: str, typed: Sequence[str]) -> str:
    """The option as it was typed: of `-weights` click names the first letter alone."""
    if not name.startswith("--"):
        name = next((each for each in typed if each.startswith(name) and len(each) > len(name)), name)
    return name.lstrip("-").partition("=")[0].replace("-", "_")


def _instead(name: str, command: Command) -> str:
    known = {each.removeprefix("--") for param in command.params for each in (*param.opts, *param.secondary_opts)}
    if name in known:
        return f"Type --{name}, with two dashes."
    for ours in OTHERS.get(name, ()):
        if ours in known:
            return f"Type --{ours}."
        if ours.startswith("set "):
            where = "Type" if "set" in known else "It is of training: in dfb-ext train type"
            return f"{where} --{ours}=..."
    if (meant := near(name, known)) is not None:
        return f"Did you mean --{meant}?"
    return "--help_all shows every option." if "help_all" in known else "--help shows the options."


def _stray(message: str, command: Command) -> str:
    known = {each for param in command.params for each in param.opts}
    if "=" in message and "--set" in known:
        return ". Keys of the YAML go to --set training.epochs=3"
    for ours, what in (
        ("--train", "folders and manifests go to --train and --val"),
        ("--input_dir", "a folder of videos goes to --input_dir"),
        ("--test_dataset", "datasets go to --test_dataset"),
        ("--weights", "weights go to --weights"),
    ):
        if ours in known:
            return f". In this command {what}"
    return ". --help shows what it takes"


def verb_instead(name: str, verbs: Sequence[str]) -> str:
    """Return what to say of a verb that is none."""
    lower = name.lower().replace("_", "-")
    meant = VERBS.get(name.lower()) or (lower if lower in verbs else near(lower, verbs))
    if name.startswith("-") and (own := near(lower, ("--version", "--help"))):
        return f"Did you mean {own}?"
    if name.startswith("-"):
        return f"The verb comes first: dfb-ext evaluate {name} ..."
    if name.lower().endswith(tuple(PATHS)) or "/" in name:
        films = name.lower().endswith((".mp4", ".avi", ".mov", ".mkv", ".webm"))
        also = f", or dfb-ext analyze {name} --weights W for its timeline" if films else ""
        return f"The verb comes first: dfb-ext evaluate {name} --weights W{also}."
    if meant is not None:
        return f"Did you mean {meant!r}?"
    return f"The verbs are {', '.join(verbs)}."
