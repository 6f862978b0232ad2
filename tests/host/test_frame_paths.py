"""Every spelling of a frame in a dataset JSON leads to its file and to its key, and to no other frame's."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepfakebench_ext.host.frame_paths import (
    file_rules,
    key_rules,
    parts,
    shared_prefix,
)

STYLES = [
    "./datasets/rgb/DS/real/frames/v/000.png",
    "DS/real/frames/v/000.png",
    "/abs/data/DS/real/frames/v/000.png",
    "DS\\real\\frames\\v\\000.png",
    "./datasets\\DS\\real\\frames\\v\\000.png",
    "..\\..\\else\\DS/real/frames/v/000.png",
    "D:\\data\\DS\\real\\frames\\v\\000.png",
]
NAMES = st.lists(st.text("ab.0 é", min_size=1, max_size=3).filter(lambda t: t.strip(".")), min_size=1, max_size=5)


def candidates(frame: str, rgb_dir: str | None = None) -> list[str]:
    rules = file_rules(frame, rgb_dir=None if rgb_dir is None else Path(rgb_dir), root=Path("/run"))
    return [rule.path(frame).as_posix() for rule in rules]


def keys(frame: str) -> list[str]:
    return [rule.key(frame) for rule in key_rules(frame)]


@pytest.mark.parametrize("frame", STYLES)
def test_with_rgb_dir_every_spelling_leads_to_the_dataset_in_it(frame: str) -> None:
    assert "/rgb/DS/real/frames/v/000.png" in candidates(frame, "/rgb")


@pytest.mark.parametrize("frame", STYLES)
def test_rgb_dir_may_be_the_dataset_itself(frame: str) -> None:
    assert "/rgb/DS/real/frames/v/000.png" in candidates(frame, "/rgb/DS")


@pytest.mark.parametrize("frame", STYLES)
def test_rgb_dir_goes_before_the_name_as_it_is(frame: str) -> None:
    found = candidates(frame, "/rgb")
    assert all(path.startswith("/rgb/") for path in found[:-1])
    assert not found[-1].startswith("/rgb/")


@pytest.mark.parametrize(
    ("frame", "first"),
    [
        ("./datasets/rgb/DS/v/000.png", "/run/datasets/rgb/DS/v/000.png"),
        ("./mine/DS/v/000.png", "/run/mine/DS/v/000.png"),
        ("../DS/v/000.png", "/run/../DS/v/000.png"),
        ("/abs/DS/v/000.png", "/abs/DS/v/000.png"),
        ("DS/v/000.png", "/run/datasets/rgb/DS/v/000.png"),
        ("DS\\v\\000.png", "/run/datasets/rgb/DS/v/000.png"),
        ("./datasets\\DS\\v\\000.png", "/run/datasets/DS/v/000.png"),
    ],
)
def test_without_rgb_dir_the_likeliest_place_comes_first(frame: str, first: str) -> None:
    assert candidates(frame)[0] == first


def test_the_distributed_spelling_is_found_where_deepfakebench_keeps_its_images() -> None:
    assert "/run/datasets/rgb/DS/v/000.png" in candidates("./datasets\\DS\\v\\000.png")


@pytest.mark.parametrize("frame", STYLES)
def test_the_folder_that_a_frame_lies_in_is_never_left_out(frame: str) -> None:
    assert all(path.endswith("v/000.png") for path in candidates(frame, "/rgb"))
    assert all(parts(key)[-2:] == ["v", "000.png"] for key in keys(frame))


@given(NAMES, st.sampled_from(["/", "\\"]), st.sampled_from(["", "./", "/", "../"]))
def test_there_is_always_a_place_and_a_key(names: list[str], separator: str, begin: str) -> None:
    frame = begin + separator.join(names)
    assert candidates(frame) and candidates(frame, "/rgb") and keys(frame)


@pytest.mark.parametrize("frame", STYLES)
@pytest.mark.parametrize(
    "key",
    ["DS/real/frames/v/000.png", "DS\\real\\frames\\v\\000.png", "DS\\real/frames/v/000.png"],
)
def test_every_spelling_leads_to_keys_of_every_system(frame: str, key: str) -> None:
    assert key in keys(frame)


@pytest.mark.parametrize("frame", STYLES)
def test_deepfakebenchs_own_key_comes_first(frame: str) -> None:
    assert keys(frame)[0] == frame.removeprefix("./datasets\\")


@pytest.mark.parametrize(
    ("frames", "prefix"),
    [
        (["./a/b/0.png", "./a/c/0.png"], "./a/"),
        (["a\\b\\0.png", "a\\b\\1.png"], "a\\b\\"),
        (["a/video1/0.png", "a/video2/0.png"], "a/"),
        (["a/0.png", "b/0.png"], ""),
        (["a/v/0.png"], "a/v/"),
    ],
)
def test_what_names_share_ends_with_a_separator(frames: list[str], prefix: str) -> None:
    assert shared_prefix(frames) == prefix


@given(st.lists(NAMES, min_size=1, max_size=6))
def test_rules_that_leave_out_only_what_is_shared_keep_frames_apart(names: list[list[str]]) -> None:
    frames = sorted({"/".join(name) for name in names})
    shared = len(parts(shared_prefix(frames)))
    for rule in file_rules(frames[0], rgb_dir=Path("/rgb"), root=Path("/run")):
        if rule.cut <= shared:
            assert len({rule.path(frame) for frame in frames}) == len({tuple(parts(frame)) for frame in frames})
    for key_rule in key_rules(frames[0]):
        if (key_rule.cut or 0) <= shared:
            assert len({key_rule.key(frame) for frame in frames}) == len({tuple(parts(frame)) for frame in frames})
