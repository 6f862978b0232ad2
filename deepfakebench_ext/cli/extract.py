"""`dfb-ext extract`, and `extract_frames.py`: videos to aligned crops in DeepfakeBench's layout."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deepfakebench_ext.cli.options import CONTEXT, DRY_RUN, FINDING_FACES, FRAMES, SpacedCommand, option, options
from deepfakebench_ext.cli.plans import samples_text, say_plan
from deepfakebench_ext.cli.sharing import Sharing
from deepfakebench_ext.cli.terminal import note, say
from deepfakebench_ext.cli.values import OneOf, Whole, listed, on_this_machine, there_or_url
from deepfakebench_ext.common.choices import NoFace
from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.numbers import MOST_WORKERS
from deepfakebench_ext.common.wording import counted

if TYPE_CHECKING:
    from deepfakebench_ext.extraction.extract import Extraction

_EXAMPLES = """
\b
Examples:
  extract_frames.py --input_dir videos/ --output_dir datasets/ --landmark_model shape_predictor_81_face_landmarks.dat
  extract_frames.py --input_dir videos/ --output_dir datasets/ --face_detector dlib --fps 5 --split train
  extract_frames.py --manifest dfdc/metadata.json --dataset dfdc --output_dir datasets/ --face_detector dlib

\b
Labels come from directory names (real, original, ... / fake, deepfake, ...) or from the manifest.
The same command goes on where it was cut off. Several processes share the videos:
torchrun --nproc_per_node 4 -m deepfakebench_ext extract ...
Exit codes: 0 done, 1 failure, 2 usage, 3 done but some videos gave no frame.
"""

_input = partial(option, group="input")
_output = partial(option, group="output")
_PLACES = (
    _input(
        "--input_dir",
        callback=there_or_url,
        metavar="DIR|URL",
        everyday=True,
        help="Searched in all depths for videos and folders of frames.",
    ),
    _input(
        "--manifest",
        callback=there_or_url,
        metavar="CSV|URL",
        everyday=True,
        help="path,label of videos, or DFDC's metadata.json, in place of --input_dir.",
    ),
    _output(
        "--output_dir",
        callback=on_this_machine,
        required=True,
        metavar="DIR",
        help="Where <dataset>/ and <dataset>.json go.",
    ),
    _output(
        "--dataset", metavar="NAME", everyday=True, help="In DeepfakeBench. Default: that of the folder or manifest."
    ),
    _output(
        "--split",
        callback=listed(("train", "val", "test")),
        metavar="[train|val|test],...",
        default="test",
        show_default=True,
        everyday=True,
        help="Where the JSON lists the videos.",
    ),
    _output(
        "--run_from",
        metavar="DIR",
        help="From which DeepfakeBench is run; the JSON's paths are relative to it. Default: its checkout "
        "(DEEPFAKEBENCH_ROOT, vendors/DeepfakeBench, or around this folder), else this folder.",
    ),
)
_CROPS = (
    option("--size", group="faces", type=Whole(1, 8192), help="Side of the square crops in pixels. Default: 256."),
    option(
        "--no_face",
        group="faces",
        type=OneOf(NoFace),
        help="skip (default) leaves a frame without a face out; full_frame takes it whole.",
    ),
)
_WORKERS = (
    option(
        "--workers",
        group="running",
        type=Whole(1, MOST_WORKERS),
        help="Videos at a time. Default: the CPUs, at most 8 where no face is looked for.",
    ),
)
_SHARD = (
    option(
        "--shard",
        group="running",
        metavar="I/N",
        help="Extract the I-th of N even shares alone, such as 1/4; the same command without it then reports.",
    ),
)


@click.command("extract", cls=SpacedCommand, epilog=_EXAMPLES, context_settings=CONTEXT)
@options(_PLACES, FRAMES, FINDING_FACES, _CROPS, _WORKERS, _SHARD, DRY_RUN)
def extract(**said: Any) -> None:
    """Write the frames of videos, cut to the face, as a dataset that DeepfakeBench loads."""
    from deepfakebench_ext.extraction import extract as extraction
    from deepfakebench_ext.media.sampling import FrameSampling

    policy = said["sampling"] or ("uniform" if said["fps"] is None else "fps")
    cropping = ("landmark_model", "face_detector", "face_model", "face_search", "min_face_score", "size", "no_face")
    run_from = _run_from(said["run_from"])
    if said["dry_run"]:
        return _say_plan(said)
    sharing = Sharing.begin(said["shard"])
    result = extraction.extract(
        said["input_dir"],
        said["output_dir"],
        manifest=said["manifest"],
        dataset=said["dataset"],
        sampling=FrameSampling.from_options(policy, num_frames=said["num_frames"], fps=said["fps"]),
        faces=extraction.make_crop_reader(**{name: said[name] for name in cropping}),
        splits=said["split"].split(","),
        run_from=run_from,
        workers=said["workers"],
        shard=sharing.shard,
        launched=sharing.launched,
    )
    if not sharing.is_main:
        return
    say("\n".join([*_counts(result), *([_listing(result, run_from)] if sharing.shard is None else [])]))
    if sharing.shard is not None:
        note(
            f"shard {sharing.shard}: once all are done, the same command without --shard writes the report and the JSON"
        )
    if result.failed:
        why = f"such as {result.failed[0].key}: {result.failed[0].reason}"
        why = why if result.report is None else f"{result.report} says why"
        say(f"{counted(len(result.failed), 'video')} gave no frame; {why}", err=True)
        sys.exit(3)


def _say_plan(said: dict[str, Any]) -> None:
    from deepfakebench_ext.extraction.sources import Source

    source = Source.of(said["input_dir"], said["manifest"])
    folder = Path(said["output_dir"]) / (said["dataset"] or source.name)
    say_plan(
        f"would extract {samples_text(source.samples(apart_from=folder), 'video')}",
        f"into {folder} and {folder}.json",
    )


def _run_from(given: str | None) -> Path:
    from deepfakebench_ext.host.checkout import find_checkout

    if given is not None and not Path(given).is_dir():
        raise ConfigError(f"--run_from {given} is no folder; give the one from which DeepfakeBench is run")
    return Path(given).absolute() if given is not None else find_checkout() or Path.cwd()


def _counts(result: Extraction) -> list[str]:
    from deepfakebench_ext.common.types import FAKE, REAL

    labels = [sample.label for sample in result.samples]
    real, fake = labels.count(REAL), labels.count(FAKE)
    frames = sum(len(video.frames) for video in result.videos)
    decoded, faceless = (sum(getattr(video, name) for video in result.videos) for name in ("decoded", "faceless"))
    return [
        f"{counted(len(labels), 'video')}: {real} real, {fake} fake, {len(labels) - real - fake} without a label",
        f"{counted(frames, 'frame')} written of {decoded} decoded, {faceless} without a face, in {result.folder}",
    ]


def _listing(result: Extraction, run_from: Path) -> str:
    if result.dataset_json is None:
        return "no JSON for DeepfakeBench: no video with a label gave a frame"
    return f"{result.dataset_json} is for DeepfakeBench run from {run_from}"
