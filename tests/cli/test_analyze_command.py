"""`dfb-ext analyze` as a user runs it."""

from __future__ import annotations

import csv
import json
import sys

import pytest
import tiny
import torch
import videos
import yaml

from deepfakebench_ext.cli.analyze import analyze
from deepfakebench_ext.cli.calibrate_timeline import calibrate_timeline
from deepfakebench_ext.cli.main import run


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
    code, out, _ = command("a.mp4", *detector, "--threshold", "0.01", "--subtitles", "--overlay")
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
    assert "NOTE not calibrated" in (folder / "segments.vtt").read_text()
    with (folder / "scores.csv").open() as file:
        assert [float(row["score"]) for row in csv.DictReader(file)] == [each["score"] for each in document["scores"]]


def test_what_can_be_read_is_analysed_and_the_exit_code_is_3(command, detector, tmp_path):
    (tmp_path / "films").mkdir()
    videos.stamped_video(tmp_path / "films/b.mp4", 10)
    (tmp_path / "films/a.mp4").write_text("no")
    code, out, err = command("films", *detector, "--json")
    assert code == 3
    found = json.loads(out)
    assert [(each["file"], each["status"]) for each in found] == [("films/a.mp4", "unreadable"), ("films/b.mp4", "ok")]
    assert "1 video could not be read" in err


@pytest.mark.parametrize(
    ("said", "named"),
    [
        (["--fps", "0"], "--fps 0"),
        (["--faces", "most"], "--faces 'most'"),
        (["--min_face_px", "-1"], "--min_face_px -1"),
        (["--threshold", "1.5"], "--threshold 1.5"),
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
    with pytest.raises(SystemExit) as exit_:
        run(lambda: calibrate_timeline(["real", *detector, "--false_alarms", "2/min", "--risk", "0.3"]))
    out, _ = capsys.readouterr()
    assert exit_.value.code == 0
    assert "false alarms on the videos that chose it: 0 s a minute" in out
    (path,) = (tmp_path / "inference_results").rglob("calibration.json")
    code, out, _ = command("a.mp4", *detector, "--threshold_from", path.parent)
    assert code == 0
    assert "measured on 3 real videos" in out
    code, _, err = command("a.mp4", *detector, "--threshold_from", path, "--threshold", "0.5")
    assert (code, "not both" in err) == (2, True)
