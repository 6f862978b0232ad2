"""The protocol of a run: out of its samples, of what was learnt of their contents, and of its `run.json`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from deepfakebench_ext.common.protocol import EvaluationProtocol, digest_contents
from deepfakebench_ext.common.types import Prediction, Sample

_OF_THE_DETECTOR = ("size_px", "versions")
"""What a detector takes, and the libraries, which are no choice of whoever measures."""
_SHORT = 12


def protocol_of(
    samples: Sequence[Sample],
    predictions: Iterable[Prediction],
    reading: Mapping[str, Any],
    *,
    samples_videos: bool,
) -> EvaluationProtocol | None:
    """Return on what and how scores of frames or clips were made; None where the contents of samples are not known.

    Args:
        samples: In the order of the run.
        predictions: Of them, in their order, one or more for each.
        reading: What `run.json` says of the reader: `sampling`, `faces` and, of datasets, `protocol`.
        samples_videos: Whether frames or clips of videos are chosen; else all samples are images.
    """
    contents = [each.content for each in predictions if not each.index]
    if len(contents) != len(samples) or not all(contents):
        return None
    labels = [sample.label for sample in samples]
    return EvaluationProtocol(
        real=labels.count(0),
        fake=labels.count(1),
        unlabelled=labels.count(None),
        samples_sha256=digest_contents(list(zip(contents, labels, strict=True))),
        sampling=_sampling(reading) if samples_videos else "images",
        crops=_said(reading.get("faces") or {}) or "none",
        aggregation="",
    )


def _sampling(reading: Mapping[str, Any]) -> str:
    frames = {"frames of": reading["protocol"]} if reading.get("protocol") else {}
    return _said({**frames, **(reading.get("sampling") or {})})


def _said(settings: Mapping[str, Any]) -> str:
    """Settings on one line, those that say nothing left out."""
    said = {name: value for name, value in settings.items() if name not in _OF_THE_DETECTOR and value is not None}
    return ", ".join(f"{name} {_short(name, value)}" for name, value in said.items())


def _short(name: str, value: Any) -> str:
    if isinstance(value, str):
        return value[:_SHORT] if name.endswith("sha256") else value
    return json.dumps(value, sort_keys=True)
