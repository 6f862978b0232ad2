"""A session of the page: a cookie for what a browser fetches by itself, films, pictures and events."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Header, Request, Response

from deepfakebench_ext.service.api.answers import Problem
from deepfakebench_ext.service.api.tokens import COOKIE, reading_key

router = APIRouter(prefix="/session", tags=["service"])
_ERRORS: dict[int | str, dict[str, Any]] = {401: {"model": Problem}, 429: {"model": Problem}}


@router.post("", status_code=204, responses=_ERRORS)
def open_session(request: Request, authorization: str | None = Header(default=None)) -> Response:
    """Set a cookie by which the token's owner reads, until the browser is closed; it changes nothing."""
    answer = Response(status_code=204)
    token = (authorization or "").partition(" ")[2].strip()
    if token:
        answer.set_cookie(
            COOKIE, reading_key(token), httponly=True, samesite="strict", secure=request.url.scheme == "https"
        )
    return answer
