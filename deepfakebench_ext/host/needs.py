"""Which modules that are not installed a module of DeepfakeBench's imports, itself or through others of it.

An import that fails names the first one only; this reads the files and names them all. Nothing is imported.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from deepfakebench_ext.host.packages import STANDING_IN
from deepfakebench_ext.host.pip_names import is_own

# What torch imports of others in modules of its own.
_OF_TORCH: Final = {"torch.utils.tensorboard": "tensorboard"}


def imported_of_its_own(script: Path) -> tuple[str, ...]:
    """Return the modules of DeepfakeBench's that one of its scripts imports, in its order.

    Source:
        DeepfakeBench training/test.py:16-36, training/train.py:29-36.
    """
    found = []
    for node in ast.parse(script.read_bytes()).body:
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append(node.module or "")
    return tuple(filter(is_own, found))


def missing_modules(training: Path, module: str) -> tuple[str, ...]:
    """Return the top-level modules that are imported at module level and are not installed, sorted.

    Args:
        training: The checkout's folder of that name.
        module: Of DeepfakeBench, such as `detectors.xception_detector`.
    """
    absent: set[str] = set()
    seen, waiting = {module}, [module]
    while waiting:
        name = waiting.pop()
        file = _file(training, name)
        if file is None:
            top = _OF_TORCH.get(name, name).split(".")[0]
            if not is_own(top) and _file(training, top) is None and find_spec(top) is None:
                absent.add(top)
            continue
        new = set(_imported(file, name)) - seen
        seen |= new
        waiting += new
    return tuple(sorted(absent))


def _file(training: Path, module: str) -> Path | None:
    """The file of a module of DeepfakeBench's; None for those of others."""
    parts = module.removeprefix("training.").split(".")
    # Some of its detectors put this folder on the path, for `import slowfast`.
    for folder in (training, training / "detectors/utils"):
        path = folder.joinpath(*parts)
        found = [file for file in (path / "__init__.py", path.with_suffix(".py")) if file.is_file()]
        if found:
            return found[0]
    return None


def _imported(file: Path, module: str) -> Iterator[str]:
    """Yield the modules that a file imports outside of functions and `try`, and the packages these lie in."""
    if module in STANDING_IN:
        return
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.parse(file.read_bytes()).body:
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, package)
            names = [base, *(f"{base}.{alias.name}" for alias in node.names)]  # a name may be a module
        else:
            continue
        for name in names:
            parts = name.split(".")
            yield from (".".join(parts[:end]) for end in range(1, len(parts) + 1))


def _absolute(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    parts = package.split(".")
    base = parts[: len(parts) - node.level + 1]
    return ".".join([*base, *([node.module] if node.module else [])])
