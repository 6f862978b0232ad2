"""`dfb-ext host`: a DeepfakeBench checkout, its scripts with our detectors, and what it lacks."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import click

from deepfakebench_ext.cli.command import CONTEXT, Command, VerbGroup, option, options
from deepfakebench_ext.cli.options import DRY_RUN, JSON
from deepfakebench_ext.cli.plans import say_plan
from deepfakebench_ext.cli.terminal import say, say_json
from deepfakebench_ext.common.errors import HostError

_RUN_EXAMPLES = """
\b
Examples:
  dfb-ext host run --rgb_dir /data/rgb training/test.py --detector_path huggingface_videomae \\
      --test_dataset Celeb-DF-v2 --weights_path w.pth
  torchrun --nproc_per_node 2 -m deepfakebench_ext host run training/train.py --ddp \\
      --detector_path my.yaml --train_dataset FaceForensics++ --test_dataset Celeb-DF-v2
"""
_ROOT = option(
    "--root",
    metavar="DIR",
    everyday=True,
    help="The checkout. Default: DEEPFAKEBENCH_ROOT, vendors/DeepfakeBench, the parents.",
)


@click.group(cls=VerbGroup, context_settings=CONTEXT)
def host() -> None:
    """Work with a DeepfakeBench checkout: its scripts with our detectors."""


@host.command(cls=Command, context_settings=CONTEXT)
@_ROOT
@options(JSON)
def status(root: str | None, as_json: bool) -> None:
    """Say which checkout is found, and which of its detectors can be imported here."""
    from deepfakebench_ext.launcher.status import take_status

    found = take_status(_path(root))
    (say_json if as_json else say)(json.dumps(found.as_dict(), indent=2) if as_json else found.text())


@host.command(cls=Command, context_settings=CONTEXT)
@option("--path", everyday=True, help="Link this checkout instead of cloning.")
@option("--url", everyday=True, help="Where to clone from. Default: DeepfakeBench on GitHub.")
@option("--commit", everyday=True, help="Another commit than the tested one.")
@options(DRY_RUN)
def install(path: str | None, url: str | None, commit: str | None, dry_run: bool) -> None:
    """Put DeepfakeBench at vendors/DeepfakeBench, under the working directory."""
    from deepfakebench_ext.host.checkout import TESTED_COMMIT
    from deepfakebench_ext.launcher import install as installing

    place = Path("vendors/DeepfakeBench").absolute()
    if dry_run:
        return say_plan(f"would {f'link {path}' if path else f'clone {url or installing.URL}'} to {place}")
    if path is not None:
        if url is not None or commit is not None:
            raise click.UsageError("--path links what is there; --url and --commit are for cloning")
        made = installing.link_local(Path(path).expanduser(), place)
    else:
        made = installing.clone(place, url=url or installing.URL, commit=commit or TESTED_COMMIT)
    say(made)


@host.command(
    cls=Command,
    epilog=_RUN_EXAMPLES,
    context_settings={**CONTEXT, "allow_interspersed_args": False},
)
@_ROOT
@option("--rgb_dir", everyday=True, help="Folder of the datasets' frames; sets lmdb: false.")
@option("--lmdb_dir", everyday=True, help="Folder of the <dataset>_lmdb folders; sets lmdb: true.")
@option("--dataset_json_folder", everyday=True, help="Folder of the <dataset>.json files.")
@option("--log_dir", everyday=True, help="Where train.py logs and saves. Default: ./logs/training here.")
@option(
    "--set",
    "assignments",
    multiple=True,
    metavar="KEY=VALUE",
    everyday=True,
    help="key=value over the YAMLs, such as nEpochs=2, lmdb=false.",
)
@click.argument("script")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@options(DRY_RUN)
def run(
    root: str | None,
    assignments: tuple[str, ...],
    script: str,
    arguments: tuple[str, ...],
    dry_run: bool,
    **paths: Any,
) -> None:
    """Run SCRIPT of DeepfakeBench's (training/test.py, training/train.py), unmodified, with our detectors.

    Options before SCRIPT are ours and win over the YAMLs, those after it the script's.
    """
    from deepfakebench_ext.host.script_settings import ScriptSettings
    from deepfakebench_ext.launcher.launch import run_script

    settings = ScriptSettings.of(paths, assignments, Path.cwd())
    if dry_run:
        return say_plan(f"would run {' '.join([script, *arguments])} of {_found(root)}")
    _leave_root_logger()
    run_script(script, arguments, root=_found(root), settings=settings)


@host.command(cls=Command, context_settings=CONTEXT)
@_ROOT
@options(DRY_RUN)
def link(root: str | None, dry_run: bool) -> None:
    """Let a checkout's own scripts know our detectors: one import line, and our YAMLs."""
    from deepfakebench_ext.launcher.link import link as linking

    if dry_run:
        return say_plan(f"would let {_found(root)} know our detectors: a line, and our YAMLs")
    say("\n".join(linking(_found(root))))


@host.command(cls=Command, context_settings=CONTEXT)
@_ROOT
@options(DRY_RUN)
def unlink(root: str | None, dry_run: bool) -> None:
    """Take back what link did."""
    from deepfakebench_ext.launcher.link import unlink as unlinking

    if dry_run:
        return say_plan(f"would take our line and our YAMLs out of {_found(root)}")
    say("\n".join(unlinking(_found(root))))


def _path(root: str | None) -> Path | None:
    return None if root is None else Path(root).expanduser()


def _found(root: str | None) -> Path:
    from deepfakebench_ext.host.checkout import HOW_TO_GET, find_checkout

    found = find_checkout(_path(root))
    if found is None:
        raise HostError(HOW_TO_GET)
    return found


def _leave_root_logger() -> None:
    """Keep our messages on a handler of our own: train.py sets up the root logger (training/logger.py:19-34)."""
    root, ours = logging.getLogger(), logging.getLogger("deepfakebench_ext")
    for handler in root.handlers[:]:
        root.removeHandler(handler)
        ours.addHandler(handler)
    ours.setLevel(logging.INFO)
    ours.propagate = False
