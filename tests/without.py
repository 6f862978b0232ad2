"""The command line as if some packages were not installed: `python without.py MISSING,... UNUSED,... VERB ...`."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

TORCH = ("torch", "transformers", "safetensors")


def typed(missing: Sequence[str], *words: str, unused: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    """Type `dfb-ext WORDS` where `missing` are not installed, and `unused` are, and must not be imported."""
    command = [sys.executable, __file__, ",".join(missing), ",".join(unused), *words]
    return subprocess.run(command, check=False, capture_output=True, text=True)


class _NotThere:
    """Finds nothing of some packages, in front of all that would."""

    def __init__(self, missing: Sequence[str]) -> None:
        self._missing = missing

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name.partition(".")[0] in self._missing:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def _without(missing: Sequence[str], unused: Sequence[str]) -> None:
    known = importlib.metadata.version

    def version(name: str) -> str:
        if name in missing:
            raise importlib.metadata.PackageNotFoundError(name)
        return known(name)

    importlib.metadata.version = version
    sys.meta_path.insert(0, _NotThere((*missing, *unused)))


if __name__ == "__main__":
    sys.path.remove(str(Path(__file__).parent))  # what lies here is the tests' own
    _without(sys.argv.pop(1).split(","), sys.argv.pop(1).split(","))
    from deepfakebench_ext.cli.main import main

    main()
