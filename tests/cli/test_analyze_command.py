"""`dfb-ext analyze` as a user runs it."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import tiny
import torch
import videos
import yaml
from faces.scenes import head, scene
from films import film, tree

from deepfakebench_ext.cli.analyze import analyze
from deepfakebench_ext.cli.calibrate_timeline import calibrate_timeline
from deepfakebench_ext.cli.main import run
from deepfakebench_ext.media.video import every_frame
from deepfakebench_ext.models.export.hub_folder import write_pth
from deepfakebench_ext.models.loading import load_detector
from deepfakebench_ext.models.stored_thresholds import StoredThreshold


@pytest.fixture
def command(capsys):
    def _run(*arguments):
        with pytest.raises(SystemExit) as exit_:
            run(lambda: analyze([str(argument) for argument in arguments], prog_name="dfb-ext analyze"))
            sys.exit(0)
        out, err = capsys.readouterr()
        return int(exit_.value.code or 0), out, err

    return _run


@pytest.fixture
def detector(tmp_path):
    (tmp_path / "clip.yaml").write_text(yaml.safe_dump(tiny.CLIP_YAML))
    torch.save(tiny.clip_detector_state(), tmp_path / "w.pth")
    return ["--detector_config", "clip.yaml", "--weights", "w.pth", "--dtype", "float32", "--device", "cpu"]


def test_a_video_gives_every_file(command, detector, tmp_path):
    videos.stamped_video(tmp_path / "a.mp4", 40)
    code, out, _ = command("a.mp4", *detector, "--threshold", "0.01", "--offset_below", "0", "--subtitles", "--overlay")
    (folder,) = (path for path in (tmp_path / "inference_results").iterdir())
    tables = {"segments.csv", "scores.csv", "segments.vtt", "segments.srt"}
    kept = {"run.json", "scores.jsonl", "film.json", "timeline.json"}
    assert code == 0
    assert {path.name for path in folder.iterdir()} - {".lock"} == {
        *tables, *kept, "keyframes", "report.html", "overlay.mp4"
    }  # fmt: skip
    assert "not calibrated: no real video chose the threshold of 0.01" in out
    document = json.loads((folder / "timeline.json").read_text())
    assert document["policy"]["source"] == "0.01, typed by hand, not calibrated"
    with (folder / "segments.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["start_s"]) for row in rows] == [each["start_s"] for each in document["segments"]]
    assert [(row["head"], row["calibrated"]) for row in rows] == [("trained", "no")] * len(rows)
    assert " (not calibrated)" in (folder / "segments.srt").read_text()
    assert "s (whole frame)" in out
    plain, drawn = (list(every_frame(path)) for path in (tmp_path / "a.mp4", folder / "overlay.mp4"))
    corner = [
        np.abs(one.rgb[80:94, 4:80].astype(int) - two.rgb[80:94, 4:80]) for one, two in zip(plain, drawn, strict=True)
    ]
    assert all((gap > 100).any() for gap in corner)  # the words, where no box is drawn
    assert "NOTE not calibrated" in (folder / "segments.vtt").read_text()
    with (folder / "scores.csv").open() as file:
        assert [float(row["score"]) for row in csv.DictReader(file)] == [each["score"] for each in document["scores"]]


def test_files_of_another_threshold_do_not_stay(command, detector, tmp_path):
    videos.stamped_video(tmp_path / "a.mp4", 10)
    command("a.mp4", *detector, "--threshold", "0.01", "--offset_below", "0", "--subtitles", "--overlay")
    command("a.mp4", *detector, "--threshold", "1", "--no_report")
    (folder,) = (tmp_path / "inference_results").iterdir()
    assert json.loads((folder / "timeline.json").read_text())["segments"] == []
    left = {path.name for path in folder.iterdir()}
    assert not left & {"segments.srt", "segments.vtt", "overlay.mp4", "report.html"}


def test_what_can_be_read_is_analysed_and_the_exit_code_is_3(command, detector, tmp_path):
    (tmp_path / "films").mkdir()
    videos.stamped_video(tmp_path / "films/b.mp4", 10)
    (tmp_path / "films/a.mp4").write_text("no")
    (tmp_path / "films/c\nd.mp4").write_text("no")
    (tmp_path / "films/link.mp4").symlink_to("nowhere.mp4")
    tiny.photos(tmp_path / "films/frames", 2)
    code, out, err = command("films", *detector, "--json")
    assert code == 3
    found = {each["file"]: (each["status"], each["reason"]) for each in json.loads(out)}
    assert {file for file, (status, _) in found.items() if status == "ok"} == {"films/b.mp4"}
    assert found["films/link.mp4"] == ("unreadable", "films/link.mp4: No such file or directory")
    assert "a folder of frames, which have no times" in found["films/frames/real"][1]
    assert "5 videos could not be read" in err
    _, out, _ = command("films", *detector)
    assert "\nfilms/c\\nd.mp4: not analysed: " in out  # a name keeps to its line


@pytest.mark.parametrize(
    ("said", "named"),
    [
        (["--fps", "0"], "--fps 0"),
        (["--faces", "most"], "--faces 'most'"),
        (["--min_face_px", "-1"], "--min_face_px -1"),
        (["--faces", "largest"], "none are looked for; give --face_detector"),
        (["--min_face_px", "96"], "none are looked for; give --face_detector"),
        (["--threshold", "1.5"], "--threshold 1.5"),
        (["--threshold", "0.1"], "--threshold 0.1 is not above --offset_below 0.1, so that no segment would end"),
        (["--offset_below", "0.5"], "--offset_below 0.5 is not allowed: give a difference from 0 to 0.49"),
        (["--min_on_s", "-1"], "--min_on_s -1 is not allowed: give a number from 0 to 3600"),
        (["--smooth_s", "inf"], "--smooth_s inf"),
        (["--pad_s", "nan"], "--pad_s nan"),
        (["--aggregation", "best"], "best"),
        (["--frame_interval", "2"], "--frame_interval means nothing here"),
        (["--batch_size", "0"], "--batch_size 0"),
    ],
)
def test_what_is_not_allowed_is_said(command, detector, tmp_path, said, named):
    videos.stamped_video(tmp_path / "a.mp4", 5)
    code, _, err = command("a.mp4", *detector, *said)
    assert code == 2
    assert named in err


def test_how_stretches_are_cut_can_be_said_and_is_recorded(command, detector, tmp_path):
    videos.stamped_video(tmp_path / "a.mp4", 40)
    numbers = {"smooth_s": 0.0, "min_on_s": 0.2, "min_off_s": 0.1, "pad_s": 0.3}
    said = [part for name, value in numbers.items() for part in (f"--{name}", value)]
    code, _, _ = command("a.mp4", *detector, *said, "--threshold", "0.8", "--offset_below", "0.25")
    assert code == 0
    (path,) = (tmp_path / "inference_results").rglob("timeline.json")
    policy = json.loads(path.read_text())["policy"]
    assert {name: policy[name] for name in numbers} == numbers
    assert (policy["onset"], policy["offset"]) == (0.8, 0.55)
    assert "typed by hand" in policy["source"]


def test_the_threshold_that_training_stored_cuts_when_asked(command, detector, tmp_path):
    videos.stamped_video(tmp_path / "a.mp4", 40)
    code, _, err = command("a.mp4", *detector, "--threshold", "stored")
    assert code != 0
    assert "w.pth stores no threshold for frames" in err
    stored = {"frame": StoredThreshold(value=0.625, rule="best balanced accuracy", real=4, fake=5)}
    loaded = load_detector("clip.yaml", "w.pth", dtype="float32", device="cpu")
    write_pth(tmp_path / "w.pth", loaded, stored)
    assert command("a.mp4", *detector, "--threshold", "stored")[0] == 0
    (path,) = (tmp_path / "inference_results").rglob("timeline.json")
    policy = json.loads(path.read_text())["policy"]
    assert policy["onset"] == 0.625
    where = "best balanced accuracy on 4 real and 5 fake frames of validation"
    assert policy["source"] == f"0.625, stored in w.pth: {where}, not calibrated on films"


def test_an_untrained_head_says_nothing_of_a_video(command, tmp_path):
    tiny.save_folder(tiny.clip_model(), tmp_path / "bare")
    videos.stamped_video(tmp_path / "a.mp4", 40)
    (tmp_path / "clip.yaml").write_text(yaml.safe_dump(tiny.CLIP_YAML))
    code, out, _ = command("a.mp4", "--detector_config", "clip.yaml", "--weights", "bare", "--device", "cpu")
    assert code == 0
    assert "no decision (the detector's head is untrained: its scores are noise)" in out
    (page,) = (tmp_path / "inference_results").rglob("report.html")
    assert "every score here is noise" in page.read_text()


def test_a_calibration_is_taken_from_its_folder(command, detector, tmp_path, capsys):
    (tmp_path / "real").mkdir()
    for number in range(3):
        videos.stamped_video(tmp_path / f"real/{number}.mp4", 30 + number)
    videos.stamped_video(tmp_path / "a.mp4", 30)
    cut = ["--offset_below", "0.45", "--min_on_s", "0.2"]
    with pytest.raises(SystemExit) as exit_:
        run(lambda: calibrate_timeline(["real", *detector, *cut, "--false_alarms", "2/min", "--risk", "0.3"]))
    out, _ = capsys.readouterr()
    assert exit_.value.code == 0
    assert "false alarms on the videos that chose it: 0 s a minute" in out
    (path,) = (tmp_path / "inference_results").rglob("calibration.json")
    code, out, _ = command("a.mp4", *detector, "--threshold_from", path.parent)
    assert code == 0
    assert "measured on 3 real videos" in out
    code, _, err = command("a.mp4", *detector, "--threshold_from", path, "--threshold", "0.5")
    assert (code, "not both" in err) == (2, True)
    code, _, _ = command("a.mp4", *detector, "--threshold_from", path, *cut)
    policy = json.loads(next((tmp_path / "inference_results").rglob("timeline.json")).read_text())["policy"]
    assert (code, policy["min_on_s"], policy["smooth_s"]) == (0, 0.2, 0.6)
    code, _, err = command("a.mp4", *detector, "--threshold_from", path, "--min_on_s", "1")
    assert (code, "--threshold_from was made with --min_on_s 0.2, and this is 1; calibrate anew" in err) == (2, True)
    code, _, err = command("a.mp4", *detector, "--threshold_from", path, "--offset_below", "0.2")
    assert (code, "made with --offset_below 0.45, and this is 0.2" in err) == (2, True)


def test_real_videos_that_cannot_be_read_are_named(tmp_path, capsys, detector):
    (tmp_path / "real").mkdir()
    videos.stamped_video(tmp_path / "real/a.mp4", 30)
    (tmp_path / "real/b.mp4").write_text("no video")
    with pytest.raises(SystemExit) as exit_:
        run(lambda: calibrate_timeline(["real", *detector]))
    out, err = capsys.readouterr()
    assert exit_.value.code == 3
    assert "chosen on 1 real video, 0.02 minutes of them" in out
    assert "\nreal/b.mp4: not analysed: not a video" in err


def test_a_threshold_that_is_as_low_as_one_may_be_is_said_to_be(tmp_path, capsys, detector):
    (tmp_path / "real").mkdir()
    videos.stamped_video(tmp_path / "real/a.mp4", 30)
    with pytest.raises(SystemExit) as exit_:
        run(lambda: calibrate_timeline(["real", *detector, "--offset_below", "0.49", "--smooth_s", "0"]))
    assert exit_.value.code == 0
    assert "this is the lowest one that is chosen\nthreshold 0.5, " in capsys.readouterr().out


SCRIPT = Path(__file__).parents[2] / "scripts/analyze_video.py"
MOMENTS = (("searches.jsonl", 1), ("scores.jsonl", 9), ("film.json", 0))
"""Files of a run, and how many lines they have when it is killed."""


def kill_at(command, folder, name, lines):
    """Run the command and kill it when a file of its run has so many lines."""
    process = subprocess.Popen([sys.executable, SCRIPT, *command], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    while process.poll() is None:
        if any(path.read_bytes().count(b"\n") >= lines for path in folder.glob(f"*/{name}")):
            break
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_a_run_killed_at_any_moment_ends_with_the_bytes_of_one_that_was_not(command, detector, tmp_path):
    pytest.importorskip("dlib", reason="dlib is not installed (extra `faces`)")
    face = head(skimage.data.astronaut())
    film(tmp_path / "a.mp4", [scene(face, (192, 200), 90, (80.0 + at / 4, 96.0)) for at in range(100)])
    how = ["--face_detector", "dlib", "--fps", "25", "--batch_size", "4", "--threshold", "0.4", "--subtitles"]
    asked = ["a.mp4", *detector, *how, "--output_dir"]
    assert command(*asked, "whole")[0] == 0
    for name, lines in MOMENTS:
        kill_at([*asked, "cut"], tmp_path / "cut", name, lines)
        assert not list(tmp_path.glob("cut/*/timeline.json")), f"the run was over before {name} had {lines} lines"
    assert command(*asked, "cut")[0] == 0
    whole, cut = (tree(tmp_path / name) for name in ("whole", "cut"))
    facts = [name for name in whole if name.endswith(("run.json", ".lock"))]
    assert len(facts) >= 1
    assert {name: data for name, data in cut.items() if name not in facts} == {
        name: data for name, data in whole.items() if name not in facts
    }
