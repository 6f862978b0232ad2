"""Which face is taken, and that a model which is not there is said to be missing."""

from __future__ import annotations

import pytest

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.faces.detect import Face, check_model_file, largest


def test_of_faces_of_one_size_the_first_wins_and_of_none_none():
    first, second = Face((0, 0, 9, 9), None, 0.1), Face((9, 9, 18, 18), None, 0.9)
    assert largest([Face((0, 0, 8, 9), None, 1.0), first, second]) is first
    assert largest([]) is None


@pytest.mark.parametrize(("option", "what"), [("--landmark_model", "81_face"), ("--face_model", "yunet")])
@pytest.mark.parametrize(
    ("name", "state"), [("nowhere", "does not exist"), (".", "is not a file"), ("n" * 300, "does not exist")]
)
def test_a_model_that_is_not_there_is_an_error_that_says_what_to_give(tmp_path, option, what, name, state):
    with pytest.raises(ConfigError, match=rf"{option} .* {state}; give the path of .*{what}"):
        check_model_file(tmp_path / name, option)
