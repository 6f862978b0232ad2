"""DeepfakeBench's own packages, imported one module at a time and only when something is asked of them.

Its `detectors`, `networks`, `loss` and `dataset` import everything they hold: one missing dependency, one absent file
or a machine without CUDA, and none of its 36 detectors can be had (training/detectors/__init__.py:10-46,
training/dataset/__init__.py:11-20, lsda_dataset.py:165). Here these four stand in `sys.modules` without their
`__init__` having run, and DeepfakeBench's registries import the module that registers a name when it is looked up.
"""

from __future__ import annotations

import ast
import difflib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from deepfakebench_ext.common.errors import HostError

STANDING_IN: Final = ("detectors", "networks", "loss", "dataset")
"""The packages of DeepfakeBench's whose `__init__` does not run."""

# Package -> the registry that its modules fill, and under which name the package offers it.
_REGISTRIES: Final = {"detectors": "DETECTOR", "networks": "BACKBONE", "loss": "LOSSFUNC"}


@dataclass(frozen=True, slots=True)
class Entry:
    """A class that DeepfakeBench registers.

    Attributes:
        name: In the registry.
        module: Of DeepfakeBench, such as `detectors.xception_detector`.
        file: Where it is defined.
    """

    name: str
    module: str
    file: Path


class _OnDemand(dict[str, Any]):
    """A registry's dict: a name it lacks is looked for in the package's files, and its module imported."""

    def __init__(self, entries: dict[str, Entry], known: dict[str, Any]) -> None:
        super().__init__(known)
        self._entries = entries

    def __missing__(self, name: str) -> Any:
        if name not in self._entries:
            near = difflib.get_close_matches(name, self._entries, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise KeyError(f"DeepfakeBench registers no {name!r}{hint} It has {', '.join(sorted(self._entries))}")
        entry = self._entries[name]
        import_module(entry.module)
        if name not in self:
            raise HostError(f"{entry.file} was imported and did not register {name!r}")
        return self[name]


def detectors(checkout: Path) -> dict[str, Entry]:
    """Return the detectors of a checkout by name, read off its files; nothing of it is imported.

    Raises:
        HostError: A file that is not Python.
    """
    return _entries(checkout, "detectors")


def mount(checkout: Path) -> ModuleType:
    """Make DeepfakeBench's packages importable, each of their modules alone, and return its `metrics.registry`.

    Its top-level names (`metrics`, `detectors`, `networks`, `loss`, `dataset`, `trainer`, ...) then mean the
    checkout's, for the rest of the process. A second call for the same checkout changes nothing.

    Raises:
        HostError: Modules of these names belong to something else, such as another checkout.
    """
    training = checkout.resolve() / "training"
    if str(training) not in sys.path:
        # Its scripts run with training/ in front; its packages append the root (detectors/__init__.py:6-7).
        sys.path.insert(0, str(training))
        sys.path.append(str(checkout.resolve()))
    _check_ours_to_take(training)
    registries = import_module("metrics.registry")
    for package in STANDING_IN:
        if package in sys.modules:
            continue
        names = {}
        if registry := _REGISTRIES.get(package):
            names[registry] = getattr(registries, registry)
            names[registry].data = _OnDemand(_entries(checkout, package), names[registry].data)
        _stand_in(training, package, **names)
    return registries


def _stand_in(training: Path, package: str, **names: Any) -> None:
    module = ModuleType(package, f"DeepfakeBench's {package}, without its __init__")
    module.__path__ = [str(training / package)]
    vars(module).update(names)
    sys.modules[package] = module


def _check_ours_to_take(training: Path) -> None:
    for name in ("metrics", *STANDING_IN):
        module = sys.modules.get(name)
        places = [Path(place) for place in getattr(module, "__path__", [])] if module else []
        if module is not None and training / name not in places:
            raise HostError(
                f"the module {name!r} is already imported, from {places or module!r}, and DeepfakeBench at "
                f"{training.parent} has its own of that name; use a fresh process"
            )


def _entries(checkout: Path, package: str) -> dict[str, Entry]:
    folder = checkout.resolve() / "training" / package
    return {
        name: Entry(name, f"{package}.{file.stem}", file)
        for file in sorted(folder.glob("*.py"))
        for name in _registered_names(file)
    }


def _registered_names(file: Path) -> Iterator[str]:
    """Yield what `@<registry>.register_module(module_name='...')` says in a file."""
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError) as error:
        raise HostError(f"{file} cannot be read as Python: {error}; is the checkout whole?") from error
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            yield from filter(None, (_name_in(decorator, node.name) for decorator in node.decorator_list))


def _name_in(decorator: ast.expr, class_name: str) -> str | None:
    if not (isinstance(decorator, ast.Call) and isinstance(decorator.func, ast.Attribute)):
        return None
    if decorator.func.attr != "register_module":
        return None
    values = [*decorator.args, *(word.value for word in decorator.keywords if word.arg == "module_name")]
    return next((str(value.value) for value in values if isinstance(value, ast.Constant)), class_name)
