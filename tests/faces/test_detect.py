"""Which face is taken, and that a model which is not there is said to be missing."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.faces.detect import Face, check_model_file, foremost


def square(left: float, side: float, score: float) -> Face:
    return Face((left, 0, left + side, side), None, score)


@pytest.mark.parametrize(
    ("faces", "taken"),
    [
        ([square(0, 50, 1.0), square(100, 60, 0.1)], 1),  # a third more area
        ([square(0, 50, 0.9), square(100, 51, 0.1)], 0),  # within 10 %: the score
        ([square(0, 50, 0.5), square(60, 50, 0.5)], 1),  # as well scored: nearer to the middle
        ([square(0, 50, 0.5)], 0),
    ],
)
def test_the_largest_is_taken_and_of_about_equal_ones_the_better_scored_then_the_nearer(
    faces: list[Face], taken: int
) -> None:
    assert foremost([([face], number) for number, face in enumerate(faces)], (100, 200)) == taken


def test_of_two_people_the_one_with_the_larger_faces_together_is_taken_and_of_none_none() -> None:
    often, once = [square(0, 40, 0.5)] * 3, [square(50, 60, 0.5)]
    assert foremost([(once, "once"), (often, "often")], (100, 200)) == "often"
    assert foremost([], (100, 200)) is None


@pytest.mark.parametrize(("option", "what"), [("--landmark_model", "81_face"), ("--face_model", "yunet")])
@pytest.mark.parametrize(
    ("name", "state"), [("nowhere", "does not exist"), (".", "is not a file"), ("n" * 300, "does not exist")]
)
def test_a_model_that_is_not_there_is_an_error_that_says_what_to_give(tmp_path, option, what, name, state):
    with pytest.raises(ConfigError, match=rf"{option} .* {state}; give the path of .*{what}"):
        check_model_file(tmp_path / name, option)


@pytest.mark.parametrize(
    ("pack", "by"), [(bz2.compress, "bzip2"), (gzip.compress, "gzip"), (lzma.compress, "xz")], ids=["bz2", "gz", "xz"]
)
@pytest.mark.parametrize("option", ["--landmark_model", "--face_model"])
def test_a_model_that_is_still_compressed_is_named_as_that_whatever_its_name(
    pack: Callable[[bytes], bytes], by: str, option: str, tmp_path: Path
) -> None:
    path = tmp_path / "shape_predictor_68_face_landmarks.dat"
    path.write_bytes(pack(b"x" * 5000))
    with pytest.raises(ConfigError, match=f"{option} .*landmarks.dat is still compressed by {by}, .* unpack it"):
        check_model_file(path, option)
    path.write_bytes(b"x" * 5000)
    check_model_file(path, option)


@pytest.mark.parametrize("size", [0, 1])
def test_a_model_of_no_bytes_is_none_that_is_compressed(size: int, tmp_path: Path) -> None:
    (tmp_path / "m.dat").write_bytes(b"B" * size)
    check_model_file(tmp_path / "m.dat", "--landmark_model")
