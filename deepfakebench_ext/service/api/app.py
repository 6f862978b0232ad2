"""The application: its routes, and what every answer and every error has in common."""

from __future__ import annotations

import errno
import logging
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from prometheus_client import CollectorRegistry
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from deepfakebench_ext.common.version import __version__
from deepfakebench_ext.common.wording import cut, printable
from deepfakebench_ext.service.api import about, docs_page, jobs, older, pages, session, submitting
from deepfakebench_ext.service.api.answers import Problem
from deepfakebench_ext.service.api.figures import KeptJobs, RequestFigures
from deepfakebench_ext.service.api.gate import FORM_BYTES, Gate
from deepfakebench_ext.service.api.serving import BY_TOKEN, Serving
from deepfakebench_ext.service.api.tokens import Tokens
from deepfakebench_ext.service.job import TooManyJobsError
from deepfakebench_ext.service.job_figures import job_figures

logger = logging.getLogger(__name__)

_MOST_LETTERS = 1000
_TRY_AGAIN_S = "30"
_FULL = (errno.ENOSPC, errno.EDQUOT)
_SENTENCES = {
    (404, "Not Found"): "there is nothing at this path; /docs lists what there is",
    (405, "Method Not Allowed"): "this path does not take this method; /docs lists what there is",
    (400, "There was an error parsing the body"): "the body cannot be read as a form; /docs shows how it is sent",
    (
        400,
        "Invalid multipart data.",
    ): "the body is not the whole form of type multipart/form-data that its head announces",
}
"""What Starlette and FastAPI say in words of their own."""
_NO_FILE = "no file came: send one in the field 'file' of a form, as curl -F file=@talk.mp4 does"


def service_app(
    serving: Serving,
    tokens: Tokens | None,
    *,
    local_names: bool,
    started: Callable[[], None],
    ended: Callable[[], None],
) -> ASGIApp:
    """The application.

    Args:
        serving: What the routes share.
        tokens: Those that are asked for; None asks for none.
        local_names: As `Gate`.
        started: Called before the first request.
        ended: Called after the last one.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        started()
        yield
        ended()

    limits, registry = serving.settings.limits, CollectorRegistry()
    app = FastAPI(
        title="deepfakebench_ext",
        version=__version__,
        summary="Where in a video, whose face, how sure, and what that is worth.",
        lifespan=lifespan,
        max_body_size=limits.upload_bytes + FORM_BYTES,
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
        responses={code: {"model": Problem} for code in (401, 403, 429, 503)},
    )
    registry.register(KeptJobs(partial(job_figures, serving.database), serving.folders.free_bytes))
    app.state.serving, app.state.registry = serving, registry
    # Where forms wait until they are whole: on the disk that has the room, and not in a system folder in memory.
    tempfile.tempdir = str(serving.folders.incoming)
    app.include_router(pages.router)
    app.include_router(session.router, prefix="/v1")
    for router in (submitting.router, jobs.router, about.models_router):
        app.include_router(router, prefix="/v1", dependencies=[BY_TOKEN])
        app.include_router(router, include_in_schema=False)
    app.include_router(older.router, dependencies=[BY_TOKEN])
    app.include_router(about.figures_router, dependencies=[BY_TOKEN])
    app.include_router(about.health_router)
    app.include_router(docs_page.router)
    for kind, handler in _HANDLERS.items():
        app.add_exception_handler(kind, handler)
    return Gate(
        app,
        tokens=tokens,
        limits=limits,
        free_bytes=serving.folders.free_bytes,
        local_names=local_names,
        figures=RequestFigures(registry),
    )


async def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    if isinstance(error.__cause__, OSError) and error.__cause__.errno in _FULL:
        return _full()  # the form's parser met it, and FastAPI takes it for a fault of the form
    detail = _SENTENCES.get((error.status_code, error.detail), error.detail)
    if error.status_code == 413:
        most = request.app.state.serving.settings.limits.upload_bytes
        detail = f"the upload is too large; at most {most} bytes are taken"
    return JSONResponse({"detail": detail}, error.status_code, error.headers)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    said = "; ".join(dict.fromkeys(_told(each) for each in error.errors()))
    return JSONResponse({"detail": cut(printable(said), _MOST_LETTERS)}, 422)


def _told(error: Mapping[str, Any]) -> str:
    where = ".".join(map(str, error["loc"][1:]))
    return _NO_FILE if where == "file" else f"{where}: {error['msg']}"


async def _no_database(request: Request, error: Exception) -> JSONResponse:
    reason = getattr(error, "orig", error)
    if "disk is full" in str(reason):  # as SQLite says it
        return _full()
    logger.error("the database does not answer: %s", reason)
    return JSONResponse({"detail": "the database does not answer; try again"}, 503, {"retry-after": "5"})


async def _too_many(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, 429, {"retry-after": _TRY_AGAIN_S})


async def _no_room(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, OSError)
    return _full() if error.errno in _FULL else await _failed(request, error)


async def _failed(request: Request, error: Exception) -> JSONResponse:
    logger.error("a request failed", exc_info=error)
    return JSONResponse({"detail": "this request failed, which is a fault of the service; its log says how"}, 500)


def _full() -> JSONResponse:
    return JSONResponse({"detail": "the disk of this service is full; try again later"}, 507)


_HANDLERS: dict[type[Exception], Callable[[Request, Exception], Awaitable[JSONResponse]]] = {
    HTTPException: _refused,
    RequestValidationError: _invalid,
    TooManyJobsError: _too_many,
    DBAPIError: _no_database,
    OSError: _no_room,
    Exception: _failed,
}
