"""An installation without torch is all that setup.cfg asks for, but torch."""

from __future__ import annotations

import runpy
from configparser import ConfigParser
from pathlib import Path

_ROOT = Path(__file__).parents[2]
INSTALL = runpy.run_path(str(_ROOT / "scripts/install_without_torch.py"), run_name="install_without_torch")


def asked_for(section: str, name: str) -> list[str]:
    said = ConfigParser()
    said.read(_ROOT / "setup.cfg", encoding="utf-8")
    return said[section][name].split()


def test_all_is_installed_but_torch_and_what_needs_it() -> None:
    whole, given = asked_for("options", "install_requires"), INSTALL["pip_words"](["onnxruntime"])
    assert given[-1] == "onnxruntime"
    assert sorted(line.partition(">=")[0] for line in {*whole} - {*given}) == ["safetensors", "torch", "transformers"]
    assert {*given[:-1]} < {*whole}


def test_an_extra_is_what_it_brings_and_no_package_of_that_name() -> None:
    given = INSTALL["pip_words"](["-c", "constraints.txt", "runtime", "video"])
    brought = [*asked_for("options.extras_require", "runtime"), *asked_for("options.extras_require", "video")]
    assert given[-len(brought) - 2 :] == ["-c", "constraints.txt", *brought]
