"""What a request may wish of an analysis, and what becomes of it with the detector that is served."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from deepfakebench_ext.analysis.policy import PolicyOptions
from deepfakebench_ext.analysis.request import AnalysisRequest
from deepfakebench_ext.analysis.taking import MIN_FACE_PX, Faces
from deepfakebench_ext.analysis.video_score import TOP_FIFTH
from deepfakebench_ext.engine.input_options import FaceFinding
from deepfakebench_ext.service.settings import ServedModel


class Wishes(BaseModel):
    """Options of `dfb-ext analyze` that whoever asks may choose. Fields are called as there.

    Attributes:
        fps, frame_interval, faces, min_face_px, threshold, aggregation, overlay, subtitles: As `AnalysisRequest`.
        offset_below, smooth_s, min_on_s, min_off_s, pad_s: As `PolicyOptions`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    fps: float | None = None
    frame_interval: int | None = Field(default=None, le=1_000_000)
    faces: Faces = "all"
    min_face_px: int = Field(default=MIN_FACE_PX, le=1_000_000)
    threshold: float | None = None
    offset_below: float | None = None
    smooth_s: float | None = None
    min_on_s: float | None = None
    min_off_s: float | None = None
    pad_s: float | None = None
    aggregation: str = TOP_FIFTH
    overlay: bool = False
    subtitles: bool = False


def analysis_request(model: ServedModel, wishes: Wishes, **rest: Any) -> AnalysisRequest:
    """The request that the command line would make of the same options.

    Args:
        model: The detector that is served.
        wishes: What is wished.
        rest: Further fields of the request.

    Raises:
        ConfigError: An option that is not allowed.
        MissingExtraError: An overlay is asked for, and PyAV is not installed.
    """
    served, wished = model.model_dump(), wishes.model_dump()
    cutting = FaceFinding(**{each.name: served.pop(each.name) for each in fields(FaceFinding)})
    policy = PolicyOptions(**{each.name: wished.pop(each.name) for each in fields(PolicyOptions)})
    if wishes.threshold is not None:
        served["threshold_from"] = None
    return AnalysisRequest(**{**served, **wished, **rest}, cutting=cutting, policy=policy)
