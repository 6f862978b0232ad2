"""`--detector` as a user gives it: a function of theirs, or an API, through the evaluator, `compare` and `bench`."""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import stored
import tiny
import torch
import videos
import yaml
from apis import serving

from deepfakebench_ext.cli.bench import bench
from deepfakebench_ext.cli.bulk import bulk
from deepfakebench_ext.cli.compare import compare
from deepfakebench_ext.cli.evaluate import evaluate
from deepfakebench_ext.cli.main import run

Result = tuple[int, str, str]
Command = Callable[..., Result]

MINE = """
from pathlib import Path

def score(paths):
    with open("asked.txt", "a") as log:
        log.writelines(path + "\\n" for path in paths)
    if any("001" in path for path in paths):
        raise ValueError("I do not like 001")
    return [0.25 + 0.5 * ("fake" in path) + Path(path).stat().st_size % 7 / 100 for path in paths]
"""


@pytest.fixture(autouse=True)
def _program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DEEPFAKEBENCH_ROOT", raising=False)
    (tmp_path / "mine.py").write_text(MINE)


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a verb in this process; gives exit code, stdout, stderr."""

    def _run(verb: Callable[..., object], *arguments: object) -> Result:
        with pytest.raises(SystemExit) as exit_:
            run(lambda: verb([*map(str, arguments), *([] if verb is bench else ["--no_plots"])]))
            sys.exit(0)
        out, err = capsys.readouterr()
        return int(exit_.value.code or 0), out, err

    return _run


def rows(folder: Path, name: str = "scores.csv") -> list[dict[str, str]]:
    with (folder / name).open(newline="") as file:
        return list(csv.DictReader(file))


def own_run(pattern: str = "own-*") -> Path:
    (found,) = Path("inference_results").glob(pattern)
    return found


def test_a_function_has_a_run_as_any_detector(command: Command, tmp_path: Path) -> None:
    tiny.photos(tmp_path / "photos", 4)
    code, out, err = command(evaluate, "--detector", "mine.py:score", "--image", "photos")
    assert code == 3
    assert "6 of 8 images scored; true labels: 3 real, 3 fake" in out
    assert "frame_auc       1.0000" in out
    assert "mine.py:score, SHA-256 " in err
    folder = own_run()
    assert folder.name.startswith("own-mine-score-")
    failed = [(row["key"], row["reason"]) for row in rows(folder) if row["status"] == "failed"]
    assert failed == [
        (f"{label}/001.png", "ValueError: I do not like 001 (mine.py line 8)") for label in ("fake", "real")
    ]
    settings = json.loads((folder / "run.json").read_text())
    assert (settings["weights"]["source"], len(settings["weights"]["sha256"])) == ("mine.py:score", 64)
    assert json.loads((folder / "metrics.json").read_text())["figures"]["frame_auc"]["low"] is not None
    assert "SHA-256 of the weights" in (folder / "report.md").read_text()


def test_a_run_that_was_killed_asks_for_the_rest_alone_and_ends_with_the_same_bytes(
    command: Command, tmp_path: Path
) -> None:
    tiny.photos(tmp_path / "photos", 4)
    arguments = ("--detector", "mine.py:score", "--image", "photos", "--batch_size", 2)
    command(evaluate, *arguments)
    folder = own_run()
    whole = {name: (folder / name).read_bytes() for name in ("scores.jsonl", "scores.csv", "metrics.json")}
    lines = whole["scores.jsonl"].splitlines(keepends=True)
    (folder / "scores.jsonl").write_bytes(b"".join(lines[:4]) + lines[4][:9])
    Path("asked.txt").unlink()
    assert command(evaluate, *arguments)[0] == 3
    assert {name: (folder / name).read_bytes() for name in whole} == whole
    asked = Path("asked.txt").read_text().split()
    assert {Path(path).parent.name for path in asked} == {"real"}
    Path("asked.txt").unlink()
    command(evaluate, *arguments)
    assert not Path("asked.txt").exists()


def test_a_changed_program_is_another_run(command: Command, tmp_path: Path) -> None:
    tiny.photos(tmp_path / "photos", 1)
    for text in (MINE, MINE.replace("0.25", "0.2")):
        (tmp_path / "mine.py").write_text(text)
        assert command(evaluate, "--detector", "mine.py:score", "--image", "photos")[0] == 0
    assert len(list((tmp_path / "inference_results").iterdir())) == 2


def test_films_go_whole_and_folders_of_frames_frame_by_frame(command: Command, tmp_path: Path) -> None:
    (tmp_path / "films/fake").mkdir(parents=True)
    videos.stamped_video(tmp_path / "films/fake/a.mp4", 6)
    for number in range(5):
        tiny.photo(tmp_path / f"films/real/b/{number}.png", seed=number)
    code, out, _ = command(
        evaluate, "--detector", "mine.py:score", "--video", "films", "--num_frames", 3, "--aggregation", "max"
    )
    assert code == 0
    assert "2 of 2 videos scored; true labels: 1 real, 1 fake" in out
    asked = [Path(path).relative_to(tmp_path).as_posix() for path in Path("asked.txt").read_text().split()]
    assert asked == ["films/fake/a.mp4", *(f"films/real/b/{number}.png" for number in (0, 2, 4))]
    scored = rows(own_run())
    assert [(row["key"], row["index"], row["frame"]) for row in scored] == [
        ("fake/a.mp4", "0", ""),
        *(("real/b", str(index), str(frame)) for index, frame in enumerate((0, 2, 4))),
    ]
    best = max(float(row["score"]) for row in scored if row["key"] == "real/b")
    assert [float(row["score"]) for row in rows(own_run(), "videos.csv") if row["key"] == "real/b"] == [best]


def test_an_api_stands_beside_clip_in_a_comparison(command: Command, tmp_path: Path) -> None:
    tiny.photos(tmp_path / "photos", 4)
    (tmp_path / "clip.yaml").write_text(yaml.safe_dump(tiny.CLIP_YAML))
    torch.save(tiny.clip_detector_state(), tmp_path / "w.pth")
    clip = ("--detector_config", "clip.yaml", "--weights", "w.pth", "--dtype", "float32", "--device", "cpu")
    with serving(lambda body: (200, json.dumps({"score": len(body) % 101 / 101}).encode())) as (url, seen):
        assert command(evaluate, "--detector", f"{url}/predict", "--image", "photos")[0] == 0
        assert len(seen) == 8
        assert command(evaluate, "--detector", f"{url}/predict", "--image", "photos")[0] == 0
        assert len(seen) == 8
    assert command(evaluate, *clip, "--image", "photos")[0] == 0
    runs = sorted(Path("inference_results").iterdir())
    code, out, _ = command(compare, *runs)
    assert code == 0
    assert f"{url}/predict" in out
    detectors = json.loads(Path("comparison/comparison.json").read_text())["detectors"]
    assert {each["name"] for each in detectors} == {"w.pth", f"{url}/predict"}
    assert all(each["figures"]["frame_auc"]["low"] is not None for each in detectors)


def test_an_api_that_falls_costs_no_score_and_the_same_command_goes_on(command: Command, tmp_path: Path) -> None:
    tiny.photos(tmp_path / "photos", 3)
    good = (200, b'{"score": 0.5}')
    with serving(lambda body: good, fall_after=4) as (url, _):
        asked = ("--detector", url, "--detector_timeout", "2", "--image", "photos")
        code, _, err = command(evaluate, *asked)
    assert (code, "nothing answers there" in err, "the same command goes on" in err) == (1, True, True)
    assert len((own_run() / "scores.jsonl").read_text().splitlines()) == 4
    with serving(lambda body: good, port=int(url.rpartition(":")[2])) as (_, seen):
        code, out, _ = command(evaluate, *asked)
    assert (code, len(seen)) == (0, 2)
    assert "6 of 6 images scored; true labels: 3 real, 3 fake" in out


def test_photos_and_films_go_to_one_program_each_as_it_is(command: Command, tmp_path: Path) -> None:
    tiny.photos(tmp_path / "mixed", 2)
    videos.stamped_video(tmp_path / "mixed/fake/a.mp4", 6)
    (tmp_path / "mine.py").write_text(MINE.replace('"001"', '"nothing"'))
    code, out, err = command(evaluate, "--detector", "mine.py:score", "mixed")
    assert code == 0, err
    assert "5 of 5 " in out
    asked = sorted(Path(path).name for path in Path("asked.txt").read_text().split())
    assert asked == ["000.png", "000.png", "001.png", "001.png", "a.mp4"]


def test_bench_gives_a_function_the_frames_of_a_dataset(command: Command, tmp_path: Path) -> None:
    stored.write_images(tmp_path / "rgb")
    stored.write_json(tmp_path / "json", "./datasets/rgb/")
    (tmp_path / "mine.py").write_text("def score(paths):\n    return [len(path) % 10 / 10 for path in paths]\n")
    data = ("--test_dataset", stored.DATASET, "--dataset_json_folder", "json", "--rgb_dir", "rgb")
    code, out, err = command(bench, "--detectors", "mine.py:score", *data)
    assert code == 0, err
    assert re.search(r"\| mine.py:score \| 0\.\d{4} \| [01]\.\d{4} \|", out)
    (cells,) = ([row for row in rows(Path("inference_results"), "bench.csv") if row["level"] == "frame"],)
    assert [(row["real"], row["fake"], row["not_scored"]) for row in cells] == [("15", "8", "0")]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--weights", "org/vit", "--device", "cpu"), "--weights, --device means nothing with --detector"),
        (("--face_detector", "dlib"), "--face_detector means nothing with --detector"),
        (("--num_clips", "2"), "--num_clips means nothing for mine.py:score"),
        (("--detector_timeout", "0"), "--detector_timeout 0 is not allowed"),
    ],
)
def test_options_of_networks_are_refused(command: Command, tmp_path: Path, options: tuple[str, ...], said: str) -> None:
    tiny.photos(tmp_path / "photos", 1)
    code, _, err = command(evaluate, "--detector", "mine.py:score", "--image", "photos", *options)
    assert (code, said in err) == (2, True), err


def test_a_limit_without_a_program_is_refused(command: Command, tmp_path: Path) -> None:
    tiny.photos(tmp_path / "photos", 1)
    for verb in (evaluate, bulk):
        code, _, err = command(verb, "--detector_timeout", "5", "--image", "photos")
        assert (code, "--detector_timeout means nothing without --detector" in err) == (2, True)
