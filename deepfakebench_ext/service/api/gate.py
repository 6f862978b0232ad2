"""What every request passes before its body is read: who calls, how often, and whether there is room for an upload."""

from __future__ import annotations

import ipaddress
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import cookie_parser
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deepfakebench_ext.service.api.body_in_time import in_time
from deepfakebench_ext.service.api.figures import RequestFigures
from deepfakebench_ext.service.api.pages import PAGE
from deepfakebench_ext.service.api.tokens import COOKIE, NOBODY, Caller, Tokens
from deepfakebench_ext.service.settings import Limits

logger = logging.getLogger(__name__)

_OPEN = ("/", "/healthz", "/readyz", "/docs", "/openapi.json")
_OPEN_FOLDERS = (PAGE, "/docs/")
_SESSION = "/v1/session"
SECURITY_HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}
FORM_BYTES = 1 << 20
"""What a form has beside its file."""
_BURST_S = 10.0
_MOST_HEADERS, _MOST_HEADER_BYTES = 200, 1 << 16
_MOST_BUCKETS = 10_000
_READING = ("GET", "HEAD", "OPTIONS")
_METHODS = (*_READING, "POST", "PUT", "PATCH", "DELETE")


@dataclass
class _Bucket:
    left: float
    at: float


class Gate:
    """Passes requests on, with their caller in `request.state.caller`, or answers them itself."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        tokens: Tokens | None,
        limits: Limits,
        free_bytes: Callable[[], int],
        local_names: bool,
        figures: RequestFigures,
    ) -> None:
        """Say who passes.

        Args:
            app: What is behind it.
            tokens: Those that are asked for; None asks for none.
            limits: How often, how slowly, and how much room is left free.
            free_bytes: How much room there is.
            local_names: Answer under `localhost` and addresses alone. A page of another site, whose name its owner
                turned to this machine, could otherwise read what only this machine may.
            figures: What is counted.
        """
        self._app, self._tokens, self._limits, self._free_bytes = app, tokens, limits, free_bytes
        self._local_names, self._figures = local_names, figures
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self._reserved = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answering = _Answering(send)
        try:
            await self._passed(scope, receive, answering)
        except HTTPException as error:
            if answering.status is not None:
                raise
            await JSONResponse({"detail": error.detail}, error.status_code, error.headers)(scope, receive, answering)
        finally:
            self._saw(scope, answering)

    async def _passed(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        if len(headers.raw) > _MOST_HEADERS or sum(map(sum, _lengths(headers))) > _MOST_HEADER_BYTES:
            raise HTTPException(431, f"the request has more than {_MOST_HEADERS} headers, or too long ones")
        path, is_reading = scope["path"], scope["method"] in _READING
        self._check_site(headers, is_reading=is_reading)
        caller = self._counted_caller(scope, headers, is_reading=is_reading)
        needed = "read" if is_reading or path == _SESSION else "submit"
        if not caller.may(needed):  # type: ignore[arg-type]  # one of the two
            raise HTTPException(403, f"this token may not {needed}; ask for one that may")
        scope.setdefault("state", {})["caller"] = caller
        reserved = self._reserve(headers) if scope["method"] == "POST" else 0
        try:
            await self._app(scope, in_time(receive, self._limits.silence_s), send)
        finally:
            self._reserved -= reserved

    def _counted_caller(self, scope: Scope, headers: Headers, *, is_reading: bool) -> Caller:
        """Who calls, counted by the token's name, or by address: so whoever guesses tokens guesses slowly.

        What needs no token says nothing of jobs.
        """
        is_open = scope["path"] in _OPEN or scope["path"].startswith(_OPEN_FOLDERS)
        known = self._tokens is None or is_open
        caller = NOBODY if known else self._caller(headers, is_reading=is_reading)
        self._count((caller and caller.owner) or (scope.get("client") or ("",))[0])
        if caller is None:
            raise HTTPException(
                401, "give a token of this service: Authorization: Bearer <token>", {"www-authenticate": "Bearer"}
            )
        return caller

    def _caller(self, headers: Headers, *, is_reading: bool) -> Caller | None:
        """Who has the token, or, where nothing is changed, the cookie of `session`."""
        assert self._tokens is not None
        kind, _, token = headers.get("authorization", "").partition(" ")
        caller = self._tokens.caller(token.strip()) if kind.lower() == "bearer" else None
        if caller is None and is_reading and "authorization" not in headers:
            caller = self._tokens.reader(cookie_parser(headers.get("cookie", "")).get(COOKIE, ""))
        return caller

    def _count(self, who: str) -> None:
        now, rate = time.monotonic(), self._limits.requests_per_s
        most = max(1.0, rate * _BURST_S)
        bucket = self._buckets.setdefault(who, _Bucket(most, now))
        self._buckets.move_to_end(who)
        if len(self._buckets) > _MOST_BUCKETS:
            self._buckets.popitem(last=False)
        bucket.left = min(bucket.left + (now - bucket.at) * rate, most)
        bucket.at = now
        if bucket.left < 1:
            wait_s = max(1, round((1 - bucket.left) / rate))
            raise HTTPException(
                429, f"more than {rate:g} requests a second; wait {wait_s} s", {"retry-after": str(wait_s)}
            )
        bucket.left -= 1

    def _check_site(self, headers: Headers, *, is_reading: bool) -> None:
        """Pass what no page of another site has a browser send: forms need no permission to be posted anywhere."""
        if not is_reading and headers.get("sec-fetch-site") in ("cross-site", "same-site"):
            raise HTTPException(403, "a page of another site may change nothing here")
        host = headers.get("host", "")
        if self._local_names and not _is_local_name(host):
            raise HTTPException(
                403, f"this service is not called {host[:64]!r}: call it localhost; --no_auth gives it other names"
            )

    def _reserve(self, headers: Headers) -> int:
        """Room for the body twice: as it comes, and in its place."""
        length = headers.get("content-length", "0" if "transfer-encoding" not in headers else "")
        size = int(length) if length.isdecimal() else self._limits.upload_bytes
        if size > self._limits.upload_bytes + FORM_BYTES:
            raise HTTPException(413, f"the upload is too large; at most {self._limits.upload_bytes} bytes are taken")
        if not size:
            return 0
        if self._free_bytes() - self._reserved - 2 * size < self._limits.free_bytes:
            raise HTTPException(507, "the disk of this service is too full for this upload; try again later")
        self._reserved += 2 * size
        return 2 * size

    def _saw(self, scope: Scope, answering: _Answering) -> None:
        """Log and count a request by its route, so without anything that it holds."""
        method = scope["method"] if scope["method"] in _METHODS else "other"
        route = getattr(scope.get("route"), "path_format", "none")
        took_s = (answering.at or time.monotonic()) - answering.began
        if answering.status is not None:
            self._figures.saw(method, route, answering.status, took_s)
        caller: Caller = scope.get("state", {}).get("caller", NOBODY)
        logger.info("%s %s %s %.3f s %s", method, route, answering.status or "gone", took_s, caller.owner or "-")


def _lengths(headers: Headers) -> Iterator[tuple[int, int]]:
    return ((len(name), len(value)) for name, value in headers.raw)


def _is_local_name(host: str) -> bool:
    name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
    if name == "localhost":
        return True
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


class _Answering:
    """Sends on, with headers that every answer has unless it has its own."""

    def __init__(self, send: Send) -> None:
        self._send, self.began = send, time.monotonic()
        self.status: int | None = None
        self.at: float | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status, self.at = message["status"], time.monotonic()
            headers = MutableHeaders(scope=message)
            for name, value in SECURITY_HEADERS.items():
                headers.setdefault(name, value)
        await self._send(message)
