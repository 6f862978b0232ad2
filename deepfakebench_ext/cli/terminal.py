"""What is printed: names that a stranger's file brings must not recolour, retitle or rewrite what a person sees."""

from __future__ import annotations

import logging
import re
from typing import Any

import click

from deepfakebench_ext.common.urls import without_secrets
from deepfakebench_ext.common.wording import cut, printable

LONGEST_LINE = 4000
LOUDNESS = "deepfakebench_ext.loudness"
"""Where a command's context holds `quiet` or `verbose`, where one was typed."""
# What JSON leaves raw and a terminal may obey: C1 controls, separators, marks that turn the direction of writing.
_RAW = re.compile(r"[^\n -~]")


def say(text: str, *, err: bool = False, nl: bool = True) -> None:
    """Print lines, with control characters as escapes and overlong lines cut."""
    click.echo(safe_lines(text), err=err, nl=nl)


def note(text: str) -> None:
    """Print to stderr what is no result, no warning and no error: nothing under `--quiet`."""
    context = click.get_current_context(silent=True)
    if context is None or context.meta.get(LOUDNESS) != "quiet":
        say(text, err=True)


def hush() -> None:
    """Print warnings and errors alone from here on, as under `--quiet`."""
    logging.getLogger("deepfakebench_ext").setLevel(logging.WARNING)
    context = click.get_current_context(silent=True)
    if context is not None:
        context.meta[LOUDNESS] = "quiet"


def warn(text: object) -> None:
    """Print a warning in red to stderr, on one line."""
    click.secho(f"WARNING: {cut(printable(str(text)), LONGEST_LINE)}", err=True, fg="red", bold=True)


def say_json(text: str, *, nl: bool = True) -> None:
    """Print JSON whole, with what is no printable character as an escape of JSON's own."""
    import json  # not at the top, as every command imports this file

    click.echo(_RAW.sub(lambda found: found[0] if found[0].isprintable() else json.dumps(found[0])[1:-1], text), nl=nl)


def safe_lines(text: str) -> str:
    """Return the text, its line breaks as they are, with all other control characters as escapes."""
    return "\n".join(cut(printable(line), LONGEST_LINE) for line in text.split("\n"))


class SafeFormatter(logging.Formatter):
    """Log lines under the same rule."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's lines."""
        return safe_lines(super().format(record))

    def formatException(self, ei: Any) -> str:
        """Return where an error came from; libraries' errors, which it shows too, may hold URLs with secrets."""
        return without_secrets(super().formatException(ei))
