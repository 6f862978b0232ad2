"""One reader of YAML files and one of `--set`, for training and for DeepfakeBench's scripts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.yaml_files import assignments, overridden, read_mapping


def test_values_are_yaml_and_numbers_are_read_as_people_write_them() -> None:
    texts = ["a=2", "b.c=[0.5, x]", "d=null", "e=1e-5", "f=1E3", "g=never", "h=", "i=a=b", "a=3"]
    said = {"a": 3, "b.c": [0.5, "x"], "d": None, "e": 1e-5, "f": 1000.0, "g": "never", "h": None, "i": "a=b"}
    assert assignments(texts, "a=1") == said


@pytest.mark.parametrize("text", ["nEpochs", "=2", " =2", "a..b=1", ".a=1", "a.=1", "nEpochs=[1", "a=2024-13-45"])
def test_what_is_no_assignment_is_an_error(text: str) -> None:
    with pytest.raises(ConfigError, match="--set"):
        assignments([text], "nEpochs=2")


def test_a_dotted_key_changes_one_value_and_leaves_the_argument_alone() -> None:
    values: dict[str, Any] = {"frame_num": {"train": 8, "test": 8}, "lmdb": True, "empty": None}
    changed = overridden(values, {"frame_num.test": 2, "empty.a": 1, "new.b.c": 2})
    assert changed == {"frame_num": {"train": 8, "test": 2}, "lmdb": True, "empty": {"a": 1}, "new": {"b": {"c": 2}}}
    assert values == {"frame_num": {"train": 8, "test": 8}, "lmdb": True, "empty": None}
    with pytest.raises(ConfigError, match="'lmdb' is True and holds no keys"):
        overridden(values, {"lmdb.a": 1})


def test_a_block_that_stands_twice_under_one_anchor_is_changed_at_one_place() -> None:
    block = {"a": 1}
    assert overridden({"x": block, "y": block}, {"x.a": 2}) == {"x": {"a": 2}, "y": {"a": 1}}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a: [1", "not a readable YAML file"),
        (b"a: 2024-13-45", "not a readable YAML file"),
        (b"\xff", "not a readable YAML file"),
        (b"- 1", "a detector config is a mapping of keys to values, got list"),
        (b"", "got NoneType"),
    ],
)
def test_a_file_that_holds_no_mapping_is_named(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_bytes(content)
    with pytest.raises(ConfigError, match=rf"x\.yaml: .*{message}"):
        read_mapping(tmp_path / "x.yaml", "a detector config")
    with pytest.raises(ConfigError, match=r"none\.yaml: not a readable"):
        read_mapping(tmp_path / "none.yaml")


BOMB = "\n".join(["a0: &a0 [x, x]", *(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 40))])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (BOMB, "come to more than 100,000 values"),
        ("a: &a [*a]", "a value in it holds itself"),
        ("a: &a {b: {c: *a}}", "a value in it holds itself"),
        ("a: " + "[" * 5000, "nested too deep"),
        ("a: " + "{a: " * 5000, "nested too deep"),
    ],
)
@pytest.mark.timeout(20)
def test_a_yaml_that_never_ends_is_refused(content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(content)
    with pytest.raises(ConfigError, match=rf"x\.yaml: .*{message}"):
        read_mapping(tmp_path / "x.yaml")
    with pytest.raises(ConfigError, match=message):
        assignments(["a={" + content.replace("\n", ", ") + "}"], "a=1")


def test_a_name_for_a_value_may_stand_often(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("a: &a {b: 1}\nc: *a\nd: [*a, *a]")
    assert read_mapping(tmp_path / "x.yaml") == {"a": {"b": 1}, "c": {"b": 1}, "d": [{"b": 1}, {"b": 1}]}


@pytest.mark.parametrize(
    ("content", "key", "lines"),
    [
        ("a: 1\nb: 2\na: 3", "a", "1 and 3"),
        ("x:\n  label_dict: {r: 0}\n  label_dict: {r: 0}", "label_dict", "2 and 3"),
        ("- 1\n- {k: 1, j: 2,\n   k: '1'}", "k", "2 and 3"),
    ],
)
def test_a_key_that_stands_twice_with_two_values_is_named_with_its_lines(
    content: str, key: str, lines: str, tmp_path: Path
) -> None:
    (tmp_path / "x.yaml").write_text(content)
    with pytest.raises(ConfigError, match=rf"the key '{key}' stands twice, with two values, in lines {lines}"):
        read_mapping(tmp_path / "x.yaml")


def test_the_same_said_again_and_keys_that_nobody_reads_pass(tmp_path: Path) -> None:
    """DeepfakeBench's core.yaml says save_ckpt: true, and further down false; train.py reads neither."""
    (tmp_path / "x.yaml").write_text("a: 1\na: 1\nb: &b {c: 1}\nb: *b\nsave_ckpt: true\nsave_ckpt: false")
    values = read_mapping(tmp_path / "x.yaml", unread=("save_ckpt",))
    assert values == {"a": 1, "b": {"c": 1}, "save_ckpt": False}
    (tmp_path / "x.yaml").write_text("a: {save_ckpt: true, save_ckpt: false}")
    with pytest.raises(ConfigError, match="'save_ckpt' stands twice"):
        read_mapping(tmp_path / "x.yaml", unread=("save_ckpt",))
    (tmp_path / "x.yaml").write_text("a: &a {k: 1}\nb: {<<: *a, k: 2}")
    assert read_mapping(tmp_path / "x.yaml")["b"] == {"k": 2}
