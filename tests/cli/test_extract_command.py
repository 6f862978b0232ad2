"""`extract_frames.py` as a user runs it, and what it wrote as `perf_huggingface.py` reads it."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import films
import pytest
import tiny
import torch
import videos
import yaml

from deepfakebench_ext.cli.evaluate import evaluate
from deepfakebench_ext.cli.extract import extract
from deepfakebench_ext.cli.main import cli, run

REPOSITORY = Path(__file__).parents[2]
Result = tuple[int, str, str]
Command = Callable[..., Result]


@pytest.fixture(autouse=True)
def _no_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DEEPFAKEBENCH_ROOT", raising=False)


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command in this process; gives exit code, stdout, stderr."""

    def _run(verb: Callable[..., object], *arguments: object) -> Result:
        with pytest.raises(SystemExit) as exit_:
            run(lambda: verb([str(argument) for argument in arguments]))
            sys.exit(0)
        out, err = capsys.readouterr()
        return int(exit_.value.code or 0), out, err

    return _run


def scores(path: Path) -> dict[tuple[str, str, str], str]:
    """Label, number of frames and status of each video by its folder and score."""
    with path.open(encoding="utf-8", newline="") as file:
        return {
            (row["key"].split("/")[0], row["label"], f"{float(row['score']):.6f}"): row["units_scored"]
            for row in csv.DictReader(file)
        }


def test_the_extracted_dataset_scores_as_the_videos_do(command: Command, tmp_path: Path) -> None:
    films.face_films(tmp_path / "films")
    model = films.landmark_model(tmp_path / "81.dat")
    faces = ["--landmark_model", model, "--num_frames", 3]
    code, out, _ = command(extract, "--input_dir", "films", "--output_dir", "data", "--size", 32, *faces)
    assert code == 0
    assert "3 videos: 1 real, 2 fake, 0 without a label" in out
    assert "9 frames written of 9 decoded, 0 without a face, in data/films" in out
    assert f"data/films.json is for DeepfakeBench run from {tmp_path}" in out
    Path("clip.yaml").write_text(yaml.safe_dump(tiny.CLIP_YAML))
    torch.save(tiny.clip_detector_state(), "w.pth")
    detector = ["--detector_config", "clip.yaml", "--weights", "w.pth", "--dtype", "float32", "--device", "cpu"]
    command(evaluate, *detector, "--video", "films", *faces, "--output_dir", "of_videos")
    code, out, _ = command(evaluate, *detector, "--video", "data/films", "--output_dir", "of_frames")
    assert code == 0
    assert "3 of 3 videos scored; true labels: 1 real, 2 fake" in out
    (of_videos,), (of_frames,) = (list(Path(name).glob("*/videos.csv")) for name in ("of_videos", "of_frames"))
    assert scores(of_frames) == scores(of_videos)
    assert len(scores(of_frames)) == 3


def test_a_video_that_gives_nothing_is_exit_code_three(command: Command, tmp_path: Path) -> None:
    (tmp_path / "in/fake").mkdir(parents=True)
    videos.stamped_video(tmp_path / "in/fake/a.mp4", 5)
    (tmp_path / "in/fake/b.mp4").write_text("no video")
    arguments = ["--input-dir", "in", "--output-dir", "out", "--fps", 25, "--dataset", "d"]
    code, out, err = command(extract, *arguments)
    assert (code, "5 frames written of 5 decoded" in out) == (3, True)
    assert "1 video gave no frame; out/d/extract_report.csv says why" in err


def test_videos_are_listed_under_each_split_that_is_named(command: Command, tmp_path: Path) -> None:
    (tmp_path / "in/real").mkdir(parents=True)
    videos.stamped_video(tmp_path / "in/real/a.mp4", 2)
    assert command(extract, "--input_dir", "in", "--output_dir", "out", "--split", "train,test")[0] == 0
    (content,) = json.loads(Path("out/in.json").read_text())["in"].values()
    assert {split: list(videos) for split, videos in content.items() if videos} == {"train": ["a"], "test": ["a"]}


def test_a_manifest_says_which_videos_and_of_which_label(
    command: Command, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("in/real/a.mp4", "in/x/b.mp4", "in/x/c.mp4", "elsewhere/d.mp4", "in/x/not_listed.mp4"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        videos.stamped_video(tmp_path / name, 2)
    rows = ["real/a.mp4,fake", "x/b.mp4,0", "x/c.mp4,", "../elsewhere/d.mp4,1", "x/gone.mp4,real"]
    Path("in/list.csv").write_text("\n".join(["path,label", *rows]) + "\n")
    code, out, err = command(extract, "--manifest", "in/list.csv", "--output_dir", "out")
    assert (code, "5 videos: 2 real, 2 fake, 1 without a label" in out) == (3, True)
    assert "1 video of 5 left out of out/list.json, such as x/c.mp4: in/list.csv has no label for them" in caplog.text
    assert "1 video gave no frame" in err
    content = json.loads(Path("out/list.json").read_text())["list"]
    assert {label: list(found["test"]) for label, found in content.items()} == {"DF_fake": ["a", "d"], "DF_real": ["b"]}
    assert [path.name for path in Path("out/list/fake/frames/a").iterdir()] == ["000.png", "001.png"]
    assert sorted(path.name for path in Path("out").iterdir()) == ["list", "list.json"]


def test_the_metadata_of_dfdc_is_a_manifest(command: Command, tmp_path: Path) -> None:
    (tmp_path / "part_0").mkdir()
    for name in "ab":
        videos.stamped_video(tmp_path / f"part_0/{name}.mp4", 2)
    said = {"a.mp4": {"label": "FAKE", "split": "train", "original": "b.mp4"}, "b.mp4": {"label": "REAL"}}
    Path("part_0/metadata.json").write_text(json.dumps(said))
    manifest = ["--manifest", "part_0/metadata.json", "--dataset", "dfdc"]
    assert command(extract, *manifest, "--output_dir", "out")[0] == 0
    content = json.loads(Path("out/dfdc.json").read_text())["dfdc"]
    assert {label: list(found["test"]) for label, found in content.items()} == {"DF_fake": ["a"], "DF_real": ["b"]}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give one of --input_dir (a folder) and --manifest"),
        (["--input_dir", "in", "--manifest", "in/list.csv"], "give one of --input_dir (a folder) and --manifest"),
        (["--manifest", "in/none.csv"], "in/none.csv does not exist"),
        (["--manifest", "in/list.csv", "--output_dir", "in", "--dataset", "real"], "lie one in the other"),
    ],
)
def test_what_is_no_source_of_videos_is_usage(
    arguments: list[str], message: str, command: Command, tmp_path: Path
) -> None:
    (tmp_path / "in/real").mkdir(parents=True)
    videos.stamped_video(tmp_path / "in/real/a.mp4", 2)
    Path("in/list.csv").write_text("path,label\nreal/a.mp4,0\n")
    code, _, err = command(extract, "--output_dir", "out", *arguments)
    assert (code, message in err, Path("out").exists()) == (2, True, False)


def test_nothing_to_list_is_said(command: Command, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    videos.stamped_video(tmp_path / "in/a.mp4", 2)
    _, out, _ = command(extract, "--input_dir", "in", "--output_dir", "out")
    assert "1 video: 0 real, 0 fake, 1 without a label" in out
    assert "no JSON for DeepfakeBench" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--num_frames", "3", "--fps", "2"], "--num_frames 3 means nothing with --sampling fps"),
        (["--split", "train,validation"], "--split 'validation' is not allowed"),
        (["--landmark_model", "missing.dat"], "missing.dat does not exist"),
        (["--face_detector", "mtcnn"], "--face_detector 'mtcnn' is not allowed"),
        (["--no_face", "black", "--face_detector", "dlib"], "--no_face 'black' is not allowed"),
        (["--run_from", "nowhere"], "--run_from nowhere is no folder"),
        (["--size", "0", "--face_detector", "dlib"], "--size 0 is not allowed: give 1 to 8,192"),
        (["--size", "8193", "--face_detector", "dlib"], "--size 8193 is not allowed"),
        (["--workers", "0"], "--workers 0 is not allowed"),
        (["--num_frames", "-1"], "--num_frames -1 is not allowed"),
        (["--fps", "nan"], "--fps nan is not allowed"),
    ],
)
def test_a_mistake_is_said_before_anything_is_written(
    arguments: list[str], message: str, command: Command, tmp_path: Path
) -> None:
    (tmp_path / "in/real").mkdir(parents=True)
    videos.stamped_video(tmp_path / "in/real/a.mp4", 2)
    code, _, err = command(extract, "--input_dir", "in", "--output_dir", "out", *arguments)
    assert code == 2
    assert message in err
    assert not Path("out").exists()


def test_it_is_a_verb_and_its_help_costs_no_torch() -> None:
    assert "extract" in cli.list_commands(None)  # type: ignore[arg-type]
    script = (
        "import sys; from deepfakebench_ext.cli.main import cli; cli(['extract', '--help'], standalone_mode=False);"
    )
    check = "assert not {'torch', 'cv2', 'numpy'} & set(sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script + check], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "--landmark_model" in done.stdout


def test_the_script_runs() -> None:
    script = REPOSITORY / "scripts/extract_frames.py"
    environment = {"PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(
        [sys.executable, script, "--help"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Usage: extract_frames.py")
