"""Where a frame that a dataset JSON names may lie, as a file and as an LMDB key. No I/O.

DeepfakeBench's JSONs come in five spellings (`./datasets/rgb/DS/..`, `DS/..`, `/abs/..`, `DS\\..`,
`./datasets\\DS\\..`), and the keys of its LMDBs keep the separators of the system they were made on. One dataset keeps
to one spelling, so that a rule found for some of its frames holds for all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Final

RGB_DIR: Final = "datasets/rgb"
"""Where DeepfakeBench expects frames, from where it is run.

Source: DeepfakeBench training/config/test_config.yaml:3.
"""

_DRIVE = re.compile(r"[A-Za-z]:")
_HOST_PREFIX = "./datasets\\"
# A file name alone would say nothing of the video: 000.png.
_SHORTEST = 2


@dataclass(frozen=True, slots=True)
class FileRule:
    """One way from a frame's name to its file.

    Attributes:
        base: Folder that the rest is looked for in; None takes the name as it is, an absolute path.
        cut: Leading folders of the name that are left out.
    """

    base: Path | None
    cut: int

    def path(self, frame: str) -> Path:
        """Return where the frame lies by this rule."""
        if self.base is None:
            return Path(frame.replace("\\", "/"))
        return self.base.joinpath(*parts(frame)[self.cut :])


@dataclass(frozen=True, slots=True)
class KeyRule:
    """One way from a frame's name to its key in an LMDB.

    Attributes:
        cut: Leading folders of the name that are left out; None leaves the name as it is but for `./datasets\\`.
        first: Separator after the first folder.
        rest: All other separators.
    """

    cut: int | None
    first: str = "/"
    rest: str = "/"

    def key(self, frame: str) -> str:
        """Return the frame's key by this rule."""
        if self.cut is None:
            return _host_key(frame)
        head, *rest = parts(frame)[self.cut :]
        return f"{head}{self.first}{self.rest.join(rest)}" if rest else head


def parts(frame: str) -> list[str]:
    """Return the folders and the file of a frame's name, whichever way it is spelled, without single dots."""
    return [part for part in re.split(r"[\\/]", frame) if part not in ("", ".")]


def is_absolute(frame: str) -> bool:
    """Return whether a frame's name begins at a root, or at a drive of Windows."""
    return frame[:1] in ("/", "\\") or _DRIVE.match(frame) is not None


def shared_prefix(frames: Sequence[str]) -> str:
    """Return what all these names begin with, up to and with the last separator."""
    low, high = min(frames), max(frames)  # what these two share, all between them share
    same = list(takewhile(lambda pair: pair[0] == pair[1], zip(low, high, strict=False)))
    common = low[: len(same)]
    return common[: max(common.rfind("/"), common.rfind("\\")) + 1]


def file_rules(frame: str, *, rgb_dir: Path | None, root: Path) -> Iterator[FileRule]:
    """Yield the rules by which a frame may be found, the likeliest first; some may lead to the same file.

    Without `rgb_dir`, a name that begins with a dot or a root is tried as it is, and then under `datasets/rgb`, as is
    one that begins with the dataset's name. With it, every name is tried there first, cut at the front by one folder
    more each time; what is left has at least the folder that the frame lies in.

    Args:
        frame: As the JSON spells it: `./datasets/rgb/DS/..`, `DS/..`, `/abs/..`, `DS\\..`, `./datasets\\DS\\..`.
        rgb_dir: Folder of the datasets, or of one, that was named.
        root: Where DeepfakeBench is run: relative names begin there.

    Source:
        DeepfakeBench training/dataset/abstract_dataset.py:297-301.
    """
    rebased = [FileRule(rgb_dir or root / RGB_DIR, cut) for cut in _cuts(frame)]
    as_is = FileRule(None, 0) if is_absolute(frame) else FileRule(root, 0)
    dotted = frame.startswith(".") or is_absolute(frame)
    if rgb_dir is None and dotted:
        yield as_is
    yield from rebased
    yield as_is


def key_rules(frame: str) -> Iterator[KeyRule]:
    """Yield the rules by which an LMDB may hold a frame, the likeliest first; some may lead to the same key.

    Without `./datasets\\`, as DeepfakeBench looks it up; and, cut at the front by one folder more each time, with `/`,
    with `\\`, and with one `\\` and then `/`.

    Source:
        DeepfakeBench training/dataset/abstract_dataset.py:304-310.
    """
    yield KeyRule(None)
    for cut in _cuts(frame):
        yield KeyRule(cut)
        yield KeyRule(cut, "\\", "\\")
        yield KeyRule(cut, "\\", "/")  # preprocessing/dataset2lmdb_test.py:33 writes these on Linux


def _cuts(frame: str) -> range:
    """How many folders may be left out in front: what leads up or names a drive always, and never all."""
    names = parts(frame)
    up = sum(part == ".." or _DRIVE.fullmatch(part) is not None for part in names)
    return range(up, max(len(names) + 1 - _SHORTEST, up + 1))


def _host_key(frame: str) -> str:
    return frame.replace(_HOST_PREFIX, "") if frame.startswith(".") else frame
