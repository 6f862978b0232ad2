"""Workers that are killed, that get the same part, or whose clock is off lose nothing and score nothing twice."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import ranks
from filelock import FileLock
from killed_workers import made_plan
from made_scorer import SAMPLES, MadeScorer

from deepfakebench_ext.common.errors import UnfinishedError
from deepfakebench_ext.engine import claims, part_worker, parts
from deepfakebench_ext.engine.part_worker import PartWorker
from deepfakebench_ext.evaluation import bench_sharing
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
    with Scoring(Plan.of(MadeScorer(), SAMPLES, output_dir=folder, workers=1)) as scoring:
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


def test_a_part_that_two_get_has_the_same_bytes(plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "FileLock", ranks.NoLock)
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


class _Failing(MadeScorer):
    """Fails, with what it is given, at the sample of that number; with None it works."""

    def __init__(self, fail: Callable[[], None] | None, at: int = 40) -> None:
        super().__init__()
        self.fail, self.at = fail, at

    def predict(self, *args: Any, **options: Any) -> Any:
        for batch in super().predict(*args, **options):
            if self.fail is not None and SAMPLES[self.at].key in [each.key for each in batch]:
                self.fail()
            yield batch


def failing(folder: Path, fail: Callable[[], None] | None, at: int = 40) -> Plan:
    return Plan.of(_Failing(fail, at), SAMPLES, output_dir=folder, workers=1)


def broken() -> None:
    raise RuntimeError("made so")


def test_a_part_that_fails_is_tried_again_after_all_others_and_then_named(plan: Plan, tmp_path: Path) -> None:
    tried: list[int] = []

    def fail() -> None:
        tried.append(len(list((plan.folder / "parts").glob("*.jsonl"))))
        broken()

    bad = failing(tmp_path / "shared", fail)
    for _ in range(2):  # the same command tries again
        with pytest.raises(UnfinishedError, match=r"1 part of 40 failed .* 3 \(12 samples, 36.png to 47.png\): Run"):
            Scoring(bad, is_shared=True).__enter__()
    assert len(tried) == 6
    assert tried[0] <= 4  # in its turn
    assert set(tried[1:]) == {39}
    with Scoring(plan, is_shared=True) as scoring:
        scoring.to_the_end()
    assert (plan.folder / "scores.jsonl").read_bytes() == alone(tmp_path)


def test_a_worker_of_which_all_parts_fail_ends_and_leaves_them_to_others(plan: Plan) -> None:
    def fail(*args: Any, **options: Any) -> Any:
        list(islice(options["parts"], 2))
        raise RuntimeError("made so")
        yield

    bad = failing(plan.folder.parent, None)
    object.__setattr__(bad.scorer, "predict", fail)
    with pytest.raises(RuntimeError, match="made so"):
        score_parts(bad)
    score_parts(plan)
    assert sum(part_files(plan).is_done(number) for number in range(40)) == 40


def test_a_part_that_kills_whoever_takes_it_is_given_up_and_named(plan: Plan, tmp_path: Path) -> None:
    bad = failing(tmp_path / "shared", lambda: os.kill(os.getpid(), signal.SIGKILL))
    codes = [ranks.in_fork(lambda: score_parts(bad)) for _ in range(3)]
    assert codes == [signal.SIGKILL] * 3
    with pytest.raises(UnfinishedError, match=r"part 3 .*: its process was killed.* remove .*/parts/\*\.tries first"):
        score_parts(bad)
    files = part_files(plan)
    assert [number for number in range(40) if not files.is_done(number)] == [3]
    (left,) = files.folder.glob("*.tries")
    left.unlink()
    score_parts(plan)
    assert files.is_done(3)


def test_a_worker_that_is_asked_to_end_is_not_held_against_its_part(plan: Plan, tmp_path: Path) -> None:
    def asked_to_end() -> None:
        raise SystemExit(143)

    for _ in range(4):
        with pytest.raises(SystemExit):
            score_parts(failing(tmp_path / "shared", asked_to_end))
    score_parts(plan)
    assert not list(part_files(plan).folder.glob("*.tries"))


def test_who_comes_late_finds_a_run_whose_parts_are_merged_and_gone(plan: Plan, tmp_path: Path) -> None:
    with Scoring(plan, is_shared=True) as scoring:
        scoring.to_the_end()
    assert not (plan.folder / "parts").exists()
    score_parts(failing(tmp_path / "shared", broken, at=0))
    assert not (plan.folder / "parts").exists()
    assert bench_sharing._Watch([part_files(plan)], "UADFV").progress.done == len(SAMPLES)
