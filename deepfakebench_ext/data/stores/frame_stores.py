"""The frames of a DeepfakeBench dataset by the names that its JSON gives them: in folders, or in an LMDB.

How a dataset's names become paths or keys is found out once, from some of its frames (`settle`), and then holds for
all: a frame that is not where this rule says is missing, and nowhere else looked for.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import cv2
import numpy as np

from deepfakebench_ext.common.digests import ABSENT, content_of, content_of_bytes
from deepfakebench_ext.common.errors import ConfigError, MediaError
from deepfakebench_ext.common.regular_files import regular
from deepfakebench_ext.common.retrying import retried
from deepfakebench_ext.data.stores.lmdb_environment import database, holds, open_once, value_of
from deepfakebench_ext.host.frame_paths import FileRule, KeyRule, file_rules, key_rules, parts, shared_prefix
from deepfakebench_ext.media.frame import RGB
from deepfakebench_ext.media.mending import has_end, pixels_without_end

R = TypeVar("R", FileRule, KeyRule)

# A rule is found out from few frames, and from many where the disk holds none of the few.
_PROBES = (32, 4096)
_JPEG_BEGIN = b"\xff\xd8"


class FrameStore(Protocol):
    """Where frames come from. Safe in several threads once settled."""

    def settle(self, frames: Sequence[str]) -> None:
        """Find out how the frames of a dataset are found; before anything else, with all of them."""

    def read(self, frame: str) -> RGB:
        """Return a frame as uint8 (H, W, 3) RGB.

        Raises:
            MediaError: It is missing or broken.
        """

    def missing(self, frames: Iterable[str]) -> list[str]:
        """Return which of these frames are not there, in their order."""

    def file(self, frame: str) -> Path:
        """Return the file that holds a frame, or would: its own, or the database's."""

    def content(self, frame: str) -> str:
        """Return what `content_of` says of the encoded frame, wherever it lies."""

    def address(self, frame: str) -> str:
        """Return where a frame is looked for, in words."""


class RgbStore:
    """Frames as image files."""

    def __init__(self, rgb_dir: Path | None, root: Path) -> None:
        """Say where to look.

        Args:
            rgb_dir: Folder of the datasets, or of one; None goes by the names and `datasets/rgb` under `root`.
            root: Where DeepfakeBench is run: relative names begin there.

        Raises:
            ConfigError: `rgb_dir` is no folder.
        """
        if rgb_dir is not None and not rgb_dir.is_dir():
            raise ConfigError(f"--rgb_dir {rgb_dir} is not a folder; give the one that holds the datasets")
        self._rgb_dir, self._root = rgb_dir, root
        self._rules: _Settled[FileRule] = _Settled()

    def __str__(self) -> str:
        """Return where it looks, in words."""
        return f"the folder {self._rgb_dir or self._root}"

    def settle(self, frames: Sequence[str]) -> None:
        """Find out how the frames of a dataset are found; before anything else, with all of them."""
        self._rules.settle(
            frames,
            lambda frame: file_rules(frame, rgb_dir=self._rgb_dir, root=self._root),
            lambda rule, frame: rule.path(frame).is_file(),
        )

    def read(self, frame: str) -> RGB:
        """Return a frame as uint8 (H, W, 3) RGB, decoded as DeepfakeBench decodes it.

        Raises:
            MediaError: No such file, or one that cannot be read or decoded.
        """
        path = self.file(frame)
        try:
            encoded = retried(lambda: regular(path).read_bytes())
        except ValueError as error:
            raise MediaError(f"frame {frame!r}: no path can have these characters") from error
        except OSError as error:
            reason = "no such file" if isinstance(error, FileNotFoundError) else error.strerror or error
            raise MediaError(f"frame {frame}: {path}: {reason}") from error
        return _decoded(encoded, f"frame {frame}: {path}")

    def missing(self, frames: Iterable[str]) -> list[str]:
        """Return which of these frames are not there; each folder is listed once."""
        listings: dict[str, frozenset[str]] = {}
        missing = []
        for frame in frames:
            folder, name = _split(frame)
            if folder not in listings:
                listings[folder] = _listing(self.file(frame).parent)
            if name not in listings[folder]:
                missing.append(frame)
        return missing

    def file(self, frame: str) -> Path:
        """Return the file that holds a frame, or would."""
        return self._rules.of(frame).path(frame)

    def content(self, frame: str) -> str:
        """Return what `content_of` says of the frame's file."""
        return content_of(self.file(frame))

    def address(self, frame: str) -> str:
        """Return where a frame is looked for, in words."""
        return str(self.file(frame))


class LmdbStore:
    """Frames as the encoded images in an LMDB."""

    def __init__(self, lmdb_dir: Path, dataset: str) -> None:
        """Open the database of a dataset.

        Args:
            lmdb_dir: Folder of the databases, or one of them.
            dataset: The dataset as it is asked for.

        Raises:
            ConfigError: There is none for it, or it is damaged.
            MissingExtraError: lmdb is not installed.
        """
        self._path = database(lmdb_dir, dataset)
        self._environment = open_once(self._path)
        self._rules: _Settled[KeyRule] = _Settled()

    def __str__(self) -> str:
        """Return where it looks, in words."""
        return f"the LMDB {self._path}"

    def settle(self, frames: Sequence[str]) -> None:
        """Find out how the frames of a dataset are found; before anything else, with all of them."""
        with self._environment.begin() as transaction:
            self._rules.settle(frames, key_rules, lambda rule, frame: holds(transaction, rule.key(frame)))

    def read(self, frame: str) -> RGB:
        """Return a frame as uint8 (H, W, 3) RGB, decoded as DeepfakeBench decodes it.

        Raises:
            MediaError: No such key, or what it holds cannot be decoded.
        """
        key = self._rules.of(frame).key(frame)
        with self._environment.begin() as transaction:
            encoded = value_of(transaction, key)
        if encoded is None:
            raise MediaError(f"frame {frame}: {self._path} has no key {key!r}")
        return _decoded(encoded, f"frame {frame}: key {key!r} of {self._path}")

    def missing(self, frames: Iterable[str]) -> list[str]:
        """Return which of these frames are not there."""
        with self._environment.begin() as transaction:
            return [frame for frame in frames if not holds(transaction, self._rules.of(frame).key(frame))]

    def file(self, frame: str) -> Path:
        """Return the database's file, the same for all frames."""
        return self._path / "data.mdb" if self._path.is_dir() else self._path

    def content(self, frame: str) -> str:
        """Return what `content_of` says of a file of the bytes that the database has for a frame."""
        with self._environment.begin() as transaction:
            encoded = value_of(transaction, self._rules.of(frame).key(frame))
        return ABSENT if encoded is None else content_of_bytes(encoded)

    def address(self, frame: str) -> str:
        """Return where a frame is looked for, in words."""
        return f"key {self._rules.of(frame).key(frame)!r} of {self._path}"


class _Settled(Generic[R]):
    """The rule of each dataset, by what the names of its frames begin with."""

    def __init__(self) -> None:
        self._rules: dict[str, R] = {}

    def settle(
        self, frames: Sequence[str], rules: Callable[[str], Iterable[R]], finds: Callable[[R, str], bool]
    ) -> None:
        """Take the rule that finds most of the frames, of several the likeliest.

        Only rules that leave out folders which all frames have in common: with others, two frames could become one.
        """
        prefix = shared_prefix(frames)
        shared = len(parts(prefix))
        candidates = [rule for rule in rules(frames[0]) if (rule.cut or 0) <= shared]
        self._rules[prefix] = _best(candidates, frames, finds)

    def of(self, frame: str) -> R:
        for prefix in sorted(self._rules, key=len, reverse=True):
            if frame.startswith(prefix):
                return self._rules[prefix]
        raise ValueError(f"settle() was not called with the frame {frame!r}")


def _best(rules: Sequence[R], frames: Sequence[str], finds: Callable[[R, str], bool]) -> R:
    for probes in _PROBES:
        probed = frames[:: max(1, len(frames) // probes)]
        found = [sum(finds(rule, frame) for frame in probed) for rule in rules]
        if any(found):
            return rules[found.index(max(found))]
    return rules[0]


def _split(frame: str) -> tuple[str, str]:
    at = max(frame.rfind("/"), frame.rfind("\\")) + 1
    return frame[:at], frame[at:]


def _listing(folder: Path) -> frozenset[str]:
    try:
        return frozenset(os.listdir(folder))  # noqa: PTH208 (thousands of folders)
    except (OSError, ValueError):  # ValueError: characters that no path can have
        return frozenset()


def _decoded(encoded: bytes, where: str) -> RGB:
    """The image as cv2.imread gives it, in RGB; one that was cut short is broken.

    Source:
        DeepfakeBench training/dataset/abstract_dataset.py:301, 311-313.
    """
    if not encoded:
        raise MediaError(f"{where}: it is empty")
    try:
        if not encoded.startswith(_JPEG_BEGIN) or has_end(encoded):
            return _by_opencv(encoded)
        rgb = pixels_without_end(encoded, _by_opencv)
    except cv2.error as error:
        raise MediaError(f"{where}: OpenCV cannot decode it: {error.err}") from error
    except ValueError as error:
        raise MediaError(f"{where}: not an image, or damaged; it begins with {encoded[:8]!r}") from error
    if rgb is None:
        raise MediaError(f"{where}: the JPEG is cut short")
    return rgb


def _by_opencv(encoded: bytes) -> RGB:
    bgr = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)
    if bgr is None:
        raise ValueError("OpenCV does not know it")
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB))
