"""Workers of a made run that are killed at random: `python killed_workers.py FOLDER KILLS` prints what became of it.

The scorer is made up, so that a worker costs a fork. Worker 0 is the driver, which holds the run directory and writes
the journal in the end. Every other worker has a clock that is five minutes off. Workers are killed so fast one
after the other that a part may see three of them go by chance: here that says nothing against it.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Generator, Iterable, Sequence
from pathlib import Path
from typing import Any

from deepfakebench_ext.common.choices import Level
from deepfakebench_ext.common.notices import Notice
from deepfakebench_ext.common.types import Prediction, Sample
from deepfakebench_ext.engine import claims, part_worker, parts
from deepfakebench_ext.evaluation.evaluate import Scoring
from deepfakebench_ext.evaluation.plan import Plan
from deepfakebench_ext.evaluation.sharing import score_parts
from deepfakebench_ext.models.stored_thresholds import Stored

SAMPLES = [Sample(f"{number}.png", f"{number}.png", 1) for number in range(480)]
WORKERS = 4
WRITTEN = ("run.json", "scores.jsonl", ".lock")


class MadeScorer:
    """Scores by a hash of the key, a few milliseconds a batch; every seventh sample cannot be read."""

    name = title = "made"
    is_trained = True
    default_batch_size = 3
    default_workers = 2

    def __init__(self, batch_s: float = 0.004) -> None:
        """Take so long for a batch."""
        self.batch_s = batch_s
        self.stored_thresholds: Stored = {}

    def unit(self, samples: Sequence[Sample]) -> Level:
        """Return what a score is of."""
        return "frame"

    def settings(self, samples: Sequence[Sample], batch_size: int) -> dict[str, Any]:
        """Return as good as nothing."""
        return {"fingerprint": f"{batch_size:064d}"}

    def notices(self, samples: Sequence[Sample]) -> list[Notice]:
        """Return nothing."""
        return []

    def predict(
        self,
        samples: Sequence[Sample],
        *,
        batch_size: int,
        workers: int,
        skip: int,
        parts: Iterable[Sequence[Sample]],
    ) -> Generator[list[Prediction], None, None]:
        """Yield scores."""
        for part in parts:
            rest = part[skip:]
            skip = 0
            for at in range(0, len(rest), batch_size):
                time.sleep(self.batch_s)
                yield [_prediction(sample.key) for sample in rest[at : at + batch_size]]


def _prediction(key: str) -> Prediction:
    number = int(hashlib.sha256(key.encode()).hexdigest()[:8], 16)
    if number % 7 == 0:
        return Prediction(key, None, "unreadable", "made so")
    return Prediction(key, number / 2**32)


def made_plan(folder: Path) -> Plan:
    """Return the plan of a run of 40 parts."""
    parts._IMAGES = 12
    part_worker._PAUSE_S = 0.02
    return Plan.of(MadeScorer(), SAMPLES, output_dir=folder, workers=1)


def work(number: int, plan: Plan) -> None:
    """Be one of the workers, to the end."""
    if number % 2:
        now, off = time.time, random.choice((-300, 300))
        time.time = lambda: now() + off
    if number:
        return score_parts(plan)
    with Scoring(plan, is_shared=True) as scoring:
        scoring.to_the_end()
    return None


def start(number: int, plan: Plan) -> int:
    """Fork a worker; return its process."""
    if process := os.fork():
        return process
    code = 1
    try:
        random.seed(os.getpid())
        work(number, plan)
        code = 0
    except BaseException:
        traceback.print_exc()
        raise
    finally:  # nothing of the parent's runs on in a fork
        sys.stderr.flush()
        os._exit(code)


def killed(folder: Path, kills: int) -> dict[str, Any]:
    """Score with workers of which so many are killed, one after the other; return what became of it."""
    claims.MOST_TRIES = kills
    plan = made_plan(folder)
    running = {number: start(number, plan) for number in range(WORKERS)}
    for _ in range(kills):
        time.sleep(random.uniform(0.005, 0.05))
        number = random.randrange(WORKERS)
        os.kill(running[number], signal.SIGKILL)
        os.waitpid(running[number], 0)
        running[number] = start(number, plan)
    codes = [os.waitpid(process, 0)[1] for process in running.values()]
    codes.append(os.waitpid(start(0, plan), 0)[1])  # the same command again clears what the last killed one left
    journal = (plan.folder / "scores.jsonl").read_bytes()
    left = [path.name for path in plan.folder.rglob("*") if path.name not in WRITTEN]
    return {"codes": codes, "sha256": hashlib.sha256(journal).hexdigest(), "left": left}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(killed(Path(sys.argv[1]), int(sys.argv[2]))) + "\n")
