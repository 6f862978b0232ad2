"""Tries to import each detector of a checkout, in this process: `python -m deepfakebench_ext.host.probe ROOT`.

Prints a JSON object a line: `name`, and `lacks` (modules that are not installed), `error` (another reason) or neither.
A process of its own, since DeepfakeBench's module names would stay for good, and since one import may end the process.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import redirect_stdout
from importlib import import_module
from pathlib import Path
from typing import Any

from deepfakebench_ext.host.needs import missing_modules
from deepfakebench_ext.host.pip_names import is_own

SCRIPTS = "training/test.py and train.py"
# What these import of DeepfakeBench's (training/test.py:16-32, training/train.py:29-36).
_OF_SCRIPTS = ("metrics.utils", "dataset.abstract_dataset", "dataset.pair_dataset", "trainer.trainer", "optimizor.SAM")


def main(root: Path) -> None:
    """Print a line for the scripts and for each detector of the checkout at `root`."""
    from deepfakebench_ext.host.packages import detectors, mount
    from deepfakebench_ext.host.patches import apply_to_libraries

    out = sys.stdout
    with redirect_stdout(sys.stderr):  # modules print as they are imported
        os.chdir(root)
        apply_to_libraries()
        mount(root)
        modules = [(SCRIPTS, _OF_SCRIPTS), *((name, (entry.module,)) for name, entry in detectors(root).items())]
        for line in _tried(modules, root / "training"):
            print(json.dumps(line), file=out, flush=True)


def _tried(modules: Iterable[tuple[str, tuple[str, ...]]], training: Path) -> Iterator[dict[str, Any]]:
    for name, needed in modules:
        result: dict[str, Any] = {"name": name}
        try:
            for module in needed:
                import_module(module)
        except ModuleNotFoundError as error:
            first = error.name or str(error)
            others = (absent for module in needed for absent in missing_modules(training, module))
            result["lacks"] = sorted({first.split(".")[0] if not is_own(first) else first, *others})
        except Exception as error:  # whatever a foreign module does when it is imported is its answer
            result["error"] = f"{type(error).__name__}: {error}"
        yield result


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
