"""The shapes of answers."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, Field

from deepfakebench_ext.service.job import Job, Kind, State


class Problem(BaseModel):
    """Why a request was refused."""

    detail: str


def problems(*codes: int) -> dict[int | str, dict[str, Any]]:
    """What OpenAPI is told of refusals, of a route whose good answers are no JSON."""
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{Problem.__name__}"}}}
    return {code: {"description": HTTPStatus(code).phrase, "content": content} for code in codes}


class JobAnswer(BaseModel):
    """A job as it stands."""

    job_id: str
    kind: Kind
    model: str
    filename: str
    sha256: str
    size_bytes: int
    params: dict[str, Any] = Field(description="What was asked of it, as the command line names it")
    state: State
    stage: str = Field(description="queued, loading, scoring or done")
    progress: float = Field(ge=0, le=1)
    queue_place: int | None = Field(description="Waiting jobs before this one; null where it does not wait")
    attempts: int = Field(description="How often it was begun")
    cancel_requested: bool
    error: str | None
    created_at: float = Field(description="Seconds since 1970")
    started_at: float | None
    finished_at: float | None
    version: int = Field(description="Counts its changes; the id of its events")


class JobsAnswer(BaseModel):
    """Jobs, newest first."""

    jobs: list[JobAnswer]
    next: str | None = Field(description="The `before` of those that follow; null where none do")


class Submitted(JobAnswer):
    """A job that was asked for, and its result where it is there already."""

    is_new: bool = Field(description="False where the same was asked before")
    result: dict[str, Any] | None = Field(description="timeline.json, or of an image its score; null while it runs")


class ModelAnswer(BaseModel):
    """A detector that is served."""

    name: str
    is_default: bool
    loaded: bool = Field(description="Whether a worker has loaded it")
    about: dict[str, Any] | None = Field(description="Weights, what it takes, threshold; null until it is loaded")


class OptionsAnswer(BaseModel):
    """What may be asked, and what stands where nothing is said."""

    upload_bytes: int = Field(description="Largest upload")
    duration_s: float = Field(description="Longest film")
    suffixes: list[str] = Field(description="How names of films end")
    defaults: dict[str, Any] = Field(description="Options of an analysis; a calibration may choose another threshold")


class Health(BaseModel):
    """Whether the service can do its work."""

    status: str
    reasons: list[str] = []


def job_answer(job: Job, place: int | None) -> JobAnswer:
    """What is said of a job."""
    return JobAnswer(job_id=job.id, queue_place=place, **{name: getattr(job, name) for name in _SAID})


_SAID = [name for name in JobAnswer.model_fields if name not in ("job_id", "queue_place")]
