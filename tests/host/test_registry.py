"""The embedded registry and registration in the host's: no name is taken twice, no unknown name goes unexplained."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import deepfakebench_ext
from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.host.registry import DETECTOR, OUR_DETECTORS, OUR_TAKES, Registry, register

OURS = ["huggingface_clip", "huggingface_image", "huggingface_video", "huggingface_videomae"]


class HostRegistry:
    """DeepfakeBench's surface and manners: a duplicate overwrites, an unknown name is a bare KeyError."""

    def __init__(self) -> None:
        self.data: dict[str, Any] = {}
        self.registrations = 0

    def register_module(self, module_name: str | None = None) -> Callable[[Any], Any]:
        def decorate(cls: Any) -> Any:
            self.registrations += 1
            self.data[module_name or cls.__name__] = cls
            return cls

        return decorate

    def __getitem__(self, key: str) -> Any:
        return self.data[key]


def python(code: str) -> str:
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=package_parent())
    return run.stdout.strip()


def package_parent() -> Path:
    return Path(deepfakebench_ext.__file__).parents[1]


def test_our_detectors_are_registered_under_names_that_are_not_the_hosts() -> None:
    assert DETECTOR.names() == sorted(OUR_DETECTORS) == OURS
    assert all(name.startswith("huggingface_") for name in DETECTOR.names())


@pytest.mark.parametrize("name", OURS)
def test_every_name_leads_to_a_detector_of_the_host_contract(name: str) -> None:
    cls = DETECTOR[name]
    for method in (
        "forward",
        "features",
        "classifier",
        "build_backbone",
        "build_loss",
        "get_losses",
        "get_train_metrics",
    ):
        assert callable(getattr(cls, method))
    assert DETECTOR[name] is cls


def test_listing_the_detectors_imports_none_of_them() -> None:
    code = "import sys; from deepfakebench_ext import DETECTOR; print(*DETECTOR.names(), 'torch' in sys.modules)"
    assert python(code) == f"{' '.join(OURS)} False"


def test_a_lazy_entry_is_imported_at_its_first_look_up() -> None:
    registry = Registry({"path": "pathlib:Path", "gone": "no_such_module_here:Class"})
    assert registry.names() == ["gone", "path"]
    assert "gone" in registry
    assert registry["path"] is Path
    with pytest.raises(ModuleNotFoundError, match="no_such_module_here"):
        registry["gone"]


def test_a_class_is_registered_under_the_name_given_or_its_own() -> None:
    registry = Registry()

    @registry.register_module(module_name="mine")
    class First: ...

    @registry.register_module()
    class Second: ...

    assert registry["mine"] is First
    assert registry["Second"] is Second
    assert registry.names() == ["Second", "mine"]


def test_a_name_taken_by_another_class_is_an_error_that_names_both() -> None:
    registry = Registry()

    class First: ...

    class Second: ...

    registry.register_module("mine")(First)
    assert registry.register_module("mine")(First) is First
    with pytest.raises(ConfigError, match=r"'mine' is taken by .*First; register .*Second under another name"):
        registry.register_module("mine")(Second)
    assert registry["mine"] is First


def test_one_of_our_names_cannot_be_taken_even_before_its_class_is_imported() -> None:
    registry = Registry({"path": "pathlib:Path"})
    with pytest.raises(ConfigError, match=r"'path' is taken by pathlib\.Path"):
        registry.register_module("path")(dict)
    assert registry.register_module("path")(Path) is Path


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("huggingface_clp", " Did you mean 'huggingface_clip'?"),
        ("hugging_face_videomae", " Did you mean 'huggingface_videomae'?"),
        ("xception", ""),
    ],
)
def test_an_unknown_name_suggests_the_nearest_and_lists_all(name: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        DETECTOR[name]
    assert str(caught.value) == f"no detector is called {name!r}.{hint} Known detectors: {', '.join(OURS)}"
    assert caught.value.exit_code == 2


def test_registering_in_the_hosts_registry_adds_ours_and_touches_nothing_else() -> None:
    host = HostRegistry()
    host.data = {"clip": int, "videomae": str}
    assert register(host) is host
    assert sorted(host.data) == ["clip", *OURS, "videomae"]
    assert (host["clip"], host["videomae"]) == (int, str)
    assert all(host[name] is DETECTOR[name] for name in OURS)


def test_registering_twice_changes_nothing() -> None:
    host = HostRegistry()
    register(host)
    before = dict(host.data)
    register(host)
    assert host.data == before
    assert host.registrations == len(OURS)


def test_registering_where_another_class_has_our_name_is_an_error_that_leaves_it() -> None:
    host = HostRegistry()
    host.data["huggingface_image"] = dict
    with pytest.raises(ConfigError, match=r"'huggingface_image' is already taken in this registry by <class 'dict'>"):
        register(host)
    assert host["huggingface_image"] is dict


def test_registering_without_a_registry_means_the_embedded_one() -> None:
    assert register() is DETECTOR
    assert register(DETECTOR) is DETECTOR
    assert DETECTOR.names() == OURS


def test_an_embedded_registry_of_ones_own_takes_our_detectors_too() -> None:
    registry = Registry()
    assert register(registry) is register(registry)
    assert registry.names() == OURS


def test_what_ours_take_is_what_their_classes_say() -> None:
    assert {name: DETECTOR[name].takes for name in OUR_DETECTORS} == OUR_TAKES
