"""Where a DeepfakeBench checkout lies, if there is one."""

from __future__ import annotations

import os
from pathlib import Path

from deepfakebench_ext.errors import HostError

_MARK = Path("training/metrics/registry.py")


def find_checkout(explicit: Path | None = None) -> Path | None:
    """Return the root of a DeepfakeBench checkout, or None where there is none.

    Looked for in this order: `explicit`, the variable DEEPFAKEBENCH_ROOT, `vendors/DeepfakeBench` and then the
    working directory and its parents. A root is one that holds `training/metrics/registry.py`.

    Raises:
        HostError: A root was named, by argument or variable, and is not one.
    """
    named = explicit or (Path(os.environ["DEEPFAKEBENCH_ROOT"]) if os.environ.get("DEEPFAKEBENCH_ROOT") else None)
    if named is not None:
        if not (named / _MARK).is_file():
            raise HostError(
                f"{named} is not a DeepfakeBench checkout: it has no {_MARK.as_posix()}. "
                f"Correct or unset DEEPFAKEBENCH_ROOT."
            )
        return named.absolute()
    here = Path.cwd()
    for root in (here / "vendors/DeepfakeBench", here, *here.parents):
        if (root / _MARK).is_file():
            return root
    return None
