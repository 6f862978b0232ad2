"""A name is not enough to tell a video by: what a table says beside it, and where its files lie, count too."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from deepfakebench_ext.common.types import Prediction, Sample
from deepfakebench_ext.metrics.score_table import Column, ScoreTable
from deepfakebench_ext.metrics.summary import summarise


def table(*rows: tuple[str, str, float]) -> ScoreTable:
    """A row an image: its key, the name of its video (which is fake), its score."""
    samples = [Sample(key, Path("x"), 1, video=video) for key, video, _ in rows]
    predictions = [Prediction(key, score) for key, _, score in rows]
    return ScoreTable.from_predictions(samples, predictions, level="frame", has_videos=True)


SAME_FILES = table(
    *(("DF/000/0.png", "000", 0.9), ("DF/000/1.png", "000", 0.7)),
    *(("F2F/000/0.png", "000", 0.1), ("F2F/000/1.png", "000", 0.3), ("F2F/001/0.png", "001", 0.5)),
)
OTHER_FILES = table(("a/0.png", "000", 0.9), ("b/1.png", "000", 0.7), ("b/2.png", "000", 0.1), ("c/0.png", "1", 0.2))


def test_folders_that_hold_files_of_one_name_are_videos_of_their_own():
    assert SAME_FILES.video_codes().tolist() == [0, 0, 1, 1, 2]
    assert SAME_FILES.video_names() == ["fake/000 in DF/000", "fake/000 in F2F/000", "fake/001"]
    videos = SAME_FILES.to_videos("mean")
    assert videos.scores.round(9).tolist() == [0.8, 0.2, 0.5]
    assert len(set(videos.video_codes().tolist())) == 3
    assert videos.video_names() == ["fake/000 in DF/000", "fake/000 in F2F/000", "fake/001"]


def test_that_the_folder_told_videos_apart_is_said():
    (said,) = [notice for notice in summarise(SAME_FILES).warnings if notice.kind == "told_apart"]
    assert said.text.startswith(
        "2 videos, such as fake/000 in DF/000, fake/000 in F2F/000, share their name with others and are told apart by "
        "the folder of their frames; a column dataset, method or compression says it"
    )


def test_frames_of_one_video_in_several_folders_are_one_video_and_it_is_said():
    assert OTHER_FILES.video_codes().tolist() == [0, 0, 0, 1]
    (said,) = [notice for notice in summarise(OTHER_FILES).warnings if notice.kind == "told_apart"]
    assert said.text.startswith("1 video, such as fake/000, has frames in several folders and is taken as one;")


def test_two_compressions_of_a_video_are_two_videos():
    pressed = replace(OTHER_FILES, columns={"compression": Column.of(["c23", "c40", "c40", "c23"])})
    assert pressed.video_codes().tolist() == [0, 1, 1, 2]
    assert pressed.video_names() == ["fake/c23/000", "fake/c40/000", "fake/c23/1"]
    assert not [notice for notice in summarise(table(("a/0.png", "0", 0.1), ("a/1.png", "0", 0.2))).warnings
                if notice.kind == "told_apart"]  # fmt: skip


def test_two_splits_do_not_make_two_videos_of_one():
    split = replace(OTHER_FILES, columns={"split": Column.of(["train", "test", "test", "test"])})
    assert split.video_codes().tolist() == [0, 0, 0, 1]


def test_a_key_is_a_video_whatever_lies_beside_it():
    samples = [Sample(key, Path(key), 1) for key in ("a/0.mp4", "b/0.mp4")]
    found = ScoreTable.from_predictions(
        samples, [Prediction(s.key, 0.5, index=n) for s in samples for n in (0, 1)], level="frame", has_videos=True
    )
    assert found.video_codes().tolist() == [0, 0, 1, 1]
    assert found.video_names() == ["a/0.mp4", "b/0.mp4"]
