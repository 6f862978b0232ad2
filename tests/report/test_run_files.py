"""Frames to videos: identities are whole, rules are named, and what is missing is counted."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from deepfakebench_ext.common.types import Prediction, Sample
from deepfakebench_ext.metrics.aggregation import aggregation_rule
from deepfakebench_ext.metrics.summary import Summary
from deepfakebench_ext.report.run_files import write_report
from deepfakebench_ext.report.scores.videos import video_scores


def video(key: str, label: Any, scores: list[float | None]) -> tuple[Sample, list[Prediction]]:
    def prediction(index: int, score: float | None) -> Prediction:
        status: Any = "ok" if score is not None else "no_face"
        return Prediction(
            key, score, status, "" if score is not None else "no face", index, index / 25,
            planned=4, faceless=int(score is None),
        )  # fmt: skip

    return Sample(key, Path(key), label), [prediction(i, s) for i, s in enumerate(scores)]


VIDEOS = [
    video("FF++/fake/Deepfakes/000_003.mp4", 1, [0.9, 0.7, None]),
    video("FF++/fake/FaceSwap/000_003.mp4", 1, [0.25, 0.5]),
    video("FF++/real/000_003.mp4", 0, [0.5]),
    video("FF++/real/001.mp4", 0, [None, None]),
]


def report(folder: Path, videos: list[tuple[Sample, list[Prediction]]], **changes: Any) -> Summary:
    options: dict[str, Any] = {
        "unit": "frame", "by_video": True, "aggregation": "mean", "title": "t", "head": "trained", "notices": [],
        "plots": False,
    }  # fmt: skip
    predictions = [p for _, each in videos for p in each]
    return write_report(folder, [s for s, _ in videos], lambda: predictions, **{**options, **changes})


def rows(path: Path) -> list[dict[str, str]]:
    with path.open() as stream:
        return list(csv.DictReader(stream))


def test_videos_of_one_name_in_several_folders_stay_apart(tmp_path: Path) -> None:
    """DeepfakeBench's metrics/utils.py groups by the parent folder's name and would merge the first three."""
    result = report(tmp_path, VIDEOS)
    assert [row["key"] for row in rows(tmp_path / "videos.csv")] == [sample.key for sample, _ in VIDEOS]
    assert result.figures["video_auc"].value == 0.5  # 0.8 and 0.375 against 0.5
    assert result.level == "video"


def test_both_levels_have_their_figures_and_counts(tmp_path: Path) -> None:
    result = report(tmp_path, VIDEOS)
    document = json.loads((tmp_path / "metrics.json").read_text())
    assert document["aggregation"] == "mean"
    assert {name.split("_")[0] for name in document["figures"]} == {"frame", "video"}
    assert document["counts"]["frame"] == {
        "total": 8, "scored": 5, "not_scored": 3, "real": 1, "fake": 4, "unlabelled": 0,
    }  # fmt: skip
    assert result.counts["video"].scored == 3
    assert result.counts["video"].not_scored == 1


def test_a_video_says_what_it_rests_on(tmp_path: Path) -> None:
    report(tmp_path, VIDEOS)
    first, *_, last = rows(tmp_path / "videos.csv")
    assert float(first["score"]) == pytest.approx(0.8)
    numbers = ("units_scored", "frames_planned", "frames_decoded", "frames_faceless")
    assert [first[name] for name in numbers] == ["2", "4", "3", "1"]
    assert (last["score"], last["status"], last["reason"]) == ("", "no_face", "no face")


def test_frames_keep_their_times(tmp_path: Path) -> None:
    report(tmp_path, VIDEOS)
    assert [row["start_s"] for row in rows(tmp_path / "scores.csv")][:3] == ["0.0", "0.04", "0.08"]


@pytest.mark.parametrize(("rule", "expected"), [("mean", 0.8), ("max", 0.9), ("topk:1", 0.9), ("median", 0.8)])
def test_the_rule_decides_the_score(rule: str, expected: float) -> None:
    units = [(1, VIDEOS[0][0], p) for p in VIDEOS[0][1]]
    (score,) = video_scores(units, [0] * len(units), aggregation_rule(rule))
    assert score.score == pytest.approx(expected)


def test_images_of_a_video_that_a_manifest_names_are_one_video_by_dataset_label_and_name(tmp_path: Path) -> None:
    def image(key: str, label: Any, dataset: str, score: float) -> tuple[Sample, list[Prediction]]:
        return Sample(key, Path(key), label, video="000", dataset=dataset), [Prediction(key, score)]

    images = [
        image("a.png", 1, "A", 0.9),
        image("b.png", 0, "A", 0.1),
        image("c.png", 1, "A", 0.5),
        image("d.png", 1, "B", 0.2),
    ]
    report(tmp_path, images)
    found = [(row["key"], row["frames_planned"], float(row["score"])) for row in rows(tmp_path / "videos.csv")]
    assert found == [("a.png", "2", pytest.approx(0.7)), ("b.png", "1", 0.1), ("d.png", "1", 0.2)]


def test_without_videos_there_is_no_video_level(tmp_path: Path) -> None:
    result = report(tmp_path, [video("a.png", 1, [0.5]), video("b.png", 0, [0.4])], by_video=False)
    assert result.level == "frame"
    assert list(result.counts) == ["frame"]
    assert not (tmp_path / "videos.csv").exists()
    assert json.loads((tmp_path / "metrics.json").read_text())["aggregation"] is None


def test_the_text_lists_videos_with_their_scores(tmp_path: Path) -> None:
    report(tmp_path, VIDEOS)
    text = (tmp_path / "inference_results_huggingface.txt").read_text()
    assert "[1/4]" in text
    assert "Prob: 0.8000" in text
    assert "Level of the figures: video" in text
    assert "Score of a video: mean over its frames or clips" in text
    assert "001.mp4" in text.split("NOT SCORED")[1]


def test_manipulations_of_one_source_that_a_manifest_gives_one_name_stay_apart(tmp_path: Path) -> None:
    def image(key: str, method: str, score: float) -> tuple[Sample, list[Prediction]]:
        return Sample(key, Path(key), 1, video="000", dataset="A", method=method), [Prediction(key, score)]

    report(
        tmp_path, [image("a.png", "Deepfakes", 0.9), image("b.png", "FaceSwap", 0.3), image("c.png", "FaceSwap", 0.1)]
    )
    assert [float(row["score"]) for row in rows(tmp_path / "videos.csv")] == [0.9, pytest.approx(0.2)]


def test_frames_that_several_clips_have_are_counted_once_and_by_time_all_were_asked_for(tmp_path: Path) -> None:
    clips = [
        Prediction("v", 0.5, planned=3, decoded=2, faceless=2),
        Prediction("v", 0.5, index=1, planned=3, decoded=1, faceless=2, faceless_before=1),
    ]
    result = report(tmp_path, [(Sample("v", Path("v"), 1), clips)], unit="clip")
    (row,) = rows(tmp_path / "videos.csv")
    assert [row[f"frames_{name}"] for name in ("planned", "decoded", "faceless")] == ["3", "3", "3"]
    assert "3 frames show no face; 2 scores rest on such frames" in [notice.text for notice in result.notices]
    by_time = [Prediction("v", 0.5, index=number, planned=0) for number in range(7)]
    report(tmp_path, [(Sample("v", Path("v"), 1), by_time)])
    assert rows(tmp_path / "videos.csv")[0]["frames_planned"] == "7"


def test_a_video_of_which_frames_are_lost_says_so_beside_its_score(tmp_path: Path) -> None:
    damaged = (Sample("v", Path("v"), 1), [Prediction("v", 0.5, reason="cut short"), Prediction("v", 0.5, index=1)])
    one_lost = [Prediction("w", None, "unreadable", "1.png: empty"), Prediction("w", 0.4, index=1)]
    gone = (Sample("x", Path("x"), 1), [Prediction("x", None, "unreadable", "no video")])
    result = report(tmp_path, [damaged, (Sample("w", Path("w"), 0), one_lost), gone])
    reasons = [(row["status"], row["reason"]) for row in rows(tmp_path / "videos.csv")]
    assert reasons == [("ok", "cut short"), ("ok", "1.png: empty"), ("unreadable", "no video")]
    assert "2 damaged videos scored by what can be read, such as v (cut short)" in [
        notice.text for notice in result.notices
    ]


def crowded(key: str, several: int, off_crop: int = 0) -> tuple[Sample, list[Prediction]]:
    return Sample(key, Path(key), 1), [
        Prediction(key, 0.5, decoded=10, planned=10, several=several, num_faces=2, off_crop=off_crop)
    ]


def test_videos_of_several_people_and_crops_that_lose_the_face_are_said(tmp_path: Path) -> None:
    videos = [crowded("a.mp4", 6), crowded("b.mp4", 1), crowded("c.mp4", 3, 4), crowded("d.mp4", 0, 1)]
    result = report(tmp_path, videos, unit="clip")
    said = {notice.kind: notice.text for notice in result.notices}
    assert said["several_people"].startswith("2 videos show several people, such as a.mp4; the largest face is scored")
    assert "5 frames show the face of the clip elsewhere" in said["off_crop"]
    assert "clips of 2 videos, such as c.mp4" in said["off_crop"]
    counts = [(row["frames_several_faces"], row["frames_off_crop"]) for row in rows(tmp_path / "videos.csv")]
    assert counts == [("6", "0"), ("1", "0"), ("3", "4"), ("0", "1")]
    assert not {"several_people", "off_crop"} & {notice.kind for notice in report(tmp_path, VIDEOS).notices}


@pytest.mark.parametrize("is_installed", [True, False])
def test_many_scores_stand_in_parquet_too_or_one_line_says_why_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, is_installed: bool
) -> None:
    if not is_installed:
        monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    monkeypatch.setattr("deepfakebench_ext.report.run_files.MOST_CSV_ALONE", 4)
    report(tmp_path, [video("a", 0, [0.1, 0.2]), video("b", 1, [0.8, 0.9])])
    assert not (tmp_path / "scores.parquet").exists()
    report(tmp_path, [video("a", 0, [0.1, 0.2, 0.3]), video("b", 1, [0.8, 0.9])])
    assert (tmp_path / "scores.parquet").exists() is is_installed
    assert ["pip install 'deepfakebench-ext[parquet]'" in record.message for record in caplog.records] == (
        [] if is_installed else [True]
    )
    assert len(rows(tmp_path / "scores.csv")) == 5
