"""A made run on a Ray cluster of two nodes here, whose actors, driver and node are killed.

`python killed_actors.py FOLDER KILLS SEED` prints what became of it. The scorer is made up, and imports no torch: an
actor that is killed costs a second.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from deepfakebench_ext.common.types import Prediction, Sample

SAMPLES = [Sample(f"{number}.png", f"{number}.png", number % 2) for number in range(480)]  # type: ignore[arg-type]
ENDS = "deadly.png"
BATCH = 3


class MadeScorer:
    """Scores by a hash of the key; every seventh sample cannot be read, and one may end the process."""

    name = title = "made"
    is_trained = True
    default_batch_size = BATCH
    default_workers = 2
    stored_thresholds: dict[str, Any] = {}  # noqa: RUF012

    def __init__(self, batch_s: float = 0.05) -> None:
        """Take so long for a batch."""
        self.batch_s = batch_s

    def unit(self, samples: Sequence[Sample]) -> str:
        """Return what a score is of."""
        return "frame"

    def settings(self, samples: Sequence[Sample], batch_size: int) -> dict[str, Any]:
        """Return as good as nothing."""
        return {"fingerprint": f"{len(samples):064d}", "batch_size": batch_size}

    def notices(self, samples: Sequence[Sample]) -> list[Any]:
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
            for at in range(0, len(part), batch_size):
                time.sleep(self.batch_s)
                yield [_prediction(sample.key) for sample in part[at : at + batch_size]]


def _prediction(key: str) -> Prediction:
    if key == ENDS:
        os.kill(os.getpid(), signal.SIGKILL)
    number = int(hashlib.sha256(key.encode()).hexdigest()[:8], 16)
    if number % 7 == 0:
        return Prediction(key, None, "unreadable", "made so")
    return Prediction(key, number / 2**32)


def drive(folder: Path, samples: Sequence[Sample], address: str | None) -> Path:
    """Be the driver, to the end; return the run directory."""
    from deepfakebench_ext.engine import parts
    from deepfakebench_ext.engine.ray_cluster import RayCluster
    from deepfakebench_ext.engine.ray_parts import Elsewhere, scored_by_ray
    from deepfakebench_ext.evaluation.bulk import Known, score_elsewhere
    from deepfakebench_ext.evaluation.plan import Plan

    parts._IMAGES = 12
    plan = Plan.of(MadeScorer(), samples, output_dir=folder, workers=1)  # type: ignore[arg-type]
    known = Known.of(plan, plan.report(plots=False))
    how = Elsewhere(MadeScorer, known.alone, BATCH, 1, str(Path.cwd()))  # type: ignore[arg-type]
    with RayCluster(address, actors=2) as cluster:
        score_elsewhere(
            known, samples, plan.parts, lambda left: scored_by_ray(cluster, how, plan.parts, left), max_failures=0.9
        )
    return plan.folder


def alone(folder: Path) -> Path:
    """Score in one process, without Ray; return the run directory."""
    from deepfakebench_ext.engine import parts
    from deepfakebench_ext.evaluation.evaluate import Scoring
    from deepfakebench_ext.evaluation.plan import Plan

    parts._IMAGES = 12
    plan = Plan.of(MadeScorer(0), SAMPLES, output_dir=folder, workers=1)  # type: ignore[arg-type]
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
        drive(Path(sys.argv[1]), SAMPLES, sys.argv[2])
    else:
        random.seed(int(sys.argv[3]))
        sys.stdout.write(json.dumps(killed(Path(sys.argv[1]), int(sys.argv[2]))) + "\n")
