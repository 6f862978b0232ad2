"""Where a DeepfakeBench checkout lies, if there is one, and at which commit."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deepfakebench_ext.common.errors import HostError

TESTED_COMMIT: Final = "8a4a7bf5e966c5c5618bc27d1719c3683eae9a04"
"""The commit of DeepfakeBench that this package is tested with (2025-06-09)."""

DETECTOR_YAMLS: Final = "training/config/detector"
"""Where a checkout has the YAMLs of its detectors."""

DATASET_JSONS: Final = "preprocessing/dataset_json"
"""Where it has the JSONs of its datasets."""

HOW_TO_GET: Final = (
    "no DeepfakeBench checkout is found: neither DEEPFAKEBENCH_ROOT nor vendors/DeepfakeBench nor a folder above names "
    "one. Get one with `dfb-ext host install`, or link yours with `dfb-ext host install --path DIR`, or set "
    "DEEPFAKEBENCH_ROOT. Our own evaluator works without."
)

_MARK = Path("training/metrics/registry.py")


@dataclass(frozen=True, slots=True)
class Checkout:
    """A checkout that was found.

    Attributes:
        root: Its root, absolute.
        found_by: What led to it.
    """

    root: Path
    found_by: str


def find_checkout(explicit: Path | None = None) -> Path | None:
    """Return the root of a DeepfakeBench checkout, or None where there is none.

    Looked for in this order: `explicit`, the variable DEEPFAKEBENCH_ROOT, `vendors/DeepfakeBench` and then the
    working directory and its parents. A root is one that holds `training/metrics/registry.py`.

    Raises:
        HostError: A root was named, by argument or variable, and is not one.
    """
    found = locate_checkout(explicit)
    return found.root if found else None


def locate_checkout(explicit: Path | None = None) -> Checkout | None:
    """Return what `find_checkout` finds, and how.

    Raises:
        HostError: A root was named, by argument or variable, and is not one.
    """
    variable = os.environ.get("DEEPFAKEBENCH_ROOT")
    if explicit is not None:
        return Checkout(verified(explicit, "name another"), "the argument")
    if variable:
        root = verified(Path(variable), "correct or unset DEEPFAKEBENCH_ROOT")
        return Checkout(root, "DEEPFAKEBENCH_ROOT")
    here = Path.cwd()
    vendored = here / "vendors/DeepfakeBench"
    for root in (vendored, here, *here.parents):
        if is_checkout(root):
            return Checkout(root, "vendors/DeepfakeBench" if root == vendored else "the working directory")
    return None


def is_checkout(root: Path) -> bool:
    """Return whether `root` is a DeepfakeBench checkout."""
    return (root / _MARK).is_file()


def verified(root: Path, remedy: str) -> Path:
    """Return `root`, absolute.

    Args:
        root: A folder that was named.
        remedy: What to do where it is none.

    Raises:
        HostError: It is not a checkout.
    """
    if not is_checkout(root):
        raise HostError(f"{root} is not a DeepfakeBench checkout: it has no {_MARK.as_posix()}; {remedy}")
    return root.absolute()


def commit_of(root: Path) -> str | None:
    """Return the commit that a checkout is at; None where it is no git repository of its own."""
    top = _git(root, "rev-parse", "--show-toplevel")
    if top is None or Path(top).resolve() != root.resolve():
        return None
    return _git(root, "rev-parse", "HEAD")


def changes_in(root: Path) -> tuple[str, ...]:
    """Return the files of a checkout that differ from its commit, untracked ones too, as git lists them."""
    listed = _git(root, "status", "--porcelain") if commit_of(root) else None
    return tuple(line[3:] for line in (listed or "").splitlines())


def _git(root: Path, *command: str) -> str | None:
    """What git answers; None where there is no git, or no repository."""
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *command], capture_output=True, text=True, check=False, encoding="utf-8"
        )
    except OSError:
        return None
    return done.stdout.rstrip() if done.returncode == 0 else None
