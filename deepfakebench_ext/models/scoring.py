"""The one narrow surface by which a detector scores, whatever computes: torch or a runtime. Knows no torch."""

from __future__ import annotations

from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from deepfakebench_ext.common.types import WeightsReport
from deepfakebench_ext.data.preprocess.normalising import Pixels
from deepfakebench_ext.data.preprocess.spec import PreprocessSpec
from deepfakebench_ext.models.config import DetectorConfig
from deepfakebench_ext.models.stored_thresholds import Stored
from deepfakebench_ext.models.weights.source import Source

Takes = Literal["image", "video"]
Output = Literal["logits", "features", "pooled"]
Rows: TypeAlias = npt.NDArray[np.floating[Any]]
"""float32 or float64 (N, K), a row an image or clip."""


class ScoringDetector(Protocol):
    """A detector that is ready to score. What else one of torch can do, `Detector` says."""

    @property
    def takes(self) -> Takes:
        """Single frames, or clips."""

    @property
    def settings(self) -> DetectorConfig:
        """Its config."""

    @property
    def source(self) -> Source:
        """Where its weights lie."""

    @property
    def report(self) -> WeightsReport:
        """Where its parameters came from and how they fitted."""

    @property
    def preprocess(self) -> PreprocessSpec:
        """How an RGB frame is prepared for it."""

    @property
    def input_size(self) -> tuple[int, int] | None:
        """(height, width) that the network takes, None where any will do."""

    @property
    def clip_len(self) -> int:
        """Frames of one input: 1 for an image detector."""

    @property
    def stored_thresholds(self) -> Stored:
        """The thresholds that its training stored with its weights."""

    @property
    def computing(self) -> dict[str, Any]:
        """On what it computes, for the record of a run: `device`, `dtype`, and `runtime` where that is not torch."""

    @property
    def at_a_time(self) -> int:
        """Batches that `logits` computes at a time, when as many threads ask."""

    def logits(self, pixels: Pixels, preprocess: PreprocessSpec) -> Rows:
        """Return two-class logits (N, 2), 0 real and 1 fake.

        Args:
            pixels: (N, 3, h, w), or (N, T, 3, h, w) of clips, as `resize_and_crop` gives them. Left unchanged.
            preprocess: By whose statistics they are normalised.
        """


def computing_text(detector: ScoringDetector) -> str:
    """Return on what a detector computes, for people: `cpu, bfloat16`."""
    known = detector.computing
    runtime = known.get("runtime")
    by = f", {runtime['name']} {runtime['version']}" if runtime else ""
    return f"{known['device']}, {known['dtype']}{by}"


def loaded_text(detector: ScoringDetector) -> str:
    """Return for people what was loaded, from where, how it fitted, and what it computes on."""
    report = detector.report
    return (
        f"{detector.settings.model_name} from {report.source}"
        f"{f' at {report.revision}' if report.revision else ''}: {report.matched} tensors matched, "
        f"{len(report.renamed)} renamed, {len(report.missing)} missing; {computing_text(detector)}; "
        f"{report.label_order.text()}"
    )
