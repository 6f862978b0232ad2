"""`dfb-ext export`: a detector in the forms that others run, proven equal to torch."""

from __future__ import annotations

from typing import Any

import click

from deepfakebench_ext.cli.options import (
    CONTEXT,
    DETECTOR,
    DRY_RUN,
    JSON,
    SpacedCommand,
    option,
    options,
    record_of,
)
from deepfakebench_ext.cli.plans import detector_text, say_plan
from deepfakebench_ext.cli.terminal import say, say_json
from deepfakebench_ext.cli.values import OneOf, on_this_machine, there
from deepfakebench_ext.models.export.record import Format
from deepfakebench_ext.models.quiet import hush_transformers

_EXAMPLES = """
\b
Examples:
  dfb-ext export --weights best --format onnx --output_dir exported
  dfb-ext export --weights org/deepfake-vit --format openvino --output_dir exported
  dfb-ext export --weights best --int8 --calibrate_on labelled/ --output_dir exported
  perf_huggingface.py --weights exported --image photos/

\b
The folder appears when what it holds is equal to torch in float32: at most 1e-4 in logits and scores.
Exit codes: 0 done, 1 failure, 2 usage.
"""
_WHAT = (
    option(
        "--format",
        type=OneOf(Format),
        group="output",
        everyday=True,
        help="onnx (default) and openvino are scored by --weights here; torchscript is for those who still load it.",
    ),
    option(
        "--int8",
        is_flag=True,
        group="output",
        everyday=True,
        help="Only where labelled samples score as before; openvino where no --format is given.",
    ),
    option(
        "--calibrate_on",
        callback=there,
        metavar="PATH",
        group="input",
        everyday=True,
        help="Folder or manifest of labelled samples for --int8, half of them to calibrate on, half to pass it.",
    ),
    option(
        "--gate_on",
        callback=there,
        metavar="PATH",
        group="input",
        everyday=True,
        help="Other labelled samples to pass it.",
    ),
    option(
        "--output_dir",
        callback=on_this_machine,
        metavar="DIR",
        required=True,
        group="output",
        everyday=True,
        help="Absent or empty; appears when all is proven.",
    ),
)


@click.command("export", cls=SpacedCommand, epilog=_EXAMPLES, context_settings=CONTEXT)
@options(DETECTOR, _WHAT, DRY_RUN, JSON)
def export(**said: Any) -> None:
    """Write a detector as ONNX, OpenVINO or for torch, with all that scoring needs, proven equal to torch."""
    from deepfakebench_ext.cli.evaluate import say_detector
    from deepfakebench_ext.exporting.request import ExportRequest

    hush_transformers()
    request = record_of(ExportRequest, said)
    settings = request.settings()
    if said["dry_run"]:
        what = detector_text(said, settings.model_name)
        number = " in int8, where labelled samples score as before," if request.int8 else ""
        return say_plan(f"would write {what} as {request.format_meant}{number} into {request.output_dir}")
    detector = request.load(settings)
    say_detector(detector)
    record = request.export(detector)
    if said["as_json"]:
        return say_json(record.model_dump_json(indent=2))
    for parity in record.parity:
        say(f"{parity.runtime}, {parity.precision}: at most {parity.worst.text()} from torch in float32")
    if record.gate is not None:
        gate = record.gate
        say(f"int8 ({gate.how}) on {gate.samples} against float32: {gate.text()}")
    files = ", ".join(f"{name} (SHA-256 {digest[:12]})" for name, digest in record.files.items())
    say(f"{files} in {request.output_dir}")
    if command := record.command(request.output_dir):
        say(command)
