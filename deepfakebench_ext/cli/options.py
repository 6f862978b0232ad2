"""The options of the verbs that score, grouped, and how they fill records. Imports nothing heavy."""

from __future__ import annotations

from dataclasses import fields
from functools import partial
from typing import Any, TypeVar

import click

from deepfakebench_ext.cli.command import CONTEXT, Option, SpacedCommand, command_line, option, options
from deepfakebench_ext.cli.values import (
    OneOf,
    Real,
    Whole,
    detector_config,
    on_this_machine,
    there,
    there_or_url,
    weights,
)
from deepfakebench_ext.common.choices import (
    AGGREGATIONS,
    DetectorName,
    DtypeName,
    FramePolicy,
    NoFace,
    Per,
    Protocol,
    RuntimeChoice,
    Search,
    ShortVideo,
    Whose,
)
from deepfakebench_ext.common.numbers import MOST_SEED, MOST_WORKERS

__all__ = ["CONTEXT", "Option", "SpacedCommand", "command_line", "option", "options"]

R = TypeVar("R")
_MOST_DIGITS = 10
_DTYPES = {"fp32": "float32", "fp16": "float16", "half": "float16", "bf16": "bfloat16"}
_DEVICES = ("auto", "cpu", "cuda", "cuda:N", "mps", "xpu", "xpu:N")
OTHER_DEVICES = {"gpu": "cuda", "0": "cuda:0", "cuda0": "cuda:0", "nvidia": "cuda", "metal": "mps"}

_input = partial(option, group="input")
_detector = partial(option, group="detector")
_video = partial(option, group="video")
_faces = partial(option, group="faces")
_running = partial(option, group="running")
_output = partial(option, group="output")


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


FRAME_INTERVAL = _video(
    "--frame_interval",
    callback=_frame_interval,
    metavar="[N|spread]",
    help="Distance between two frames of a clip, or spread: over the whole video. Default: 1.",
)
SHORT_VIDEO = _video(
    "--short_video", type=OneOf(ShortVideo), help="What becomes of a video shorter than a clip. Default: skip."
)
DETECTOR = (
    _detector(
        "--weights",
        metavar="PATH|HUB_ID",
        callback=weights,
        everyday=True,
        help="Folder, file (.safetensors .pth .pt .bin .ckpt) or hub id org/name[@revision]. Default: the config's.",
    ),
    _detector(
        "--detector_config",
        metavar="NAME|YAML",
        callback=detector_config,
        everyday=True,
        help="Of a shipped config (dfb-ext configs), or a detector's YAML. Default: by the weights, else "
        "huggingface_clip.",
    ),
    _detector(
        "--fake_index",
        callback=_fake_index,
        metavar="N[,N]",
        help="Which logit means fake (or several: 0,1), where names do not say.",
    ),
    _detector("--require_trained_head", is_flag=True, help="Fail when the head did not come from the weights."),
)
OWN_TIMEOUT = (
    _detector(
        "--detector_timeout",
        type=Real(0, above=True),
        help="Seconds that such a program has for one sample. Default: 60.",
    ),
)
OWN = (
    _detector(
        "--detector",
        metavar="PROGRAM",
        everyday=True,
        help="Your own instead: FILE.py:FUNCTION (paths in, P(fake) out) or http://127.0.0.1:...",
    ),
    *OWN_TIMEOUT,
)
SEED = _input("--seed", type=Whole(0, MOST_SEED), default=1024, show_default=True, help="Of --limit's choice.")
INPUT = (
    _input(
        "--image",
        callback=there_or_url,
        metavar="PATH",
        help="Images alone: a file, or a folder searched in all depths.",
    ),
    _input("--video", callback=there_or_url, metavar="PATH", help="Videos and folders of frames alone, likewise."),
    _input(
        "--manifest",
        callback=there_or_url,
        metavar="CSV|PARQUET",
        everyday=True,
        help="path,label[,video,dataset,method], a file or URL; or DFDC's metadata.json.",
    ),
    _input("--limit", type=Whole(), everyday=True, help="Score at most so many, balanced over the labels."),
    SEED,
)
DATASET_NAMES = (
    _input(
        "--test_dataset",
        multiple=True,
        metavar="NAME...",
        everyday=True,
        help="Datasets of DeepfakeBench, instead: --test_dataset A B.",
    ),
)
DATASET_PLACES = (
    _input("--dataset_json_folder", metavar="DIR", help="Folder of <dataset>.json. Default: the checkout's."),
    _input("--rgb_dir", metavar="DIR", everyday=True, help="Of the datasets' images, wherever the JSON says they lie."),
    _input("--lmdb_dir", metavar="DIR", help="Of the datasets' LMDBs, instead."),
    _input(
        "--compression",
        type=OneOf(("c23", "c40", "raw")),
        help="Of FaceForensics++ and its like. Default: the YAML's, or c23.",
    ),
)
PROTOCOL = (
    _input(
        "--protocol",
        type=OneOf(Protocol),
        help="deepfakebench: frames as its test.py takes them (default); uniform: evenly spread.",
    ),
)
DATASET = (*DATASET_NAMES, *DATASET_PLACES, *PROTOCOL)
COVERAGE = (_input("--coverage", is_flag=True, help="Only list which frames the JSON names and the disk lacks."),)
AGGREGATION = _video(
    "--aggregation", type=OneOf(AGGREGATIONS), default="mean", show_default=True, help="Of scores to one a video."
)
FRAMES = (
    _video(
        "--num_frames",
        type=Whole(),
        everyday=True,
        help="Frames of a video, for an image detector. Default: 32.",
    ),
    _video("--sampling", type=OneOf(FramePolicy), help="Which frames. Default: uniform."),
    _video("--fps", type=Real(0, above=True), help="With --sampling fps: frames of a second. Default: 1."),
)
VIDEO = (
    *FRAMES,
    _video("--num_clips", type=Whole(), everyday=True, help="Clips of a video, for a video detector. Default: 4."),
    FRAME_INTERVAL,
    SHORT_VIDEO,
    AGGREGATION,
)
FINDING_FACES = (
    _faces(
        "--landmark_model",
        callback=there,
        metavar="DAT",
        everyday=True,
        help="dlib's, of 68 or 81 points: crops aligned as DeepfakeBench aligns them.",
    ),
    _faces(
        "--face_detector",
        type=OneOf(DetectorName),
        everyday=True,
        help="Cut to the face. Default: dlib with --landmark_model, else none.",
    ),
    _faces("--face_model", callback=there, metavar="ONNX", help="Of YuNet, for --face_detector yunet."),
    _faces(
        "--face_search",
        type=OneOf(Search),
        default="full",
        show_default=True,
        help="coarse finds faces from 90 px, 3 times as fast.",
    ),
    _faces("--min_face_score", type=float, help="Faces that the face detector is less sure of are none."),
)
NO_FACE = _faces(
    "--no_face",
    type=OneOf(NoFace),
    help="What becomes of a frame without. Default: full_frame for images, skip for videos.",
)
FACES = (
    *FINDING_FACES,
    NO_FACE,
    _faces(
        "--crop", type=OneOf(Per), help="clip: one place for all frames of a clip (default); frame: each at its own."
    ),
    _faces(
        "--crop_cache",
        callback=on_this_machine,
        metavar="DIR",
        help="Keeps crops for the next detector on the same data.",
    ),
)
WHOSE_FACE = (
    _faces("--face", type=OneOf(Whose), help="largest (default); all: each is scored, and the highest score counts."),
)
DEVICE = _running(
    "--device",
    type=OneOf(_DEVICES, others=OTHER_DEVICES),
    default="auto",
    show_default=True,
    everyday=True,
    help="auto: CUDA, MPS, else the CPU.",
)
DECIDING = (
    option(
        "--threshold",
        group="running",
        metavar="[X|stored]",
        everyday=True,
        help="A score above it is fake: a number, or what training chose. Default: 0.5.",
    ),
)
PLACING = (
    DEVICE,
    _running(
        "--dtype",
        type=OneOf(DtypeName, others=_DTYPES),
        default="auto",
        show_default=True,
        help="auto: bfloat16 where the hardware has it; float32 for DeepfakeBench's detectors and protocol.",
    ),
)
RUNTIME = _running(
    "--runtime",
    type=OneOf(RuntimeChoice),
    help="auto: OpenVINO on a CPU, compiled once. Default: torch; of an exported folder its own.",
)
COMPUTING = (
    *PLACING,
    RUNTIME,
    _running("--batch_size", type=Whole(), everyday=True, help="Default: what suits the device."),
)
WORKERS = _running(
    "--workers",
    type=Whole(1, MOST_WORKERS),
    help="Reading threads. Default: the CPUs, at most 8 where no face is looked for.",
)
RUNNING = (*COMPUTING, WORKERS)
MAX_FAILURES = _running(
    "--max_failures",
    type=Real(0, 1),
    metavar="SHARE",
    help="Stop where more than this share of the samples tried, 20 or more, has no score.",
)
SHARING = (
    _running(
        "--shard",
        metavar="I/N",
        help="Score the I-th of N even shares alone, such as 1/4; dfb-ext merge makes one run of all.",
    ),
    MAX_FAILURES,
)
DRY_RUN = (_running("--dry_run", is_flag=True, everyday=True, help="Only say what would be done; write nothing."),)
OUTPUT_DIR = (
    _output(
        "--output_dir",
        callback=on_this_machine,
        metavar="DIR",
        default="inference_results",
        show_default=True,
        everyday=True,
        help="Where run directories go.",
    ),
)
PLOTS = _output("--plots/--no_plots", default=True, show_default=True, help="Draw pictures into reports.")
JSON = (_output("--json", "as_json", is_flag=True, everyday=True, help="Print JSON instead of lines."),)
OUTPUT = (*OUTPUT_DIR, PLOTS, *JSON)
