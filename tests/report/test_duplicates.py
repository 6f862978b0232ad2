"""One file under both labels is found by its content, and only files that may be alike are read."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from deepfakebench_ext.common.notices import Notice
from deepfakebench_ext.common.types import Prediction, Sample
from deepfakebench_ext.metrics.score_table import ScoreTable
from deepfakebench_ext.remote import states
from deepfakebench_ext.report import duplicates
from deepfakebench_ext.report.duplicates import check_files, duplicate_files


def found(folder: Path, contents: dict[str, tuple[int | None, bytes | None]]) -> list[Notice]:
    for name, (_, content) in contents.items():
        if content is not None:
            (folder / name).write_bytes(content)
    samples = [Sample(name, folder / name, label) for name, (label, _) in contents.items()]  # type: ignore[arg-type]
    table = ScoreTable.from_predictions(
        samples, [Prediction(s.key, 0.5) for s in samples], level="frame", has_videos=False
    )
    return duplicate_files(table, lambda rows: [str(samples[row].path) for row in rows])


def test_one_content_under_both_labels_is_named(tmp_path):
    (warning,) = found(tmp_path, {"a": (0, b"same"), "b": (1, b"same"), "c": (1, b"else")})
    assert warning.text == "2 files, such as a (REAL) and b (FAKE), have the same content under both labels"


def test_a_file_of_several_keys_says_nothing_of_any_and_is_not_read(tmp_path, monkeypatch):
    read = []
    monkeypatch.setattr(duplicates, "_digest", lambda path: read.append(path.name) or path.name)
    for name in ("data.mdb", "a.png", "b.png"):
        (tmp_path / name).write_bytes(b"same size")
    samples = [Sample(f"video {number}", tmp_path / "data.mdb", number % 2) for number in range(6)]
    samples += [Sample("alone, real", tmp_path / "a.png", 0), Sample("alone, fake", tmp_path / "b.png", 1)]
    samples += [Sample("unlabelled", tmp_path / "data.mdb", None)]
    table = ScoreTable.from_predictions(
        samples, [Prediction(s.key, 0.5) for s in samples], level="frame", has_videos=False
    )
    assert duplicate_files(table, lambda rows: [str(samples[row].path) for row in rows]) == []
    assert sorted(read) == ["a.png", "b.png"]


def test_a_file_of_two_keys_is_none_of_a_label_though_one_is_unknown(tmp_path):
    for name in ("shared", "alone"):
        (tmp_path / name).write_bytes(b"same")
    samples = [Sample("a", tmp_path / "shared", 0), Sample("b", tmp_path / "shared", None)]
    samples += [Sample("c", tmp_path / "alone", 1)]
    table = ScoreTable.from_predictions(
        samples, [Prediction(s.key, 0.5) for s in samples], level="frame", has_videos=False
    )
    assert duplicate_files(table, lambda rows: [str(samples[row].path) for row in rows]) == []


def test_one_content_under_one_label_is_none_of_our_business(tmp_path):
    assert found(tmp_path, {"a": (0, b"same"), "b": (0, b"same"), "c": (1, b"else"), "d": (None, b"same")}) == []


def test_files_that_are_gone_are_not_alike(tmp_path):
    assert found(tmp_path, {"a": (0, None), "b": (1, None)}) == []


def test_files_that_were_to_be_checked_and_are_gone_are_counted_but_not_what_is_a_folder(tmp_path):
    (tmp_path / "there.png").write_bytes(b"")
    (tmp_path / "frames").mkdir()
    places = [tmp_path / "there.png", tmp_path / "frames", tmp_path / "lost.png", tmp_path / "lost.png", tmp_path / "x"]
    samples = [Sample(f"{number}", place, number % 2) for number, place in enumerate(places)]  # type: ignore[arg-type]
    table = ScoreTable.from_predictions(
        samples, [Prediction(s.key, 0.5) for s in samples], level="frame", has_videos=False
    )

    def checked(count: int) -> list[str]:
        kept = table.take(np.arange(count))
        return [notice.text for notice in check_files(kept, lambda rows: [str(places[row]) for row in rows])]

    assert checked(2) == []
    assert checked(4) == ["1 of 3 files was not found, and its content was not compared"]
    assert checked(5) == ["2 of 4 files were not found, and their content was not compared"]
    (unknown,) = check_files(table, lambda rows: ["" for _ in rows])
    assert unknown.text.startswith("no row says where its file lies")


def test_files_of_sizes_that_one_class_alone_has_are_not_read(tmp_path, monkeypatch):
    read = []
    monkeypatch.setattr(duplicates, "_digest", lambda path: read.append(path.name) or path.name)
    found(tmp_path, {"a": (0, b"1"), "b": (1, b"22"), "c": (0, b"333"), "d": (1, b"444")})
    assert read == ["c", "d"]


def test_of_files_behind_urls_what_their_store_says_is_compared(tmp_path):
    (tmp_path / "there.png").write_bytes(b"")
    said = {"s3://b/a.png": "4 md5:same", "s3://b/b.png": "4 md5:same", "https://h/c.png": "4 etag:same"}
    for url, state in said.items():
        states.keep_text(url, state)
    places = [*said, str(tmp_path / "there.png")]
    samples = [Sample(place, place, number % 2) for number, place in enumerate(places)]
    table = ScoreTable.from_predictions(
        samples, [Prediction(s.key, 0.5) for s in samples], level="frame", has_videos=False
    )
    try:
        texts = [notice.text for notice in check_files(table, lambda rows: [places[row] for row in rows])]
    finally:
        states.forget(said)
    assert texts == [
        "1 of 4 files lies behind a URL whose store says nothing of its content, and was not compared",
        "2 files, such as s3://b/a.png (REAL) and s3://b/b.png (FAKE), have the same content under both labels",
    ]
