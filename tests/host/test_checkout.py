"""Where a DeepfakeBench checkout is looked for, and that a named place which is none is an error."""

from __future__ import annotations

from pathlib import Path

import pytest

from deepfakebench_ext.common.errors import HostError
from deepfakebench_ext.host.checkout import find_checkout


@pytest.fixture(autouse=True)
def _no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DEEPFAKEBENCH_ROOT", raising=False)


def checkout(root: Path) -> Path:
    registry = root / "training/metrics/registry.py"
    registry.parent.mkdir(parents=True)
    registry.touch()
    return root


def test_no_checkout_is_not_an_error() -> None:
    assert find_checkout() is None


def test_the_folder_named_by_the_argument_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout(tmp_path)
    monkeypatch.setenv("DEEPFAKEBENCH_ROOT", str(checkout(tmp_path / "variable")))
    assert find_checkout(checkout(tmp_path / "argument")) == tmp_path / "argument"


def test_the_variable_comes_before_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout(tmp_path)
    checkout(tmp_path / "vendors/DeepfakeBench")
    monkeypatch.setenv("DEEPFAKEBENCH_ROOT", str(checkout(tmp_path / "variable")))
    assert find_checkout() == tmp_path / "variable"


def test_vendors_comes_before_the_working_directory_and_its_parents(tmp_path: Path) -> None:
    checkout(tmp_path)
    checkout(tmp_path / "vendors/DeepfakeBench")
    assert find_checkout() == tmp_path / "vendors/DeepfakeBench"


@pytest.mark.parametrize("below", [".", "training", "training/metrics", "logs/run/test"])
def test_a_checkout_is_found_from_anywhere_inside_it(
    below: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = checkout(tmp_path / "host")
    (root / below).mkdir(parents=True, exist_ok=True)
    monkeypatch.chdir(root / below)
    assert find_checkout() == root


def test_the_nearest_of_two_nested_checkouts_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout(tmp_path)
    inner = checkout(tmp_path / "inner")
    monkeypatch.chdir(inner / "training")
    assert find_checkout() == inner


def test_a_named_place_is_given_back_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout(tmp_path / "host")
    assert find_checkout(Path("host")) == tmp_path / "host"
    monkeypatch.setenv("DEEPFAKEBENCH_ROOT", "host")
    assert find_checkout() == tmp_path / "host"


@pytest.mark.parametrize("place", ["nowhere", "empty", "a_file"])
def test_a_named_place_that_is_no_checkout_is_an_error_even_where_another_would_be_found(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "a_file").touch()
    message = rf"{place} is not a DeepfakeBench checkout: it has no training/metrics/registry\.py"
    with pytest.raises(HostError, match=message):
        find_checkout(tmp_path / place)
    monkeypatch.setenv("DEEPFAKEBENCH_ROOT", str(tmp_path / place))
    with pytest.raises(HostError, match=message):
        find_checkout()


def test_an_empty_variable_names_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPFAKEBENCH_ROOT", "")
    assert find_checkout() is None
