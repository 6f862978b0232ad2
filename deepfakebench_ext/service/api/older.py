"""The paths and answers of an older app, for programs that were written against it.

Source: the app of lfpaaaaa/deepfake-detection at 61b8cd6: `POST /video/analyze`, `GET /video/jobs/...`, and
`POST /api/deepfakebench/analyze`.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from fastapi import Form, HTTPException, UploadFile
from fastapi.responses import FileResponse
from pydantic import BaseModel, ConfigDict

from deepfakebench_ext.analysis.formats.timeline_reading import TIMELINE
from deepfakebench_ext.service.api.answers import problems
from deepfakebench_ext.service.api.results import file_answer, finished, result_of
from deepfakebench_ext.service.api.serving import CallerNow, OwnJob, ServingNow, answer_head
from deepfakebench_ext.service.api.submitting import submitted, upload_router
from deepfakebench_ext.service.job import Job, State
from deepfakebench_ext.service.wishes import Wishes

_STATUS: dict[State, str] = {
    "queued": "processing",
    "running": "processing",
    "completed": "completed",
    "failed": "error",
    "cancelled": "error",
}
_KEYFRAME = re.compile(r"segment_[0-9]{1,9}(_compare)?\.jpg")

router = upload_router("older")


class OlderForm(BaseModel):
    """A film, and the two options that the older app had, with its defaults."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    file: UploadFile
    model: str | None = None
    fps: float = 3.0
    threshold: float = 0.5


@router.post("/api/deepfakebench/analyze", responses=problems(400, 408, 413, 415, 422, 507))
async def analyze(form: Annotated[OlderForm, Form()], caller: CallerNow, serving: ServingNow) -> dict[str, str]:
    """Queue a film."""
    wishes = Wishes(fps=form.fps, threshold=form.threshold)
    job, _ = await submitted(serving, caller, "video", form.file, form.model, wishes)
    return {"job_id": job.id, "model": job.model}


@router.get("/video/jobs/{job_id}/status", responses=problems(404, 422))
def status(job: OwnJob, serving: ServingNow) -> dict[str, Any]:
    """Say how a job stands."""
    known = {
        "job_id": job.id,
        "status": _STATUS[job.state],
        "filename": job.filename,
        "created_at": int(job.created_at),
        "progress": round(100 * job.progress),
        "stage": job.stage,
        "message": _message(job),
    }
    result = result_of(serving, job)
    return known if result is None else {**known, "result": result}


@router.get("/video/jobs/{job_id}/result", responses=problems(400, 404, 409, 416, 422))
def result(job: OwnJob, serving: ServingNow) -> FileResponse:
    """Return the timeline."""
    _check_completed(job)
    return file_answer(finished(serving, job, TIMELINE), "application/json")


@router.get("/video/jobs/{job_id}/keyframes/{filename}", responses=problems(400, 404, 409, 416, 422))
def keyframe(job: OwnJob, filename: str, serving: ServingNow) -> FileResponse:
    """Return a keyframe by the name that the timeline has for it."""
    _check_completed(job)
    if not _KEYFRAME.fullmatch(filename):
        raise HTTPException(404, "there is no such keyframe; the timeline names them")
    return file_answer(finished(serving, job, f"keyframes/{filename}"), "image/jpeg")


def _check_completed(job: Job) -> None:
    if job.state != "completed":
        raise HTTPException(400, f"the job is not completed: {_message(job)}")


def _message(job: Job) -> str:
    return job.error or ("cancelled" if job.state == "cancelled" else job.stage)


answer_head(router)
