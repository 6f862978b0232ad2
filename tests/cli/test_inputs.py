"""What is typed for files, before anything is loaded."""

from __future__ import annotations

import io
from pathlib import Path

import click
import pytest
from sample_lists import touch

from deepfakebench_ext.cli.inputs import columns_named, paths_of, runs_in
from deepfakebench_ext.common.errors import ConfigError


def meant(*texts: str) -> tuple[str, ...]:
    return paths_of(click.Context(click.Command("x")), click.Argument(["paths"]), texts)


def test_paths_are_themselves_and_patterns_in_quotes_what_they_match() -> None:
    touch(Path("a"), "1.png", "2.png", "b/3.png", "[x].png")
    assert meant("a", "a/1.png") == ("a", "a/1.png")
    assert meant("a/?.png") == ("a/1.png", "a/2.png")
    assert set(meant("a/**/*.png")) == {"a/1.png", "a/2.png", "a/[x].png", "a/b/3.png"}
    assert meant("a/[x].png") == ("a/[x].png",)


def test_a_list_is_read_from_its_folder_and_standard_input_from_here(monkeypatch: pytest.MonkeyPatch) -> None:
    touch(Path("a"), "1.png", "b/3 3.png")
    Path("a/list.txt").write_text("1.png\r\n\n  b/3 3.png\n")
    assert meant("a/list.txt") == ("a/1.png", "a/b/3 3.png")
    monkeypatch.setattr("sys.stdin", io.StringIO("a/1.png\n"))
    assert meant("-") == ("a/1.png",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fotos", "did you mean .*photos"),
        ("photos/*.jpg", r"matches no file; patterns are \*\.jpg"),
        ("w.pth", r"type --weights w\.pth"),
        ("org/deepfake-vit", "If it is a hub id, type --weights org/deepfake-vit"),
        ("empty.txt", "lists no path; it needs one a line"),
        ("bad.txt", r"bad\.txt, line 3: gone\.png does not exist"),
        ("remarks.txt", r"line 1: # mine does not exist.*Lists have no comments"),
        ("", r"an empty path \(''\) was given, maybe by a variable without a value"),
    ],
)
def test_what_is_no_input_is_answered_with_what_to_type(text: str, message: str) -> None:
    touch(Path(), "photos/a.png", "w.pth", "empty.txt")
    Path("bad.txt").write_text("photos/a.png\n\ngone.png\n")
    Path("remarks.txt").write_text("# mine\nphotos/a.png\n")
    with pytest.raises(ConfigError, match=message):
        meant(text)


def test_columns_are_named_behind_a_file() -> None:
    roles = ("label", "score")
    assert columns_named("a.csv", roles) == ("a.csv", {})
    assert columns_named("C:/a.csv:label=is_fake, score=prob", roles) == (
        "C:/a.csv", {"label": "is_fake", "score": "prob"},
    )  # fmt: skip
    touch(Path(), "odd:label=x.csv")
    assert columns_named("odd:label=x.csv", roles) == ("odd:label=x.csv", {})
    with pytest.raises(ConfigError, match="'lable=x' names no column; type FILE:label=is_fake"):
        columns_named("a.csv:lable=x", roles)


def test_a_folder_of_runs_is_each_of_them_and_a_run_itself() -> None:
    touch(Path("runs"), "b/scores.csv", "a/scores.csv", "notes/x.txt")
    assert runs_in("runs", "scores.csv") == ["runs/a", "runs/b"]
    assert runs_in("runs/a", "scores.csv") == ["runs/a"]
    assert runs_in("runs/notes", "scores.csv") == ["runs/notes"]
