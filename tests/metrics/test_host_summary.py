"""DeepfakeBench's figures stand beside ours with the cause of each difference."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from deepfakebench_ext.common.types import Prediction, Sample
from deepfakebench_ext.metrics.host_summary import NO_FOLDERS
from deepfakebench_ext.metrics.score_table import Column, ScoreTable
from deepfakebench_ext.metrics.summary import summarise


def table(rows: list[tuple[str, int, list[float]]], *, level: str = "frame", has_videos: bool = True) -> ScoreTable:
    samples = [Sample(key, Path(key), label) for key, label, _ in rows]  # type: ignore[arg-type]
    predictions = [Prediction(key, s, index=n) for key, _, scores in rows for n, s in enumerate(scores)]
    return ScoreTable.from_predictions(samples, predictions, level=level, has_videos=has_videos)  # type: ignore[arg-type]


# Two manipulations of one source, in folders of one name, as FaceForensics++ has them.
SHARED = [
    ("Deepfakes/000_003.mp4", 1, [0.9, 0.8]),
    ("FaceSwap/000_003.mp4", 1, [0.2, 0.1]),
    ("real/000.mp4", 0, [0.5, 0.5]),
    ("real/001.mp4", 0, [0.4, 0.4]),
]


def test_videos_of_one_name_are_merged_by_deepfakebench_and_not_by_us():
    found = summarise(table(SHARED))
    assert found.host is not None
    assert found.figures["video_auc"].value == 0.5
    assert found.host.figures["video_auc"].value == 0.75  # one fake of 0.5: a tie with one real, above the other
    assert "made 3 of 4" in found.host.differences["video_auc"]


def test_a_merged_folder_of_both_classes_counts_as_real():
    rows = [("fake/1.mp4", 1, [0.9]), ("real/1.mp4", 0, [0.8]), ("fake/2.mp4", 1, [0.7]), ("real/3.mp4", 0, [0.2])]
    found = summarise(table(rows))
    assert found.host is not None
    assert (found.figures["video_auc"].value, found.host.figures["video_auc"].value) == (0.75, 0.5)
    assert "1 of its groups hold real and fake frames" in found.host.differences["video_auc"]


def test_the_auc_of_clips_is_what_it_calls_video_auc():
    found = summarise(table([("a.mp4", 1, [0.9, 0.1]), ("b.mp4", 0, [0.2, 0.4])], level="clip"))
    assert found.host is not None
    assert (found.figures["video_auc"].value, found.figures["clip_auc"].value) == (1.0, 0.5)
    assert found.host.figures["video_auc"].value == found.figures["clip_auc"].value
    assert "it calls the AUC of clips so" in found.host.differences["video_auc"]


def test_images_have_no_video_auc_of_either():
    rows = [
        (f"{name}/{n}.png", label, [score]) for name, label, score in (("fake", 1, 0.7), ("real", 0, 0.4)) for n in "ab"
    ]
    found = summarise(table(rows, has_videos=False))
    assert found.host is not None
    assert list(found.host.figures) == ["acc", "auc", "eer", "ap"]
    assert found.host.differences == {}


def test_images_of_named_videos_go_by_their_folder():
    samples = [
        Sample(f"{folder}/{n}.png", Path("x"), label, video=video)  # type: ignore[arg-type]
        for folder, label, video in (("f/1", 1, "v1"), ("g/1", 1, "v2"), ("r/2", 0, "v3"))
        for n in range(2)
    ]
    values = (0.5, 0.6, 0.7, 0.8, 0.6, 0.6)
    predictions = [Prediction(sample.key, value) for sample, value in zip(samples, values, strict=True)]
    found = summarise(ScoreTable.from_predictions(samples, predictions, level="frame", has_videos=True))
    assert found.host is not None
    assert (found.figures["video_auc"].value, found.host.figures["video_auc"].value) == (0.5, 1.0)
    assert "made 2 of 3" in found.host.differences["video_auc"]


@pytest.mark.parametrize("key", ["{}.png", "row {}"])
def test_where_keys_name_no_folders_its_video_auc_cannot_be_told(key):
    samples = [Sample(key.format(n), Path("x"), n % 2, video=f"v{n % 4}") for n in range(8)]  # type: ignore[arg-type]
    predictions = [Prediction(sample.key, n / 8) for n, sample in enumerate(samples)]
    found = summarise(ScoreTable.from_predictions(samples, predictions, level="frame", has_videos=True))
    assert found.host is not None
    its = found.host.figures["video_auc"]
    assert (its.value, its.reason) == (None, NO_FOLDERS)  # as one folder for all: undefined, for mixing the classes
    assert found.host.differences == {"video_auc": f"DeepfakeBench's video_auc cannot be told: {NO_FOLDERS}"}
    assert found.host.figures["auc"].value == found.figures["frame_auc"].value


def test_the_auc_of_clips_needs_no_folders():
    rows = [("a.mp4", 1, [0.9, 0.1]), ("b.mp4", 0, [0.2, 0.4])]
    found = summarise(replace(table(rows, level="clip"), video=Column.of(["v", "v", "w", "w"])))
    assert found.host is not None
    assert found.host.figures["video_auc"].value == found.figures["clip_auc"].value


def test_videos_alone_have_none_of_its_figures():
    found = summarise(table([("a", 1, [0.5]), ("b", 0, [0.4])], level="video", has_videos=False))
    assert found.host is None
