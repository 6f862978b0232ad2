"""Our detectors in a checkout's own scripts, for those who start these themselves: put in, and taken back exactly.

Two things are put in: a line at the end of training/detectors/__init__.py, which imports `host.plugin`; and those of
our YAMLs that its scripts can take, in training/config/detector/, each with a last line that holds the digest of the
rest, by which a copy is known again.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import yaml

from deepfakebench_ext.common.errors import HostError
from deepfakebench_ext.host.checkout import DETECTOR_YAMLS
from deepfakebench_ext.host.script_settings import OWN_YAMLS
from deepfakebench_ext.launcher.script_keys import missing_keys
from deepfakebench_ext.models.config import config_names, find_config

_PACKAGE: Final = "training/detectors/__init__.py"
_LINE: Final = b"import deepfakebench_ext.host.plugin  # by `dfb-ext host link`; `dfb-ext host unlink` takes it back"
_STAMP: Final = re.compile(rb"# by `dfb-ext host link`; sha256 of the above: ([0-9a-f]{64})\n\Z")


def link(root: Path) -> list[str]:
    """Put both in, and return what was done, a line each. What is there already stays; a second call changes nothing.

    Raises:
        HostError: The checkout cannot be written.
    """
    try:
        return [_add_line(root / _PACKAGE), *_copy_yamls(root / DETECTOR_YAMLS)]
    except OSError as error:
        raise HostError(f"{root} cannot be changed: {error}") from error


def unlink(root: Path) -> list[str]:
    """Take both back, and return what was done, a line each. A YAML that was changed since stays, and is named.

    Raises:
        HostError: The line was changed, or the checkout cannot be written.
    """
    try:
        return [_remove_line(root / _PACKAGE), *_remove_yamls(root / DETECTOR_YAMLS)]
    except OSError as error:
        raise HostError(f"{root} cannot be changed: {error}") from error


def is_linked(root: Path) -> bool:
    """Return whether the line is in the checkout."""
    file = root / _PACKAGE
    return file.is_file() and _LINE in file.read_bytes()


def _add_line(file: Path) -> str:
    present = file.read_bytes()
    if _LINE in present:
        return f"{_PACKAGE}: has the line already"
    end = b"\r\n" if present.endswith(b"\r\n") else b"\n"
    _write(file, present + end + _LINE + end)
    return f"{_PACKAGE}: line added"


def _remove_line(file: Path) -> str:
    present = file.read_bytes()
    for end in (b"\r\n", b"\n"):
        block = end + _LINE + end
        if block in present:
            _write(file, present.replace(block, b"", 1))
            return f"{_PACKAGE}: line removed"
    if b"deepfakebench_ext.host.plugin" in present:
        raise HostError(f"{file}: the line that imports deepfakebench_ext.host.plugin was changed; remove it yourself")
    return f"{_PACKAGE}: has no line of ours"


def _copy_yamls(folder: Path) -> Iterator[str]:
    folder.mkdir(parents=True, exist_ok=True)
    for name in config_names():
        content = find_config(name).read_bytes()
        if any(missing_keys(script, yaml.safe_load(content)) for script in OWN_YAMLS):
            continue
        target = folder / f"{name}.yaml"
        stamped = _stamped(content)
        present = target.read_bytes() if target.exists() else None
        if present == stamped:
            yield f"{DETECTOR_YAMLS}/{target.name}: is there already"
        elif present is not None and not _is_untouched(present):
            yield f"{DETECTOR_YAMLS}/{target.name}: left as it is, since it is not ours or was changed"
        else:
            _write(target, stamped)
            yield f"{DETECTOR_YAMLS}/{target.name}: {'written' if present is None else 'renewed'}"


def _remove_yamls(folder: Path) -> Iterator[str]:
    for target in sorted(folder.glob("*.yaml")):
        present = target.read_bytes()
        if _is_untouched(present):
            target.unlink()
            yield f"{DETECTOR_YAMLS}/{target.name}: removed"
        elif target.stem in config_names():
            yield f"{DETECTOR_YAMLS}/{target.name}: left there, since it is not ours or was changed; remove it yourself"


def _stamped(text: bytes) -> bytes:
    digest = hashlib.sha256(text).hexdigest().encode()
    return text + b"# by `dfb-ext host link`; sha256 of the above: " + digest + b"\n"


def _is_untouched(present: bytes) -> bool:
    stamp = _STAMP.search(present)
    return stamp is not None and hashlib.sha256(present[: stamp.start()]).hexdigest().encode() == stamp[1]


def _write(file: Path, content: bytes) -> None:
    """Write all or nothing, the mode kept."""
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        part.write_bytes(content)
        if file.exists():
            shutil.copymode(file, part)
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
