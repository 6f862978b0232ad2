"""`bench` by the processes of a launcher: the bytes of one process."""

from __future__ import annotations

import json
from pathlib import Path

import made_host
import pytest
import ranks
import tiny
import torch
import yaml

from deepfakebench_ext.cli.bench import bench
from deepfakebench_ext.cli.main import run

SETS = ("UADFV", "Celeb-DF-v1")
SAME = ("scores.csv", "metrics.json", "scores.jsonl", "videos.csv")


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    """A bench of two detectors over two datasets of 40 videos, three parts each."""
    for name in SETS:
        made_host.write_dataset(tmp_path, name, suffix=".png", videos=20, frames=4)
    for name in ("one", "two"):
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(tiny.CLIP_YAML))
    torch.save(tiny.clip_detector_state(), tmp_path / "w.pth")
    torch.save({name: value / 2 for name, value in tiny.clip_detector_state().items()}, tmp_path / "v.pth")
    return [
        *("bench", "--detectors", f"{tmp_path}/one.yaml={tmp_path}/w.pth", f"{tmp_path}/two.yaml={tmp_path}/v.pth"),
        *("--test_dataset", *SETS, "--dataset_json_folder", f"{tmp_path}/json", "--rgb_dir", f"{tmp_path}/rgb"),
        *("--dtype", "float32", "--device", "cpu"),
    ]


def contents(folder: Path) -> dict[str, bytes]:
    """The table and each run's files; no run has more."""
    results = folder / "inference_results"
    found = {name: (results / name).read_bytes() for name in ("bench.md", "bench.csv")}
    runs = [path for path in results.iterdir() if path.is_dir()]
    assert len(runs) == 4
    for path in runs:
        assert not (path / "parts").exists()
        found |= {f"{path.name}/{name}": (path / name).read_bytes() for name in SAME}
    return found


def test_three_processes_end_with_the_bytes_of_one(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("alone", "three"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "alone")
    with pytest.raises(SystemExit) as exit_:
        run(lambda: bench(words[1:]))
    assert not exit_.value.code
    printed = ranks.by_forks(3, words, tmp_path / "three")
    assert printed.count("| AUC |") == 1  # process 0 alone reports
    assert contents(tmp_path / "three") == contents(tmp_path / "alone")
    (record, *_) = (tmp_path / "three").rglob("run.json")
    assert json.loads(record.read_text())["command"].startswith("ranks.py bench --detectors")
