"""The README of an exported detector: what it is, what runs it, and how equal it is."""

from __future__ import annotations

from deepfakebench_ext.models.base import Detector
from deepfakebench_ext.models.export.record import ARTEFACTS, ExportRecord

_WHAT = {
    "onnx": "an ONNX network",
    "openvino": "an OpenVINO network",
    "torch_export": "a `torch.export` program",
    "state_dict": "plain weights",
    "torchscript": "TorchScript, a format that torch no longer develops",
}


def export_card(detector: Detector, record: ExportRecord) -> str:
    """Return the README.md that lies beside an exported network."""
    report, artefact = record.weights, ARTEFACTS[record.format][0]
    name, shape = next(iter(record.inputs.items()))
    output, labels = next(iter(record.outputs.items()))
    opset = f", opset {record.opset}" if record.opset else ""
    head = "" if report.head_trained else "**Its head is untrained: the scores are noise.**\n\n"
    lines = [
        f"# {detector.settings.model_name}, exported",
        "",
        f"`{artefact}` is {_WHAT[record.format]} in {record.precision}{opset}, made of {_source(detector)} "
        f"(SHA-256 `{report.sha256}`).",
        "",
        f"{head}Input `{name}` {list(shape)}: RGB, prepared as `preprocess` in `detector.yaml` says. Output `{output}` "
        f"[batch, {len(labels)}]: {', '.join(labels)}; P(fake) is the second of their softmax.",
        "",
        "| against torch in float32, batches of 1, 2 and 7 | largest difference of a logit | of a score |",
        "|---|---|---|",
    ]
    for parity in record.parity:
        for kind, difference in parity.inputs.items():
            how = f"{parity.runtime}, {parity.precision}, {kind} inputs"
            lines.append(f"| {how} | {difference.logits:.2g} | {difference.scores:.2g} |")
    if record.gate is not None:
        lines += [
            "",
            f"In int8 ({record.gate.how}) against float32 on {record.gate.samples} that it was not calibrated on: "
            f"{record.gate.text()}.",
        ]
    lines += ["", "Written with " + ", ".join(f"{each} {version}" for each, version in record.versions.items()) + "."]
    if command := record.command("<this folder>"):
        lines += ["", "```", command, "```"]
    return "\n".join(lines) + "\n"


def _source(detector: Detector) -> str:
    """A hub id, with its commit; of a path the last part alone: where it lay is nobody's business."""
    report = detector.report
    if report.kind == "hub":
        return f"`{report.source}`" + (f" at {report.revision}" if report.revision else "")
    return f"`{report.source.rstrip('/').rsplit('/', 1)[-1]}`"
