"""A small host of our own, with the surface that DeepfakeBench's scripts and registry have; and datasets for either.

It is made in a test's folder. Its packages fail when they are imported whole, as DeepfakeBench's do without all that
they ask for; its dataset reads `.npy` frames of one colour, where DeepfakeBench reads pictures.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from made_host_files import FILES
from PIL import Image

REPOSITORY = Path(__file__).parents[1]
# The interpreter that has what a real checkout needs.
HOST_PYTHON = os.environ.get("DFB_EXT_HOST_PYTHON", sys.executable)


def make_host(root: Path, *, commit: bool = False) -> Path:
    """Write the host below `root`; with `commit`, as a git repository of one commit."""
    for name, text in FILES.items():
        file = root / "training" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode())
    if commit:
        (root / ".gitignore").write_text("*__pycache__*\n")
        git(root, "init", "--quiet")
        git(root, "add", ".")
        who = ("-c", "user.name=t", "-c", "user.email=t@example.org")
        git(root, *who, "commit", "--quiet", "-m", "made")
    return root


def git(root: Path, *command: str) -> str:
    """What git says in a repository."""
    done = subprocess.run(["git", "-C", str(root), *command], capture_output=True, text=True, check=True)
    return done.stdout.rstrip()


def write_dataset(
    folder: Path, name: str, *, suffix: str = ".npy", videos: int = 2, frames: int = 2, style: str = "{}"
) -> dict[str, str]:
    """Write `folder/rgb/<name>/...` and `folder/json/<name>.json`; return each frame's spelling by its path in rgb."""
    listed: dict[str, Any] = {}
    spelled = {}
    for number, label in enumerate(("DF_real", "DF_fake")):
        listed[label] = {split: {} for split in ("train", "val", "test")}
        for video in range(videos):
            names = []
            for index in range(frames):
                path = f"{name}/{label}/frames/{label}_{video}/{index:03d}{suffix}"
                _write_frame(folder / "rgb" / path, seed=100 * number + 10 * video + index)
                spelled[path] = style.format(path).replace("/", "\\") if "\\" in style else style.format(path)
                names.append(spelled[path])
            for videos_of_split in listed[label].values():
                videos_of_split[f"{label}_{video}"] = {"label": label, "frames": names}
    (folder / "json").mkdir(exist_ok=True)
    (folder / "json" / f"{name}.json").write_text(json.dumps({name: listed}))
    return spelled


def write_lmdb(folder: Path, name: str, keys: Mapping[str, Path]) -> None:
    """Write `folder/<name>_lmdb`: `.npy` frames by their values, others by their bytes."""
    import lmdb

    environment = lmdb.open(str(folder / f"{name}_lmdb"), map_size=1 << 24)
    with environment.begin(write=True) as transaction:
        for key, file in keys.items():
            content = np.load(file).tobytes() if file.suffix == ".npy" else file.read_bytes()
            transaction.put(key.encode(), content)
    environment.close()


def write_yaml(path: Path, *parts: Mapping[str, Any], **changes: Any) -> Path:
    """Write a detector YAML: the shipped one's keys for DeepfakeBench, then `parts`, without workers."""
    shipped = yaml.safe_load((REPOSITORY / "configs/detector/huggingface_clip.yaml").read_text())
    values = {key: value for key, value in shipped.items() if key not in ("weights", "huggingface_model_name")}
    values.update(workers=0, train_batchSize=4, test_batchSize=4, frame_num={"train": 8, "test": 8})
    for part in parts:
        values.update(part)
    path.write_text(yaml.safe_dump({**values, **changes}))
    return path


def run(
    root: Path | None, *command: str, python: str = sys.executable, module: Sequence[str] = (), **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run `python -m deepfakebench_ext <command>` in the working directory; `module`, such as torchrun, goes before."""
    path = os.pathsep.join(filter(None, (variables.pop("PYTHONPATH", ""), str(REPOSITORY), str(REPOSITORY / "tests"))))
    kept = {key: value for key, value in os.environ.items() if key != "DEEPFAKEBENCH_ROOT"}
    named = {} if root is None else {"DEEPFAKEBENCH_ROOT": str(root)}
    whole = [python, *module, "-m", "deepfakebench_ext", *command]
    # Without CUDA, so that tests are the same everywhere.
    own = {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", **named}
    environment = {**kept, **own, **variables, "PYTHONPATH": path}
    process = subprocess.Popen(
        whole, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        out, err = process.communicate(timeout=200)
    finally:
        if process.poll() is None:  # torchrun's children would stay
            os.killpg(process.pid, signal.SIGKILL)
    return subprocess.CompletedProcess(whole, process.returncode, out, err)


def results(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    """What the made host's scripts found, in their order."""
    assert done.returncode == 0, done.stderr[-3000:]
    lines = (line for line in done.stdout.splitlines() if line.startswith("RESULT "))
    return [json.loads(line.removeprefix("RESULT ")) for line in lines]


def _write_frame(file: Path, *, seed: int) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix == ".npy":
        np.save(file, np.array([seed], np.uint8))
    else:
        pixels = np.random.default_rng(seed).integers(0, 256, (32, 32, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(file)
