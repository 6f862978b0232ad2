"""YAML as we read it, from files and after `--set`."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.regular_files import regular
from deepfakebench_ext.common.wording import printable

# The largest YAML of DeepfakeBench's and ours has some 200.
_MOST_VALUES = 100_000
_MERGE = "tag:yaml.org,2002:merge"
_MOST_BYTES, _DEEPEST = 1 << 20, 50


class _Loader(yaml.SafeLoader):
    """What `yaml.safe_load` reads, but nothing so deep that it would take seconds to say so."""

    _depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise yaml.YAMLError("it is nested too deep")
        node: yaml.Node | None = super().compose_node(parent, index)
        self._depth -= 1
        return node


def read_mapping(path: Path, what: str = "a YAML", *, unread: Collection[str] = ()) -> dict[str, Any]:
    """Return the mapping that a YAML file holds.

    Args:
        path: The file.
        what: What it is to be, for messages.
        unread: Keys that nobody here reads, so that they may stand twice.

    Raises:
        ConfigError: It cannot be read, is not YAML, says a key twice with two values, or holds something else.
    """
    try:
        if regular(path).stat().st_size > _MOST_BYTES:
            raise ConfigError(f"{path}: larger than {_MOST_BYTES >> 10} KiB, which {what} is not")
        values = _parsed(path.read_text(encoding="utf-8"), unread)
    except (yaml.YAMLError, ValueError, OSError) as error:  # ValueError: bytes that are no text, a 13th month
        raise ConfigError(f"{path}: not a readable YAML file: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: {what} is a mapping of keys to values, got {type(values).__name__}")
    return values


def assignments(texts: Iterable[str], example: str) -> dict[str, Any]:
    """Return what `--set key=value ...` says: key to value, of one key the last; `a.b` means `b` within `a`.

    Args:
        texts: As typed. A value is read as YAML, and numbers as people write them: YAML 1.1 takes `1e-5` for text.
        example: Of what may be typed, for messages.

    Raises:
        ConfigError: Not `key=value`, or a value that is not YAML.
    """
    said = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not all(part.strip() for part in key.split(".")):
            raise ConfigError(f"--set {text!r} is not key=value, such as --set {example}")
        said[key.strip()] = _value(text, value)
    return said


def overridden(values: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    """Return `values` with what is said put in, deep at dotted keys; the argument is left as it was.

    Raises:
        ConfigError: A dotted key leads through something that holds no keys.
    """
    result = dict(values)
    for key, value in said.items():
        *way, last = key.split(".")
        place = result
        for part in way:
            inner = {} if place.get(part) is None else place[part]  # None is a block that is empty
            if not isinstance(inner, dict):
                raise ConfigError(f"--set {key}: {part!r} is {inner!r} and holds no keys")
            place[part] = dict(inner)
            place = place[part]
        place[last] = value
    return result


def _value(text: str, value: str) -> Any:
    if "e" in value.lower():
        with contextlib.suppress(ValueError):
            return float(value)
    try:
        return _parsed(value)
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"--set {text!r}: the value is not YAML: {error}") from error


def _parsed(text: str, unread: Collection[str] = ()) -> Any:
    """Return what a YAML document holds.

    Raises:
        yaml.YAMLError: It is not YAML, says a key twice with two values, is nested too deep, or comes to more than it
            shows: a name for itself, or names for names for names, which whoever goes through it would never end with.
        ValueError: A value that is none, such as a 13th month.
    """
    try:
        node = yaml.compose(text, Loader=_Loader)
        if node is not None:
            _count(node, {})
            _check_keys(node, unread, set())
        return yaml.load(text, Loader=_Loader)
    except RecursionError as error:
        raise yaml.YAMLError("it is nested too deep") from error


def _count(node: yaml.Node, known: dict[int, int | None]) -> int:
    """Return how many values a node comes to, each counted wherever its name stands."""
    if id(node) not in known:
        known[id(node)] = None  # until its parts are counted
        inner = [part for pair in node.value for part in (pair if isinstance(pair, tuple) else (pair,))]
        parts = inner if isinstance(node, yaml.CollectionNode) else []
        known[id(node)] = 1 + sum(_count(part, known) for part in parts)
    number = known[id(node)]
    if number is None:
        raise yaml.YAMLError("a value in it holds itself")
    if number > _MOST_VALUES:
        raise yaml.YAMLError(f"its names for values come to more than {_MOST_VALUES:,} values")
    return number


def _check_keys(node: yaml.Node, unread: Collection[str], seen: set[int]) -> None:
    """Pass mappings that say each key once, or the same of it again; of two values the first would be lost."""
    if id(node) in seen or not isinstance(node, yaml.CollectionNode):
        return
    seen.add(id(node))
    said: dict[tuple[str, str], yaml.Node] = {}
    for part in node.value:
        key, value = part if isinstance(part, tuple) else (None, part)
        _check_keys(value, (), seen)
        if not isinstance(key, yaml.ScalarNode) or key.value in unread or key.tag == _MERGE:
            continue
        first = said.setdefault((key.tag, key.value), value)
        if first is not value and _content(first) != _content(value):
            raise yaml.YAMLError(
                f"the key {printable(key.value[:80])!r} stands twice, with two values, in lines "
                f"{first.start_mark.line + 1} and {value.start_mark.line + 1}; take one of them out"
            )


def _content(node: yaml.Node) -> Any:
    """What a node says, without its place; a node that is no single value is like no other."""
    return (node.tag, node.value) if isinstance(node, yaml.ScalarNode) else id(node)
