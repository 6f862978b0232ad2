#!/usr/bin/env python3
"""Install this checkout without torch, to score what `dfb-ext export` wrote as ONNX or OpenVINO.

    python scripts/install_without_torch.py onnxruntime
    python scripts/install_without_torch.py -c constraints.txt runtime video plots

What is typed goes to pip, beside what setup.cfg says that all need; the name of an extra stands for what it brings.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from configparser import ConfigParser
from pathlib import Path

ROOT = Path(__file__).parents[1]
LEFT_OUT = ("torch", "transformers", "safetensors")
_NAME = re.compile(r"[\w.-]+")


def pip_words(typed: Sequence[str]) -> list[str]:
    """Return what pip is told to install.

    Args:
        typed: Extras of setup.cfg, packages, and options of pip.
    """
    said = ConfigParser()
    said.read(ROOT / "setup.cfg", encoding="utf-8")
    extras = said["options.extras_require"]
    named = [line for word in typed for line in (_lines(extras[word]) if word in extras else [word])]
    return [line for line in _lines(said["options"]["install_requires"]) if _name(line) not in LEFT_OUT] + named


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()]


def _name(line: str) -> str:
    found = _NAME.match(line)
    return found[0] if found else line


def main() -> None:
    """Install what it needs, and then the checkout itself, which is not asked what it needs."""
    if not sys.argv[1:] or {"-h", "--help"} & {*sys.argv[1:]}:
        sys.exit(__doc__)
    pip = (sys.executable, "-m", "pip", "install")
    for words in (pip_words(sys.argv[1:]), ["--no-deps", str(ROOT)]):
        if code := subprocess.run([*pip, *words], check=False).returncode:
            sys.exit(code)


if __name__ == "__main__":
    main()
