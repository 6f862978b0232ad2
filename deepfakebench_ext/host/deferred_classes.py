"""The names that DeepfakeBench's scripts import from its `dataset` package, without importing what stands behind them.

Ten classes bring dlib and a file of its own, imgaug and CUDA (fwa_blend.py:52, lsda_dataset.py:165); a run uses one.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from deepfakebench_ext.common.errors import HostError
from deepfakebench_ext.host.pip_names import explained

# training/test.py:26-27 import one class of each, and use neither.
_UNUSED_IN_TEST = ("ff_blend", "fwa_blend")


class DeferredClass:
    """Stands for a class of DeepfakeBench's, which is imported when it is called or asked for anything."""

    def __init__(self, module: str, name: str) -> None:
        """Stand for `name` in `module`."""
        self._module, self._name = module, name

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Import the class and return an instance of it."""
        return self._real()(*args, **options)

    def __getattr__(self, attribute: str) -> Any:
        """Return what the class has under that name."""
        return getattr(self._real(), attribute)

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[Any, ...]:
        """Let a class be derived from the one this stands for."""
        return (self._real(),)

    def _real(self) -> Any:
        try:
            return getattr(_imported(self._module), self._name)
        except ModuleNotFoundError as error:
            raise explained(error) from error
        except (OSError, RuntimeError, AttributeError) as error:
            raise HostError(f"DeepfakeBench's {self._module} cannot be imported here: {error}") from error


class _DeferredModule(ModuleType):
    """A module whose known classes are deferred; any other name imports it."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(_imported(self.__name__), name)


def _imported(module: str) -> ModuleType:
    if isinstance(sys.modules.get(module), _DeferredModule):
        del sys.modules[module]
    return import_module(module)


def defer(training: Path) -> None:
    """Give the mounted `dataset` package its names, and its absolute spelling `training.dataset`.

    Args:
        training: The checkout's folder of that name, mounted (`host.packages.mount`).

    Source:
        DeepfakeBench training/train.py:34 (`from dataset import *`), training/test.py:26-27,
        dataset/sbi_dataset.py:18-20 and tall_dataset.py:19 (`from training.dataset ...`).
    """
    package = sys.modules["dataset"]
    for module, name in _classes(training / "dataset/__init__.py"):
        deferred = DeferredClass(f"dataset.{module}", name)
        vars(package).setdefault(name, deferred)
        if module in _UNUSED_IN_TEST and f"dataset.{module}" not in sys.modules:
            stand_in = _DeferredModule(f"dataset.{module}", "DeepfakeBench's, not imported yet")
            vars(stand_in)[name] = deferred
            sys.modules[f"dataset.{module}"] = stand_in
    # The same modules under this spelling, else their classes would exist twice.
    sys.modules.setdefault("training.dataset", package)


def _classes(file: Path) -> Iterator[tuple[str, str]]:
    """Yield (module, class) for each `from .module import class` of a package's file; a package may do without one."""
    if not file.is_file():
        return  # as in DF40, whose scripts import the modules that they use
    for node in ast.parse(file.read_bytes()).body:
        if isinstance(node, ast.ImportFrom) and node.level == 1 and node.module:
            yield from ((node.module, alias.asname or alias.name) for alias in node.names)
