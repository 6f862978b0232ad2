"""`dfb-ext serve`: the timelines of videos over HTTP."""

from __future__ import annotations

import ipaddress
from functools import partial
from pathlib import Path
from typing import Any

import click

from deepfakebench_ext.cli.options import (
    COMPUTING,
    CONTEXT,
    DETECTOR,
    DRY_RUN,
    FINDING_FACES,
    SpacedCommand,
    option,
    options,
)
from deepfakebench_ext.cli.plans import say_plan
from deepfakebench_ext.cli.service_options import KEEPING, LIMITS, SERVED, STORING, settings_of
from deepfakebench_ext.cli.terminal import note
from deepfakebench_ext.cli.values import Whole, there
from deepfakebench_ext.common.errors import ConfigError

_EXAMPLES = """
\b
Examples:
  dfb-ext serve --weights w.pth
  curl -F file=@talk.mp4 http://127.0.0.1:8000/v1/video/analyze
  dfb-ext serve --weights w.pth --host 0.0.0.0 --token_file tokens.txt --keep 7d

\b
One command is the whole service: SQLite, and one worker beside the server. With --database and --broker the same runs
on PostgreSQL, with workers anywhere (dfb-ext worker). The API is described at /docs.
"""
_serving = partial(option, group="serving")
_LISTENING = (
    _serving("--host", metavar="ADDRESS", default="127.0.0.1", show_default=True, everyday=True, help="To listen at."),
    _serving("--port", type=Whole(0, 65535), default=8000, show_default=True, everyday=True, help="To listen at."),
    _serving(
        "--token_file",
        metavar="FILE",
        callback=there,
        everyday=True,
        help="Who may call: a line each, <name> <read,submit,admin> <token>.",
    ),
    _serving("--no_auth", is_flag=True, help="Let everybody call who can reach the address, by any name."),
    _serving("--no_worker", is_flag=True, help="Start no worker: dfb-ext worker does, elsewhere."),
)


@click.command(cls=SpacedCommand, epilog=_EXAMPLES, context_settings=CONTEXT)
@options(DETECTOR, SERVED, FINDING_FACES, COMPUTING, _LISTENING, STORING, LIMITS, KEEPING, DRY_RUN)
def serve(**given: Any) -> None:
    """Serve the timelines of videos over HTTP: no job is lost."""
    _check_open(given)
    settings = settings_of(given)
    from deepfakebench_ext.service import server
    from deepfakebench_ext.service.api.tokens import read_tokens

    tokens = None if given["token_file"] is None else read_tokens(Path(given["token_file"]))
    what = f"{', '.join(settings.models)} at http://{given['host']}:{given['port']} from {settings.data_dir}"
    if given["dry_run"]:
        return say_plan(f"would serve {what}")
    note(f"serving {what}")
    embedded = settings.broker is None and not given["no_worker"]
    where = {"host": given["host"], "port": given["port"], "local_names": tokens is None and not given["no_auth"]}
    server.serve(settings, tokens, **where, embedded=embedded)


def _check_open(given: dict[str, Any]) -> None:
    """Pass an address that only this machine reaches, tokens, or a word that everybody may call."""
    try:
        is_local = given["host"] == "localhost" or ipaddress.ip_address(given["host"]).is_loopback
    except ValueError:
        is_local = False
    if not is_local and given["token_file"] is None and not given["no_auth"]:
        raise ConfigError(
            f"--host {given['host']} can be reached from other machines: give --token_file FILE, so that callers are "
            "known, or --no_auth, if everybody may upload and see everything"
        )
    if given["token_file"] is not None and given["no_auth"]:
        raise ConfigError("give --token_file or --no_auth, not both")
