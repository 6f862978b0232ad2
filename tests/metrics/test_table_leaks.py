"""What is seen on both sides of a split is said, from the columns and tables that tell."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from deepfakebench_ext.common.types import Prediction, Sample
from deepfakebench_ext.metrics.score_table import Column, ScoreTable
from deepfakebench_ext.metrics.table_leaks import table_leaks


def table(videos: str, labels: str = "", **columns: list[str]) -> ScoreTable:
    samples = [
        Sample(f"{number}.png", Path("x"), int(label) if label != "-" else None, video=video)  # type: ignore[arg-type]
        for number, (video, label) in enumerate(zip(videos, labels or "1" * len(videos), strict=True))
    ]
    made = ScoreTable.from_predictions(
        samples, [Prediction(s.key, 0.5) for s in samples], level="frame", has_videos=True
    )
    made.columns.update({name: Column.of(texts) for name, texts in columns.items()})  # type: ignore[attr-defined]
    return made


def test_a_video_in_two_splits_is_named():
    (warning,) = table_leaks(table("abbc", split=["train", "train", "test", "test"]))
    assert "1 video, such as fake/b, is in split 'train' and in 'test'" in warning.text


def test_videos_that_keep_to_their_split_are_no_leak():
    assert table_leaks(table("aabb", split=["train", "train", "test", "test"])) == []
    assert table_leaks(table("aabb", split=["train", "train", "", ""])) == []


def test_one_name_under_both_labels_is_two_videos():
    assert table_leaks(table("aa", "01", split=["train", "test"])) == []


def test_a_threshold_chosen_on_the_same_videos_is_said():
    (warning,) = table_leaks(table("ab"), [(["fake/b"], "the threshold was chosen")])
    assert warning.text.startswith("1 video, such as fake/b, is judged")
    assert "on which the threshold was chosen" in warning.text


def test_images_of_no_known_video_are_not_called_videos():
    images = replace(table("ab"), video=Column.of(["", ""]), has_videos=False)
    (warning,) = table_leaks(images, [(["0.png", "1.png"], "the threshold was chosen")])
    assert warning.text.startswith("2 samples, such as 0.png, 1.png, are judged")
    split = replace(images, key=Column.of(["a", "a"]), columns={"split": Column.of(["x", "y"])})
    assert table_leaks(split)[0].text.startswith("1 sample, such as a, is in split 'x' and in 'y'")


def test_one_content_under_both_labels_is_said():
    (warning,) = table_leaks(table("abcd", "0110", sha256=["x", "y", "x", "y"]))
    assert "4 files, such as 0.png (REAL) and 2.png (FAKE)," in warning.text


def test_content_that_is_unknown_or_of_one_label_is_not():
    assert table_leaks(table("abcd", "0101", sha256=["", "", "x", "y"])) == []
    assert table_leaks(table("abcd", "00-1", sha256=["x", "x", "y", "y"])) == []
