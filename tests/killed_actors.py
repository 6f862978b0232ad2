"""A made run on a Ray cluster of two nodes here, whose actors, driver and node are killed.

`python killed_actors.py FOLDER KILLS SEED` prints what became of it. The scorer is made up: an actor costs a second.
"""

from __future__ import annotations

import contextlib
import functools
import json
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from made_scorer import BATCH, SAMPLES, MadeScorer

_BATCH_S = 0.05


def drive(folder: Path, address: str) -> None:
    """Be the driver, to the end."""
    from deepfakebench_ext.engine import parts
    from deepfakebench_ext.engine.ray_cluster import RayCluster
    from deepfakebench_ext.engine.ray_parts import Elsewhere, scored_by_ray
    from deepfakebench_ext.evaluation.bulk import Known, score_elsewhere
    from deepfakebench_ext.evaluation.plan import Plan

    parts._IMAGES = 12
    made = functools.partial(MadeScorer, _BATCH_S)
    plan = Plan.of(made(), SAMPLES, output_dir=folder, workers=1)
    known = Known.of(plan, plan.report(plots=False))
    how = Elsewhere(made, known.alone, BATCH, 1, str(Path.cwd()))
    with RayCluster(address, actors=2) as cluster:
        score_elsewhere(
            known, SAMPLES, plan.parts, lambda left: scored_by_ray(cluster, how, plan.parts, left), max_failures=0.9
        )


def alone(folder: Path) -> Path:
    """Score in one process, without Ray; return the run directory."""
    from deepfakebench_ext.engine import parts
    from deepfakebench_ext.evaluation.evaluate import Scoring
    from deepfakebench_ext.evaluation.plan import Plan

    parts._IMAGES = 12
    plan = Plan.of(MadeScorer(), SAMPLES, output_dir=folder, workers=1)
    with Scoring(plan) as scoring:
        scoring.to_the_end()
        scoring.report(plan.report(plots=False))
    return plan.folder


def start(folder: Path, address: str) -> subprocess.Popen[bytes]:
    """Start a driver."""
    return subprocess.Popen([sys.executable, __file__, str(folder), address])


def actors(nodes: Iterable[Any]) -> Iterator[Any]:
    """Yield the processes of the nodes that hold a scorer."""
    import psutil

    for node in nodes:
        for process in psutil.Process(node.all_processes["raylet"][0].process.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):  # it has ended since
                if (process.cmdline() or [""])[0].startswith("ray::MapWorker"):
                    yield process


def killed(folder: Path, kills: int) -> dict[str, Any]:
    """Score on two nodes of which one is killed, and so many actors and drivers; return what became of it."""
    import psutil
    from ray.cluster_utils import Cluster

    node_has = {"num_cpus": 2, "object_store_memory": 100 * 2**20}
    cluster = Cluster(initialize_head=True, head_node_args={**node_has, "include_dashboard": False})
    nodes = [cluster.head_node, cluster.add_node(**node_has)]
    driver, done, ends = start(folder, cluster.address), Counter[str](), time.monotonic() + 600
    while driver.poll() is None and done.total() < kills and time.monotonic() < ends:
        time.sleep(random.uniform(0.2, 1.5))
        if not any(folder.glob("*/parts/*.jsonl")):
            continue
        if done.total() == 1:
            cluster.remove_node(nodes.pop(), allow_graceful=False)
            done["node"] += 1
        elif done.total() % 5 == 2:
            driver.kill()
            driver.wait()
            driver = start(folder, cluster.address)
            done["driver"] += 1
        elif found := list(actors(nodes)):
            with contextlib.suppress(psutil.NoSuchProcess):
                random.choice(found).kill()
                done["actor"] += 1
    code = driver.wait(300)
    cluster.shutdown()
    (run,) = folder.iterdir()
    files = {name: (run / name).read_bytes().hex() for name in ("scores.csv", "metrics.json", "scores.jsonl")}
    return {"code": code, "kills": done, "files": files, "left": sorted(path.name for path in run.glob("parts/*"))}


if __name__ == "__main__":
    if ":" in sys.argv[2]:
        drive(Path(sys.argv[1]), sys.argv[2])
    else:
        random.seed(int(sys.argv[3]))
        sys.stdout.write(json.dumps(killed(Path(sys.argv[1]), int(sys.argv[2]))) + "\n")
