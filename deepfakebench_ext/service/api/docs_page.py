"""The page that describes the API: Swagger UI, served from here, so that it works where nothing else is reached.

It is open, as `/openapi.json` is: both say what the service can do, and nothing of what it has.
"""

from __future__ import annotations

from functools import cache
from importlib import resources

from fastapi import APIRouter, HTTPException, Response

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>deepfakebench_ext: API</title>
<link rel="stylesheet" href="docs/swagger-ui.css">
<link rel="icon" href="docs/favicon-32x32.png">
</head>
<body>
<div id="swagger-ui"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""
_START = "SwaggerUIBundle({url: 'openapi.json', dom_id: '#swagger-ui', deepLinking: true, tryItOutEnabled: true});\n"
_FILES = {
    "swagger-ui.css": "text/css",
    "swagger-ui-bundle.js": "text/javascript",
    "favicon-32x32.png": "image/png",
}

router = APIRouter(include_in_schema=False)


@router.get("/docs")
def docs_page() -> Response:
    """Return the page."""
    return Response(_PAGE, media_type="text/html", headers={"content-security-policy": _POLICY})


@router.get("/docs/start.js")
def start() -> Response:
    """Return what begins Swagger UI. The page's policy allows no script within it."""
    return Response(_START, media_type="text/javascript")


@router.get("/docs/{name}")
def docs_file(name: str) -> Response:
    """Return a file of Swagger UI."""
    if name not in _FILES:
        raise HTTPException(404, "there is no such file")
    return Response(_content(name), media_type=_FILES[name], headers={"cache-control": "max-age=86400"})


@cache
def _content(name: str) -> bytes:
    return (resources.files("fastapi_swagger.resources") / name).read_bytes()
