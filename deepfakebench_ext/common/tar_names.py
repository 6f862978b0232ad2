"""Names of what lies in tars: `shards/data-000.tar/real/7.jpg`, on this machine or behind a URL. Names only, no I/O."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

SUFFIX: Final = ".tar"
_WITHIN = f"{SUFFIX}/"
_RANGE = re.compile(r"\{([0-9]+)\.\.([0-9]+)\}")
_MOST = 100_000  # of one range; more are a slip of a finger
_COMPRESSED = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst")


def is_tar_name(name: str) -> bool:
    """Return whether a file is taken for a tar, by its name."""
    return name.lower().endswith(SUFFIX)


def is_compressed_tar_name(name: str) -> bool:
    """Return whether a file is taken for a tar in which nothing can be found without reading all before it."""
    return name.lower().endswith(_COMPRESSED)


def split_member(file: str) -> tuple[str, str] | None:
    """Return the tar and the member that a name means; None where no part but the last ends as a tar's name does."""
    at = file.find(_WITHIN)
    return None if at < 0 else (file[: at + len(SUFFIX)], file[at + len(_WITHIN) :])


def shard_names(text: str) -> list[str]:
    """Return what `data-{000..009}.tar` stands for; another text stands for itself."""
    return list(_expanded(text))


def _expanded(text: str) -> Iterator[str]:
    found = _RANGE.search(text)
    first, last = (int(found[1]), int(found[2])) if found is not None else (0, -1)
    if found is None or not 0 <= last - first < _MOST:
        yield text
        return
    for number in range(first, last + 1):
        yield from _expanded(f"{text[: found.start()]}{number:0{len(found[1])}d}{text[found.end() :]}")
