"""Which of the places where a dataset's frames may lie they do lie in, found once for each dataset.

What a JSON calls `DS/..`, DeepfakeBench looks for at `./datasets/rgb\\DS/..`, with a literal backslash
(training/dataset/abstract_dataset.py:298-299), and in an LMDB only as it is spelled (abstract_dataset.py:307-310): of
the five spellings that occur, two load on Linux in rgb mode, and each in one kind of LMDB at most.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from deepfakebench_ext.host.frame_paths import RGB_DIR, FileRule, KeyRule, file_rules, key_rules, parts, shared_prefix

# DeepfakeBench names masks and landmarks by these words in place of 'frames' (abstract_dataset.py:485-486).
_BESIDE = ("frames", "masks", "landmarks")
R = TypeVar("R", FileRule, KeyRule)


@dataclass(slots=True)
class _Group:
    """Frames of one dataset.

    Attributes:
        beginnings: What their names share in front, as for frames, masks and landmarks.
        shared: How many folders these are; no more may be cut off a name, or two frames could become one.
        file_rule, key_rule: What led to the last frame found.
    """

    beginnings: tuple[str, ...]
    shared: int
    file_rule: FileRule | None = None
    key_rule: KeyRule | None = None


class FrameFinder:
    """Finds frames, masks and landmarks of the datasets it was told of."""

    def __init__(self, *, root: Path, rgb_dir: Path | None) -> None:
        """Look in `rgb_dir` first, where one was named, and from `root`, where DeepfakeBench runs."""
        # Its own default is no place that anyone named.
        self._rgb_dir = None if rgb_dir is None or root / rgb_dir == root / RGB_DIR else root / rgb_dir
        self._root = root
        self._groups: list[_Group] = []

    def note(self, frames: Iterable[str]) -> None:
        """Take in the frames of one dataset, as its JSON spells them."""
        names = list(frames)
        if names:
            prefix = shared_prefix(names)
            beginnings = tuple(prefix.replace("frames", word) for word in _BESIDE)
            self._groups.append(_Group(beginnings, len(parts(prefix))))

    def file(self, name: str) -> Path | None:
        """Return the existing file that a frame, mask or landmark lies in; None where there is none."""
        group = self._group_of(name)
        for rule in _allowed(file_rules(name, rgb_dir=self._rgb_dir, root=self._root), group, group.file_rule):
            if (path := rule.path(name)).is_file():
                group.file_rule = rule
                return path
        return None

    def key(self, name: str, holds: Callable[[str], bool]) -> str | None:
        """Return the key under which an LMDB holds a frame, mask or landmark; None where it does not.

        Args:
            name: As the JSON spells it.
            holds: Whether the LMDB has a key.
        """
        group = self._group_of(name)
        for rule in _allowed(key_rules(name), group, group.key_rule):
            if holds(key := rule.key(name)):
                group.key_rule = rule
                return key
        return None

    def places(self, name: str) -> list[str]:
        """Return where `file` looks for a frame, for a message."""
        group = self._group_of(name)
        rules = _allowed(file_rules(name, rgb_dir=self._rgb_dir, root=self._root), group, None)
        return list(dict.fromkeys(str(rule.path(name)) for rule in rules))

    def _group_of(self, name: str) -> _Group:
        fitting = [group for group in self._groups if name.startswith(group.beginnings)]
        return max(fitting, key=lambda group: group.shared) if fitting else _Group((), 0)


def _allowed(rules: Iterable[R], group: _Group, found: R | None) -> Iterator[R]:
    """Yield the rule that held before, then the others that keep two frames apart."""
    if found is not None:
        yield found
    yield from (rule for rule in rules if rule != found and (rule.cut or 0) <= group.shared)
