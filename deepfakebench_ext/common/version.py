"""The version of this package, and of what its results rest on."""

from __future__ import annotations

import platform
from collections.abc import Iterable

__version__ = "0.1.0"


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Return the versions of `packages`, of Python and of this package, by their names.

    Raises:
        importlib.metadata.PackageNotFoundError: One is not installed.
    """
    from importlib.metadata import version  # not at the top: it would double the time of --help

    found = {name: version(name) for name in packages}
    return found | {"python": platform.python_version(), "deepfakebench-ext": __version__}
