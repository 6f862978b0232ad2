"""Two figures may be compared where their protocols agree: a protocol goes by content, and what differs is said."""

from __future__ import annotations

import csv
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import stored
import tiny
import torch
import yaml

from deepfakebench_ext.cli.bench import bench
from deepfakebench_ext.cli.compare import compare
from deepfakebench_ext.cli.evaluate import evaluate
from deepfakebench_ext.cli.main import run
from deepfakebench_ext.cli.metrics import metrics

Command = Callable[..., tuple[int, str, str]]

MINE = "def score(paths):\n    return [len(open(path, 'rb').read()) % 97 / 97 for path in paths]\n"


@pytest.fixture(autouse=True)
def _detectors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DEEPFAKEBENCH_ROOT", raising=False)
    (tmp_path / "mine.py").write_text(MINE)
    for name, config in (("clip", tiny.CLIP_YAML), ("mae", tiny.VIDEOMAE_YAML)):
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(config))
    torch.save(tiny.clip_detector_state(), tmp_path / "w.pth")
    torch.save(tiny.videomae_detector_state(), tmp_path / "v.pth")


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a verb in this process; gives exit code, stdout, stderr."""

    def _run(verb: Callable[..., object], *arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as exit_:
            run(lambda: verb([*map(str, arguments), *([] if verb is bench else ["--no_plots"])]))
            sys.exit(0)
        out, err = capsys.readouterr()
        return int(exit_.value.code or 0), out, err

    return _run


def scored(command: Command, folder: str, *arguments: object, detector: str = "mine") -> Path:
    """The run of a detector in an output folder of its own."""
    which: tuple[str, ...] = ("--detector", "mine.py:score")
    if detector != "mine":
        which = ("--detector_config", f"{detector}.yaml", "--dtype", "float32", "--device", "cpu", "--weights")
        which += ("v.pth" if detector == "mae" else "w.pth",)
    code, _, err = command(evaluate, *which, *arguments, "--output_dir", folder)
    assert code == 0, err
    (found,) = Path(folder).iterdir()
    return found


def protocol(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "metrics.json").read_text())["protocol"]
    return found


def test_the_same_samples_in_other_folders_by_another_detector_are_the_same_protocol(
    command: Command, tmp_path: Path
) -> None:
    tiny.photos(tmp_path / "photos", 3)
    (tmp_path / "moved").mkdir()
    lines = ["path,label"]
    for number, path in enumerate(sorted((tmp_path / "photos").rglob("*.png"), reverse=True)):
        shutil.copy(path, tmp_path / "moved" / f"{number}.png")
        lines.append(f"moved/{number}.png,{path.parent.name}")
    (tmp_path / "list.csv").write_text("\n".join(lines))
    one = protocol(scored(command, "a", "--image", "photos"))
    other = protocol(scored(command, "b", "--manifest", "list.csv", detector="clip"))
    assert one == other
    assert (one["real"], one["fake"], one["sampling"], one["crops"], one["aggregation"]) == (3, 3, "images", "none", "")
    assert len(one["digest"]) == 12


def test_fewer_rows_another_label_and_another_byte_are_other_protocols(command: Command, tmp_path: Path) -> None:
    photos = sorted(tiny.photos(tmp_path / "photos", 3).rglob("*.png"))
    rows = [f"{path},{path.parent.name}" for path in photos]
    digests = set()
    for number, changed in enumerate((rows, rows[:-1], [*rows[:-1], f"{photos[-1]},fake"])):
        (tmp_path / "list.csv").write_text("\n".join(["path,label", *changed]))
        digests.add(protocol(scored(command, f"run{number}", "--manifest", "list.csv"))["digest"])
    tiny.photo(photos[0], seed=99)
    (tmp_path / "list.csv").write_text("\n".join(["path,label", *rows]))
    digests.add(protocol(scored(command, "run3", "--manifest", "list.csv"))["digest"])
    assert len(digests) == 4


def test_compare_says_in_what_protocols_differ_and_nothing_where_they_do_not(command: Command, tmp_path: Path) -> None:
    photos = sorted(tiny.photos(tmp_path / "photos", 3).rglob("*.png"))
    rows = [f"{path},{path.parent.name}" for path in photos]
    (tmp_path / "all.csv").write_text("\n".join(["path,label", *rows]))
    (tmp_path / "less.csv").write_text("\n".join(["path,label", *rows[:-1]]))
    whole = scored(command, "a", "--manifest", "all.csv")
    same = scored(command, "b", "--manifest", "all.csv", detector="clip")
    fewer = scored(command, "c", "--manifest", "less.csv", detector="clip")
    assert "other_protocol" not in kinds(command, whole, same)
    said = kinds(command, whole, fewer)["other_protocol"]
    assert said == [
        "mine.py:score and w.pth have other protocols, in samples (6 samples (3 real, 3 fake) and "
        "5 samples (2 real, 3 fake))"
    ]
    page = Path("comparison/report.md").read_text()
    assert protocol(whole)["digest"] in page
    assert protocol(fewer)["digest"] in page


def kinds(command: Command, *runs: Path) -> dict[str, list[str]]:
    assert command(compare, *runs)[0] == 0
    found: dict[str, list[str]] = {}
    for record in json.loads(Path("comparison/comparison.json").read_text())["notice_records"]:
        found.setdefault(record["kind"], []).append(record["text"])
    return found


def test_a_run_without_contents_is_of_an_unknown_protocol(command: Command, tmp_path: Path) -> None:
    tiny.photos(tmp_path / "photos", 3)
    arguments = ("--image", "photos")
    known, older = scored(command, "a", *arguments), scored(command, "b", *arguments, detector="clip")
    journal = older / "scores.jsonl"
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    journal.write_text("".join(json.dumps({k: v for k, v in line.items() if k != "content"}) + "\n" for line in lines))
    scored(command, "b", *arguments, detector="clip")
    assert protocol(older) is None
    assert "Protocol: unknown protocol" in (older / "report.md").read_text()
    assert kinds(command, known, older)["other_protocol"] == [
        "w.pth: unknown protocol, so whether its samples are the others' is not known"
    ]


def test_figures_recomputed_from_scores_keep_the_protocol_but_for_their_rule(command: Command, tmp_path: Path) -> None:
    for label in ("real", "fake"):
        for number in range(4):
            tiny.photo(tmp_path / f"films/{label}/v/{number}.png", seed=number + 10 * (label == "fake"))
    one = scored(command, "a", "--video", "films", "--num_frames", 2)
    assert protocol(one)["sampling"] == "policy uniform, num_frames 2"
    assert command(metrics, one, "--aggregation", "max", "--output_dir", "again")[0] == 0
    again = json.loads(Path("again/metrics.json").read_text())["protocol"]
    assert {**protocol(one), "aggregation": "max", "digest": again["digest"]} == again
    assert again["digest"] != protocol(one)["digest"]
    assert again["digest"] in Path("again/report.md").read_text()


def test_other_frames_of_the_same_videos_differ_in_sampling_alone(command: Command, tmp_path: Path) -> None:
    for number in range(6):
        tiny.photo(tmp_path / f"films/real/v/{number}.png", seed=number)
        tiny.photo(tmp_path / f"films/fake/v/{number}.png", seed=number + 10)
    found = [
        protocol(scored(command, "a", "--video", "films", "--num_frames", 2)),
        protocol(scored(command, "b", "--video", "films", "--num_frames", 3)),
        protocol(scored(command, "c", "--video", "films", "--num_clips", 1, detector="mae")),
    ]
    assert len({each["samples_sha256"] for each in found}) == 1
    assert len({each["sampling"] for each in found}) == 3


def test_a_dataset_in_folders_and_in_an_lmdb_is_one(command: Command, tmp_path: Path) -> None:
    stored.write_images(tmp_path / "rgb")
    stored.write_json(tmp_path / "json", "./datasets/rgb/")
    stored.images_in_lmdb(tmp_path / "lmdb/Celeb-DF-v1_lmdb", tmp_path / "rgb", "backslash")
    data = ("--test_dataset", stored.DATASET, "--dataset_json_folder", "json")
    one = protocol(scored(command, "a", *data, "--rgb_dir", "rgb", detector="clip"))
    assert one == protocol(scored(command, "b", *data, "--lmdb_dir", "lmdb", detector="clip"))
    assert one == protocol(scored(command, "c", *data, "--rgb_dir", "rgb"))


def test_bench_says_the_protocol_of_a_dataset_and_where_detectors_have_others(command: Command, tmp_path: Path) -> None:
    stored.write_images(tmp_path / "rgb")
    stored.write_json(tmp_path / "json", "./datasets/rgb/")
    data = ("--test_dataset", stored.DATASET, "--dataset_json_folder", "json", "--rgb_dir", "rgb")
    _, out, err = command(bench, "--detectors", "mine.py:score", "clip.yaml=w.pth", *data, "--device", "cpu")
    with Path("inference_results/bench.csv").open(newline="") as file:
        digests = {row["protocol"] for row in csv.DictReader(file)}
    assert len(digests) == 1, err
    assert f"- protocol of Celeb-DF-v1 {digests.pop()}: 4 samples (2 real, 2 fake)" in out
    assert "other protocols" not in out
    _, out, _ = command(bench, "--detectors", "clip.yaml=w.pth", "mae.yaml=v.pth", *data, "--device", "cpu")
    assert "- Celeb-DF-v1: clip and mae have other protocols, in sampling (" in out
