"""Several processes of one command, as a launcher starts them: `python ranks.py COUNT WORDS...` forks them.

What they need is imported once, so that a process costs a fork. Prints, as JSON, how each ended. With `KILLS=50` in the
environment so many of them, the first among them, are killed at random and started again, one after the other; so fast
that a unit may see three of them go by chance: there that says nothing against it.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--master_port", "0", "--nproc_per_node")
"""`torchrun`, which is a script that does this; the number of processes follows."""
ROOT = Path(__file__).parents[1]


class NoLock:
    """As on a disk whose locks do not reach the other machine."""

    def __init__(self, path: Path, *, thread_local: bool) -> None:
        path.touch()

    def acquire(self, timeout: float) -> AbstractContextManager[None]:
        return nullcontext()

    def release(self) -> None:
        pass


def by_torchrun(count: int, words: Sequence[object], folder: Path) -> str:
    """Run a verb by `torchrun -m deepfakebench_ext` in a folder; return what was printed on stdout."""
    command = [*TORCHRUN, str(count), "-m", "deepfakebench_ext", *map(str, words)]
    done = subprocess.run(command, cwd=folder, env=_environment(), capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    return done.stdout


def by_forks(count: int, words: Sequence[object], folder: Path, *, code: int = 0) -> str:
    """Run so many processes of a verb in a folder, of which the first ends so; return what they printed on stdout."""
    command = [sys.executable, __file__, str(count), *map(str, words)]
    done = subprocess.run(command, cwd=folder, env=_environment(), capture_output=True, text=True, timeout=200)
    *printed, codes = done.stdout.splitlines()
    assert json.loads(codes) == [code] + [0] * (count - 1), done.stderr
    return "\n".join(printed)


def in_fork(work: Callable[[], object]) -> int:
    """Return how a process that does this ends, as `waitpid` says it."""
    if process := os.fork():
        return os.waitpid(process, 0)[1]
    code = 1
    try:
        work()
        code = 0
    finally:
        os._exit(code)


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, but locks, which some systems leave."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name not in (".lock", "lock"))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def _fork(rank: int, count: int) -> int:
    """Be a process of a command, in a fork; return its number to the other side."""
    if process := os.fork():
        return process
    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(count), LOCAL_WORLD_SIZE=str(count))
    code = 1
    try:
        main()
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _run(count: int, kills: int) -> list[int]:
    running = [_fork(rank, count) for rank in range(count)]
    for _ in range(kills):
        time.sleep(random.uniform(0.1, 1.0))
        rank = random.randrange(count)
        os.kill(running[rank], signal.SIGKILL)
        os.waitpid(running[rank], 0)
        running[rank] = _fork(rank, count)
    return [os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) for process in running]


if __name__ == "__main__":
    import deepfakebench_ext.analysis.request
    import deepfakebench_ext.evaluation.bench
    import deepfakebench_ext.extraction.extract
    import deepfakebench_ext.models.clip
    import deepfakebench_ext.models.videomae  # noqa: F401
    from deepfakebench_ext.cli.main import main
    from deepfakebench_ext.engine import claims

    number, wanted = int(sys.argv.pop(1)), int(os.environ.get("KILLS", "0"))
    claims.MOST_TRIES = max(claims.MOST_TRIES, wanted)
    sys.stdout.write(json.dumps(_run(number, wanted)) + "\n")
