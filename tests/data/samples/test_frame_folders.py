"""Which folders of images are videos."""

from __future__ import annotations

import pytest

from deepfakebench_ext.data.samples.frame_folders import are_numbered, holds_no_video, is_of_a_class

FRAMES, PICTURES = ["000.png", "001.png", "002.png"], ["anna.png", "ben.png"]


@pytest.mark.parametrize(
    ("folder", "names", "expected"),
    [
        ("train/real", PICTURES, True),
        ("train/real", FRAMES, True),  # a class, however its pictures are called
        ("train/0_real", FRAMES, True),
        ("train/Deepfakes", FRAMES, True),
        ("real/images", FRAMES, True),
        ("fake_faces", PICTURES, True),
        ("fake/frames/vid0_fake", FRAMES, False),
        ("fake/frames/vid0_fake", PICTURES, True),
        ("vid0_fake", FRAMES, False),
        ("fake/frames/fake", FRAMES, False),
        ("train/frames/fake", FRAMES, True),  # `frames` of both classes
        ("fake/fake7", FRAMES, False),
        ("real/talk", PICTURES, False),
        ("real/talk/frames", FRAMES, False),
        ("", PICTURES, False),
    ],
)
def test_a_folder_named_after_its_class_is_no_video_but_frames_in_their_own_are(
    folder: str, names: list[str], expected: bool
) -> None:
    assert is_of_a_class(tuple(filter(None, folder.split("/"))), names) is expected


def test_numbered_images_called_frames_are_a_video_even_of_a_class() -> None:
    assert not holds_no_video(("real", "frames"), FRAMES)
    assert holds_no_video(("real", "frames"), PICTURES)
    assert holds_no_video(("real", "images"), FRAMES)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (FRAMES, True),
        (["frame_1.png", "frame_2.png", "frame_10.png"], True),
        (["frame_1.png", "still_2.png"], False),
        (["1a.png", "2a.png"], False),
        (["1.png", "01.png"], False),
        (["7.png"], False),
        ([], False),
    ],
)
def test_numbered_is_what_has_one_number_each_after_the_same_letters(names: list[str], expected: bool) -> None:
    assert are_numbered(names) is expected
