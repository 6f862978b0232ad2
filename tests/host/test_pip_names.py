"""What is to be installed for a module is said in one way, and is what the `host` extra brings."""

from __future__ import annotations

import re
from configparser import ConfigParser
from pathlib import Path

import pytest

from deepfakebench_ext.host.pip_names import BROUGHT_BY_EXTRA, explained, pip_name


def test_what_the_extra_is_said_to_bring_is_what_it_names() -> None:
    setup = ConfigParser()
    setup.read(Path(__file__).parents[2] / "setup.cfg")
    always, extra = setup["options"]["install_requires"], setup["options.extras_require"]["host"]
    needed = {re.split("[=>]", requirement)[0] for requirement in f"{always} {extra}".split()}
    said = {pip_name(module).strip("'").split("==")[0] for module in BROUGHT_BY_EXTRA}
    # scikit-image comes with albumentations.
    assert said - needed == {"scikit-image"}
    assert {re.split("[=>]", requirement)[0] for requirement in extra.split()} <= said
    assert pip_name("albumentations").strip("'") in extra.split()


@pytest.mark.parametrize(
    ("module", "typed"),
    [
        ("kornia.losses", "pip install 'deepfakebench-ext[host]'"),
        ("cv2", "pip install 'deepfakebench-ext[host]'"),
        ("clip", "pip install git+https://github.com/openai/CLIP.git"),
        ("dlib", "pip install dlib-bin"),
        ("slowfast.models", "pip install slowfast"),
    ],
)
def test_the_extra_is_named_where_it_brings_the_module_and_the_package_alone_elsewhere(module: str, typed: str) -> None:
    error = explained(ModuleNotFoundError(name=module))
    assert str(error) == f"DeepfakeBench imports {module!r}, which is not installed; type: {typed}"


def test_a_module_of_deepfakebenchs_own_is_no_matter_of_pip() -> None:
    assert "which this checkout does not hold" in str(explained(ModuleNotFoundError(name="dataset.albu")))
