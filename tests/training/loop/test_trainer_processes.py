"""Trainings in processes of their own: several at once, and killed at any moment."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from pathlib import Path

import made_training
import pytest
from made_training import command, environment, lines, losses, run, run_here, same, values, weights, write_yaml


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("training")
    made_training.data(folder, train=40, val=4)
    return folder


def figures(run: Path) -> list[float]:
    return [line["val_frame_auc"] for line in lines(run) if "is_best" in line]


def test_two_processes_train_as_one(folder, monkeypatch):
    # 80 samples in batches of 7: uneven shares, a last batch of 3, and one that cannot be read.
    (folder / "train/real/005.png").write_bytes(b"not a picture")
    recipe = {"epochs": 2, "batch_size": 7, "accumulate": 2, "balance": "weights", "augmentation": {}, "dropout": 0.2}
    pairs = {"uniformity_weight": 0.5, "alignment_weight": 0.2}
    write_yaml(folder / "recipe.yaml", values({"mode": "gradual"}, **recipe, **pairs))
    monkeypatch.chdir(folder)
    options = ("--detector_config", "recipe.yaml", "--output_dir")
    one, two = run_here(*options, "run1"), run(folder, *options, "run2", "--device", "auto", processes=2)
    for number, said in ((1, one.stderr), (2, two.stderr)):
        assert (folder / f"run{number}/best/README.md").is_file(), said
        assert "not usable: 1 training samples" in said
    one, two = losses(folder / "run1"), losses(folder / "run2")
    assert len(one) == len(two) == 12
    assert one == pytest.approx(two, abs=1e-4)
    assert figures(folder / "run1") == pytest.approx(figures(folder / "run2"), abs=1e-4)


def _kill(folder: Path, options: tuple[str, ...], at: int, wait_s: float) -> None:
    """Train into `cut` until its journal has `at` lines, and a little longer, then kill."""
    journal = folder / "cut/metrics.jsonl"
    process = subprocess.Popen(
        command(*options, "--output_dir", "cut"),
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while process.poll() is None:
        if journal.is_file() and journal.read_bytes().count(b"\n") >= at:
            time.sleep(wait_s)
            process.send_signal(signal.SIGKILL)
            break
        time.sleep(0.001)
    _, err = process.communicate()
    assert process.returncode == -signal.SIGKILL, err


def test_a_run_killed_at_any_moment_ends_as_an_undisturbed_one(tmp_path):
    made_training.data(tmp_path)
    recipe = {"epochs": 6, "batch_size": 2, "dropout": 0.2, "ema": 0.9, "augmentation": {}, "patience": 5}
    write_yaml(tmp_path / "recipe.yaml", values({"mode": "gradual", "unfreeze_every": 2}, **recipe))
    options = ("--detector_config", "recipe.yaml", "--checkpoint_minutes", "0")
    assert run_here(*options, "--output_dir", "whole").exit_code == 0
    undisturbed = (tmp_path / "whole/metrics.jsonl").read_bytes()
    assert undisturbed.count(b"\n") == 54  # six epochs of eight steps and a validation
    rng = random.Random(0)
    for start in (1, 14, 27):  # each further than the last one came, and long before the end
        at = start + rng.randrange(8)
        _kill(tmp_path, options, at, rng.random() * 0.03)
        kept = (tmp_path / "cut/metrics.jsonl").read_bytes().rpartition(b"\n")[0]
        assert kept.count(b"\n") + 1 >= at
        assert undisturbed.startswith(kept)
    done = run_here(*options, "--output_dir", "cut")
    assert done.exit_code == 0, done.stderr
    for part in ("best", "last"):
        assert same(weights(tmp_path / "whole" / part), weights(tmp_path / "cut" / part))
    assert undisturbed == (tmp_path / "cut/metrics.jsonl").read_bytes()
    assert not list((tmp_path / "cut").rglob("*.tmp"))
