"""Where things lie: the hub and its cache, a DeepfakeBench checkout, the disk."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from deepfakebench_ext.common.errors import HostError
from deepfakebench_ext.host.checkout import HOW_TO_GET, TESTED_COMMIT, commit_of, locate_checkout
from deepfakebench_ext.models.weights import hub
from deepfakebench_ext.service.diagnosis.finding import Finding

_LEAST_BYTES = 2**30
_GIB = 2**30


def look_at_hub() -> Iterator[Finding]:
    """Yield whether the hub answers, or is not to be asked, and where its files are kept."""
    seen = hub.look()
    yield _answer_of(seen)
    yield _room("hub cache", seen.cache, "export HF_HUB_CACHE=DIR, of a folder that can be written and has room")


def look_at_disk(folder: Path, *, is_asked: bool) -> Finding:
    """Return whether results can be written below a folder, which need not be there yet."""
    return _room("disk", folder, "make room, or name a folder on another disk", is_asked=is_asked)


def look_at_checkout() -> Finding:
    """Return which DeepfakeBench checkout is found. One that DEEPFAKEBENCH_ROOT names is asked for."""
    is_asked = bool(os.environ.get("DEEPFAKEBENCH_ROOT"))
    try:
        found = locate_checkout()
    except HostError as error:
        return Finding(name="DeepfakeBench", is_found=False, said=str(error), is_asked=is_asked)
    if found is None:
        return Finding(name="DeepfakeBench", is_found=False, said=HOW_TO_GET)
    commit = commit_of(found.root)
    which = (
        "the tested commit" if commit == TESTED_COMMIT else f"commit {commit or 'unknown'}; tested is {TESTED_COMMIT}"
    )
    said = f"{found.root} (by {found.found_by}), {which}; dfb-ext host status says what can be imported of it"
    details = {"root": str(found.root), "found_by": found.found_by, "commit": commit}
    return Finding(name="DeepfakeBench", is_found=True, said=said, is_asked=is_asked, details=details)


def _answer_of(seen: hub.HubSeen) -> Finding:
    details = {"endpoint": seen.endpoint, "offline": seen.is_offline, "token": seen.has_token}
    if seen.is_offline:
        said = "not asked, since HF_HUB_OFFLINE is set: only what its cache holds can be had"
        return Finding(name="hub", is_found=True, said=said, details=details)
    if seen.fault:
        said = f"{seen.endpoint} does not answer ({seen.fault}): only local weights, and what its cache holds"
        remedy = "export HF_ENDPOINT=URL, of a mirror that answers"
        return Finding(name="hub", is_found=False, said=said, remedy=remedy, details=details)
    token = "with a token" if seen.has_token else "no token, which private and gated repositories need (hf auth login)"
    return Finding(name="hub", is_found=True, said=f"{seen.endpoint} answers; {token}", details=details)


def _room(name: str, folder: Path, remedy: str, *, is_asked: bool = False) -> Finding:
    there = next(each for each in (folder.absolute(), *folder.absolute().parents) if each.exists())
    free = shutil.disk_usage(there).free
    details = {"folder": str(folder), "free_bytes": free}
    fault = ""
    if not there.is_dir():
        fault = f"{there} is no folder"
    elif not os.access(there, os.W_OK | os.X_OK):
        fault = f"{there} cannot be written by this user"
    elif free < _LEAST_BYTES:
        fault = f"{free / _GIB:.2f} GiB are free in {folder}, and less than {_LEAST_BYTES / _GIB:g} soon stops a run"
    said = fault or f"{folder}, {free / _GIB:.1f} GiB free"
    return Finding(
        name=name,
        is_found=not fault,
        said=said,
        remedy=remedy if fault else "",
        is_asked=is_asked,
        details=details,
    )
