"""What an evaluation came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deepfakebench_ext.common.choices import Level
from deepfakebench_ext.common.notices import Notice
from deepfakebench_ext.common.protocol import EvaluationProtocol
from deepfakebench_ext.metrics.counts import Counts
from deepfakebench_ext.metrics.figure import Figure
from deepfakebench_ext.metrics.thresholds import Threshold


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What an evaluation came to.

    Attributes:
        folder: The run directory with every file written.
        level: What the text is about: `video` where there are videos, else `frame` or `clip`.
        figures: Name with its level, such as `frame_auc`, to figure; of every level there is.
        counts: Level to numbers of samples.
        statuses: Level to numbers of samples by status: `ok`, and each word for what went wrong.
        notices: Warnings that belong to the figures.
        trained: Whether the detector's head came from the weights; else every figure is noise.
        host_video_auc: DeepfakeBench's own video AUC in words, where it is another; empty where it is not.
        protocol: On what and how the figures were made; None where samples' contents are not known.
        threshold: Where decisions of `level` are made; None is 0.5.
    """

    folder: Path
    level: Level
    figures: Mapping[str, Figure]
    counts: Mapping[Level, Counts]
    statuses: Mapping[Level, Mapping[str, int]]
    notices: tuple[Notice, ...]
    trained: bool
    host_video_auc: str = ""
    threshold: Threshold | None = None
    protocol: EvaluationProtocol | None = None
