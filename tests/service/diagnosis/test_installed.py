"""Installed packages against what a distribution says that it needs."""

from __future__ import annotations

from configparser import ConfigParser
from pathlib import Path

import numpy as np

from deepfakebench_ext.service.diagnosis.installed import compare_with

ROOT = Path(__file__).parents[3]
NUMPY = "numpy>=1"
ABSENT = "nothing-of-that-name>=2"


def test_what_is_needed_is_found_with_its_version() -> None:
    (found,) = compare_with([NUMPY], ())
    assert found.is_found and found.said == f"numpy {np.__version__}"


def test_what_is_missing_or_too_old_is_named_with_the_command_that_installs_it() -> None:
    (found,) = compare_with([NUMPY, "numpy>=999", ABSENT], ())
    assert found.is_lacking
    assert found.said == f"lacks numpy {np.__version__}, where >=999 is needed, nothing-of-that-name"
    assert found.remedy == "pip install --upgrade 'deepfakebench-ext'"


def test_an_extra_is_missing_without_harm_until_it_is_asked_for() -> None:
    needs = [NUMPY, f'{ABSENT}; extra == "service"', 'pytest>=1; extra == "plots"', f'{ABSENT}; extra == "test"']
    plots, service = list(compare_with(needs, ()))[1:]
    assert plots.is_found and not service.is_found and not service.is_lacking
    assert service.said.endswith(": nothing can be served")
    assert service.remedy == "pip install --upgrade 'deepfakebench-ext[service]'"
    assert list(compare_with(needs, ("service",)))[-1].is_lacking


def test_every_extra_is_looked_at_but_those_of_whoever_works_on_this() -> None:
    said = ConfigParser()
    said.read(ROOT / "setup.cfg", encoding="utf-8")
    extras = set(said["options.extras_require"]) - {"docs", "demo", "test"}
    found = compare_with([f'{ABSENT}; extra == "{extra}"' for extra in extras], ())
    assert {each.name for each in found} == {"packages", *(f"extra {extra}" for extra in extras)}


def test_a_package_under_another_of_its_names_is_there() -> None:
    (found,) = compare_with(["opencv-python-headless>=4"], ())
    assert found.is_found


def test_a_requirement_for_another_python_is_none_here() -> None:
    (found,) = compare_with([NUMPY, f'{ABSENT}; python_version < "3"'], ())
    assert found.is_found
