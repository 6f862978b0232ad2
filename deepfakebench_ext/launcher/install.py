"""DeepfakeBench at vendors/DeepfakeBench: cloned at the tested commit, or a link to a checkout that is there."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from deepfakebench_ext.common.errors import HostError
from deepfakebench_ext.host.checkout import commit_of, is_checkout, verified

URL: Final = "https://github.com/SCLBD/DeepfakeBench"
_OTHERWISE: Final = (
    "Where this machine is offline, copy a checkout here by other means and `dfb-ext host install --path DIR`"
)


def clone(place: Path, *, url: str, commit: str) -> str:
    """Clone a repository to `place` at a commit, whole or not at all, and return what was done.

    Args:
        place: Must not be there, or be a checkout at that commit.
        url: What git clones from.
        commit: Its full SHA, a branch or a tag.

    Raises:
        HostError: Something else is there, git is not installed, the repository cannot be reached, it lacks the
            commit, or it is no DeepfakeBench.
    """
    if os.path.lexists(place):
        if is_checkout(place) and commit_of(place) == commit:
            return f"{place} is there already, at {commit}"
        raise HostError(f"{place} is there already, and is not DeepfakeBench at {commit}; remove it, or move it away")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=".DeepfakeBench-", dir=place.parent))
    except OSError as error:
        raise HostError(f"{place} cannot be written: {error}") from error
    try:
        _git("clone", "--quiet", "--no-checkout", "--", url, str(part), what=f"{url} cannot be cloned", then=_OTHERWISE)
        _git(
            *("-C", str(part), "checkout", "--quiet", "--detach", commit, "--"),
            what=f"{url} has no commit {commit}",
            then="give another with --commit",
        )
        verified(part, f"{url} is another repository")
        part.rename(place)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    # Licence: the clone is the user's; nothing of it enters this package.
    return f"{place}: DeepfakeBench at {commit} (CC BY-NC 4.0: not for commercial use)"


def link_local(checkout: Path, place: Path) -> str:
    """Make `place` a symbolic link to a checkout, and return what was done.

    Raises:
        HostError: `checkout` is none, something else is at `place`, or links cannot be made here.
    """
    target = verified(checkout, "name the root of one with --path").resolve()
    if os.path.lexists(place):
        if place.resolve() == target:
            return f"{place} is {target} already"
        raise HostError(f"{place} is there already; remove it, or move it away")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(target, target_is_directory=True)
    except OSError as error:
        raise HostError(f"{place} cannot be made a link: {error}; set DEEPFAKEBENCH_ROOT={target} instead") from error
    return f"{place} -> {target}"


def _git(*command: str, what: str, then: str) -> None:
    # Never a question: a private or misspelt address would wait for a password.
    environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0"}
    try:
        done = subprocess.run(["git", *command], capture_output=True, text=True, check=False, env=environment)
    except OSError as error:
        raise HostError(f"git cannot be started ({error}); install it, or use --path") from error
    if done.returncode != 0:
        said = " ".join(done.stderr.split()) or f"git exited with {done.returncode}"
        raise HostError(f"{what}: {said}. {then}")
