"""The page at `/`: its HTML, and the modules and styles that it loads. None is secret, and none asks for a token."""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path

from fastapi import APIRouter, HTTPException, Request, Response

from deepfakebench_ext.service.api.serving import answer_head

PAGE = "/page/"
_ROOMS = Path(__file__).parents[2]
_NAME = re.compile(r"(?:viewer/)?[a-z_]+\.(?:js|css|svg)")
_KINDS = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml", "html": "text/html"}
# Nothing inline and nothing from elsewhere; films and pictures come from the service alone.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)

router = APIRouter(include_in_schema=False)


@router.get("/")
def page(request: Request) -> Response:
    """Return the page."""
    return _answer(_ROOMS / "service/page/index.html", request)


@router.get(PAGE + "{name:path}")
def part(name: str, request: Request) -> Response:
    """Return a module or a style of the page; those of `viewer/` are the timelines' own, or shared with other pages."""
    if not _NAME.fullmatch(name):
        raise HTTPException(404, "the page has no such part")
    rooms = ("analysis", "report") if name.startswith("viewer/") else ("service/page",)
    places = [_ROOMS / room / name for room in rooms]
    return _answer(next(filter(Path.is_file, places), places[0]), request)


def _answer(file: Path, request: Request) -> Response:
    if not file.is_file():
        raise HTTPException(404, "the page has no such part")
    content = file.read_bytes()
    tag = f'"{sha256(content).hexdigest()[:32]}"'
    headers = {"content-security-policy": _POLICY, "cache-control": "no-cache", "etag": tag}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=_KINDS[file.suffix[1:]], headers=headers)


answer_head(router)
