"""Imported by a linked checkout: registers our detectors in DeepfakeBench's own registry.

`dfb-ext host link` writes the import of this module at the end of training/detectors/__init__.py.
"""

from __future__ import annotations

from importlib import import_module

from deepfakebench_ext.common.errors import HostError
from deepfakebench_ext.host import weights_path
from deepfakebench_ext.host.registry import register

try:
    _registries = import_module("metrics.registry")
except ModuleNotFoundError as error:
    raise HostError(
        f"{__name__} is for DeepfakeBench's detectors package to import, once `dfb-ext host link` was run; it is of no "
        f"use elsewhere"
    ) from error

register(_registries.DETECTOR)
weights_path.install()
