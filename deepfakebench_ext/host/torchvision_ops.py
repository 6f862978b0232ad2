"""A torchvision that imports beside any torch, also where its compiled operators cannot be loaded."""

from __future__ import annotations

import sys
from functools import cache
from importlib import import_module
from typing import Any

# What torchvision's Python code registers kernels for at import, whether or not its library was loaded.
_OPERATORS = ("nms", "qnms")
_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


def make_importable() -> None:
    """Make `import torchvision` work where its library of operators does not load; calling it again changes nothing.

    PyPI's wheels are built for CUDA: beside a CPU build of torch their library is not loaded, and the import fails
    with `operator torchvision::nms does not exist`. Declared, the operators exist without a kernel: models and
    transforms work, and calling `nms` says that there is none. A torchvision that imports is left as it is, and so is
    one that is not installed.

    Raises:
        RuntimeError: torchvision fails for another reason.
    """
    if "torchvision" in sys.modules:
        return
    try:
        import_module("torchvision")
    except ModuleNotFoundError as error:
        if error.name != "torchvision":
            raise
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
        _forget_torchvision()  # the half that was imported
        _declare()
        import_module("torchvision")


@cache
def _declare() -> Any:
    """Return the declarations, which last as long as they are held."""
    import torch

    library: Any = torch.library.Library(  # type: ignore[no-untyped-call]
        "torchvision", "FRAGMENT"
    )
    for name in _OPERATORS:
        library.define(f"{name}{_SCHEMA}")
    return library


def _forget_torchvision() -> None:
    for name in [name for name in sys.modules if name == "torchvision" or name.startswith("torchvision.")]:
        del sys.modules[name]
