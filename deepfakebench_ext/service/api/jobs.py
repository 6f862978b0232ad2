"""Jobs: how they stand, how they go on, what came of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, HTTPException, Query, Response
from fastapi.responses import FileResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool

from deepfakebench_ext.analysis.formats.timeline_reading import TIMELINE
from deepfakebench_ext.service.api.answers import JobAnswer, JobsAnswer, problems
from deepfakebench_ext.service.api.results import file_answer, finished, result_name, result_of
from deepfakebench_ext.service.api.serving import CallerNow, OwnJob, ServingNow, answer_head
from deepfakebench_ext.service.job import ENDED, Job, State
from deepfakebench_ext.service.upkeep import delete

_LOOK_EVERY_S = 0.3
_NO_JOB = problems(401, 403, 404, 422, 429, 503)
_NO_RESULT = problems(409) | _NO_JOB
FileName = Literal[
    "report.html", "overlay.mp4", "proxy.mp4", "segments.csv", "scores.csv", "segments.vtt", "segments.srt"
]
_FILES: dict[FileName, str] = {
    "report.html": "text/html",
    "overlay.mp4": "video/mp4",
    "proxy.mp4": "video/mp4",
    "segments.csv": "text/csv",
    "scores.csv": "text/csv",
    "segments.vtt": "text/vtt",
    "segments.srt": "application/x-subrip",
}
# The report's own policy names the one script that it may run; here it has no origin, and reaches no service.
_REPORT_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; "
    "media-src blob:; frame-ancestors 'none'; sandbox allow-scripts allow-modals allow-downloads"
)


def _file(*media_types: str) -> dict[int | str, dict[str, Any]]:
    """What OpenAPI is told of a file, which is answered whole or by ranges."""
    whole: dict[str, Any] = {"content": {each: {} for each in media_types}}
    return {200: whole, 206: {**whole, "description": "A range of it"}, **problems(400, 416)}


router = APIRouter(prefix="/jobs", tags=["jobs"])


@router.get("", response_model=JobsAnswer, responses=_NO_JOB)
def list_jobs(
    caller: CallerNow,
    serving: ServingNow,
    state: Annotated[list[State] | None, Query()] = None,
    before: Annotated[str | None, Query(max_length=64)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> JobsAnswer:
    """List the caller's jobs, newest first."""
    seq = None if before is None else serving.own(caller, before).seq
    states = {} if state is None else {"states": state}
    jobs = serving.jobs.listing(caller.sees, before=seq, limit=limit + 1, **states)
    more = jobs[limit - 1].id if len(jobs) > limit else None
    return JobsAnswer(jobs=serving.said_of(jobs[:limit]), next=more)


@router.get("/{job_id}", response_model=JobAnswer, responses=_NO_JOB)
def find_job(job: OwnJob, serving: ServingNow) -> JobAnswer:
    """Say how a job stands."""
    return serving.said(job)


@router.get("/{job_id}/events", response_class=EventSourceResponse, responses=_NO_JOB)
async def follow_job(
    job: OwnJob, serving: ServingNow, last_event_id: Annotated[str | None, Header(max_length=32)] = None
) -> AsyncIterable[ServerSentEvent]:
    """Follow a job: how it stands now, and again at each change, until it has ended, or the server does.

    The id of an event is the job's `version`; after `Last-Event-ID` only later ones come.
    """
    seen = int(last_event_id) if last_event_id and last_event_id.isdecimal() else -1
    now: Job | None = job
    while now is not None:
        if now.version > seen:
            seen = now.version
            said = await run_in_threadpool(serving.said, now)
            yield ServerSentEvent(data=said, event="job", id=str(seen))
        if now.state in ENDED or serving.is_ending():
            return
        await asyncio.sleep(_LOOK_EVERY_S)
        now = await run_in_threadpool(serving.jobs.find, job.id)


@router.post("/{job_id}/cancel", response_model=JobAnswer, responses=_NO_JOB)
def cancel_job(job: OwnJob, serving: ServingNow) -> JobAnswer:
    """Cancel a job that waits or runs; one that has ended stays as it is."""
    return serving.said(serving.jobs.request_cancel(job.id) or job)


@router.post("/{job_id}/retry", response_model=JobAnswer, responses=_NO_JOB)
def retry_job(job: OwnJob, serving: ServingNow) -> JobAnswer:
    """Queue a job again that failed or was cancelled; others stay as they are."""
    again = serving.jobs.retry(job.id) or job
    serving.wake(job.id)
    return serving.said(again)


@router.delete("/{job_id}", status_code=204, responses=_NO_RESULT)
def delete_job(job: OwnJob, serving: ServingNow) -> Response:
    """Delete a job that has ended, with its upload and its results."""
    if not delete(serving.jobs, serving.folders, job):
        raise HTTPException(409, f"the job is {job.state}; cancel it first")
    return Response(status_code=204)


@router.get("/{job_id}/result", response_class=FileResponse, responses=_file("application/json") | _NO_RESULT)
def job_result(job: OwnJob, serving: ServingNow) -> FileResponse:
    """Return timeline.json, or of an image its score."""
    return file_answer(finished(serving, job, result_name(job)), "application/json")


@router.get("/{job_id}/video", response_class=FileResponse, responses=_file("application/octet-stream") | _NO_JOB)
def job_video(job: OwnJob, serving: ServingNow) -> FileResponse:
    """Return the upload, whole or by ranges."""
    return file_answer(serving.folders.upload(job.sha256), "application/octet-stream")


@router.get("/{job_id}/keyframes/{number}.jpg", response_class=FileResponse, responses=_file("image/jpeg") | _NO_RESULT)
def job_keyframe(job: OwnJob, number: int, serving: ServingNow) -> FileResponse:
    """Return a keyframe by its place in the timeline's `keyframes`, from 1."""
    frames = (result_of(serving, job) or {}).get("keyframes", [])
    if not 1 <= number <= len(frames):
        finished(serving, job, TIMELINE)
        raise HTTPException(404, f"there is no keyframe {number}: the timeline has {len(frames)}")
    return file_answer(finished(serving, job, frames[number - 1]["file"]), "image/jpeg")


@router.get("/{job_id}/files", responses=_NO_RESULT)
def job_files(job: OwnJob, serving: ServingNow) -> list[FileName]:
    """List the files of a completed job that can be fetched beside its result and its keyframes."""
    folder = finished(serving, job, result_name(job)).parent
    return [name for name in _FILES if (folder / name).is_file()]


@router.get("/{job_id}/{name}", response_class=FileResponse, responses=_file(*_FILES.values()) | _NO_RESULT)
def job_file(job: OwnJob, name: FileName, serving: ServingNow) -> FileResponse:
    """Return a file of a completed job: its page, its tables, and what was asked for besides."""
    answer = file_answer(finished(serving, job, name), _FILES[name])
    if name == "report.html":
        answer.headers["content-security-policy"] = _REPORT_POLICY
    return answer


answer_head(router)
