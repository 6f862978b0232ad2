"""The version of this package, and of what its results rest on."""

from __future__ import annotations

__version__ = "0.1.0"


_OPENCV = "opencv-python-headless"
# What is distributed under several names.
_SAME = {
    _OPENCV: (_OPENCV, "opencv-python", "opencv-contrib-python-headless", "opencv-contrib-python"),
    "dlib-bin": ("dlib-bin", "dlib"),
}
# What computes a score, or decodes what it is of.
_DECIDES = {name: name for name in ("torch", "transformers", "numpy", "pillow", "av")} | {"opencv": _OPENCV}


def versions(*more: str) -> dict[str, str]:
    """Return the versions of all that decides a score, of Python, of this package, and of `more` packages.

    What is not installed is left out.
    """
    import platform  # not at the top, as every command imports this file

    found = {name: installed(package) for name, package in (_DECIDES | {name: name for name in more}).items()}
    own = {"python": platform.python_version(), "deepfakebench-ext": __version__}
    return {name: each for name, each in found.items() if each is not None} | own


def installed(package: str) -> str | None:
    """Return the version of a package, under whichever of its names it is installed; None where it is not."""
    from importlib.metadata import PackageNotFoundError, version  # not at the top: it would double the time of --help

    for name in _SAME.get(package, (package,)):
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return None
