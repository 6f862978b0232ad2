"""The options of the verbs that score, grouped, and how they fill records. Imports nothing heavy."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

import click

Option = Callable[[Any], Any]
R = TypeVar("R")
_MOST_DIGITS = 10

CONTEXT: dict[str, Any] = {
    "help_option_names": ["-h", "--help"],
    # DeepfakeBench writes its options with underscores; dashes are taken too.
    "token_normalize_func": lambda name: name.replace("-", "_"),
}


class SpacedCommand(click.Command):
    """A command whose repeatable options take several values after one name, as DeepfakeBench's do: `--x A B`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Repeat the option's name before each of its values."""
        repeatable = {option.opts[0] for option in self.params if isinstance(option, click.Option) and option.multiple}
        spread: list[str] = []
        current, has_value = None, False
        for arg in args:
            if arg.startswith("-"):
                current, has_value = "--" + arg.lstrip("-").replace("-", "_"), False
            elif current in repeatable and has_value:
                spread.append(str(current))
            else:
                has_value = True
            spread.append(arg)
        return super().parse_args(ctx, spread)


def record_of(record: type[R], said: dict[str, Any], **more: Any) -> R:
    """Return a dataclass filled with the options that are called as its fields are, and with more."""
    names = {field.name for field in fields(record)}  # type: ignore[arg-type]
    return record(**{**{name: value for name, value in said.items() if name in names}, **more})


def _is_count(text: str) -> bool:
    return text.strip().isdecimal() and len(text) < _MOST_DIGITS


def _fake_index(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[int, ...] | None:
    if value is None:
        return None
    parts = value.split(",")
    if not all(_is_count(part) for part in parts):
        raise click.BadParameter(f"{value!r} is not an index such as 1, nor several such as 0,1")
    return tuple(map(int, parts))


def _frame_interval(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    if value is None or value == "spread":
        return None if value is None else 0  # media.sampling.SPREAD, which is not imported here
    if not _is_count(value) or int(value) < 1:
        raise click.BadParameter(f"{value!r} is neither 1 or more nor spread")
    return int(value)


FRAME_INTERVAL = click.option(
    "--frame_interval",
    callback=_frame_interval,
    help="Distance between two frames of a clip, or spread: over the whole video. Default: 1.",
)
DETECTOR = (
    click.option(
        "--detector_config",
        help="Name of a shipped config or path of a detector YAML. Default: by the weights, else huggingface_clip.",
    ),
    click.option(
        "--weights",
        help="Folder, file (.safetensors .pth .pt .bin .ckpt) or hub id org/name[@revision]. Default: the config's.",
    ),
    click.option(
        "--fake_index", callback=_fake_index, help="Which logit means fake (or several: 0,1), where names do not say."
    ),
    click.option("--require_trained_head", is_flag=True, help="Fail when the head did not come from the weights."),
)
OWN_TIMEOUT = (
    click.option("--detector_timeout", type=float, help="Seconds that such a program has for one sample. Default: 60."),
)
OWN = (
    click.option(
        "--detector", help="Your own program instead: FILE.py:FUNCTION (paths in, P(fake) out) or http://127.0.0.1:..."
    ),
    *OWN_TIMEOUT,
)
INPUT = (
    click.option("--image", help="Image, or folder searched in all depths; for a video detector, folders of frames."),
    click.option("--video", help="Video, or folder searched in all depths for videos and folders of frames."),
    click.option("--manifest", help="CSV with path,label[,video,dataset,method] instead."),
    click.option("--limit", type=int, help="Score at most so many samples, balanced over the labels."),
    click.option("--seed", type=int, default=1024, show_default=True, help="Of the choice that --limit makes."),
)
DATASET = (
    click.option("--test_dataset", multiple=True, help="Datasets of DeepfakeBench, instead: --test_dataset A B."),
    click.option("--dataset_json_folder", help="Folder of <dataset>.json. Default: the checkout's."),
    click.option("--rgb_dir", help="Folder of the datasets' images, wherever the JSON says they lie."),
    click.option("--lmdb_dir", help="Folder of the datasets' LMDBs, instead."),
    click.option(
        "--compression", help="c23, c40 or raw, of FaceForensics++ and its like. Default: the YAML's, or c23."
    ),
    click.option(
        "--protocol", help="deepfakebench: frames as its test.py takes them (default); uniform: evenly spread."
    ),
)
COVERAGE = (click.option("--coverage", is_flag=True, help="Only list which frames the JSON names and the disk lacks."),)
VIDEO = (
    click.option("--sampling", help="Frames of a video, for an image detector: uniform (default), first, or fps."),
    click.option("--num_frames", type=int, help="For --sampling uniform and first. Default: 32."),
    click.option("--fps", type=float, help="For --sampling fps: frames of a second. Default: 1."),
    click.option("--num_clips", type=int, help="Clips of a video, for a video detector. Default: 4."),
    FRAME_INTERVAL,
    click.option("--short_video", help="A video shorter than a clip: skip (default), repeat_last, or wrap."),
    click.option(
        "--aggregation",
        default="mean",
        show_default=True,
        help="Scores to one a video: mean, median, max, topk:K, logit_mean.",
    ),
)
FINDING_FACES = (
    click.option(
        "--landmark_model", help="dlib's .dat of 68 or 81 points: aligned crops, as DeepfakeBench makes them."
    ),
    click.option("--face_detector", help="none, dlib or yunet. Default: dlib with --landmark_model, else none."),
    click.option("--face_model", help="YuNet's .onnx, for --face_detector yunet."),
    click.option(
        "--face_search", default="full", show_default=True, help="full, or coarse: faces from 90 px, 3 times as fast."
    ),
    click.option("--min_face_score", type=float, help="Faces that the face detector is less sure of are none."),
)
FACES = (
    *FINDING_FACES,
    click.option("--no_face", help="skip or full_frame. Default: full_frame for images, skip for videos."),
    click.option("--crop", help="clip: one place for all frames of a clip (default); frame: each at its own."),
    click.option("--crop_cache", help="Folder that keeps crops for the next detector on the same data."),
)
WHOSE_FACE = (
    click.option("--face", help="largest (default); all: each face is scored, and the highest score counts."),
)
DECIDING = (
    click.option(
        "--threshold", help="A score above it is fake: a number, or stored, what training chose. Default: 0.5."
    ),
)
PLACING = (
    click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, mps."),
    click.option(
        "--dtype",
        default="auto",
        show_default=True,
        help="auto (bfloat16 where the hardware has it; float32 for DeepfakeBench's detectors and protocol), float32, "
        "bfloat16, float16.",
    ),
)
COMPUTING = (*PLACING, click.option("--batch_size", type=int, help="Default: what suits the device."))
RUNNING = (
    *COMPUTING,
    click.option("--workers", type=int, help="Reading threads. Default: the CPUs, at most 8."),
)
OUTPUT_DIR = (
    click.option("--output_dir", default="inference_results", show_default=True, help="Where run directories go."),
)
OUTPUT = (
    *OUTPUT_DIR,
    click.option("--plots/--no_plots", default=True, show_default=True, help="Draw ROC and PR curves."),
    click.option("--json", "as_json", is_flag=True, help="Print metrics.json instead of the summary."),
)


def options(*groups: tuple[Option, ...]) -> Option:
    """Return a decorator that gives a command the options of these groups, in their order."""

    def decorate(command: Any) -> Any:
        for option in reversed([option for group in groups for option in group]):
            command = option(command)
        return command

    return decorate


def command_line() -> str:
    """Return this command as it would be typed, for a run's record: without the folder that the program lies in."""
    program = Path(sys.argv[0]).name
    return shlex.join(["dfb-ext" if program == "__main__.py" else program, *sys.argv[1:]])
