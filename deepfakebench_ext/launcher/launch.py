"""Runs a script of DeepfakeBench's, unmodified, in this process: with our detectors, from any working directory."""

from __future__ import annotations

import argparse
import logging
import os
import runpy
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepfakebench_ext.common.errors import ConfigError, HostError
from deepfakebench_ext.common.yaml_files import read_mapping
from deepfakebench_ext.host.pip_names import explained
from deepfakebench_ext.host.registry import OUR_DETECTORS
from deepfakebench_ext.host.script_settings import OWN_YAMLS, ScriptSettings
from deepfakebench_ext.launcher.script_keys import check_keys, missing_keys
from deepfakebench_ext.models.config import HOST_KEYS, DetectorConfig, config_names, find_config

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """A script with its arguments, as it will see them.

    Attributes:
        script: Its file, in the checkout.
        arguments: What follows the script's name; paths are absolute.
        detector: The detector's YAML; None for scripts that take none.
    """

    script: Path
    arguments: tuple[str, ...]
    detector: Path | None


def run_script(script: str, arguments: Sequence[str], *, root: Path, settings: ScriptSettings) -> None:
    """Run a script of a checkout to its end, from the checkout as working directory.

    What is put in place for it (`host.patches`) stays for the rest of the process; the working directory and
    `sys.argv` are as before afterwards.

    Args:
        script: Relative to the checkout or to the user's directory.
        arguments: Its own; paths relative to the user's directory or the checkout.
        root: The checkout.
        settings: What stands over its YAMLs.

    Raises:
        HostError: No such script, a YAML that it cannot take, something is not installed, or frames are not where they
            are looked for.
        ConfigError: A detector or a setting that is not there.
        WeightsError: Weights that cannot be had.
    """
    root = root.resolve()
    job = prepare(script, arguments, root=root, settings=settings)
    with _in_place(root, job), settings.in_yamls(root, job.detector):
        from deepfakebench_ext.host.patches import apply

        try:
            apply(root, settings, loads_frames=job.script.name in OWN_YAMLS)
            runpy.run_path(str(job.script), run_name="__main__")
        except ImportError as error:
            raise explained(error) from error
        finally:
            _leave_process_group()


def prepare(script: str, arguments: Sequence[str], *, root: Path, settings: ScriptSettings) -> Job:
    """Return what will be run, everything checked that can be before anything is imported.

    Raises:
        HostError: No such script in this checkout, no such folder, or a YAML that lacks what the script reads.
        ConfigError: A detector, a setting or an argument that is not there.
        WeightsError: Weights that are not there.
    """
    file = _script(script, root, settings.user_dir)
    if file.name not in OWN_YAMLS or {"-h", "--help"} & set(arguments):
        return Job(file, tuple(arguments), None)
    said, rest = _parser().parse_known_args(list(arguments))
    detector = _detector_yaml(said.detector_path, root, settings.user_dir)
    if not (root / OWN_YAMLS[file.name]).is_file():
        raise HostError(f"{root} has no {OWN_YAMLS[file.name]}, which {file.name} reads; the checkout is not whole")
    values, own = (read_mapping(path, unread=HOST_KEYS) for path in (detector, root / OWN_YAMLS[file.name]))
    settings.check({*values, *own, *HOST_KEYS, *DetectorConfig.model_fields})
    settings.check_folders()
    _check_keys(detector, settings.merged(values, own), file.name, arguments)
    more = ["--detector_path", str(detector)]
    if file.name == "test.py":
        is_ours = values.get("model_name") in OUR_DETECTORS
        more += ["--weights_path", _weights(said.weights_path, is_ours, root, settings.user_dir)]
    elif said.weights_path is not None:
        raise ConfigError("train.py takes no --weights_path; set `huggingface_model_name` in the YAML, or by --set")
    more += _of_rank(said)
    return Job(file, (*rest, *more), detector)


def _script(script: str, root: Path, user_dir: Path) -> Path:
    for place in (root, user_dir):
        file = (place / Path(script).expanduser()).resolve()
        if file.is_file() and file.is_relative_to(root):
            return file
    names = sorted(path.relative_to(root).as_posix() for path in root.glob("training/*.py"))
    raise HostError(f"{root} holds no script {script!r}; it has {', '.join(names)}")


def _parser() -> argparse.ArgumentParser:
    """What we must know of the scripts' arguments (training/test.py:39-44, training/train.py:40-49)."""
    parser = argparse.ArgumentParser(prog="dfb-ext host run", add_help=False)
    parser.add_argument("--detector_path")
    parser.add_argument("--weights_path")
    parser.add_argument("--ddp", action="store_true")
    # torch.distributed.launch writes the dash, which train.py does not know (train.py:48).
    parser.add_argument("--local_rank", "--local-rank", type=int)
    return parser


def _detector_yaml(said: str | None, root: Path, user_dir: Path) -> Path:
    if said is None:
        raise ConfigError("give --detector_path: the path of a detector YAML, or a name such as huggingface_videomae")
    path = Path(said).expanduser()
    found = [place / path for place in (user_dir, root) if (place / path).is_file()]
    return found[0] if found else find_config(_shipped_name(path)).absolute()


def _check_keys(detector: Path, values: Mapping[str, Any], script: str, arguments: Sequence[str]) -> None:
    if missing := missing_keys(script, values, arguments):
        shipped = {name: read_mapping(find_config(name)) for name in config_names()}
        complete = [name for name, its in shipped.items() if not missing_keys(script, its)]
        check_keys(detector.name, missing, script=script, complete=complete)


def _shipped_name(path: Path) -> str:
    """`configs/detector/NAME.yaml`, as our own repository has it, means the config that ships with this package."""
    return path.stem if path.parts[-3:-1] == ("configs", "detector") and path.suffix == ".yaml" else str(path)


def _weights(said: str | None, is_ours: bool, root: Path, user_dir: Path) -> str:
    """What test.py is to load; empty means nothing, in place of its default, a file of its author's (test.py:43-44)."""
    if said == "":
        return ""
    if said is None and is_ours:
        logger.warning("no --weights_path: the detector starts from what its YAML names; its head may be untrained")
        return ""
    if said is None:
        raise ConfigError("give --weights_path: a .pth of this detector, or '' for random parameters")
    path = Path(said).expanduser()
    found = [place / path for place in (user_dir, root) if (place / path).exists()]
    if found:
        return str(found[0])
    if not is_ours:
        raise ConfigError(f"--weights_path {said}: no such file, in {user_dir} or in {root}")
    from deepfakebench_ext.models.weights.source import parse_weights

    parse_weights(said)  # what looks like a path and is none is an error now, not after the data were read
    return said


def _of_rank(said: argparse.Namespace) -> list[str]:
    """`--ddp`, and the rank that torchrun says only in a variable (training/train.py:47-51, trainer/trainer.py:109)."""
    rank = said.local_rank
    if said.ddp and rank is None:
        if "LOCAL_RANK" not in os.environ:
            raise ConfigError(
                "--ddp needs processes: torchrun --nproc_per_node N -m deepfakebench_ext host run training/train.py "
                "--ddp ..."
            )
        rank = int(os.environ["LOCAL_RANK"])
    return (["--ddp"] if said.ddp else []) + ([] if rank is None else ["--local_rank", str(rank)])


@contextmanager
def _in_place(root: Path, job: Job) -> Iterator[None]:
    """All relative paths of its YAMLs begin at the checkout (training/test.py:152)."""
    here, argv, named = Path.cwd(), sys.argv, os.environ.get("DEEPFAKEBENCH_ROOT")
    os.chdir(root)
    sys.argv = [str(job.script), *job.arguments]
    os.environ["DEEPFAKEBENCH_ROOT"] = str(root)  # a relative one would mean another place from there
    try:
        yield
    finally:
        os.chdir(here)
        sys.argv = argv
        if named is None:
            del os.environ["DEEPFAKEBENCH_ROOT"]
        else:
            os.environ["DEEPFAKEBENCH_ROOT"] = named


def _leave_process_group() -> None:
    from torch import distributed

    if distributed.is_available() and distributed.is_initialized():
        distributed.destroy_process_group()
