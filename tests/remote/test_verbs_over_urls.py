"""The verbs beside `evaluate`, and programs of one's own, on files of a bucket."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import films
import numpy as np
import pytest
import tiny
import torch
import yaml
from buckets import S3
from click.testing import CliRunner

from deepfakebench_ext.cli.main import cli
from deepfakebench_ext.common.errors import ConfigError


@pytest.fixture
def detector(tmp_path: Path) -> list[str]:
    (tmp_path / "clip.yaml").write_text(yaml.safe_dump(tiny.CLIP_YAML))
    torch.save(tiny.clip_detector_state(), tmp_path / "w.pth")
    return ["--detector_config", "clip.yaml", "--weights", "w.pth", "--device", "cpu"]


@pytest.fixture
def bucket(s3: S3, tmp_path: Path) -> Path:
    """A film of each class, one that is none, and frames of a third, in a folder and in the bucket `data`."""
    folder = tmp_path / "films"
    rng = np.random.default_rng(0)
    for name in ("real", "fake"):
        (folder / name).mkdir(parents=True)
        films.film(folder / name / "a.mp4", [rng.integers(0, 255, (48, 64, 3), np.uint8) for _ in range(12)])
    (folder / "fake/none.mp4").write_bytes(b"no film")
    for number in range(3):
        tiny.photo(folder / f"real/frames/b/{number:03d}.png", seed=number)
    s3.put("data", folder)
    return folder


def typed(*words: object) -> int:
    return CliRunner().invoke(cli, [str(word) for word in words]).exit_code


def rows_of(path: Path, *leaving: str) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return [{name: value for name, value in row.items() if name not in leaving} for row in csv.DictReader(file)]


def test_videos_and_folders_of_frames_score_as_those_on_the_disk(
    detector: list[str], bucket: Path, tmp_path: Path
) -> None:
    for given, output in (("s3://data", "far"), ("films", "near")):
        assert typed("evaluate", *detector, "--no_plots", "--video", given, "--output_dir", output) == 3
    (far,), (near,) = ((tmp_path / name).glob("*/scores.csv") for name in ("far", "near"))
    assert far.read_text() == near.read_text().replace("films/", "s3://data/").replace("films,", "s3://data,")
    assert {row["key"] for row in rows_of(far)} == {"fake/a.mp4", "fake/none.mp4", "real/a.mp4", "real/frames/b"}


def test_bulk_is_asked_for_urls_as_evaluate_is(detector: list[str], bucket: Path) -> None:
    done = CliRunner().invoke(cli, ["bulk", "s3://data", *detector, "--dry_run"])
    assert (done.exit_code, "would score s3://data: 6 samples (" in done.output) == (0, True), done.output


def test_a_program_of_ones_own_is_given_fetched_files(bucket: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "import pathlib\ndef score(paths):\n    return [pathlib.Path(p).stat().st_size % 100 / 100 for p in paths]\n"
    )
    for given, output in (("s3://data/real/frames/b/*.png", "far"), ("films/real/frames/b", "near")):
        code = typed("evaluate", "--detector", "mine.py:score", "--image", given, "--no_plots", "--output_dir", output)
        assert code == 0
    (far,), (near,) = ((tmp_path / name).glob("*/scores.csv") for name in ("far", "near"))
    assert rows_of(far, "path") == rows_of(near, "path")


def test_extracted_frames_are_those_of_the_files_on_the_disk(bucket: Path, tmp_path: Path) -> None:
    for given, output in (("s3://data", "far"), ("films", "near")):
        code = typed("extract", "--input_dir", given, "--output_dir", output, "--dataset", "set", "--num_frames", "2")
        assert code == 3
    near, far = (
        {path.relative_to(tmp_path / name): path.read_bytes() for path in (tmp_path / name).rglob("*.png")}
        for name in ("near", "far")
    )
    assert near == far and len(near) == 6
    reports = [rows_of(tmp_path / name / "set/extract_report.csv") for name in ("near", "far")]
    assert str(reports[1]) == str(reports[0]).replace("films/", "s3://data/")


def test_a_timeline_names_the_url_and_holds_the_scores_of_the_file(
    detector: list[str], bucket: Path, tmp_path: Path
) -> None:
    words = [*detector, "--face_detector", "none", "--no_report"]
    assert typed("analyze", "s3://data/real/a.mp4", "s3://data/fake/none.mp4", *words, "--output_dir", "far") == 3
    assert typed("analyze", "films/real/a.mp4", *words, "--output_dir", "near") == 0
    (far,) = (tmp_path / "far").glob("*/timeline.json")
    (near,) = (tmp_path / "near").glob("*/timeline.json")
    there, here = (json.loads(path.read_text()) for path in (far, near))
    assert there["video"]["file"] == "s3://data/real/a.mp4" and there["scores"] == here["scores"]
    assert there["video"]["sha256"] == here["video"]["sha256"]
    left = [path for path in (tmp_path / "far").rglob("*") if path.is_file()]
    assert [path for path in left if str(tmp_path / "cache").encode() in path.read_bytes()] == []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["evaluate", "s3://data", "--output_dir", "s3://data/out"], "results are written to this machine"),
        (
            ["extract", "--input_dir", "s3://data", "--output_dir", "s3://data/out"],
            "results are written to this machine",
        ),
        (["train", "--train", "s3://data", "--val", "films"], "a path on this machine is wanted"),
        (["train", "--train", "list.csv", "--val", "list.csv"], "training reads each many times"),
        (["calibrate-timeline", "s3://data"], "paths on this machine are wanted here"),
    ],
)
def test_what_takes_no_url_says_so(bucket: Path, detector: list[str], words: list[str], says: str) -> None:
    Path("list.csv").write_text("path,label\ns3://data/real/frames/b/000.png,0\ns3://data/real/frames/b/001.png,1\n")
    more = detector if words[0] in ("train", "calibrate-timeline") else []
    done = CliRunner().invoke(cli, [*words, *more])
    assert isinstance(done.exception, ConfigError) and says in str(done.exception)
