"""Frames are found where they lie, and no rule that would make two of them one is used."""

from __future__ import annotations

from pathlib import Path

import pytest

from deepfakebench_ext.host.frame_finder import FrameFinder

FRAMES = [f"DS/{label}/frames/v/{index:03d}.png" for label in ("real", "fake") for index in range(2)]


def touched(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_two_frames_never_share_a_file(tmp_path: Path) -> None:
    touched(tmp_path / "rgb/frames/v/000.png")
    touched(tmp_path / "rgb/real/frames/v/001.png")
    finder = FrameFinder(root=tmp_path, rgb_dir=Path("rgb"))
    finder.note(FRAMES)
    assert finder.file(FRAMES[0]) is None and finder.file(FRAMES[2]) is None
    assert finder.file(FRAMES[1]) == tmp_path / "rgb/real/frames/v/001.png"


def test_masks_and_landmarks_are_found_beside_the_frames(tmp_path: Path) -> None:
    for word in ("frames", "masks", "landmarks"):
        touched(tmp_path / f"rgb/DS/real/{word}/v/000.png")
    one_video = [f"/old/DS/real/frames/v/{index:03d}.png" for index in range(2)]
    finder = FrameFinder(root=tmp_path, rgb_dir=Path("rgb"))
    finder.note(one_video)
    for word in ("frames", "masks", "landmarks"):
        assert finder.file(one_video[0].replace("frames", word)) == tmp_path / f"rgb/DS/real/{word}/v/000.png"


def test_datasets_that_are_trained_on_together_keep_their_own_rules(tmp_path: Path) -> None:
    mine = ["./datasets/rgb/A/x/0.png", "./datasets/rgb/A/y/0.png"]
    old = ["/gone/B/x/0.png", "/gone/B/y/0.png"]
    for path in ("A/x/0.png", "A/y/0.png", "B/x/0.png", "B/y/0.png"):
        touched(tmp_path / "datasets/rgb" / path)
    finder = FrameFinder(root=tmp_path, rgb_dir=Path("./datasets/rgb"))
    finder.note(mine)
    finder.note(old)
    for name in (*mine, *old):
        assert finder.file(name) == tmp_path / "datasets/rgb" / "/".join(name.split("/")[-3:])


KEYS = ["DS/real/frames/v/000.png", "DS\\real\\frames\\v\\000.png", "DS\\real/frames/v/000.png"]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("name", ["DS/real/frames/v/000.png", "./datasets\\DS\\real\\frames\\v\\000.png"])
def test_a_key_is_found_in_every_spelling(key: str, name: str) -> None:
    finder = FrameFinder(root=Path("/host"), rgb_dir=None)
    finder.note([name, name.replace("real", "fake")])
    asked: list[str] = []
    assert finder.key(name, lambda one: asked.append(one) or one == key) == key
    asked.clear()
    other = name.replace("000", "001")
    assert finder.key(other, lambda one: asked.append(one) or True) == key.replace("000", "001")
    assert len(asked) == 1  # the rule that held before comes first


def test_what_is_nowhere_is_none_and_its_places_are_listed(tmp_path: Path) -> None:
    finder = FrameFinder(root=tmp_path, rgb_dir=None)
    finder.note(FRAMES)
    assert finder.file(FRAMES[0]) is None and finder.key(FRAMES[0], lambda key: False) is None
    assert str(tmp_path / "datasets/rgb" / FRAMES[0]) in finder.places(FRAMES[0])
