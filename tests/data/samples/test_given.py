"""Paths of every kind together."""

from __future__ import annotations

from pathlib import Path

import pytest
from sample_lists import keys, labels, touch

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.types import FAKE, REAL
from deepfakebench_ext.data.samples.given import samples_at
from deepfakebench_ext.data.samples.kinds import is_video


def test_photos_and_films_of_one_folder_are_each_of_their_kind(tmp_path: Path) -> None:
    touch(tmp_path / "x", "real/a.png", "real/b.mp4", "fake/c.webm", "notes.txt")
    samples = samples_at([tmp_path / "x"], takes="image").samples
    assert [(s.key, is_video(s)) for s in samples] == [
        ("fake/c.webm", True), ("real/a.png", False), ("real/b.mp4", True),
    ]  # fmt: skip


def test_to_a_video_detector_a_folder_of_images_is_a_video(tmp_path: Path) -> None:
    touch(tmp_path / "x", "v/0.png", "v/1.png", "b.mp4")
    assert keys(samples_at([tmp_path / "x"], takes="video").samples) == ["b.mp4", "v"]


@pytest.mark.usefixtures("_in_order")
def test_keys_of_several_paths_begin_with_them_and_labels_are_theirs() -> None:
    touch(Path("one"), "real/0.png", "fake/0.png")
    touch(Path("two/real"), "0.png")
    Path("three.csv").write_text("file,label\none.jpg,fake\n")
    given = samples_at(["one/", "two/real", "two/real/0.png", "three.csv"], takes="image")
    assert labels(given.samples) == {
        "one/fake/0.png": FAKE, "one/real/0.png": REAL, "two/real/0.png": REAL, "one.jpg": FAKE,
    }  # fmt: skip
    (notice,) = given.notices
    assert "within two/real and 1 more says real or fake, so 2 samples count as REAL" in notice.text


@pytest.fixture
def _in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("_in_order")
def test_a_file_that_two_paths_lead_to_is_there_once_and_with_one_label() -> None:
    touch(Path("a"), "real/0.png", "real/1.png")
    assert keys(samples_at(["a/real/0.png", "a", Path("a").absolute()], takes="image").samples) == [
        "a/real/0.png", "a/real/1.png",
    ]  # fmt: skip
    Path("m.csv").write_text("path,label\na/real/0.png,fake\n")
    with pytest.raises(ConfigError, match=r"0\.png is given twice with two labels, REAL and FAKE"):
        samples_at(["a", "m.csv"], takes="image")


def test_a_folder_without_any_of_both_says_what_it_holds(tmp_path: Path) -> None:
    touch(tmp_path, "a.txt")
    with pytest.raises(ConfigError, match=r"holds no image or video \(.*\); it holds 1 \.txt\."):
        samples_at([tmp_path], takes="image")
