"""`dfb-ext worker`: a worker of a service that runs elsewhere."""

from __future__ import annotations

from typing import Any

import click

from deepfakebench_ext.cli.options import COMPUTING, CONTEXT, DETECTOR, DRY_RUN, FINDING_FACES, SpacedCommand, options
from deepfakebench_ext.cli.plans import say_plan
from deepfakebench_ext.cli.service_options import LIMITS, SERVED, STORING, settings_of

_EXAMPLES = """
\b
Example:
  dfb-ext worker --weights w.pth --data_dir /shared/dfb --database postgresql://dfb@db/dfb --broker redis://queue:6379/0

\b
Give the options that `dfb-ext serve` was given: both see the same data folder, database and broker. SIGTERM lets it
finish its job or hand it back, within 20 s.
"""


@click.command(cls=SpacedCommand, epilog=_EXAMPLES, context_settings=CONTEXT)
@options(DETECTOR, SERVED, FINDING_FACES, COMPUTING, STORING, LIMITS, DRY_RUN)
def worker(**given: Any) -> None:
    """Work on the jobs of a service."""
    settings = settings_of(given)
    if given["dry_run"]:
        return say_plan(f"would work with {', '.join(settings.models)} on the jobs in {settings.data_dir}")
    from deepfakebench_ext.service import working

    working.work_until_told(settings)
