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
from pathlib import Path
from typing import Any

from made_scorer import SAMPLES, MadeScorer

from deepfakebench_ext.engine import claims, part_worker, parts
from deepfakebench_ext.evaluation.evaluate import Scoring
from deepfakebench_ext.evaluation.plan import Plan
from deepfakebench_ext.evaluation.sharing import score_parts

WORKERS = 4
WRITTEN = ("run.json", "scores.jsonl", ".lock")


def made_plan(folder: Path, batch_s: float = 0.004) -> Plan:
    """Return the plan of a run of 40 parts, of which a batch takes so long."""
    parts._IMAGES = 12
    part_worker._PAUSE_S = 0.02
    return Plan.of(MadeScorer(batch_s), SAMPLES, output_dir=folder, workers=1)


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
