"""The options of `dfb-ext train`. Imports nothing heavy."""

from __future__ import annotations

from functools import partial

from deepfakebench_ext.cli.command import option
from deepfakebench_ext.cli.options import DETECTOR, DRY_RUN, FRAME_INTERVAL, OTHER_DEVICES, SHORT_VIDEO
from deepfakebench_ext.cli.values import OneOf, Real, Whole, all_there, there
from deepfakebench_ext.common.numbers import MOST_WORKERS

_training = partial(option, group="training")
_input = partial(option, group="input")
_running = partial(option, group="running")
WHAT = (
    option(
        "--detector_config",
        group="detector",
        metavar="NAME|YAML",
        everyday=True,
        help="Of a shipped config (dfb-ext configs), or a detector's YAML, with its tuning: and training: blocks. "
        "Default: what --weights bring, else huggingface_clip.",
    ),
    DETECTOR[0],
    _training(
        "--set",
        "changes",
        multiple=True,
        metavar="KEY=VALUE...",
        everyday=True,
        help="Change the YAML: training.lr=1e-5 tuning.mode=lora ...",
    ),
    _training(
        "--probe", is_flag=True, everyday=True, help="Fit the head in closed form on frozen features: the baseline row."
    ),
)
DATA = (
    _input(
        "--train",
        metavar="PATH",
        callback=there,
        everyday=True,
        help="Folder, video, or CSV manifest (path,label[,video,dataset,method]) to train on.",
    ),
    _input(
        "--val",
        multiple=True,
        metavar="PATH...",
        callback=all_there,
        everyday=True,
        help="The same, to choose the best epoch by; other videos than those of --train. Of several, each has figures.",
    ),
    _input(
        "--val_share",
        type=Real(0, 1, above=True),
        everyday=True,
        help="Instead of --val: share of --train's sources to hold out, such as 0.2.",
    ),
    _input(
        "--kind",
        type=OneOf(("image", "video")),
        help="Of what lies there; video: files, folders of frames. Default: what is there.",
    ),
    _input(
        "--train_dataset",
        multiple=True,
        metavar="NAME...",
        everyday=True,
        help="Datasets of DeepfakeBench, their train split: A B.",
    ),
    _input(
        "--val_dataset",
        multiple=True,
        metavar="NAME...",
        everyday=True,
        help="Datasets of DeepfakeBench, their val split: A B.",
    ),
    _input("--allow_leaks", is_flag=True, help="Train although --train and --val share videos or files."),
)
CLIPS = (FRAME_INTERVAL, SHORT_VIDEO)
RUN = (
    option(
        "--output_dir",
        group="output",
        metavar="DIR",
        everyday=True,
        help="The run's folder. Default: training_runs/<config>-<mode>.",
    ),
    _running(
        "--device",
        type=OneOf(("auto", "cpu", "cuda"), others=OTHER_DEVICES),
        default="auto",
        show_default=True,
        everyday=True,
        help="auto: CUDA, else the CPU.",
    ),
    _running(
        "--workers",
        type=Whole(1, MOST_WORKERS),
        help="Reading threads of each process. Default: the CPUs, at most 8.",
    ),
    _running("--checkpoint_minutes", type=Real(0), default=10.0, show_default=True, help="Between checkpoints."),
    *DRY_RUN,
    option(
        "--track",
        group="output",
        metavar="NAME",
        help="One of accelerate's trackers, such as tensorboard; it writes into the run's folder.",
    ),
    option(
        "--push_to_hub",
        group="output",
        metavar="ORG/NAME",
        help="Repository that gets the best weights and their card at the end.",
    ),
)
