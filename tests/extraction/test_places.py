"""Every video has a folder of its own, and the tree says of it what its own folder said."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepfakebench_ext.common.types import FAKE, REAL, Label, Sample
from deepfakebench_ext.data.samples.folder_labels import label_of
from deepfakebench_ext.extraction.places import Place, places


def place(key: str, label: Label | None = None, *others: str) -> Place:
    samples = [Sample(key, Path(key), label), *(Sample(other, Path(other), label) for other in others)]
    return places(samples, "data")[0]


@pytest.mark.parametrize(
    ("key", "label", "frames"),
    [
        ("real/a.mp4", REAL, "real/frames/a"),
        ("original_sequences/youtube/c23/videos/000.mp4", REAL, "original_sequences/youtube/c23/frames/000"),
        ("manipulated/Deepfakes/c23/frames/000_003", FAKE, "manipulated/Deepfakes/c23/frames/000_003"),
        ("fake/clip 7/Frames", FAKE, "fake/frames/clip 7"),
        ("Midjourney/x.webm", FAKE, "Midjourney/fake/frames/x"),
        ("x.y.MP4", REAL, "real/frames/x.y"),
        ("换脸/é.mp4", None, "换脸/frames/é"),
        ("x.mp4", None, "unlabelled/frames/x"),
        (".", FAKE, "fake/frames/data"),
        ("real/a\\\\b.mp4", REAL, "real/frames/a__b"),
        ("real/a.mp4", FAKE, "fake/frames/a"),
        ("fake/a.mp4", None, "unlabelled/frames/a"),
        ("../real/a.mp4", REAL, "real/frames/a"),
        ("../../etc/a.mp4", None, "unlabelled/frames/a"),
        ("/srv/fake/a.mp4", FAKE, "fake/frames/a"),
    ],
)  # fmt: skip
def test_frames_lie_under_the_folder_of_the_video(key: str, label: Label | None, frames: str) -> None:
    assert place(key, label).frames == frames


def test_landmarks_lie_where_deepfakebench_looks_for_them() -> None:
    assert place("real/my frames.png.mp4", REAL).landmarks == "real/landmarks/my landmarks.npy"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("real/a.mp4", "real/a.avi"),
        ("real/a.mp4", "real/sub/a.mp4"),
        ("real/a.mp4", "real/videos/a.mp4"),
        ("real/a.mp4", "real/frames/a"),
        ("real/a.mp4", "real/A.mp4"),
        ("real/my_frames.mp4", "real/my_landmarks.mp4"),
        ("real/caf\u00e9.mp4", "real/cafe\u0301.mp4"),
    ],
)
def test_videos_of_one_name_get_two(one: str, other: str) -> None:
    first, second = places([Sample(key, Path(key), REAL) for key in (one, other)], "data")
    assert first.video.casefold() != second.video.casefold()
    assert first.landmarks != second.landmarks
    assert place(other, REAL, one) == second
    assert place(one, REAL).video == first.video.rpartition("-")[0]


@pytest.mark.parametrize("name", ["fake_news", "not real", "real_or_fake", "Deepfakes 3"])
def test_a_name_that_speaks_against_the_label_is_not_taken_over(name: str) -> None:
    for label, folder in ((REAL, "real"), (None, "clips")):
        found = place(f"{folder}/{name}.mp4", label)
        assert found.frames.startswith(f"{folder}/frames/video-")
        assert label_of(found.frames.split("/")) == label


def test_a_folder_that_claims_both_leaves_it_to_the_one_added() -> None:
    found = place("real_vs_fake/real_1/frames", REAL)
    assert label_of(found.frames.split("/")) == REAL


def test_a_name_too_long_for_a_folder_is_cut() -> None:
    long = "換" * 83
    found = place(f"real/{long}.mp4", REAL)
    assert len(found.video.encode()) < 255
    assert found.video.startswith("換換換")
    assert place(f"fake/{long}.mp4", FAKE).video != found.video


PARTS = st.sampled_from(["real", "fake", "a", "A", "frames", "my_frames", "my_landmarks", "videos", "a-1", "real_a"])
FILES = st.sampled_from(["a.mp4", "a.avi", "A.mp4", "fake_1.mp4", "frames.mp4", "frames", "landmarks.mp4", "b"])


@given(st.lists(st.tuples(st.lists(PARTS, max_size=3), FILES), max_size=8, unique_by=repr), st.sampled_from([0, 1]))
def test_no_two_videos_share_a_folder_and_none_lies_in_another(
    paths: list[tuple[list[str], str]], label: Label
) -> None:
    keys = ["/".join([*folders, file]) for folders, file in paths]
    found = places([Sample(key, Path(key), label) for key in keys], "data")
    assert len({place.video.casefold() for place in found}) == len(keys)
    folders = [folder for place in found for folder in (place.frames, place.landmarks)]
    for at, one in enumerate(folders):
        assert not any(other == one or other.startswith(f"{one}/") for other in folders[:at] + folders[at + 1 :])
