"""What the routes share: the jobs, the folders, and how a job is found for its caller."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import APIRouter, Depends, HTTPException, Path, Request
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from fastapi.sse import EventSourceResponse

from deepfakebench_ext.service.api.answers import JobAnswer, job_answer
from deepfakebench_ext.service.api.tokens import Caller
from deepfakebench_ext.service.database import Database
from deepfakebench_ext.service.folders import Folders
from deepfakebench_ext.service.job import ID, Job
from deepfakebench_ext.service.jobs import Jobs
from deepfakebench_ext.service.models_seen import ModelsSeen
from deepfakebench_ext.service.settings import ServiceSettings


@dataclass(frozen=True, slots=True)
class Serving:
    """All that a route needs.

    Attributes:
        settings: The service's.
        database: Where jobs are.
        jobs: All of them.
        models: The detectors that workers have loaded.
        folders: Where files lie.
        wake: Tells workers of a job that waits.
        is_ending: Whether the server was told to end: nobody is kept waiting then.
    """

    settings: ServiceSettings
    database: Database
    jobs: Jobs
    models: ModelsSeen
    folders: Folders
    wake: Callable[[str], None]
    is_ending: Callable[[], bool]

    def said(self, job: Job) -> JobAnswer:
        """What is said of a job."""
        return self.said_of([job])[0]

    def said_of(self, jobs: Sequence[Job]) -> list[JobAnswer]:
        """What is said of each of some jobs."""
        places = self.jobs.places(jobs)
        return [job_answer(job, places.get(job.id)) for job in jobs]

    def own(self, caller: Caller, job_id: str) -> Job:
        """The caller's job of that id; another's is as unknown as none.

        Raises:
            HTTPException: 404, there is none.
        """
        job = self.jobs.find(job_id) if ID.fullmatch(job_id) else None
        if job is None or caller.sees not in (None, job.owner):
            raise HTTPException(404, f"there is no job {job_id[:64]!r}; it may have been deleted")
        return job


BY_TOKEN = Depends(HTTPBearer(auto_error=False, description="Where the service asks for tokens"))
"""Says in the API's description what the gate has seen to."""


def answer_head(router: APIRouter) -> APIRouter:
    """Have what answers GET answer HEAD too, but for what does not end."""
    for route in list(router.routes):
        if (
            isinstance(route, APIRoute)
            and "GET" in (route.methods or ())
            and route.response_class is not EventSourceResponse
        ):
            path = route.path.removeprefix(router.prefix)
            router.add_api_route(
                path, route.endpoint, methods=["HEAD"], response_class=route.response_class, include_in_schema=False
            )
    return router


def _serving(request: Request) -> Serving:
    return cast(Serving, request.app.state.serving)


def _caller(request: Request) -> Caller:
    return cast(Caller, request.state.caller)


ServingNow = Annotated[Serving, Depends(_serving)]
CallerNow = Annotated[Caller, Depends(_caller)]


def _own_job(serving: ServingNow, caller: CallerNow, job_id: Annotated[str, Path(max_length=64)]) -> Job:
    return serving.own(caller, job_id)


OwnJob = Annotated[Job, Depends(_own_job)]
