"""The application: its routes, and what every answer and every error has in common."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from deepfakebench_ext.common.version import __version__
from deepfakebench_ext.common.wording import cut, printable
from deepfakebench_ext.service.api import about, jobs, older, pages, session, submitting
from deepfakebench_ext.service.api.gate import Gate
from deepfakebench_ext.service.api.serving import Serving
from deepfakebench_ext.service.api.tokens import Tokens

logger = logging.getLogger(__name__)

_FORM_BYTES = 1 << 20
"""What a form has beside its file."""
_MOST_LETTERS = 1000


def service_app(
    serving: Serving, tokens: Tokens | None, *, started: Callable[[], None], ended: Callable[[], None]
) -> FastAPI:
    """The application.

    Args:
        serving: What the routes share.
        tokens: Those that are asked for; None asks for none.
        started: Called before the first request.
        ended: Called after the last one.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        started()
        yield
        ended()

    limits = serving.settings.limits
    app = FastAPI(
        title="deepfakebench_ext",
        version=__version__,
        summary="Where in a video, whose face, how sure, and what that is worth.",
        lifespan=lifespan,
        middleware=[Middleware(Gate, tokens=tokens, limits=limits, free_bytes=serving.folders.free_bytes)],
        max_body_size=limits.upload_bytes + _FORM_BYTES,
        redirect_slashes=False,
    )
    app.state.serving = serving
    # Where forms wait until they are whole: on the disk that has the room, and not in a system folder in memory.
    tempfile.tempdir = str(serving.folders.incoming)
    app.include_router(pages.router)
    app.include_router(session.router, prefix="/v1")
    for router in (submitting.router, jobs.router, about.models_router):
        app.include_router(router, prefix="/v1")
        app.include_router(router, include_in_schema=False)
    app.include_router(about.health_router)
    app.include_router(older.router)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(DBAPIError, _no_database)
    app.add_exception_handler(Exception, _failed)
    return app


async def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    detail = error.detail
    if error.status_code == 413:
        most = request.app.state.serving.settings.limits.upload_bytes
        detail = f"the upload is too large; at most {most} bytes are taken"
    return JSONResponse({"detail": detail}, error.status_code, error.headers)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    said = "; ".join(f"{'.'.join(map(str, each['loc'][1:]))}: {each['msg']}" for each in error.errors())
    return JSONResponse({"detail": cut(printable(said), _MOST_LETTERS)}, 422)


async def _no_database(request: Request, error: Exception) -> JSONResponse:
    logger.error("the database does not answer: %s", getattr(error, "orig", error))
    return JSONResponse({"detail": "the database does not answer; try again"}, 503, {"retry-after": "5"})


async def _failed(request: Request, error: Exception) -> JSONResponse:
    logger.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return JSONResponse({"detail": "this request failed, which is a fault of the service; its log says how"}, 500)
