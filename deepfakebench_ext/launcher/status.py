"""What `dfb-ext host status` says: the checkout that is found, and what can be imported of it here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from deepfakebench_ext.common.errors import HostError
from deepfakebench_ext.host.checkout import HOW_TO_GET, TESTED_COMMIT, changes_in, commit_of, locate_checkout
from deepfakebench_ext.host.packages import detectors
from deepfakebench_ext.host.pip_names import is_own, pip_name
from deepfakebench_ext.host.script_settings import OWN_YAMLS
from deepfakebench_ext.launcher.link import is_linked


@dataclass(frozen=True, slots=True)
class Importable:
    """Whether one detector, or what one script needs, can be imported.

    Attributes:
        name: In DeepfakeBench's registry, or the script's.
        lacks: Modules that are not there.
        remedy: What to type; empty where nothing is lacking.
        reason: Why it cannot be imported otherwise, or None.
    """

    name: str
    lacks: tuple[str, ...]
    remedy: str
    reason: str | None

    @property
    def is_importable(self) -> bool:
        """Whether it can."""
        return not self.lacks and self.reason is None


@dataclass(frozen=True, slots=True)
class Status:
    """A checkout, as it stands.

    Attributes:
        root: Its root.
        found_by: What led to it.
        commit: The commit it is at; None where it is no git repository.
        changes: Files that differ from it.
        is_linked: Whether `dfb-ext host link` was run.
        scripts: What its scripts import, by their names.
        detectors: Its own, by name.
    """

    root: Path
    found_by: str
    commit: str | None
    changes: tuple[str, ...]
    is_linked: bool
    scripts: tuple[Importable, ...]
    detectors: tuple[Importable, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return {**asdict(self), "root": str(self.root), "is_tested_commit": self.commit == TESTED_COMMIT}

    def text(self) -> str:
        """Return it for people, without a line end."""
        works = [one.name for one in self.detectors if one.is_importable]
        lines = [
            f"root       {self.root} (by {self.found_by})",
            f"commit     {_commit(self.commit)}",
            f"changed    {_listed(self.changes) or 'nothing'}",
            f"linked     {'yes' if self.is_linked else 'no'} (dfb-ext host link)",
            f"scripts    {'; '.join(f'{one.name}: {_answer(one)}' for one in self.scripts)}",
            f"detectors  {len(works)} of {len(self.detectors)} can be imported: {', '.join(works)}",
        ]
        return "\n".join(
            [*lines, *(f"  {one.name}: {_answer(one)}" for one in self.detectors if not one.is_importable)]
        )


def take_status(explicit: Path | None = None) -> Status:
    """Return the status of the checkout that is found; its detectors are imported in a process of their own.

    Raises:
        HostError: None is found, a named one is none, or the process fails before it says anything.
    """
    found = locate_checkout(explicit)
    if found is None:
        raise HostError(HOW_TO_GET)
    answers = _probed(found.root)
    return Status(
        root=found.root,
        found_by=found.found_by,
        commit=commit_of(found.root),
        changes=changes_in(found.root),
        is_linked=is_linked(found.root),
        scripts=tuple(answers[: len(OWN_YAMLS)]),
        detectors=tuple(answers[len(OWN_YAMLS) :]),
    )


def _probed(root: Path) -> list[Importable]:
    """What the probe says of each script and then of each detector, by name."""
    command = [sys.executable, "-m", "deepfakebench_ext.host.probe", str(root)]
    package = str(Path(__file__).parents[2])
    path = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": path})
    answers = {line["name"]: line for line in map(json.loads, done.stdout.splitlines())}
    if not answers:
        raise HostError(f"what {root} needs cannot be tried: {_last_line(done.stderr) or done.returncode}")
    absent = {"error": "not there: the checkout is not whole"}
    answers |= {name: absent for name in OWN_YAMLS if not (root / "training" / name).is_file()}
    return [_importable(name, answers.get(name), done.returncode) for name in (*OWN_YAMLS, *sorted(detectors(root)))]


def _importable(name: str, answer: Mapping[str, Any] | None, code: int) -> Importable:
    if answer is None:
        return Importable(name, (), "", f"not tried: importing them ended the process with {code}")
    lacks, error = tuple(answer.get("lacks", ())), answer.get("error")
    packages = sorted({pip_name(module) for module in lacks if not is_own(module)})
    remedy = f"pip install {' '.join(packages)}" if packages else ""
    return Importable(name, lacks, remedy, error and _last_line(error))


def _answer(one: Importable) -> str:
    if one.lacks:
        return f"lacks {', '.join(one.lacks)} ({one.remedy or 'its own: the checkout is not whole'})"
    return one.reason or "can be imported"


def _commit(commit: str | None) -> str:
    if commit is None:
        return f"unknown, since it is no git repository; tested is {TESTED_COMMIT}"
    return commit + (" (the tested one)" if commit == TESTED_COMMIT else f"; tested is {TESTED_COMMIT}")


def _listed(names: Sequence[str], most: int = 5) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")
