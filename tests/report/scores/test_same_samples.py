"""Samples of several files are the same where their files are, whatever their keys; labels of one hold in all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.report.scores.same_samples import align, look, shared_videos
from deepfakebench_ext.report.scores.score_files import ScoreFile, read_scores


def scores(folder: Path, name: str, rows: Mapping[str, str], *, dataset: str = "", label: str = "1") -> ScoreFile:
    """A CSV of these keys and paths."""
    lines = [f"{key},{path},{label},0.5,{dataset}" for key, path in rows.items()]
    path = folder / f"{name}.csv"
    path.write_text("\n".join(["key,path,label,score,dataset", *lines]) + "\n")
    return read_scores(path)


def pictures(folder: Path, **contents: bytes) -> dict[str, str]:
    """Files of these contents, by the key that a run over the folder gives them."""
    folder.mkdir()
    for name, content in contents.items():
        (folder / f"{name}.png").write_bytes(content)
    return {f"{name}.png": str(folder / f"{name}.png") for name in contents}


def keys(file: ScoreFile) -> list[str]:
    return [file.table.key.text(row) for row in range(len(file.table))]


def test_other_files_of_the_same_names_are_refused(tmp_path):
    one = scores(tmp_path, "one", pictures(tmp_path / "a", x=b"1", y=b"2"))
    two = scores(tmp_path, "two", pictures(tmp_path / "b", x=b"3", y=b"4"))
    assert look(one, two).verdict == "other"
    with pytest.raises(ConfigError, match=r"samples of the same names and of other files.*a/x\.png and .*b/x\.png"):
        align(["A", "B"], [one, two])
    assert shared_videos(one, two) == []


def test_a_copy_of_the_files_is_the_same_samples(tmp_path):
    one = scores(tmp_path, "one", pictures(tmp_path / "a", x=b"1", y=b"2"))
    two = scores(tmp_path, "two", pictures(tmp_path / "b", x=b"1", y=b"2"))
    assert align(["A", "B"], [one, two])[1] == []
    assert shared_videos(one, two) == ["x.png", "y.png"]


def test_a_copy_with_one_other_file_is_not(tmp_path):
    one = scores(tmp_path, "one", pictures(tmp_path / "a", x=b"1", y=b"2"))
    two = scores(tmp_path, "two", pictures(tmp_path / "b", x=b"1", y=b"3"))
    assert look(one, two).verdict == "other"


def test_where_nothing_lies_there_any_more_names_are_taken_and_it_is_said(tmp_path):
    one = scores(tmp_path, "one", {"x.png": "gone/x.png"})
    two = scores(tmp_path, "two", {"x.png": "lost/x.png"})
    _, (said,) = align(["A", "B"], [one, two])
    assert said.kind == "other_files"
    assert "taken for the same by their names; their paths differ, such as gone/x.png and lost/x.png" in said.text
    assert shared_videos(one, two) == ["x.png"]


def test_videos_of_one_dataset_in_other_crops_are_compared_and_it_is_said(tmp_path):
    one = scores(tmp_path, "one", pictures(tmp_path / "a", x=b"1"), dataset="FF++")
    two = scores(tmp_path, "two", pictures(tmp_path / "b", x=b"2"), dataset="FF++")
    _, (said,) = align(["A", "B"], [one, two])
    assert "A and B are of one dataset, and their files are others" in said.text
    other = scores(tmp_path, "three", pictures(tmp_path / "c", x=b"2"), dataset="DFDC")
    assert look(one, other).verdict == "other"


def test_the_same_files_under_other_keys_are_found_by_their_paths(tmp_path):
    below = pictures(tmp_path / "a", x=b"1", y=b"2")
    one = scores(tmp_path, "one", below)
    two = scores(tmp_path, "two", {f"a/{key}": path for key, path in below.items()})
    (first, second), said = align(["A", "B"], [one, two])
    assert keys(first) == keys(second) == list(below.values())
    assert said == []
    assert shared_videos(one, two) == list(below.values())


def test_keys_match_however_their_paths_are_spelled(tmp_path):
    one = scores(tmp_path, "one", {"./a.png": "", "b\\c.png": "", "d//e.png": ""})
    two = scores(tmp_path, "two", {"a.png": "", "b/c.png": "", "d/e.png": ""})
    (first, second), _ = align(["A", "B"], [one, two])
    assert keys(first) == keys(second) == ["a.png", "b/c.png", "d/e.png"]


def test_keys_that_differ_by_their_spelling_alone_stay_two(tmp_path):
    one = scores(tmp_path, "one", {"b\\c.png": "", "b/c.png": ""})
    assert keys(align(["A", "B"], [one, scores(tmp_path, "two", {"b/c.png": ""})])[0][0]) == ["b\\c.png", "b/c.png"]


def test_a_label_that_one_file_has_holds_in_all_and_a_contradiction_is_an_error(tmp_path):
    known = scores(tmp_path, "one", {"a.png": "", "b.png": ""})
    unknown = scores(tmp_path, "two", {"b.png": "", "c.png": ""}, label="")
    (_, filled), _ = align(["A", "B"], [known, unknown])
    assert filled.table.labels.tolist() == [1, -1]
    with pytest.raises(ConfigError, match=r"'b\.png' is FAKE in A and REAL in B"):
        align(["A", "B"], [known, scores(tmp_path, "three", {"b.png": ""}, label="0")])


def test_a_dataset_that_one_file_names_holds_in_all(tmp_path):
    named = scores(tmp_path, "one", {"a.png": "", "b.png": ""}, dataset="DFDC")
    (_, filled), _ = align(["A", "B"], [named, scores(tmp_path, "two", {"b.png": "", "c.png": ""})])
    assert [filled.table.dataset.text(row) for row in (0, 1)] == ["DFDC", ""]


def test_other_datasets_or_compressions_of_the_same_names_are_said(tmp_path):
    one, two = (scores(tmp_path, name, {"a.png": "", "b.png": ""}, dataset=name) for name in ("DFDC", "UADFV"))
    _, (said,) = align(["A", "B"], [one, two])
    assert said.kind == "other_files"
    assert "the dataset of 2 of the samples" in said.text
    assert "such as DFDC and UADFV of a.png" in said.text
    for name in ("c23", "c40"):
        (tmp_path / f"{name}.csv").write_text(f"key,label,score,compression\na.png,1,0.5,{name}\n")
    _, (said,) = align(["A", "B"], [read_scores(tmp_path / f"{name}.csv") for name in ("c23", "c40")])
    assert "the compression of 1 of the samples" in said.text
    assert align(["A", "B"], [one, one])[1] == []


def test_folders_of_frames_are_the_same_where_they_hold_the_same_files(tmp_path):
    for name, content in (("a", b"1"), ("b", b"2"), ("c", b"long")):
        pictures(tmp_path / name, x=content)
    one, two, three = (scores(tmp_path, f"of_{name}", {"v": str(tmp_path / name)}) for name in "abc")
    assert look(one, two).verdict == "same"  # names and sizes
    assert look(one, three).verdict == "other"


def test_a_database_is_not_looked_into(tmp_path):
    for name, content in (("a", b"1"), ("b", b"22")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "data.mdb").write_bytes(content)
    one, two = (scores(tmp_path, f"of_{name}", {"v": str(tmp_path / name)}) for name in "ab")
    assert look(one, two).verdict == "unknown"
