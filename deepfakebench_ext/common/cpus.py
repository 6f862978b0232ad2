"""How many CPUs there are for this process."""

from __future__ import annotations

import os
from pathlib import Path

THREADS = "OMP_NUM_THREADS"
"""The variable by which one says on how many CPUs to compute, to torch too."""
_SIBLINGS = "/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"


def usable_cpus() -> int:
    """Return how many CPUs this process may use."""
    return len(_usable())


def computing_threads() -> int:
    """Return on how many threads a network is to compute: as many as are said by `THREADS`, else one a core."""
    said = os.environ.get(THREADS, "").partition(",")[0].strip()
    if said.isdecimal() and int(said) > 0:
        return int(said)
    try:
        return len({Path(_SIBLINGS.format(cpu)).read_text(encoding="ascii") for cpu in _usable()})
    except OSError:  # not Linux, or a container without it
        return usable_cpus()


def _usable() -> set[int]:
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))
