"""What is asked for: a film to analyse, an image to score. Uploads lie on the disk, looked at, before they queue."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import Annotated, Any

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Form, HTTPException, Query, Response, UploadFile
from pydantic import BaseModel, ConfigDict
from starlette.concurrency import run_in_threadpool

from deepfakebench_ext.common.errors import ExtError
from deepfakebench_ext.common.wording import printable
from deepfakebench_ext.service.api.answers import Problem, Submitted
from deepfakebench_ext.service.api.results import result_of
from deepfakebench_ext.service.api.serving import CallerNow, Serving, ServingNow
from deepfakebench_ext.service.api.tokens import Caller
from deepfakebench_ext.service.job import ENDED, Job, Kind, NewJob
from deepfakebench_ext.service.probe import RefusedError, probe
from deepfakebench_ext.service.settings import ServedModel
from deepfakebench_ext.service.wishes import Wishes, analysis_request

_LONGEST_NAME = 255
_LOOK_EVERY_S = 0.2
_LONGEST_WAIT_S = 60.0
_IMAGE_WAIT_S = 30.0
_ERRORS: dict[int | str, dict[str, Any]] = {
    code: {"model": Problem} for code in (400, 401, 403, 408, 413, 415, 422, 429, 507)
}
Wait = Annotated[float, Query(ge=0, le=_LONGEST_WAIT_S, description="Seconds to wait for the result")]

_AT_ONCE = CapacityLimiter(4)  # each copies, and has a process look; more would take the cores from workers and pollers


def upload_router(tag: str) -> APIRouter:
    """Routes that take one file, and fields that are held in memory."""
    return APIRouter(tags=[tag], form_limits={"max_files": 1, "max_fields": 50, "max_part_size": 4096})


router = upload_router("submit")


class AnalyzeForm(Wishes):
    """A film, and options as `dfb-ext analyze` calls them."""

    file: UploadFile
    model: str | None = None


class ScoreForm(BaseModel):
    """An image."""

    model_config = ConfigDict(extra="forbid")

    file: UploadFile
    model: str | None = None


@router.post(
    "/video/analyze",
    status_code=202,
    response_model=Submitted,
    responses={200: {"model": Submitted, "description": "The result is there"}, **_ERRORS},
    summary="Find the suspicious stretches of a video",
)
async def analyze_video(
    form: Annotated[AnalyzeForm, Form()], caller: CallerNow, serving: ServingNow, response: Response, wait: Wait = 0.0
) -> Submitted:
    """Queue a film; its job, and its timeline where it is there already or within `wait` seconds."""
    wishes = Wishes(**{name: getattr(form, name) for name in Wishes.model_fields})
    job, is_new = await submitted(serving, caller, "video", form.file, form.model, wishes)
    return await _answered(serving, job, is_new, wait, response)


@router.post(
    "/image/score",
    status_code=202,
    response_model=Submitted,
    responses={200: {"model": Submitted, "description": "The score is there"}, **_ERRORS},
    summary="Score an image",
)
async def score_image(
    form: Annotated[ScoreForm, Form()],
    caller: CallerNow,
    serving: ServingNow,
    response: Response,
    wait: Wait = _IMAGE_WAIT_S,
) -> Submitted:
    """Queue an image; its job, and its score where it is there already or within `wait` seconds."""
    job, is_new = await submitted(serving, caller, "image", form.file, form.model, Wishes())
    return await _answered(serving, job, is_new, wait, response)


async def submitted(
    serving: Serving, caller: Caller, kind: Kind, file: UploadFile, model: str | None, wishes: Wishes
) -> tuple[Job, bool]:
    """The job of an upload, and whether it is new.

    Raises:
        HTTPException: 400 to 422, with a sentence.
        TooManyJobsError: 429.
    """
    work = partial(_submitted, serving, caller, kind, file, model, wishes)
    return await to_thread.run_sync(work, limiter=_AT_ONCE)


def _submitted(
    serving: Serving, caller: Caller, kind: Kind, file: UploadFile, model: str | None, wishes: Wishes
) -> tuple[Job, bool]:
    settings = serving.settings
    name = model or settings.default_model
    if name not in settings.models:
        raise HTTPException(422, f"no detector is called {name[:64]!r} here; there are {', '.join(settings.models)}")
    seen = serving.models.find(name, settings.models[name])
    _check_wishes(settings.models[name], wishes, name, None if seen is None else str(seen.about["takes"]))
    filename = _shown(file.filename)
    if not file.size:
        raise HTTPException(400, f"{filename}: the file is empty")
    with serving.folders.part(file.file) as part:
        try:
            probe(part.path, kind, settings.limits, filename)
        except RefusedError as error:
            raise HTTPException(415, str(error)) from error
        new = NewJob(
            owner=caller.owner,
            kind=kind,
            model=name,
            params=wishes.model_dump(mode="json", exclude_defaults=True),
            filename=filename,
            sha256=part.sha256,
            size_bytes=part.size_bytes,
        )
        job, is_new = serving.jobs.submit(
            new, digest=None if seen is None else seen.digest, place=partial(serving.folders.keep_upload, part)
        )
    serving.wake(job.id)
    return job, is_new


async def _answered(serving: Serving, job: Job, is_new: bool, wait_s: float, response: Response) -> Submitted:
    until = time.monotonic() + wait_s
    while job.state not in ENDED and time.monotonic() < until and not serving.is_ending():
        await asyncio.sleep(_LOOK_EVERY_S)
        found = await run_in_threadpool(serving.jobs.find, job.id)
        if found is None:
            raise HTTPException(404, "the job was deleted meanwhile")
        job = found
    result = await run_in_threadpool(result_of, serving, job)
    said = await run_in_threadpool(serving.said, job)
    response.headers["location"] = f"/v1/jobs/{job.id}"
    response.status_code = 202 if result is None else 200
    return Submitted(**said.model_dump(), is_new=is_new, result=result)


def _check_wishes(model: ServedModel, wishes: Wishes, name: str, takes: str | None) -> None:
    try:
        request = analysis_request(model, wishes)
        if takes is not None:
            request.check_takes(takes, name)
    except ExtError as error:
        raise HTTPException(422, str(error)) from error


def _shown(name: str | None) -> str:
    """What an upload is called, for people alone: without folders and control characters."""
    bare = printable((name or "").replace("\\", "/").rpartition("/")[2])
    return bare[:_LONGEST_NAME] or "unnamed"
