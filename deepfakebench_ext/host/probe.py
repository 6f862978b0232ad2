"""Tries to import each detector of a checkout, in this process: `python -m deepfakebench_ext.host.probe ROOT`.

Prints a JSON object a line, for its scripts and then for its detectors: `name`, and `lacks` (modules that are not
there), `error` (another reason) or neither.
A process of its own, since DeepfakeBench's module names would stay for good, and since one import may end the process.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import redirect_stdout
from importlib import import_module
from pathlib import Path
from typing import Any

from deepfakebench_ext.host.needs import imported_of_its_own, missing_modules
from deepfakebench_ext.host.pip_names import is_own
from deepfakebench_ext.host.script_settings import OWN_YAMLS


def main(root: Path) -> None:
    """Print a line for each script and each detector of the checkout at `root`, imported as `host run` does."""
    from deepfakebench_ext.host.deferred_classes import defer
    from deepfakebench_ext.host.packages import detectors, mount
    from deepfakebench_ext.host.patches import apply_to_libraries

    out = sys.stdout
    with redirect_stdout(sys.stderr):  # modules print as they are imported
        os.chdir(root)
        apply_to_libraries()
        mount(root)
        training = root / "training"
        defer(training)
        needed = {name: imported_of_its_own(training / name) for name in OWN_YAMLS if (training / name).is_file()}
        needed |= {name: (entry.module,) for name, entry in detectors(root).items()}
        for line in _tried(needed, training):
            print(json.dumps(line), file=out, flush=True)


def _tried(needed: Mapping[str, tuple[str, ...]], training: Path) -> Iterator[dict[str, Any]]:
    for name, modules in needed.items():
        result: dict[str, Any] = {"name": name}
        try:
            for module in modules:
                import_module(module)
        except ModuleNotFoundError as error:
            first = error.name or str(error)
            failed = [module for module in modules if module not in sys.modules]
            others = (absent for module in failed for absent in missing_modules(training, module))
            result["lacks"] = sorted({first.split(".")[0] if not is_own(first) else first, *others})
        except Exception as error:  # whatever a foreign module does when it is imported is its answer
            result["error"] = f"{type(error).__name__}: {error}"
        yield result


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
