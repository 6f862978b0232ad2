"""Files that end: what else can stand under a name blocks its reader for ever, or never stops."""

from __future__ import annotations

import errno
import stat
from pathlib import Path

_OTHERS = {stat.S_IFIFO: "a pipe", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device", stat.S_IFSOCK: "a socket"}


def regular(path: Path) -> Path:
    """Return a path that names a regular file, or a link to one, to be opened at once.

    Raises:
        OSError: Nothing is there, or a folder, a pipe, a device, a socket; says which.
    """
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "it is a folder, and a file is wanted", str(path))
    if not stat.S_ISREG(mode):
        what = _OTHERS.get(stat.S_IFMT(mode), "no regular file")
        raise OSError(errno.EINVAL, f"it is {what}, and a file is wanted", str(path))
    return path
