"""The version of this package, and of what its results rest on."""

from __future__ import annotations

import platform
from collections.abc import Iterable

__version__ = "0.1.0"


# What computes a score, or decodes what it is of; each under the names that it is distributed by.
_DECIDES = {
    **{name: (name,) for name in ("torch", "transformers", "numpy", "pillow", "av")},
    "opencv": ("opencv-python-headless", "opencv-python", "opencv-contrib-python-headless", "opencv-contrib-python"),
}


def versions(*more: str) -> dict[str, str]:
    """Return the versions of all that decides a score, of Python, of this package, and of `more` packages.

    What is not installed is left out.
    """
    found = {name: _installed(names) for name, names in (_DECIDES | {name: (name,) for name in more}).items()}
    own = {"python": platform.python_version(), "deepfakebench-ext": __version__}
    return {name: each for name, each in found.items() if each is not None} | own


def _installed(names: Iterable[str]) -> str | None:
    from importlib.metadata import PackageNotFoundError, version  # not at the top: it would double the time of --help

    for name in names:
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return None
