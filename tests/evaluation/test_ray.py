"""A Ray cluster ends with the bytes of one process, whoever is killed; what goes wrong there is said here."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import killed_actors
import pyarrow as pa
import pyarrow.parquet
import pytest
import tiny
import torch
import yaml
from click.testing import CliRunner
from made_scorer import BATCH, SAMPLES, MadeScorer

from deepfakebench_ext.cli.main import cli
from deepfakebench_ext.common.errors import ConfigError, FailuresError, MissingExtraError, ModelError, UnfinishedError
from deepfakebench_ext.common.types import Sample
from deepfakebench_ext.engine import parts, ray_cluster, ray_parts
from deepfakebench_ext.engine.ray_cluster import RayCluster, Shares, in_folder
from deepfakebench_ext.engine.ray_parts import Came, Elsewhere
from deepfakebench_ext.evaluation import bulk
from deepfakebench_ext.evaluation.bulk import Known, score_elsewhere
from deepfakebench_ext.evaluation.inputs import Input
from deepfakebench_ext.evaluation.plan import Plan

ROOT = Path(__file__).parents[2]
SAME = ("scores.csv", "metrics.json", "scores.jsonl")


def run(*words: object, folder: Path) -> subprocess.CompletedProcess[str]:
    """Start Python with a token of its own for Ray, whose cluster is this test's alone."""
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": os.urandom(32).hex()}
    paths = os.pathsep.join(map(str, (ROOT, ROOT / "tests")))
    return subprocess.run(
        [sys.executable, *map(str, words)],
        env={**os.environ, **token, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=250,
    )


def contents(folder: Path, names: Sequence[str] = SAME) -> dict[str, bytes]:
    (found,) = (path for path in folder.iterdir() if path.is_dir())
    return {name: (found / name).read_bytes() for name in names}


def test_two_actors_end_with_the_bytes_of_one_process(tmp_path: Path) -> None:
    (tmp_path / "clip.yaml").write_text(yaml.safe_dump(tiny.CLIP_YAML))
    torch.save(tiny.clip_detector_state(), tmp_path / "w.pth")
    for video, frame in itertools.product(range(40), range(4)):
        if frame <= video % 4:
            tiny.photo(tmp_path / f"films/{video:02d}/{frame:03d}.png", seed=50 * video + frame)
    (tmp_path / "films/01/000.png").write_bytes(b"damaged")
    listed = {"path": [f"films/{video:02d}" for video in range(40)], "label": [video % 2 for video in range(40)]}
    pa.parquet.write_table(pa.table(listed), tmp_path / "all.parquet")

    words = ["--detector_config", "clip.yaml", "--weights", "w.pth", "--manifest", "all.parquet", "--batch_size", "3"]
    words += ["--dtype", "float32", "--device", "cpu", "--no_plots", "--json", "--output_dir"]
    alone = CliRunner().invoke(cli, ["evaluate", *words, "one"])
    assert alone.exit_code == 0, alone.output
    shared = run("-m", "deepfakebench_ext", "bulk", *words, "two", "--actors", "2", folder=tmp_path)
    assert shared.returncode == 0, shared.stderr
    assert json.loads(shared.stdout) == json.loads(alone.stdout)
    assert "2 Ray actors of" in shared.stderr
    assert contents(tmp_path / "two", (*SAME, "videos.csv")) == contents(tmp_path / "one", (*SAME, "videos.csv"))
    assert "finished before" in CliRunner().invoke(cli, ["bulk", *words, "two"]).stderr


def test_actors_a_driver_and_a_node_are_killed_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "_IMAGES", parts._IMAGES)  # put back what alone() changes
    script = ROOT / "tests/killed_actors.py"
    (tmp_path / "killed").mkdir()
    done = run(script, tmp_path / "killed", 4, 1, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    killed_actors.alone(tmp_path / "alone")
    right = {name: text.hex() for name, text in contents(tmp_path / "alone").items()}
    assert (found["code"], found["left"], found["files"] == right) == (0, [], True), done.stderr
    assert (found["kills"]["node"], found["kills"]["driver"]) == (1, 1)


NODES = [{"CPU": 8.0, "GPU": 2.0}, {"CPU": 16.0, "GPU": 2.0}, {"CPU": 4.0}, {"memory": 1.0}]


@pytest.mark.parametrize(
    ("nodes", "asked", "device", "shares"),
    [
        (NODES, None, "auto", Shares(4, 4, 1)),
        (NODES, 2, "cuda", Shares(2, 4, 1)),
        (NODES, None, "cpu", Shares(3, 4, 0)),
        ([{"CPU": 2.0}], 2, "auto", Shares(2, 1, 0)),
        ([{"CPU": 2.0}], None, "auto", Shares(1, 2, 0)),
        ([{"CPU": 2.0}], 5, "auto", Shares(5, 1, 0)),
        ([{"CPU": 4.0}, {"CPU": 4.0}], 3, "auto", Shares(3, 2, 0)),
        ([{"CPU": 0.0}], None, "cuda", Shares(1, 1, 1)),  # grows on demand
    ],
)
def test_an_actor_takes_a_gpu_or_its_share_of_the_cpus(
    nodes: Any, asked: int | None, device: str, shares: Shares
) -> None:
    assert Shares.of(nodes, asked, device) == shares


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Plan, Known]:
    monkeypatch.setattr(parts, "_IMAGES", 12)
    plan = Plan.of(MadeScorer(), SAMPLES, output_dir=tmp_path / "made", workers=1)
    return plan, Known.of(plan, plan.report(plots=False))


@pytest.mark.parametrize(("asked", "alone", "threads"), [(None, 16, 12), (None, 2, 2), (30, 30, 30)])
def test_an_actor_reads_with_as_many_threads_as_one_process_would_on_its_cpus(
    made: tuple[Plan, Known], monkeypatch: pytest.MonkeyPatch, asked: int | None, alone: int, threads: int
) -> None:
    plan, known = made
    told: list[int] = []

    def score(cluster: Any, how: Elsewhere, parts: Any, left: Sequence[int]) -> Iterator[Came]:
        told.append(how.workers)
        return _Ray(plan, {})(left)

    monkeypatch.setattr(bulk, "scored_by_ray", score)
    cluster: Any = SimpleNamespace(run=lambda *_: replace(known, workers=alone), shares=Shares(1, 12, 0))
    request: Any = SimpleNamespace(workers=asked)
    bulk.bulk(request, Input("made", SAMPLES), cluster)
    assert told == [threads]


class _Ray:
    """Scores here, as actors would, but for parts that fail so often before they do."""

    def __init__(self, plan: Plan, fails: dict[int, int]) -> None:
        self.plan, self.fails, self.asked = plan, fails, list[list[int]]()

    def __call__(self, left: Sequence[int]) -> Iterator[Came]:
        self.asked.append(list(left))
        for number in left:
            if self.fails.get(number, 0) > 0:
                self.fails[number] -= 1
                yield Came(number, [], f"made to fail at {number}")
                continue
            part = self.plan.parts[number]
            batches = self.plan.scorer.predict(part, batch_size=BATCH, workers=1, skip=0, parts=[part])
            yield Came(number, [each for batch in batches for each in batch])


def test_what_fails_is_tried_after_all_others_three_times_and_then_named(made: tuple[Plan, Known]) -> None:
    plan, known = made
    ray = _Ray(plan, {3: 3, 5: 2})
    with pytest.raises(UnfinishedError) as raised:
        score_elsewhere(known, SAMPLES, plan.parts, ray)
    assert [len(asked) for asked in ray.asked] == [40, 2, 2]
    first, last = (plan.parts[3][at].key for at in (0, -1))
    assert f"1 part of 40 failed again and again: part 3 (12 samples, {first} to {last}): made to fail" in str(
        raised.value
    )
    score_elsewhere(known, SAMPLES, plan.parts, ray)  # nothing that was done is asked for again
    assert ray.asked[3:] == [[3]]
    alone = killed_actors.alone(plan.folder.parent.parent / "alone")
    assert {name: (plan.folder / name).read_bytes() for name in SAME} == contents(alone.parent)


def test_a_run_that_cannot_end_well_is_stopped_also_when_it_goes_on(made: tuple[Plan, Known]) -> None:
    plan, known = made
    ray = _Ray(plan, {})
    for _ in range(2):
        with pytest.raises(FailuresError, match=r"no score, more than --max_failures 0\.05 allows: \d+ unreadable"):
            score_elsewhere(known, SAMPLES, plan.parts, ray, max_failures=0.05)
    assert len(ray.asked) == 1  # what is there tells as much
    assert len(list(plan.folder.glob("parts/*.jsonl"))) < 20
    assert score_elsewhere(known, SAMPLES, plan.parts, ray, max_failures=0.5).counts["frame"].total == len(SAMPLES)


def actor(plan: Plan, samples: Sequence[Sample], **changes: Any) -> Any:
    """What comes of a part that is sent to an actor."""
    settings = plan.scorer.settings((), BATCH) | changes
    how = Elsewhere(lambda: plan.scorer, settings, BATCH, 1, str(Path.cwd()))
    return lambda: next(ray_parts._came([ray_parts._Actor(how)(ray_parts._row(0, samples))]))


def test_an_actor_gives_scores_or_says_what_failed(made: tuple[Plan, Known], monkeypatch: pytest.MonkeyPatch) -> None:
    plan, _ = made
    came = actor(plan, SAMPLES[:12])()
    assert (len(came.predictions), came.reason) == (12, "")

    def fail(*args: Any, **options: Any) -> Any:
        yield []
        raise RuntimeError("out of memory")

    monkeypatch.setattr(plan.scorer, "predict", fail)
    failed = actor(plan, SAMPLES[:12])
    assert failed() == Came(0, [], "RuntimeError: out of memory")
    monkeypatch.setattr(ray_parts, "MOST_IN_A_ROW", 1)
    with pytest.raises(ModelError, match="1 parts in a row failed, the last of RuntimeError: out of memory"):
        failed()


def test_machines_that_compute_or_see_files_otherwise_are_refused(
    made: tuple[Plan, Known], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, _ = made
    with pytest.raises(ConfigError, match=r"in another way than .*, by dtype: dtype is None there and was float64"):
        actor(plan, SAMPLES[:12], dtype="float64")()
    photo = tmp_path / "photo.png"
    sent = ray_parts._row(0, [Sample("photo.png", str(photo))])
    photo.touch()
    monkeypatch.setattr(ray_parts, "_row", lambda number, samples: sent)
    with pytest.raises(ConfigError, match=r"sees other files than .* at .*photo\.png"):
        actor(plan, SAMPLES)()
    with pytest.raises(ConfigError, match="has no folder /nowhere, in which the command was typed"):
        in_folder("/nowhere", print)


def test_what_ray_lacks_or_cannot_take_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="--device cuda:1 means nothing with Ray"):
        RayCluster(device="cuda:1")
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setitem(sys.modules, "ray.data", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'deepfakebench-ext\[ray\]'"):
        ray_cluster.needs_ray()
