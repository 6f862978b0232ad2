"""`dfb-ext doctor`, and `scripts/test_with_huggingface.py`: what is found here, what is missing, what to type."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from deepfakebench_ext.cli.options import (
    CONTEXT,
    DETECTOR,
    FINDING_FACES,
    JSON,
    PLACING,
    SpacedCommand,
    options,
    record_of,
)
from deepfakebench_ext.cli.service_options import STORING
from deepfakebench_ext.cli.terminal import say, say_json
from deepfakebench_ext.models.quiet import hush_transformers

if TYPE_CHECKING:
    from deepfakebench_ext.service.diagnosis.finding import Finding

_EXAMPLES = """
\b
Examples:
  dfb-ext doctor
  dfb-ext doctor --weights org/deepfake-vit --landmark_model shape_predictor_81_face_landmarks.dat
  dfb-ext doctor --data_dir /shared/dfb --database postgresql://dfb@db/dfb --broker redis://queue:6379/0

\b
What an option names is asked for; the rest is looked at, and may be missing. Nothing is made or changed.
Exit codes: 0 all that was asked for is found, 2 usage, 3 some of it is missing.
"""
_FACES = ("face_detector", "landmark_model", "face_model")
_STORED = ("data_dir", "database", "broker")


@click.command("doctor", cls=SpacedCommand, is_lenient=True, epilog=_EXAMPLES, context_settings=CONTEXT)
@options(DETECTOR, PLACING, FINDING_FACES, STORING, JSON)
@click.pass_context
def doctor(ctx: click.Context, /, **given: Any) -> None:
    """Say what is found here, what is missing, and what to type."""
    typed = {name for name in given if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE}
    found = []
    for each in _looks(given, typed):
        found.append(each)
        if not given["as_json"]:
            say(each.text())
    lacking = [each.name for each in found if each.is_lacking]
    if given["as_json"]:
        values = {"lacking": lacking, "findings": [each.as_dict() for each in found]}
        say_json(json.dumps(values, indent=2, ensure_ascii=False))
    if lacking:
        say(f"asked for and missing: {', '.join(lacking)}", err=True)
        sys.exit(3)


def _looks(given: dict[str, Any], typed: set[str]) -> Iterator[Finding]:
    """Look at one thing after the other, the heavy ones only where they were asked for."""
    from deepfakebench_ext.service.diagnosis.device import look_at_device
    from deepfakebench_ext.service.diagnosis.installed import look_at_packages, look_at_python
    from deepfakebench_ext.service.diagnosis.places import look_at_checkout, look_at_disk, look_at_hub

    stored = bool(typed & {*_STORED})
    yield look_at_python()
    yield from look_at_packages(_extras(given, typed))
    yield look_at_device(given["device"])
    if typed & {*_FACES}:
        from deepfakebench_ext.engine.input_options import FaceFinding
        from deepfakebench_ext.service.diagnosis.faces import look_at_faces

        yield look_at_faces(record_of(FaceFinding, given))
    yield from look_at_hub()
    yield look_at_checkout()
    yield look_at_disk(Path(given["data_dir"]) if stored else Path.cwd(), is_asked=stored)
    if stored:
        from deepfakebench_ext.service.diagnosis.queue import look_at_broker, look_at_jobs

        yield look_at_jobs(given["database"], Path(given["data_dir"]))
        if given["broker"] is not None:
            yield look_at_broker(given["broker"])
    if typed & {"weights", "detector_config"}:
        from deepfakebench_ext.models.options import DetectorOptions
        from deepfakebench_ext.service.diagnosis.detector import look_at_detector

        hush_transformers()
        yield from look_at_detector(record_of(DetectorOptions, given))


def _extras(given: dict[str, Any], typed: set[str]) -> set[str]:
    """The extras without which what was typed cannot be had."""
    dlib = given["face_detector"] == "dlib" or given["landmark_model"] is not None
    needs = {"faces": dlib, "service": bool(typed & {*_STORED}), "cluster": bool(typed & {"database", "broker"})}
    return {extra for extra, is_needed in needs.items() if is_needed}
