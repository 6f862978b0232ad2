"""The embedded detector registry: DeepfakeBench's two methods, plus the errors it lacks.

DeepfakeBench's own (training/metrics/registry.py:1-15) overwrites a duplicate silently and answers an unknown name
with a bare KeyError. Ours refuses the first and suggests the nearest name for the second. Entries may be lazy
(`module:attribute`), so that listing the detectors imports none of them.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Literal, Protocol, TypeVar

from deepfakebench_ext.common.errors import ConfigError

T = TypeVar("T", bound=type)

OUR_DETECTORS: Mapping[str, str] = {
    "huggingface_clip": "deepfakebench_ext.models.clip:HuggingFaceClip",
    "huggingface_image": "deepfakebench_ext.models.generic:HuggingFaceImage",
    "huggingface_video": "deepfakebench_ext.models.generic:HuggingFaceVideo",
    "huggingface_videomae": "deepfakebench_ext.models.videomae:HuggingFaceVideoMAE",
}

OUR_TAKES: Mapping[str, Literal["image", "video"]] = {
    "huggingface_clip": "image",
    "huggingface_image": "image",
    "huggingface_video": "video",
    "huggingface_videomae": "video",
}
"""What each takes, as its class says it, known without importing any."""


class DetectorRegistry(Protocol):
    """What a registry must offer: exactly the surface of DeepfakeBench's."""

    def register_module(self, module_name: str | None = None) -> Callable[[Any], Any]:
        """Return a decorator that registers a class under `module_name`."""

    def __getitem__(self, key: str) -> Any:
        """Return the class registered under `key`."""


class Registry:
    """Named detector classes. Same surface as DeepfakeBench's, so a detector module works with either."""

    def __init__(self, lazy: Mapping[str, str] | None = None) -> None:
        """Start with `lazy` entries: name -> `module:attribute`, imported at the first look-up."""
        self.data: dict[str, Any] = dict(lazy or {})

    def register_module(self, module_name: str | None = None) -> Callable[[T], T]:
        """Return a decorator that registers a class under `module_name`, or under its own name.

        Raises:
            ConfigError: The name belongs to another class.
        """

        def _register(cls: T) -> T:
            name = module_name or cls.__name__
            if name in self.data and self[name] is not cls:
                raise ConfigError(
                    f"detector name {name!r} is taken by {self[name].__module__}.{self[name].__qualname__}; "
                    f"register {cls.__module__}.{cls.__qualname__} under another name"
                )
            self.data[name] = cls
            return cls

        return _register

    def __getitem__(self, key: str) -> Any:
        """Return the class registered under `key`.

        Raises:
            ConfigError: No such name; the message suggests the nearest one and lists them all.
        """
        if key not in self.data:
            near = difflib.get_close_matches(key, self.data, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise ConfigError(f"no detector is called {key!r}.{hint} Known detectors: {', '.join(sorted(self.data))}")
        entry = self.data[key]
        if isinstance(entry, str):
            module, _, attribute = entry.partition(":")
            entry = self.data[key] = getattr(import_module(module), attribute)
        return entry

    def __contains__(self, key: object) -> bool:
        """Whether a detector of that name is registered."""
        return key in self.data

    def names(self) -> list[str]:
        """Return the registered names, sorted, without importing anything."""
        return sorted(self.data)


DETECTOR = Registry(OUR_DETECTORS)


def register(registry: DetectorRegistry | None = None) -> DetectorRegistry:
    """Register our detectors in `registry`; calling it again changes nothing.

    Args:
        registry: DeepfakeBench's `metrics.registry.DETECTOR` or any registry with its surface. None: the embedded one.

    Returns:
        The registry.

    Raises:
        ConfigError: One of our names is already taken there by another class.
    """
    if registry is None:
        return DETECTOR
    for name in OUR_DETECTORS:
        cls = DETECTOR[name]
        present = _lookup(registry, name)
        if present is None:
            registry.register_module(module_name=name)(cls)
        elif present is not cls:
            raise ConfigError(f"detector name {name!r} is already taken in this registry by {present!r}")
    return registry


def _lookup(registry: DetectorRegistry, name: str) -> Any:
    try:
        return registry[name]
    except (KeyError, ConfigError):
        return None
