"""Workers that are killed, that get the same part, or whose clock is off lose nothing and score nothing twice."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock, Timeout
from killed_workers import SAMPLES, MadeScorer, made_plan

from deepfakebench_ext.engine import part_worker, parts
from deepfakebench_ext.engine.part_worker import PartWorker
from deepfakebench_ext.evaluation.evaluate import Scoring
from deepfakebench_ext.evaluation.plan import Plan
from deepfakebench_ext.evaluation.sharing import part_files, score_parts

ROOT = Path(__file__).parents[2]


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    monkeypatch.setattr(parts, "_IMAGES", parts._IMAGES)  # put back what made_plan changes
    monkeypatch.setattr(part_worker, "_PAUSE_S", part_worker._PAUSE_S)
    return made_plan(tmp_path / "shared")


def alone(folder: Path) -> bytes:
    """The journal of one process."""
    with Scoring(Plan.of(MadeScorer(0), SAMPLES, output_dir=folder, workers=1)) as scoring:
        scoring.to_the_end()
        return (scoring.plan.folder / "scores.jsonl").read_bytes()


def test_workers_and_the_driver_killed_twenty_times_end_with_the_bytes_of_one_process(
    plan: Plan, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests/killed_workers.py"), str(tmp_path / "killed"), "20"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    right = {"codes": [0] * 5, "sha256": hashlib.sha256(alone(tmp_path)).hexdigest(), "left": []}
    assert found == right, done.stderr


class _NoLock:
    """As on a disk whose locks do not reach the other machine."""

    def __init__(self, path: Path) -> None:
        path.touch()

    def acquire(self, timeout: float) -> None:
        pass

    def release(self) -> None:
        pass


def test_a_part_that_two_get_has_the_same_bytes(plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(part_worker, "FileLock", _NoLock)
    threads = [threading.Thread(target=score_parts, args=(plan,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    with Scoring(plan) as scoring:
        scoring.to_the_end()
    assert (plan.folder / "scores.jsonl").read_bytes() == alone(tmp_path)


def test_a_part_that_somebody_is_at_is_left_until_he_ends(plan: Plan) -> None:
    files = part_files(plan)
    files.prepare()
    held = FileLock(files.path(3).with_suffix(".lock"), thread_local=False)
    held.acquire()
    worker = PartWorker(plan.scorer, files, range(5), batch_size=3, workers=1)
    waited: list[list[int]] = []

    def watch(predictions: Any) -> None:
        if not predictions:
            waited.append([number for number in range(5) if files.is_done(number)])
            held.release()

    worker.to_the_end(watch)
    assert waited[0] == [0, 1, 2, 4]
    assert files.is_done(3)


def test_whoever_goes_on_alone_uses_the_parts_that_others_left(plan: Plan, tmp_path: Path) -> None:
    score_parts(plan, range(30))
    with Scoring(Plan.of(_Counting(), SAMPLES, output_dir=tmp_path / "shared", workers=1)) as scoring:
        scoring.to_the_end()
    assert _Counting.batches == 10 * 4
    assert (plan.folder / "scores.jsonl").read_bytes() == alone(tmp_path)


class _Counting(MadeScorer):
    batches = 0

    def predict(self, *args: Any, **options: Any) -> Any:
        for batch in super().predict(*args, **options):
            _Counting.batches += 1
            yield batch


def test_a_claim_is_given_back_when_its_worker_fails(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any, **options: Any) -> Any:
        list(options["parts"])[:1]
        raise RuntimeError("made so")
        yield

    files = part_files(plan)
    monkeypatch.setattr(plan.scorer, "predict", fail)
    with pytest.raises(RuntimeError, match="made so"):
        PartWorker(plan.scorer, files, [0], batch_size=3, workers=1).to_the_end(lambda predictions: None)
    try:
        FileLock(files.path(0).with_suffix(".lock")).acquire(timeout=0)
    except Timeout:
        pytest.fail("the claim is held")
