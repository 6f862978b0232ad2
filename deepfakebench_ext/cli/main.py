"""`dfb-ext`: one command, one verb a file. Nothing heavy is imported before a verb needs it."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import re
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from deepfakebench_ext.cli.command import VerbGroup
from deepfakebench_ext.cli.terminal import SafeFormatter, say
from deepfakebench_ext.common.errors import ExtError
from deepfakebench_ext.common.missing import torch_needed
from deepfakebench_ext.common.version import __version__

_VERBS = {
    "analyze": "deepfakebench_ext.cli.analyze",
    "bench": "deepfakebench_ext.cli.bench",
    "bulk": "deepfakebench_ext.cli.bulk",
    "calibrate-timeline": "deepfakebench_ext.cli.calibrate_timeline",
    "configs": "deepfakebench_ext.cli.configs",
    "convert-timelines": "deepfakebench_ext.cli.convert_timelines",
    "compare": "deepfakebench_ext.cli.compare",
    "doctor": "deepfakebench_ext.cli.doctor",
    "evaluate": "deepfakebench_ext.cli.evaluate",
    "export": "deepfakebench_ext.cli.export",
    "extract": "deepfakebench_ext.cli.extract",
    "merge": "deepfakebench_ext.cli.merge",
    "metrics": "deepfakebench_ext.cli.metrics",
    "host": "deepfakebench_ext.cli.host",
    "leaderboard": "deepfakebench_ext.cli.leaderboard",
    "serve": "deepfakebench_ext.cli.serve",
    "splice": "deepfakebench_ext.cli.splice",
    "timeline-metrics": "deepfakebench_ext.cli.timeline_metrics",
    "train": "deepfakebench_ext.cli.train",
    "view": "deepfakebench_ext.cli.view",
    "worker": "deepfakebench_ext.cli.worker",
}

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)


class _LazyGroup(VerbGroup):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _VERBS:
            return None
        command: click.Command = getattr(import_module(_VERBS[cmd_name]), cmd_name.replace("-", "_"))
        return command

    def summary(self, ctx: click.Context, name: str) -> str:
        """Return the first line of the verb's docstring, read off its file: to import them all takes as long again."""
        source = Path(__file__).with_name(f"{_VERBS[name].rpartition('.')[2]}.py").read_text(encoding="utf-8")
        found = re.search(rf'^def {name.replace("-", "_")}\(.*?"""(.*?)["\n]', source, re.MULTILINE | re.DOTALL)
        return "" if found is None else found[1]


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="dfb-ext")
def cli() -> None:
    """Hugging Face detectors for DeepfakeBench, and an evaluator whose numbers can be trusted."""


def run(command: Callable[..., Any]) -> None:
    """Run a click command as the program: errors of ours as one message, their exit code, no traceback.

    What cannot be printed is a failure like any other: a script that reads it would take half a result for a whole.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(SafeFormatter("%(levelname)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    # Requests are reported by our own hub module; the client's line for each would drown them.
    for noisy in ("httpx", "httpx2", "httpcore", "urllib3", "filelock", "alembic", "botocore", "aiobotocore", "s3fs"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    logging.getLogger("gcsfs").setLevel(logging.CRITICAL)  # it says each error with its traceback, before it raises it
    logging.getLogger("huggingface_hub").propagate = False  # it has a handler of its own, and would say all twice
    try:
        with torch_needed():
            _printed(command)
    except ExtError as error:
        say(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    except OSError as error:
        # Every file of ours is written by something that says which; click and print write without a name.
        if error.filename is not None or error.errno not in _FULL:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or the interpreter would fail once more on its way out
        with contextlib.suppress(OSError):
            say(
                f"error: standard output cannot be written: {error.strerror}; make room, or send it elsewhere. Files "
                "that were written are kept",
                err=True,
            )
        sys.exit(1)


def _printed(command: Callable[..., Any]) -> None:
    """Run a command, and let what it printed arrive."""
    try:
        command()
    finally:
        if sys.stdout is not None:  # as it is where the caller closed it
            sys.stdout.flush()


def main() -> None:
    """Entry point of `dfb-ext`."""
    run(lambda: cli(prog_name="dfb-ext"))  # also under python -m, so that shells complete it
