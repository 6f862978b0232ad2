"""Commands of README.md and docs/ are typed where all that they name is there, in their dry run where they have one."""

from __future__ import annotations

import json
import os
import shutil
import tarfile
from pathlib import Path

import films
import pyarrow
import pyarrow.parquet
import pytest
import skimage.data
import tiny
import torch
from click.testing import CliRunner
from faces.scenes import head, scene, train_landmark_model
from test_what_pages_type import COMMANDS, PROGRAMS

from deepfakebench_ext.cli.main import cli
from deepfakebench_ext.common.errors import ExtError

# What they need beyond files: a checkout of DeepfakeBench, a database, a server, a browser, a program of another's.
ELSEWHERE = ("host", "serve", "worker", "doctor")
NEEDS = ("--test_dataset", "vendors/DeepfakeBench", "xception", "://", "--detectors")
SIZE = {"image_size": 224, "patch_size": 32}
DRY = ("evaluate", "analyze", "extract", "train", "splice", "calibrate-timeline", "export", "merge", "bulk")


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    """A folder in which each file and model that the pages name exists."""
    pytest.importorskip("dlib", reason="dlib is not installed (extra `faces`)")
    folder = tmp_path_factory.mktemp("world")
    before = Path.cwd()
    os.chdir(folder)
    try:
        _models()
        _pictures()
        _results()
        _timelines()
    finally:
        os.chdir(before)
    return folder


def _models():
    names = {0: "Real", 1: "Fake"}
    for name in ("org/deepfake-vit", "demo/best", "best", "exported", "training_runs/clip_layernorm-layernorm/best"):
        tiny.save_folder(tiny.vit_classifier(names), Path(name))
    tiny.save_folder(
        tiny.videomae_model("VideoMAEForVideoClassification", **tiny.labels(names)), Path("org/videomae-deepfake")
    )
    tiny.save_folder(tiny.clip_model(**SIZE), Path("openai/clip-vit-large-patch14"))
    crop = {"height": SIZE["image_size"], "width": SIZE["image_size"]}
    tiny.write_processor(Path("openai/clip-vit-large-patch14"), size=crop)
    for name in ("w.pth", "ckpt_best.pth"):
        torch.save(tiny.clip_detector_state(**SIZE), name)
    train_landmark_model(Path("shape_predictor_81_face_landmarks.dat"), skimage.data.astronaut(), 81)
    shutil.copy("shape_predictor_81_face_landmarks.dat", "L.dat")


def _pictures():
    for at, folder in enumerate(
        ("photos", "folder", "faces/train", "faces/val", "faces/test", "test", "labelled", "some", "others")
    ):
        for number in range(8):
            label = ("real", "fake")[number % 2]
            tiny.photo(Path(folder) / label / f"{number}.jpg", seed=10 * at + number)
    for number, name in enumerate(("photo.jpg", "more/a.png")):
        tiny.photo(Path(name), seed=90 + number)
    Path("shards").mkdir()
    for number in range(10):
        with tarfile.open(f"shards/data-{number:03d}.tar", "w") as tar:
            tar.add("photos/real/0.jpg", "real/0.jpg")
    Path("list.txt").write_text("photo.jpg\n")
    for name in ("test.csv", "all.csv"):
        Path(name).write_text("path,label\nphoto.jpg,fake\n")
    Path("mine.py").write_text("def score(paths):\n    return [0.5] * len(paths)\n")
    face = head(skimage.data.astronaut())
    frames = [scene(face, (192, 200), 90, (80.0 + at / 4, 96.0)) for at in range(30)]
    for folder in ("videos/real", "videos/fake", "real", "spliced/real", "films/new", "films/known"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        films.film(Path(folder) / "a.mp4", frames)
    films.film(Path("talk.mp4"), frames[:25])


def _results():
    rows = [f"photos/{('real', 'fake')[at % 2]}/{at}.jpg,{at % 2},{(at % 7) / 7:.3f},{at % 4},c23" for at in range(8)]
    for name in ("a.csv", "b.csv"):
        Path(name).write_text("\n".join(["key,label,score,method,compression", *rows]))
    manifest = (f"{row.split(',')[0]},{row.split(',')[1]},m{at % 4},{at}" for at, row in enumerate(rows))
    Path("made.csv").write_text("\n".join(["path,label,method,video", *manifest]))
    typed(
        [
            "evaluate",
            "--weights",
            "org/deepfake-vit",
            "--manifest",
            "made.csv",
            "--device",
            "cpu",
            "--output_dir",
            "made",
        ]
    )
    (made,) = Path("made").iterdir()
    theirs = (f"{at},{at % 2},{at / 9},m{at % 4},{at},{at % 2},{at / 9},{at}" for at in range(8))
    Path("theirs.csv").write_text("\n".join(["key,label,score,method,video,is_fake,prob,clip_id", *theirs]))
    Path("theirs").mkdir()
    pyarrow.parquet.write_table(pyarrow.table({"is_fake": [0, 1], "prob": [0.25, 0.75]}), "theirs/part-0.parquet")
    runs = ("RUN", "VAL_RUN", "RUN_A", "RUN_B", "RUN_C", "run_a", "run_b", "run", "val", "inference_results/RUN")
    ours = ("huggingface_clip-demo-1a2b3c4d", "xception-demo-5e6f7a8b", "own-mine-score-1a2b3c4d")
    for name in (*runs, *(f"inference_results/{each}" for each in (*ours, "huggingface_clip-w-5e6f7a8b"))):
        shutil.copytree(made, name)
    shutil.copy(made / "inference_results_huggingface.txt", ".")
    shard = ["evaluate", "--weights", "w.pth", "--manifest", "made.csv", "--device", "cpu", "--output_dir"]
    for at, node in ((1, "node1"), (2, "node2")):
        typed([*shard, node, "--shard", f"{at}/2"])
        typed([*shard, "results", "--shard", f"{at}/2"])
    for folder in ("node1", "node2", "results"):
        (found,) = Path(folder).iterdir()
        found.rename(Path(folder) / "huggingface_clip-w-1a2b3c4d")


def _timelines():
    faces = ["--weights", "w.pth", "--landmark_model", "L.dat", "--device", "cpu"]
    typed(["calibrate-timeline", "real", *faces, "--output_dir", "calibrated"])
    (calibration,) = Path("calibrated").glob("*/calibration.json")
    shutil.copytree(calibration.parent, "inference_results/huggingface_clip-w-calibration-1a2b3c4d")
    films_of = ("spliced/real/a.mp4", "talk.mp4")
    typed(["analyze", *films_of, "--weights", "w.pth", "--device", "cpu", "--output_dir", "analysed"])
    truth = []
    for name, analysed in zip(("a", "b"), sorted(Path("analysed").iterdir()), strict=True):
        video = json.loads((analysed / "timeline.json").read_text())["video"]
        truth.append({name: video[name] for name in ("file", "sha256", "duration_s")} | {"segments": []})
        for folder in (name, f"timelines/{name}", f"inference_results/analysed-{name}"):
            shutil.copytree(analysed, folder)
    for name in ("segments.json", "spliced/segments.json"):
        Path(name).write_text(json.dumps({"videos": truth}))
    theirs = {"file": "real/a.mp4", "fake_segments": [], "duration": 1.2, "video_frames": 30}
    Path("theirs.json").write_text(json.dumps([theirs]))


def typed(words):
    """What a command prints; whatever it raises fails the test."""
    done = CliRunner().invoke(cli, words)
    if isinstance(done.exception, ExtError):
        raise done.exception
    assert done.exit_code in (0, 3), (done.output, done.exception)
    return done.output


def _without(world, name):
    """A folder of all that is in the world but one."""
    folder = world.with_name(f"world-without-{name}")
    folder.mkdir(exist_ok=True)
    for path in world.iterdir():
        link = folder / path.name
        if path.name != name and not link.is_symlink():
            link.symlink_to(path)
    return folder


@pytest.mark.parametrize("words", COMMANDS)
def test_a_command_of_the_pages_does_what_it_would(world, monkeypatch, words):
    words = [*PROGRAMS[words[0]], *words[1:]]
    if words[0] in ELSEWHERE or any(need in " ".join(words) for need in NEEDS):
        pytest.skip("needs more than files")
    monkeypatch.chdir(world)
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "1")
    monkeypatch.setenv("SLURM_ARRAY_TASK_COUNT", "2")
    words = [os.path.expandvars(word) for word in words]
    if words[0] == "export":  # which fills the folder that other commands read
        monkeypatch.chdir(_without(world, "exported"))
    dry = ["--dry_run"] if words[0] in DRY and "--dry_run" not in words else []
    assert typed([*words, *dry])
